"""What became of a campaign, while it runs and afterwards."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET

from accounts.access import SiteRequest, member
from accounts.models import Role
from campaigns import reports
from campaigns.models import Campaign
from campaigns.views.compose import campaign_of
from subscribers.models import Subscriber


@member(Role.VIEWER)
@require_GET
def index(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    campaign = campaign_of(request.site, campaign_id)
    if campaign.state == Campaign.State.DRAFT:
        return redirect("campaigns:message", request.site.pk, campaign.pk)
    counts = reports.counts(campaign)
    context = {"nav": "campaigns", "campaign": campaign, "counts": counts}
    return render(request, "campaigns/report.html", context)


@member(Role.VIEWER)
@require_GET
def person_messages(request: SiteRequest, subscriber_id: UUID) -> HttpResponse:
    person = get_object_or_404(Subscriber, pk=subscriber_id, site=request.site)
    return render(request, "campaigns/person_messages.html", {"person": person})
