"""What the composer's four steps share. Every page works without a script."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import SiteRequest, member
from accounts.models import Role, Site
from campaigns import drafting
from campaigns.models import Campaign
from campaigns.readiness import Standing, Step
from campaigns.steps import reach, steps

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
