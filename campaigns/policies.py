"""What holds for all campaigns of a site, and what one of them does instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import audit
from accounts.models import Site, User
from campaigns import content
from campaigns.models import Campaign, Cap, Policy
from campaigns.timing.quiet import QuietHours

MOST_CAPS: Final = 20
MOST_MESSAGES: Final = 1_000
LONGEST_DAYS: Final = 30
LONGEST_GAP: Final = LONGEST_DAYS * 1_440
MOST_DEVICES: Final = 1_000_000_000
FIELDS: Final = (
    *("quiet_start", "quiet_end", "quiet_action", "gap_minutes"),
    *("approval", "approval_over", "type_over"),
)


@dataclass(frozen=True)
class Limit:
    """At most `most` messages to a person within any `days` days, of one topic ("": of all)."""

    topic: str
    most: int
    days: int


def of(site: Site) -> Policy:
    """The site's policy; the defaults, not saved, if it has none."""
    return Policy.objects.filter(site=site).first() or Policy(site_id=site.pk)


def quiet_of(campaign: Campaign) -> tuple[QuietHours, str] | None:
    """The quiet hours that a campaign keeps and what it does in them (Policy.QuietAction)."""
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


def caps_of(site: Site) -> list[Limit]:
    """The site's caps, those over all topics first."""
    return [Limit(cap.topic, cap.most, cap.days) for cap in Cap.objects.filter(site=site)]


@transaction.atomic
def change(
    site: Site,
    fields: Mapping[str, Any],
    caps: Iterable[Limit] | None = None,
    *,
    by: User | None = None,
    by_name: str = "",
) -> Policy:
    """Set some of FIELDS, and all caps unless None; for every message from then on.

    ValidationError by field ("caps" for the list) where they contradict each other.
    """
    Policy.objects.get_or_create(site=site)
    policy = Policy.objects.select_for_update().get(site=site)
    wanted = caps_of(site) if caps is None else [_cleaned(cap) for cap in caps]
    before = ({name: getattr(policy, name) for name in FIELDS}, set(caps_of(site)))
    for name, value in fields.items():
        if name not in FIELDS:
            raise ValueError(f"Not one of a site's policies: {name}")
        setattr(policy, name, value)
    if problems := _problems(policy, wanted):
        raise ValidationError(problems)
    if ({name: getattr(policy, name) for name in FIELDS}, set(wanted)) == before:
        return policy
    policy.save(update_fields=FIELDS)
    Cap.objects.filter(site=site).delete()
    Cap.objects.bulk_create(Cap(site=site, **asdict(limit)) for limit in wanted)
    audit.record("policies.changed", site=site, actor=by, actor_name=by_name)
    return policy


def _cleaned(cap: Limit) -> Limit:
    try:
        return Limit(content.text(cap.topic, longest=64), cap.most, cap.days)
    except ValidationError as error:
        raise ValidationError({"caps": error.messages}) from error


def _problems(policy: Policy, caps: list[Limit]) -> dict[str, str]:
    """What contradicts itself, by field."""
    found: dict[str, str] = {}
    start, end, gap = policy.quiet_start, policy.quiet_end, policy.gap_minutes
    if (start is None) != (end is None):
        missing = "quiet_start" if start is None else "quiet_end"
        found[missing] = _("Quiet hours need a start and an end. Leave both empty for none.")
    elif start is not None and start == end:
        found["quiet_end"] = _("They end when they begin: that is never, or always. Change one.")
    if gap is not None and not 1 <= gap <= LONGEST_GAP:
        found["gap_minutes"] = _("Write a time from 1 minute to 30 days, or leave it empty.")
    for name in ("approval_over", "type_over"):
        if not 0 <= getattr(policy, name) <= MOST_DEVICES:
            found[name] = _("Write a number of devices, such as 1000.")
    if why := _in_caps(caps) or _in_gap(caps, gap if "gap_minutes" not in found else None):
        found["caps"] = why
    return found


def _in_caps(caps: list[Limit]) -> str:
    """What is wrong with a list of caps; "" if nothing is."""
    if len(caps) > MOST_CAPS:
        return _("At most %(most)d caps.") % {"most": MOST_CAPS}
    for cap in caps:
        if not (1 <= cap.most <= MOST_MESSAGES and 1 <= cap.days <= LONGEST_DAYS):
            return _("A cap is of 1 to 1,000 messages in 1 to 30 days.")
    for one in caps:
        for other in caps:
            if one is not other and (one.topic, one.days) == (other.topic, other.days):
                return _("Two caps are of the same days: %(one)s. Keep one.") % {"one": words(one)}
            if _pointless(one, other):
                sentence = _("“%(one)s” can never be reached, as “%(other)s” is stricter.")
                return sentence % {"one": words(one), "other": words(other)}
    return ""


def _pointless(one: Limit, other: Limit) -> bool:
    """Whether whoever keeps the other cap always keeps this one."""
    covers = other.topic in ("", one.topic) and other != one
    return covers and other.days >= one.days and other.most <= one.most


def _in_gap(caps: list[Limit], gap_minutes: int | None) -> str:
    """The cap that the minimum gap makes pointless, in words; "" if there is none."""
    if gap_minutes is None:
        return ""
    gap = timedelta(minutes=gap_minutes)
    for cap in caps:
        # The first at once, then one after each gap.
        if cap.most > -(-timedelta(days=cap.days) // gap):
            sentence = _("With the minimum gap nobody ever gets %(cap)s. Change one of the two.")
            return sentence % {"cap": words(cap)}
    return ""


def words(cap: Limit) -> str:
    """ "3 in 7 days", "1 in 1 day of “offers”"."""
    text = ngettext("%(most)d in %(days)d day", "%(most)d in %(days)d days", cap.days)
    text %= {"most": cap.most, "days": cap.days}
    return _("%(cap)s of “%(topic)s”") % {"cap": text, "topic": cap.topic} if cap.topic else text
