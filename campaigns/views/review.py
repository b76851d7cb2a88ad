"""The composer's last step: who gets it, what, when and why not, and the way out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.access import SiteRequest, member
from accounts.models import Role, Site
from accounts.templatetags.beckon import percent
from audiences import sentences
from audiences.languages import label
from campaigns import (
    approvals,
    cells,
    channels,
    checks,
    digests,
    facts,
    forecasting,
    payload,
    previewing,
    slow_checks,
)
from campaigns.models import Campaign, DryRun, Message, Run
from campaigns.outlook import Outlook
from campaigns.readiness import Standing, Step
from campaigns.refusals import Refused
from campaigns.steps import steps
from campaigns.views.compose import campaign_of, page, started


@member(Role.VIEWER)
@require_GET
def review(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Everything once more before it goes out. A marketer who opens it has it counted."""
    campaign = campaign_of(request.site, campaign_id)
    if elsewhere := started(request, campaign):
        return elsewhere
    if request.role.includes(Role.MARKETER):
        begin(request, campaign)
    return review_page(request, campaign)


def begin(request: SiteRequest, campaign: Campaign) -> None:
    """Start a dry run of a campaign that could go out, unless one of it as it is now exists."""
    standing = Standing(campaign)
    waits = {Step.MESSAGE, Step.AUDIENCE} & {problem.step for problem in standing.problems}
    known = campaign.dry_runs.filter(digest=approvals.digest(campaign))
    if not waits and not known.exclude(state=DryRun.State.CANCELLED).exists():
        forecasting.start(campaign, request.user)


