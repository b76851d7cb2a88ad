"""The first page of a site."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.access import SiteRequest, member
from accounts.models import Role


@member(Role.VIEWER)
@require_GET
def index(request: SiteRequest) -> HttpResponse:
    return render(request, "campaigns/overview.html", {"nav": "overview"})
