"""The list of campaigns."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.access import SiteRequest, member
from accounts.models import Role
from campaigns.models import Campaign


@member(Role.VIEWER)
@require_GET
def index(request: SiteRequest) -> HttpResponse:
    campaigns = Campaign.objects.filter(site=request.site).order_by("-created_at")[:25]
    return render(request, "campaigns/list.html", {"nav": "campaigns", "campaigns": campaigns})
