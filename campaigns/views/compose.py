"""The composer: message, audience, schedule, review. Every page works without a script."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import SiteRequest, member, require
from accounts.models import Role, Site
from audiences import sentences
from campaigns import drafting, payload, rates, scheduling, starting, tokens
from campaigns.forms import MessageForm, ScheduleForm, wall_of
from campaigns.models import Campaign, Run
from campaigns.readiness import Standing, Step
from campaigns.starting import Refused
from campaigns.steps import message_line, number, reach, steps
from subscribers.models import Subscription

NEXT = {Step.MESSAGE: Step.AUDIENCE, Step.AUDIENCE: Step.SCHEDULE, Step.SCHEDULE: Step.REVIEW}


def campaign_of(site: Site, campaign_id: UUID) -> Campaign:
    """A campaign of a site that the person has passed the door of; Http404 for any other."""
    campaigns = Campaign.objects.select_related("site", "audience")
    return get_object_or_404(campaigns, pk=campaign_id, site=site)


def started(request: SiteRequest, campaign: Campaign) -> HttpResponse | None:
    """Where to go instead, for a campaign that can't be written in any more."""
    if campaign.state in Campaign.EDITABLE:
        return None
    if campaign.state in Campaign.OPEN:
        sentence = _(
            "This campaign has started: who gets it and when can't be changed any more. "
            "What it says to the rest can, with Edit."
        )
    else:
        sentence = _("This campaign has ended: it can't be changed any more. Duplicate it.")
    messages.warning(request, sentence)
    return redirect("campaigns:report", campaign.site_id, campaign.pk)


def page(
    request: SiteRequest, standing: Standing, step: Step, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    campaign = standing.campaign
    common = {
        "nav": "campaigns",
        "campaign": campaign,
        "standing": standing,
        "message": standing.message,
        "step": step,
        "next": NEXT.get(step),
        "steps": steps(standing, step),
        "reach": reach(standing.people, standing.devices, estimated=standing.estimated),
        "may_write": request.role.includes(Role.MARKETER),
    }
    template = f"campaigns/compose_{step}.html"
    return render(request, template, common | context, status=status)


def onward(request: SiteRequest, campaign: Campaign, step: Step) -> HttpResponse:
    """After a save: the next step if that was asked for, else the same page again."""
    to = NEXT.get(step, step) if "next" in request.POST else step
    if to is step:
        messages.success(request, _("Saved."))
    return redirect(f"campaigns:{to}", campaign.site_id, campaign.pk)


@member(Role.MARKETER)
@require_http_methods(["GET", "POST"])
def new(request: SiteRequest) -> HttpResponse:
    """A new draft, or the empty one that this person made before and never wrote in."""
    campaign = drafting.untouched(request.site, request.user) or drafting.create(
        request.site, by=request.user
    )
    return redirect("campaigns:message", request.site.pk, campaign.pk)


@member(Role.VIEWER)
@require_http_methods(["GET", "POST"])
def message(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """What it says. A POST that accepts JSON is the page's own saving as one types."""
    campaign = campaign_of(request.site, campaign_id)
    if request.method == "POST":
        require(request.role, Role.MARKETER)
    quietly = request.accepts("application/json") and not request.accepts("text/html")
    if quietly and campaign.state not in Campaign.EDITABLE:
        # Half a sentence that saved itself must not go out.
        return JsonResponse({"saved": False}, status=409)
    writes = request.role.includes(Role.MARKETER)
    if campaign.state in Campaign.OPEN and request.method == "GET" and writes:
        return redirect("campaigns:revise", campaign.site_id, campaign.pk)
    if elsewhere := started(request, campaign):
        return elsewhere
    standing = Standing(campaign)
    posted = request.POST if request.method == "POST" else None
    form = MessageForm(campaign, standing.message, posted)

    if posted is not None:
        saved = save_message(request, form)
        if quietly:
            return JsonResponse(autosaved(form, saved=saved))
        if saved and form.is_valid():
            return onward(request, campaign, Step.MESSAGE)
        standing = Standing(campaign)
    context = {
        "form": form,
        "composer": facts(standing),
        "opens": payload.opens(standing.message) if standing.message.url else "",
        "audience_sentence": sentences.sentence(standing.rule, request.site),
    }
    return page(request, standing, Step.MESSAGE, context)


def save_message(request: SiteRequest, form: MessageForm) -> bool:
    """Store what is valid; whether anything was. What was refused is among the form's errors.

    What is scheduled goes out as it stands, so there it is all or nothing.
    """
    campaign = form.campaign
    if not form.is_valid() and campaign.state == Campaign.State.SCHEDULED:
        return False
    try:
        if "name" in form.cleaned_data and form.cleaned_data["name"] != campaign.name:
            drafting.rename(campaign, form.cleaned_data["name"])
        form.message = drafting.edit_message(campaign, form.fields_of_message(), request.user)
    except ValidationError as error:
        form.add_refusal(error.message_dict)
        return False
    except Refused as refusal:
        form.add_error(None, refusal.sentence)
        return False
    return True


def autosaved(form: MessageForm, *, saved: bool) -> dict[str, Any]:
    """What the page shows after saving by itself."""
    campaign = form.campaign
    return {
        "saved": saved,
        "at": campaign.updated_at.isoformat(),
        "name": campaign.name,
        "line": message_line(form.message),
        "opens": payload.opens(form.message) if form.message.url else "",
        "size": payload.size(form.message, campaign.site),
        "errors": {name: [str(text) for text in texts] for name, texts in form.errors.items()},
    }


def facts(standing: Standing) -> dict[str, Any]:
    """What the page's script needs to draw previews and to count bytes as the server does."""
    site = standing.campaign.site
    return {
        "language": site.language,
        "icon": site.icon_url,
        "receipts": payload.receipts_url(),
        "token": tokens.LENGTH,
        "limit": settings.PAYLOAD_LIMIT,
    }


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


@member(Role.VIEWER)
@require_GET
def review(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Everything once more before it goes out."""
    campaign = campaign_of(request.site, campaign_id)
    if elsewhere := started(request, campaign):
        return elsewhere
    return review_page(request, campaign)


def review_page(request: SiteRequest, campaign: Campaign, refusal: str = "") -> HttpResponse:
    standing = Standing(campaign)
    everyone = Subscription.objects.filter(site=campaign.site).active().count()
    # An estimate may be more than there are.
    left_out = max(everyone - standing.devices, 0)
    context = {
        "refusal": refusal,
        "sentence": sentences.sentence_html(standing.rule, campaign.site),
        "opens": payload.opens(standing.message) if standing.message.url else "",
        "tested": standing.message.runs.filter(kind=Run.Kind.TEST).exists(),
        "kept": MessageForm(campaign, standing.message).kept(),
        "everyone": everyone,
        "left_out": left_out,
        "parts": [
            ("accepted", _("Get it"), standing.devices, ""),
            ("skipped", _("Outside your audience"), left_out, ""),
        ],
        "typed": number(standing.devices) if standing.is_large else "",
        "wall": wall_of(campaign),
        "limit": settings.PAYLOAD_LIMIT,
    }
    return page(request, standing, Step.REVIEW, context, status=409 if refusal else 200)
