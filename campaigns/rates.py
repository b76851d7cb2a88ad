"""What a limit of messages a minute means for a campaign, in words."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Site
from accounts.templatetags.beckon import number
from campaigns import pace
from campaigns.models import Campaign

HOUR = 3_600.0
DAY = 24 * HOUR


def limit_of(campaign: Campaign) -> int | None:
    """Messages a minute that a campaign may send at most: the lower of its own and its site's."""
    limits = [rate for rate in (campaign.throttle, campaign.site.throttle) if rate]
    return min(limits, default=None)


def per_minute(rate: int) -> str:
    """ "At most 1,000 a minute"."""
    return _("At most %(count)s a minute") % {"count": number(rate)}


def takes(devices: int, rate: int) -> str:
    """How long so many take at that rate: "3 h 6 min"; from two days on "13 days"."""
    seconds = devices / rate * 60
    if seconds < 2 * DAY:
        return pace.took(max(1.0, seconds))
    days = round(seconds / DAY)
    return ngettext("%(count)s day", "%(count)s days", days) % {"count": number(days)}


def meaning(devices: int, rate: int) -> str:
    """ "186,440 devices take about 3 h 6 min"."""
    words = ngettext(
        "%(count)s device takes about %(time)s", "%(count)s devices take about %(time)s", devices
    )
    return words % {"count": number(devices), "time": takes(devices, rate)}


def explained(devices: int, rate: int) -> str:
    """ "At most 1,000 a minute: 186,440 devices take about 3 h 6 min"."""
    if not devices:
        return per_minute(rate)
    return _("%(rate)s: %(time)s") % {"rate": per_minute(rate), "time": meaning(devices, rate)}


def without(site: Site) -> str:
    """What it means on a site that a campaign has no limit of its own."""
    if site.throttle is None:
        return _("Empty: as fast as the push services take it.")
    return _(
        "Empty: only the site's own limit holds, %(count)s a minute for all its campaigns."
    ) % {"count": number(site.throttle)}


def sentence(rate: int | None) -> str:
    """What has been set, for the person who set it."""
    if rate is None:
        return _("It goes as fast as the push services take it.")
    return _("%(rate)s from now on.") % {"rate": per_minute(rate)}
