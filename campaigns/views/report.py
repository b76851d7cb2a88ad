"""What became of a campaign, while it runs and afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts import audit
from accounts.access import SiteRequest, member
from accounts.models import Role
from accounts.templatetags.beckon import in_percent
from audiences import rules
from campaigns import drafting, exporting, pace, reasons, reports, starting
from campaigns.models import Campaign, Run
from campaigns.readiness import Standing
from campaigns.summaries import Summary
from campaigns.views import charts
from campaigns.views.compose import campaign_of

State = Campaign.State


@member(Role.VIEWER)
@require_GET
def index(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """The report; a draft has none yet and opens in the composer."""
    campaign = campaign_of(request.site, campaign_id)
    if campaign.state == State.DRAFT:
        return redirect("campaigns:message", request.site.pk, campaign.pk)
    context = figures(request, campaign)
    context |= rows(request, campaign, context["run"])
    return render(request, "campaigns/report.html", context)


@member(Role.VIEWER)
@require_GET
def live(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """The part that changes while somebody looks: sums over batches, never over the ledger."""
    campaign = campaign_of(request.site, campaign_id)
    if campaign.state == State.DRAFT:  # unscheduled meanwhile
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    waits = campaign.state in (State.SCHEDULED, State.PAUSED)
    if waits and request.GET.get("key", "").startswith(campaign.state):
        return HttpResponse(status=204)
    return render(request, "campaigns/report_live.html", figures(request, campaign))


def figures(request: SiteRequest, campaign: Campaign) -> dict[str, Any]:
    """Everything above the ledger."""
    run = starting.run_of(campaign)
    counts = reports.run_counts(run)
    now = timezone.now()
    summary = Summary(campaign, run, counts)
    seconds = cadence(summary)
    context = {
        "nav": "campaigns",
        "campaign": campaign,
        "run": run,
        "state": summary.state,
        "summary": summary,
        "counts": counts,
        "parts": reports.parts(counts, links(campaign)),
        "unknown_href": links(campaign)["unknown"],
        "requests": sum(counts[name] for name in ("accepted", "refused", "gone", "unknown")),
        "reasons": [(reasons.skipped(k), n) for k, n in counts["skipped_by_reason"].items()],
        "seconds": seconds,
        "slowly": 20 if summary.running else 0,
        "key": f"{campaign.state}-{seconds}",
        "window": settings.SEND_WINDOW,
        "now": now,
        "may_write": request.role.includes(Role.MARKETER),
        "may_export": request.role.includes(Role.ADMIN),
        "version": run.message.version if run else drafting.message_of(campaign).version,
    }
    if campaign.state == State.SCHEDULED:
        return context | coming(campaign)
    return context | speed(request.GET.get("samples", ""), summary)


def speed(carried: str, summary: Summary) -> dict[str, Any]:
    """How fast it goes, and what the tab and the screen reader say."""
    if summary.run is None or not summary.running:
        return {}
    measured = pace.measure(carried, timezone.now().timestamp(), {summary.run.pk: summary.settled})
    words = measured.words(summary.run.pk, summary.pending)
    share = in_percent(summary.share, 0)
    spoken = _("%(share)s settled. %(pace)s") % {"share": share, "pace": words}
    return {"samples": measured.carry, "pace": words, "share": share, "spoken": spoken}


def coming(campaign: Campaign) -> dict[str, Any]:
    """What a scheduled campaign will be."""
    standing = Standing(campaign)
    return {
        "standing": standing,
        "message": standing.message,
        "sentence": rules.sentence_html(standing.rule),
    }


def cadence(summary: Summary) -> int:
    """Seconds between two looks; 0 when nothing changes any more."""
    if summary.running or (summary.run and summary.pending and not summary.open):
        return 1
    if summary.campaign.state in (State.SCHEDULED, State.PAUSED):
        return 5
    if summary.run is None or summary.run.finished_at is None:
        return 0
    # Displays and clicks come in for a while.
    age = timezone.now() - summary.run.finished_at
    return 3 if age < timedelta(minutes=10) else 15 if age < timedelta(days=1) else 0


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
def services(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """The table of push services, loaded on its own: it reads the ledger and the addresses."""
    run = starting.run_of(campaign_of(request.site, campaign_id))
    found = reports.services(run) if run else []
    context = {"services": found, "all": reports.together(found)}
    return render(request, "campaigns/report_services.html", context)


@member(Role.VIEWER)
@require_GET
def ledger(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """A page of rows: the part for htmx, the whole report without a script."""
    campaign = campaign_of(request.site, campaign_id)
    if "HX-Request" not in request.headers:
        page = reverse("campaigns:report", args=[campaign.site_id, campaign.pk])
        return redirect(f"{page}?{request.GET.urlencode()}#ledger")
    context = rows(request, campaign, starting.run_of(campaign))
    context["may_export"] = request.role.includes(Role.ADMIN)
    return render(request, "campaigns/report_ledger.html", context)


def rows(request: SiteRequest, campaign: Campaign, run: Run | None) -> dict[str, Any]:
    """One page of the ledger as the address asks for it."""
    chosen = request.GET.get("state", "")
    chosen = chosen if chosen in reports.FILTERS else ""
    before, after = whole(request.GET.get("before", "")), whole(request.GET.get("after", ""))
    page = (
        reports.ledger_page(run, chosen, before=before, after=after)
        if run
        else reports.LedgerPage()
    )
    return {
        "campaign": campaign,
        "run": run,
        "page": page,
        "chosen": chosen,
        "filters": charts.filters(),
        "chosen_words": dict(charts.filters()).get(chosen, ""),
        "slowly": 10 if campaign.state == State.RUNNING and not (before or after) else 0,
        "focus": request.GET.get("focus", ""),
    }


def whole(text: str) -> int:
    """A cursor of an address; 0 for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


@member(Role.ADMIN)
@require_GET
def export(request: SiteRequest, campaign_id: UUID) -> HttpResponseBase:
    """The filtered ledger as CSV."""
    campaign = campaign_of(request.site, campaign_id)
    chosen = request.GET.get("state", "")
    chosen = chosen if chosen in reports.FILTERS else ""
    audit.record(
        "campaign.exported",
        site=request.site,
        actor=request.user,
        target=campaign.name,
        **({"state": chosen} if chosen else {}),
    )
    name = "-".join(filter(None, [slugify(campaign.name) or "campaign", chosen, "ledger"]))
    return StreamingHttpResponse(
        exporting.lines(starting.run_of(campaign), chosen),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
