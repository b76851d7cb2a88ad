"""Which campaigns wait for an audience or a list that others may want to change or delete."""

from collections.abc import Collection, Iterator
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Site
from audiences.uses import Use
from campaigns.models import Campaign, Run


def waiting(audiences: Collection[UUID]) -> dict[UUID, Use]:
    """Of audiences without a name, the campaigns that have not begun: a run keeps its own rule."""
    found = Campaign.objects.filter(audience__in=audiences, state__in=Campaign.EDITABLE)
    called = {
        Campaign.State.DRAFT: _("the draft"),
        Campaign.State.SCHEDULED: _("the scheduled campaign"),
    }
    return {
        campaign.audience_id: _use(
            campaign, "campaigns:audience", called[Campaign.State(campaign.state)]
        )
        for campaign in found.order_by("name", "pk")
    }


def planning(site: Site, named: UUID) -> Iterator[Use]:
    """Campaigns that have begun by a rule that names an id, and are not planned to the end."""
    states = (Run.State.PLANNING, Run.State.PAUSED)
    runs = Run.objects.filter(campaign__site=site, planned_at=None, state__in=states)
    for run in runs.filter(rule__icontains=str(named)).select_related("campaign").order_by("pk"):
        yield _use(run.campaign, "campaigns:report", _("the campaign"))


def _use(campaign: Campaign, page: str, called: str) -> Use:
    address = reverse(page, args=[campaign.site_id, campaign.pk])
    return Use(campaign.pk, campaign.audience_id, campaign.name, address, campaign.state, called)
