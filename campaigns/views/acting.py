"""What is done to a campaign: start, schedule, stop, copy, delete. POST only, safe to repeat."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.access import SiteRequest, member
from accounts.models import Role
from campaigns import drafting, rates, resending, starting
from campaigns.forms import ThrottleForm, wall_of
from campaigns.models import Campaign
from campaigns.readiness import Problem, Standing, Step, confirms
from campaigns.refusals import Refused
from campaigns.steps import number
from campaigns.views.compose import campaign_of
from campaigns.views.review import review_page, seen_otherwise


@member(Role.MARKETER)
@require_POST
def start(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Send in half a minute, until when it can be undone. Pressed twice, from two windows or
    repeated by a browser: one run."""
    campaign = campaign_of(request.site, campaign_id)
    if campaign.state not in Campaign.EDITABLE:
        return redirect("campaigns:report", campaign.site_id, campaign.pk)
    problems = [p for p in Standing(campaign).problems if p.step is not Step.SCHEDULE]
    return go(request, campaign, problems, lambda: starting.send_soon(campaign, by=request.user))


@member(Role.MARKETER)
@require_POST
def undo(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Take "Send now" back before anything has left."""
    campaign = campaign_of(request.site, campaign_id)
    done = _("Undone. Nothing has left; it is a draft again.")
    return back(request, campaign, lambda: starting.undo(campaign, by=request.user), done)


@member(Role.MARKETER)
@require_POST
def plan(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Schedule for the time that the schedule step has noted."""
    campaign = campaign_of(request.site, campaign_id)
    wall, zone = wall_of(campaign), campaign.scheduled_zone
    if campaign.state != Campaign.State.DRAFT:
        return redirect("campaigns:report", campaign.site_id, campaign.pk)
    if wall is None:
        return review_page(request, campaign, _("Set a time first."))
    return go(
        request,
        campaign,
        Standing(campaign).problems,
        lambda: starting.schedule(campaign, wall, zone, by=request.user),
    )


def go(
    request: SiteRequest, campaign: Campaign, problems: list[Problem], act: Callable[[], object]
) -> HttpResponse:
    """Do it if nothing stands in the way, else show the review with what does."""
    standing = Standing(campaign)
    if problems:
        return review_page(request, campaign, _("It can't go out yet. See what is missing."))
    if sentence := seen_otherwise(request, campaign):
        return review_page(request, campaign, sentence)
    if standing.is_large and not confirms(request.POST.get("site_name", ""), campaign.site.name):
        sentence = _("Type the name of the site to go on: %(name)s.")
        return review_page(request, campaign, sentence % {"name": campaign.site.name})
    try:
        act()
    except Refused as refusal:
        return review_page(request, campaign, refusal.sentence)
    return redirect("campaigns:report", campaign.site_id, campaign.pk)


def back(
    request: SiteRequest, campaign: Campaign, act: Callable[[], object], done: str
) -> HttpResponse:
    """Do it, say how it went, and show the report (or the composer of a draft)."""
    try:
        act()
        messages.success(request, done)
    except Refused as refusal:
        messages.error(request, refusal.sentence)
    campaign.refresh_from_db()
    return back_to(campaign)


def back_to(campaign: Campaign) -> HttpResponse:
    to = "review" if campaign.state in Campaign.EDITABLE else "report"
    return redirect(f"campaigns:{to}", campaign.site_id, campaign.pk)


@member(Role.MARKETER)
@require_POST
def cancel(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    campaign = campaign_of(request.site, campaign_id)
    done = _("Cancelled. Nothing more goes out.")
    return back(request, campaign, lambda: starting.cancel(campaign, by=request.user), done)


@member(Role.MARKETER)
@require_POST
def unschedule(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    campaign = campaign_of(request.site, campaign_id)
    done = _("It is a draft again. Nothing goes out until you say so.")
    return back(request, campaign, lambda: starting.unschedule(campaign, by=request.user), done)


@member(Role.MARKETER)
@require_POST
def pause(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    campaign = campaign_of(request.site, campaign_id)
    # "Marit K." brings its own full stop.
    reason = _("Paused by %(who)s.") % {"who": str(request.user).removesuffix(".")}
    return back(
        request,
        campaign,
        lambda: starting.pause(campaign, by=request.user, reason=reason),
        _("Paused. Nothing more goes out until you resume it."),
    )


@member(Role.MARKETER)
@require_POST
def resume(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    campaign = campaign_of(request.site, campaign_id)
    done = _("It goes on where it stopped.")
    return back(request, campaign, lambda: starting.resume(campaign, by=request.user), done)


@member(Role.MARKETER)
@require_POST
def unpark(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Try every batch again that no sender got through."""
    campaign = campaign_of(request.site, campaign_id)
    done = _("The batches are tried again.")
    return back(request, campaign, lambda: starting.unpark(campaign, by=request.user), done)


@member(Role.MARKETER)
@require_POST
def resend(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Send what is unknown again. `expected`: how many the person was told that it is."""
    campaign = campaign_of(request.site, campaign_id)
    expected = whole(request.POST.get("expected", ""))
    count = ngettext(
        "%(count)s delivery is sent again.", "%(count)s deliveries are sent again.", expected
    )
    return back(
        request,
        campaign,
        lambda: resending.resend(campaign, expected=expected, by=request.user),
        count % {"count": number(expected)},
    )


def whole(text: str) -> int:
    """A number that somebody was shown or has typed, with or without its commas; 0 for none."""
    digits = text.replace(",", "").replace(" ", "")
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 19 else 0


@member(Role.MARKETER)
@require_POST
def throttle(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Send at most so many a minute from now on."""
    campaign = campaign_of(request.site, campaign_id)
    form = ThrottleForm(campaign, request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.errors["throttle"])))
        return back_to(campaign)
    rate = form.cleaned_data["throttle"]
    return back(
        request,
        campaign,
        lambda: drafting.set_throttle(campaign, rate, by=request.user),
        rates.sentence(rate),
    )


@member(Role.MARKETER)
@require_POST
def duplicate(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """A draft that says the same; of a campaign in any state."""
    campaign = campaign_of(request.site, campaign_id)
    try:
        copy = drafting.duplicate(campaign, request.user)
    except Refused as refusal:
        messages.error(request, refusal.sentence)
        return back_to(campaign)
    messages.success(request, _("This is the copy. The original is as it was."))
    return redirect("campaigns:message", copy.site_id, copy.pk)


@member(Role.MARKETER)
@require_POST
def delete(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Remove a draft."""
    campaign = campaign_of(request.site, campaign_id)
    try:
        drafting.delete(campaign, by=request.user)
    except Refused as refusal:
        messages.error(request, refusal.sentence)
        return back_to(campaign)
    messages.success(request, _("The draft is deleted."))
    return redirect("campaigns:list", request.site.pk)
