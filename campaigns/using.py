"""Which campaigns wait for an audience that others may want to change or delete."""

from collections.abc import Collection
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from audiences.uses import Use
from campaigns.models import Campaign


def waiting(audiences: Collection[UUID]) -> dict[UUID, Use]:
    """Of audiences without a name, the campaigns that have not begun: a run keeps its own rule."""
    found = Campaign.objects.filter(audience__in=audiences, state__in=Campaign.EDITABLE)
    called = {
        Campaign.State.DRAFT: _("the draft"),
        Campaign.State.SCHEDULED: _("the scheduled campaign"),
    }
    return {
        campaign.audience_id: Use(
            campaign.pk,
            campaign.audience_id,
            campaign.name,
            reverse("campaigns:audience", args=[campaign.site_id, campaign.pk]),
            campaign.state,
            called[Campaign.State(campaign.state)],
        )
        for campaign in found.order_by("name", "pk")
    }
