"""What became of a campaign, while it runs and afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import Max, Min
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.access import SiteRequest, member
from accounts.models import Role
from accounts.templatetags.beckon import in_percent
from audiences import bounded, sentences
from campaigns import (
    answers,
    channels,
    comparing,
    drafting,
    pace,
    progress,
    rates,
    reasons,
    reports,
    resending,
    restoring,
    series,
    starting,
    summaries,
    watching,
)
from campaigns.models import Campaign, Delivery, Run
from campaigns.readiness import Standing
from campaigns.summaries import Summary
from campaigns.views import charts
from campaigns.views.compose import campaign_of
from campaigns.views.ledger import rows, whole
from subscribers import consent

State = Campaign.State
FEW_BATCHES = 300
MANY_BATCHES = 3_000
BATCHES_A_PAGE = 25
SHOWN_OCCURRENCES = 12
PATIENCE_MS = 1_000


@member(Role.VIEWER)
@require_GET
def index(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """The report; a draft has none yet and opens in the composer."""
    campaign = campaign_of(request.site, campaign_id)
    if campaign.state == State.DRAFT:
        return redirect("campaigns:message", request.site.pk, campaign.pk)
    context = figures(request, campaign)
    context |= rows(request, campaign, context["run"])
    context["plan"] = comparing.of(context["run"], context["counts"])
    return render(request, "campaigns/report.html", context)


@member(Role.VIEWER)
@require_GET
def live(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """The part that changes while somebody looks: sums over batches, never over the ledger."""
    campaign = campaign_of(request.site, campaign_id)
    if campaign.state == State.DRAFT:  # unscheduled meanwhile
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    waits = campaign.state == State.SCHEDULED
    if waits and request.GET.get("key", "").startswith(campaign.state):
        return HttpResponse(status=204)
    return render(request, "campaigns/report_live.html", figures(request, campaign))


def figures(request: SiteRequest, campaign: Campaign) -> dict[str, Any]:
    """Everything above the ledger."""
    run = starting.run_of(campaign)
    sums = reports.sums(run)
    counts = sums.counts
    now = timezone.now()
    summary = Summary(campaign, run, counts)
    seconds = cadence(summary, sums.batches)
    context = {
        "nav": "campaigns",
        "campaign": campaign,
        "run": run,
        "state": summary.state,
        "summary": summary,
        "counts": counts,
        "parts": reports.parts(counts, links(campaign)),
        "unknown_href": links(campaign)["unknown"],
        "requests": sum(counts[name] for name in answers.COUNTED),
        "reasons": [(reasons.skipped(k), n) for k, n in counts["skipped_by_reason"].items()],
        "seconds": seconds,
        "slowly": slowness(sums.batches) if summary.running else 0,
        "key": f"{campaign.state}-{seconds}",
        "now": now,
        "may_write": request.role.includes(Role.MARKETER),
        "experiment": bool(run and (run.message.variants or counts["holdout"])),
        "may_restore": bool(run and lately(run, now)) and request.role.includes(Role.ADMIN),
        "version": run.message.version if run else drafting.message_of(campaign).version,
    }
    if campaign.recurrence:
        context["series"] = series_of(campaign)
    if campaign.state == State.SCHEDULED:
        return context | coming(campaign)
    context |= speed(request.GET.get("samples", ""), summary)
    return context | engine(run, sums, summary, now) if run else context


def engine(run: Run, sums: reports.Sums, summary: Summary, now: datetime) -> dict[str, Any]:
    """What the senders of a run are at, and what they need a person for."""
    limit = rates.limit_of(summary.campaign)
    found = answers.services(sums, now if summary.open else None)
    context = {
        "services": found,
        "all": answers.together(found),
        "channels": channels.figures(sums),
        "limit": rates.per_minute(limit) if limit else "",
        "batches": sums.batches,
    }
    if summary.running:
        context["on_their_way"] = progress.on_their_way(run)
        context["in_flight"] = settings.SEND_IN_FLIGHT
        context["stall"] = watching.stalls([run], now).get(run.pk)
    elif sums.counts["unknown"] and summary.campaign.state != State.CANCELLED:
        context["resend"] = preview = resending.preview(run)
        context["resend_reasons"] = [
            (reasons.words(Delivery.State.UNKNOWN, code, None), count)
            for code, count in preview.reasons.items()
        ]
    if summary.campaign.state == State.PAUSED and (stops := answers.stops(run)):
        context["stops"] = [(stop, restorable(run, stop.origin)) for stop in stops]
    return context


def lately(run: Run, now: datetime) -> bool:
    """Whether what the run marked gone can still be taken back."""
    return (run.finished_at or now) > now - consent.RESTORABLE


def restorable(run: Run, origin: str) -> int:
    """How many devices of a push service can be restored that a stopped run has marked gone."""
    spans = run.batches.filter(gone__gt=0).aggregate(first=Min("first"), last=Max("last"))
    if spans["first"] is None:
        return 0
    lost = restoring.lost(run, origin).filter(
        subscription_id__gte=spans["first"], subscription_id__lte=spans["last"]
    )
    try:
        with bounded.at_most(PATIENCE_MS):
            return lost.count()
    except bounded.TooLong:
        return 0


def speed(carried: str, summary: Summary) -> dict[str, Any]:
    """How fast it goes, and what the tab and the screen reader say."""
    if summary.run is None or not summary.running:
        return {}
    run_id = summary.run.pk
    measured = pace.measure(carried, timezone.now().timestamp(), {run_id: summary.settled})
    if summary.planning:  # what is left is not known before everybody is written down
        return {"samples": measured.carry, "pace": measured.rate(run_id)}
    words = measured.words(run_id, summary.pending)
    share = in_percent(summary.share, 0)
    spoken = _("%(share)s settled. %(pace)s") % {"share": share, "pace": words}
    return {"samples": measured.carry, "pace": words, "share": share, "spoken": spoken}


def series_of(campaign: Campaign) -> dict[str, Any]:
    """What a series has sent, the newest first, and what comes next."""
    made = campaign.occurrences.order_by("-occurrence")
    waits = campaign.state == State.SCHEDULED
    return {
        "made": summaries.of(list(made.select_related("audience", "site")[:SHOWN_OCCURRENCES])),
        "count": made.count(),
        "coming": series.preview(campaign, timezone.now(), 3) if waits else [],
    }


def coming(campaign: Campaign) -> dict[str, Any]:
    """What a scheduled campaign will be."""
    standing = Standing(campaign)
    return {
        "standing": standing,
        "message": standing.message,
        "sentence": sentences.sentence_html(standing.rule, standing.campaign.site),
    }


def cadence(summary: Summary, batches: int = 0) -> int:
    """Seconds between two looks; 0 when nothing changes any more.

    A look reads every batch: a thousand of them, which is a million devices, every two seconds.
    """
    if summary.running or (summary.run and summary.pending and not summary.open):
        return 1 if batches < FEW_BATCHES else 2 if batches < MANY_BATCHES else 5
    if summary.campaign.state in (State.SCHEDULED, State.PAUSED):
        return 5
    if summary.run is None or summary.run.finished_at is None:
        return 0
    # Displays and clicks come in for a while.
    age = timezone.now() - summary.run.finished_at
    return 3 if age < timedelta(minutes=10) else 15 if age < timedelta(days=1) else 0


def slowness(batches: int) -> int:
    """Seconds between two readings of the ledger for the chart: a long one takes a second."""
    return 20 if batches < FEW_BATCHES else 60


def links(campaign: Campaign) -> dict[str, str]:
    """The filtered ledger for each outcome."""
    page = reverse("campaigns:report", args=[campaign.site_id, campaign.pk])
    return {name: f"{page}?state={name}#ledger" for name in reports.OUTCOMES}


@member(Role.VIEWER)
@require_GET
def minutes(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """The chart, loaded on its own: it reads the ledger."""
    run = starting.run_of(campaign_of(request.site, campaign_id))
    if run is None:
        return render(request, "campaigns/report_minutes.html", charts.no_minutes())
    context = charts.minutes(reports.timeline(run, timezone.now()), request.site.zone)
    return render(request, "campaigns/report_minutes.html", context)


@member(Role.VIEWER)
@require_GET
def batches(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Where the batches are and what waits, loaded on its own: it reads some of the ledger.

    `page`: also a page of the list of batches, those that are not done first.
    """
    campaign = campaign_of(request.site, campaign_id)
    run = starting.run_of(campaign)
    if run is None:
        return HttpResponse(status=204)
    now = timezone.now()
    found = progress.batches(run, now)
    number = whole(request.GET.get("page", ""))
    pages = Paginator([*found.unfinished, *found.done], BATCHES_A_PAGE)
    context = {
        "campaign": campaign,
        "run": run,
        "found": found,
        "steps": charts.steps(found),
        "ahead": progress.ahead(run, found, now) if campaign.state in Campaign.OPEN else None,
        "page": pages.get_page(number) if number and found.pieces else None,
        "seconds": 5 if campaign.state in Campaign.OPEN else 0,
        "now": now,
        "may_write": request.role.includes(Role.MARKETER),
    }
    return render(request, "campaigns/report_batches.html", context)
