"""A second person is asked, and answers. POST only, safe to repeat."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.access import SiteRequest, member
from accounts.models import Role
from campaigns import approvals
from campaigns.approvals import Verdict
from campaigns.readiness import Standing
from campaigns.refusals import Refused
from campaigns.views.compose import campaign_of, started
from campaigns.views.review import review_page, seen_otherwise

VERDICTS = {"approved": Verdict.APPROVED, "declined": Verdict.DECLINED}


@member(Role.MARKETER)
@require_POST
def ask(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Ask for approval of the campaign as the page has shown it."""
    campaign = campaign_of(request.site, campaign_id)
    if elsewhere := started(request, campaign):
        return elsewhere
    if Standing(campaign).problems:
        return review_page(request, campaign, _("It can't go out yet. See what is missing."))
    if sentence := seen_otherwise(request, campaign):
        return review_page(request, campaign, sentence)
    try:
        approvals.ask(campaign, by=request.user, note=request.POST.get("note", ""))
    except Refused as refusal:
        return review_page(request, campaign, refusal.sentence)
    messages.success(request, _("They can answer now. It stays a draft until then."))
    return redirect("campaigns:review", campaign.site_id, campaign.pk)


@member(Role.MARKETER)
@require_POST
def decide(request: SiteRequest, campaign_id: UUID, approval_id: int) -> HttpResponse:
    """Approve or decline what was asked."""
    campaign = campaign_of(request.site, campaign_id)
    approval = get_object_or_404(campaign.approvals, pk=approval_id)
    if elsewhere := started(request, campaign):
        return elsewhere
    verdict = VERDICTS.get(request.POST.get("verdict", ""))
    if verdict is None:
        return review_page(request, campaign, _("Choose Approve or Decline."))
    if sentence := seen_otherwise(request, campaign):
        return review_page(request, campaign, sentence)
    try:
        approvals.decide(approval, request.user, verdict, request.POST.get("note", ""))
    except Refused as refusal:
        return review_page(request, campaign, refusal.sentence)
    messages.success(
        request,
        _("Approved. It can go out as it is; any edit voids this.")
        if verdict == Verdict.APPROVED
        else _("Declined. It stays a draft."),
    )
    return redirect("campaigns:review", campaign.site_id, campaign.pk)
