"""The composer's third step: when it goes out, how often, how fast, and by which rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import SiteRequest, member, require
from accounts.models import Role
from audiences import counting, rules, suggestions
from campaigns import drafting, moments, policies, rates, runs, scheduling, series, spread, terms
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
    form = ScheduleForm(campaign, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            save(request, campaign, form)
            return onward(request, campaign, Step.SCHEDULE)
        except Refused as refusal:
            form.add_error("when", refusal.sentence)
        except ValidationError as error:
            form.refuse(error)
        campaign.refresh_from_db()
    standing = Standing(campaign)
    context = {
        "form": form,
        "topics": suggestions.values(request.site, "topic"),
        "policy": policies.of(request.site),
        "policy_caps": [policies.words(cap) for cap in policies.caps_of(request.site)],
        **meaning(form, standing),
    }
    return page(request, standing, Step.SCHEDULE, context)


@transaction.atomic
def save(request: SiteRequest, campaign: Campaign, form: ScheduleForm) -> None:
    """Note the terms and the speed; what is scheduled moves with them, or is a draft again."""
    before = (campaign.state, campaign.scheduled_for)
    drafting.set_throttle(campaign, form.cleaned_data["throttle"], by=request.user)
    terms.edit(campaign, form.terms(), by=request.user)
    if before[0] != Campaign.State.SCHEDULED:
        return
    if campaign.state != Campaign.State.SCHEDULED:
        why = campaign.attention or _("Nothing goes out until you say so.")
        messages.warning(request, _("It is no longer scheduled. %(why)s") % {"why": why})
    elif campaign.scheduled_for != before[1]:
        messages.success(request, _("It is scheduled for the new time."))


def meaning(form: ScheduleForm, standing: Standing) -> dict[str, Any]:
    """What the form's values come to: instants, zones, occurrences, an end and a speed."""
    if form.is_bound and not form.is_valid():
        return {"unclear": True}
    campaign, now = form.changed if form.is_bound else form.campaign, timezone.now()
    found: dict[str, Any] = speed(form, standing) | {"when": campaign}
    wall = moments.wall_of(campaign)
    if wall is None:
        return found
    shown = moments.naive(campaign.occurrence) or wall
    begins = moments.first(campaign, shown)
    zone = campaign.zone.key
    found |= {"zone": zone, "began": max(begins, now), "expires": expiry(campaign, begins, now)}
    if campaign.recurrence:
        found |= repeated(campaign, now)
    if campaign.timing == Campaign.Timing.LOCAL:
        return found | {"wall": shown} | spread_of(campaign, now)
    return found | {"instant": begins, "change": scheduling.note(shown, zone)}


def expiry(campaign: Campaign, begins: datetime, now: datetime) -> datetime | None:
    return runs.expiry(campaign, max(begins, now))


def repeated(campaign: Campaign, now: datetime) -> dict[str, Any]:
    """The sentence of a series and its next ten, with those of them that are left out."""
    coming = series.preview(campaign, now)
    shown = {wall.date() for wall, _at, _out in coming}
    return {
        "sentence": series.sentence(campaign),
        "coming": coming,
        "elsewhere": [day for day in campaign.exceptions if day not in shown],
    }


def spread_of(campaign: Campaign, now: datetime) -> dict[str, Any]:
    """Every zone with its moment, or that they can't be counted just now."""
    try:
        return {"spread": spread.shown(campaign, now)}
    except (counting.TooLong, rules.RuleError):
        return {"uncounted": True}


def speed(form: ScheduleForm, standing: Standing) -> dict[str, Any]:
    """What the form's limit means for the audience; `siteward` where the site's own is lower."""
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
    """What is being chosen means; saves nothing."""
    campaign = campaign_of(request.site, campaign_id)
    form = ScheduleForm(campaign, request.GET)
    context: dict[str, Any] = {"live": True, "site": request.site}
    if form.is_valid():
        context |= meaning(form, Standing(campaign))
    else:
        context |= {"errors": form.errors}
    return render(request, "campaigns/compose_schedule_note.html", context)
