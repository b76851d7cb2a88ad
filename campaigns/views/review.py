"""The composer's last step: everything once more before it goes out."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.access import SiteRequest, member
from accounts.models import Role
from audiences import sentences
from campaigns import payload
from campaigns.forms import MessageForm, wall_of
from campaigns.models import Campaign, Run
from campaigns.readiness import Standing, Step
from campaigns.steps import number
from campaigns.views.compose import campaign_of, page, started
from subscribers.models import Subscription


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