@member(Role.MARKETER)
@require_POST
def dry_run(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Count again who gets it."""
    campaign = campaign_of(request.site, campaign_id)
    if elsewhere := started(request, campaign):
        return elsewhere
    try:
        forecasting.start(campaign, request.user)
    except Refused as refusal:
        return review_page(request, campaign, refusal.sentence)
    return redirect("campaigns:review", campaign.site_id, campaign.pk)


@member(Role.VIEWER)
@require_GET
def review_outlook(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """What the dry run has come to, asked for while it runs."""
    campaign = campaign_of(request.site, campaign_id)
    context = outlook(campaign, Standing(campaign)) | common(request, campaign)
    answer = render(request, "campaigns/compose_review_outlook.html", context)
    if context["stage"] != "running":
        answer["HX-Trigger"] = "beckon:counted"
    return answer


@member(Role.VIEWER)
@require_GET
def review_checks(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """All checks, also those that ask other servers or count; the page asks for them."""
    campaign = campaign_of(request.site, campaign_id)
    standing = Standing(campaign)
    found = checks.of(standing, finished(campaign)) + slow_checks.of(standing)
    context = checked(standing, checks.in_order(found)) | common(request, campaign)
    return render(request, "campaigns/compose_review_checks.html", context | {"looked": True})


def review_page(
    request: SiteRequest, campaign: Campaign, refusal: str = "", note: str = ""
) -> HttpResponse:
    """The page; with why something was refused, and what was written to the other person."""
    standing = Standing(campaign)
    run = finished(campaign)
    found = checks.of(standing, run)
    # Without a script, a link asks for the others.
    if looked := "look" in request.GET:
        found = checks.in_order(found + slow_checks.of(standing))
    context = {
        "looked": looked,
        "refusal": refusal,
        "note": note or request.POST.get("note", ""),
        "typed": request.POST.get("site_name", ""),
        "stamp": digests.stamp(campaign),
        "sentence": sentences.sentence_html(standing.rule, campaign.site),
        "opens": payload.opens(standing.message) if standing.message.url else "",
        "app_facts": facts.apps(standing.message),
        "schedule": facts.schedule(campaign, standing.message),
        "rules": facts.rules(campaign),
        "steps": steps(standing, Step.REVIEW, reviewed(campaign, run)),
    }
    context |= common(request, campaign) | outlook(campaign, standing)
    context |= said(standing.message, campaign.site)
    someone = previewing.recipient_of(standing.message, campaign.site)
    context["app_channels"] = channels.of_apps(campaign.site)
    context["preview"] = previewing.preview(standing.message, campaign.site, cells.FIRST, someone)
    context |= checked(standing, found) | asked(request, campaign, standing)
    return page(request, standing, Step.REVIEW, context, status=409 if refusal else 200)


def common(request: SiteRequest, campaign: Campaign) -> dict[str, Any]:
    return {"campaign": campaign, "may_write": request.role.includes(Role.MARKETER)}


def finished(campaign: Campaign) -> DryRun | None:
    """The newest dry run of the campaign as it is now, once it is done."""
    done = campaign.dry_runs.filter(state=DryRun.State.DONE, digest=approvals.digest(campaign))
    return done.first()


def outlook(campaign: Campaign, standing: Standing) -> dict[str, Any]:
    """What the dry run's part of the page shows, by `stage`.

    none, running, failed, done; or outdated: the figures are of what it was before an edit.
    """
    runs = campaign.dry_runs.exclude(state=DryRun.State.CANCELLED)
    run = runs.filter(digest=approvals.digest(campaign)).first()
    if run is None:
        run = runs.filter(state=DryRun.State.DONE).first()
        stage = "outdated" if run else "none"
    else:
        stage = str(run.state)
    shown: dict[str, Any] = {"stage": stage, "run": run, "standing": standing}
    if run is None:
        return shown
    if stage in {"done", "outdated"}:
        edited = digests.changed(run.parts, digests.parts(campaign))
        shown["edited"] = get_text_list(edited, _("and")) or _("something")
        return shown | {"outlook": Outlook(campaign, run)}
    share = run.seen_through / run.last_subscription if run.last_subscription else 0
    return shown | {"share": share, "seen": round(share * standing.devices)}


def said(message: Message, site: Site) -> dict[str, Any]:
    """Which languages and variants there are."""
    tags = [site.language, *message.translations] if message.translations else []
    shares = [message.weight, *(one["weight"] for one in message.variants)]
    titles = [message.title, *(one["title"] for one in message.variants)]
    whole = sum(shares) or 1
    variants = [
        {"letter": letter, "title": title, "share": percent(share / whole)}
        for letter, title, share in zip(cells.LETTERS, titles, shares, strict=False)
    ]
    return {
        "languages": ", ".join(label(tag) for tag in tags),
        "variants": variants if message.variants else [],
    }


def reviewed(campaign: Campaign, run: DryRun | None) -> str:
    """ "Dry run, 18:31:07"; "" without one."""
    if run is None or run.finished_at is None:
        return ""
    time = date_format(timezone.localtime(run.finished_at, campaign.site.zone), "H:i:s")
    return _("Dry run, %(time)s") % {"time": time}


def checked(standing: Standing, found: list[checks.Check]) -> dict[str, Any]:
    tests = standing.message.runs.filter(kind=Run.Kind.TEST)
    return {
        "standing": standing,
        "checks": found,
        "clean": not any(check.level != checks.Level.NOTE for check in found),
        "tested": tests.exists(),
        "limit": settings.PAYLOAD_LIMIT,
    }


def asked(request: SiteRequest, campaign: Campaign, standing: Standing) -> dict[str, Any]:
    """Whether a second person is needed, who could be, and whether the reader is one."""
    found = approvals.standing(campaign, count=lambda: standing.counted)
    latest = found.latest
    asker = latest.asked_by_id if latest and found.state == approvals.State.ASKED else None
    who = approvals.approvers(campaign, asker or request.user.pk)
    waits = found.state == approvals.State.ASKED
    return {
        "approval": found,
        "approvers": get_text_list([str(one) for one in who], _("or")),
        "may_decide": waits and request.user in who,
        "why_not": approvals.why_not(campaign, asker, request.user) if waits else "",
        "changed": get_text_list(list(found.changed), _("and")),
    }


def seen_otherwise(request: SiteRequest, campaign: Campaign) -> str:
    """Why what somebody agrees to is not what they were shown; "" if it is."""
    seen = request.POST.get("seen")
    what = digests.since(seen, campaign) if seen else None
    if what is None:
        return ""
    sentence = _("Since you opened this page, %(what)s was changed. Look at it again first.")
    return sentence % {"what": get_text_list(what, _("and")) or _("something")}
