"""What holds for all campaigns of a site, and what one of them does instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.models import Site
from campaigns.models import Campaign, Policy

if TYPE_CHECKING:
    from campaigns.timing.quiet import QuietHours


def of(site: Site) -> Policy:
    """The site's policy; the defaults, not saved, if it has none."""
    return Policy.objects.filter(site=site).first() or Policy(site_id=site.pk)


def quiet_of(campaign: Campaign) -> tuple[QuietHours, str] | None:
    """The quiet hours that a campaign keeps and what it does in them (Policy.QuietAction)."""
    from campaigns.timing.quiet import QuietHours

    if campaign.transactional or campaign.quiet == Campaign.Quiet.OFF:
        return None
    policy = of(campaign.site)
    if policy.quiet_start is None or policy.quiet_end is None:
        return None
    site_does = campaign.quiet == Campaign.Quiet.SITE
    action = policy.quiet_action if site_does else campaign.quiet
    return QuietHours(policy.quiet_start, policy.quiet_end), action


def capped(campaign: Campaign) -> bool:
    """Whether the site's caps and its minimum gap hold a campaign's messages back."""
    return not campaign.transactional and campaign.caps == Campaign.Caps.SITE
