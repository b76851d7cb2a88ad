"""The composer's third step: when it goes out, and how fast."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import SiteRequest, member, require
from accounts.models import Role
from campaigns import drafting, rates, scheduling, starting
from campaigns.forms import ScheduleForm
from campaigns.models import Campaign
from campaigns.readiness import Standing, Step
from campaigns.refusals import Refused
from campaigns.views.compose import campaign_of, onward, page, started


@member(Role.VIEWER)
@require_http_methods(["GET", "POST"])
def schedule(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """When it goes out. On a scheduled campaign a new time takes effect at once."""
    campaign = campaign_of(request.site, campaign_id)
    if request.method == "POST":
        require(request.role, Role.MARKETER)
    if elsewhere := started(request, campaign):
        return elsewhere
    standing = Standing(campaign)
    form = ScheduleForm(campaign, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            set_time(request, campaign, form)
            return onward(request, campaign, Step.SCHEDULE)
        except Refused as refusal:
            form.add_error("when", refusal.sentence)
    context = {"form": form} | meaning(form) | speed(form, standing)
    return page(request, standing, Step.SCHEDULE, context)


@transaction.atomic
def set_time(request: SiteRequest, campaign: Campaign, form: ScheduleForm) -> None:
    """Note the time and the speed of a draft; move a scheduled campaign, or unschedule it."""
    drafting.set_throttle(campaign, form.cleaned_data["throttle"], by=request.user)
    later = form.cleaned_data["when"] == ScheduleForm.LATER
    wall, zone = (form.cleaned_data["wall"], form.cleaned_data["zone"]) if later else (None, "")
    if campaign.state == Campaign.State.DRAFT:
        drafting.set_time(campaign, wall, zone)
    elif wall:
        starting.schedule(campaign, wall, zone, by=request.user)
        messages.success(request, _("It is scheduled for the new time."))
    else:
        starting.unschedule(campaign, by=request.user)
        drafting.set_time(campaign, None)
        messages.warning(
            request, _("It is no longer scheduled. Nothing goes out until you say so.")
        )


def meaning(form: ScheduleForm) -> dict[str, Any]:
    """The instant that the form's wall time means, and whether a clock changes there."""
    if form.is_bound and not form.is_valid():
        return {"unclear": True}
    values = form.cleaned_data if form.is_bound else form.initial
    wall, zone = values.get("wall"), values.get("zone")
    if values.get("when") != ScheduleForm.LATER or not wall or not zone:
        return {"instant": None}
    moment = scheduling.instant(wall, zone)
    return {"instant": moment, "zone": zone, "change": scheduling.note(wall, zone)}


def speed(form: ScheduleForm, standing: Standing) -> dict[str, Any]:
    """What the form's limit means for the audience; `siteward` where the site's own is lower."""
    if form.is_bound and "throttle" in form.errors:
        return {}
    own = form.cleaned_data["throttle"] if form.is_bound else standing.campaign.throttle
    whole = standing.campaign.site.throttle
    limits = [rate for rate in (own, whole) if rate]
    if not limits:
        return {"speed": ""}
    siteward = whole is not None and (own is None or whole < own)
    return {"speed": rates.explained(standing.devices, min(limits)), "siteward": siteward}


@member(Role.VIEWER)
@require_GET
def schedule_note(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """What a time and a limit that are being chosen mean; saves nothing."""
    campaign = campaign_of(request.site, campaign_id)
    form = ScheduleForm(campaign, request.GET)
    if form.is_valid():
        context = meaning(form) | speed(form, Standing(campaign))
    else:
        context = {"errors": form.errors}
    return render(request, "campaigns/compose_schedule_note.html", context)
