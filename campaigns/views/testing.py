"""Sending a campaign's message to one's own devices, and watching what becomes of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import SiteRequest, member
from accounts.models import Role
from campaigns import reports, starting
from campaigns.models import Campaign, Run
from campaigns.readiness import Standing
from campaigns.refusals import Refused
from campaigns.views.compose import campaign_of
from subscribers.models import Subscription, TestDevice

SETTLED = (Run.State.FINISHED, Run.State.CANCELLED)


def devices(request: SiteRequest) -> list[TestDevice]:
    """The person's own test devices on this site."""
    mine = TestDevice.objects.filter(user=request.user, subscription__site=request.site)
    return list(mine.select_related("subscription").order_by("-subscription__last_seen_at"))


@member(Role.MARKETER)
@require_http_methods(["GET", "POST"])
def test(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """My test devices; a POST sends to them. Answers htmx with the dialog's inside."""
    campaign = campaign_of(request.site, campaign_id)
    context: dict[str, Any] = {"campaign": campaign}
    if request.method == "POST":
        try:
            context |= outcome(starting.send_test(campaign, request.user))
        except Refused as refusal:
            context["refusal"] = refusal.sentence
    return answer(request, campaign, context)


@member(Role.MARKETER)
@require_GET
def test_run(request: SiteRequest, campaign_id: UUID, run_id: int) -> HttpResponse:
    """What has become of a test so far."""
    campaign = campaign_of(request.site, campaign_id)
    run = get_object_or_404(Run, pk=run_id, campaign=campaign, kind=Run.Kind.TEST)
    return answer(request, campaign, {"campaign": campaign} | outcome(run))


def outcome(run: Run) -> dict[str, Any]:
    return {
        "run": run,
        "counts": reports.run_counts(run),
        "settled": run.state in SETTLED,
    }


def answer(request: SiteRequest, campaign: Campaign, context: dict[str, Any]) -> HttpResponse:
    """The part alone for htmx, a page of its own without a script."""
    mine = devices(request)
    context |= {
        "devices": mine,
        "reachable": sum(device.subscription.state == Subscription.State.ACTIVE for device in mine),
        "missing": message_missing(campaign),
    }
    whole = "HX-Request" not in request.headers
    name = "campaigns/compose_test.html" if whole else "campaigns/compose_test_part.html"
    return render(request, name, context | {"nav": "campaigns"})


def message_missing(campaign: Campaign) -> str:
    """Why there is nothing to send yet, if so."""
    message = Standing(campaign).message
    if message.title and message.url:
        return ""
    return _("Write a title and an address to open first.")
