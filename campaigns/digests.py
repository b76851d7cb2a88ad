"""A fingerprint of all that decides who gets a campaign, what it says and when.

An approval and a dry run are of one fingerprint: an edit makes another one. The name, the moment
that follows from the wall time, and which occurrence of a series it is are not in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audiences import references, rules
from campaigns import policies
from campaigns.models import Campaign, Cap, Message

# Changes with what is in it, so that what was approved before is asked about again.
VERSION = 2
SHORT = 12
# Of a message: every field but these.
NOT_SAID = frozenset({"id", "campaign", "version", "created_by", "created_at"})
# Of a campaign: each field is in one of these, or in none on purpose (a test holds this complete).
FIELDS = {
    "schedule": (
        "timing",
        "scheduled_wall",
        "scheduled_zone",
        "late",
        "no_zone",
        "recurrence",
        "exceptions",
        "expiry_minutes",
        "throttle",
    ),
    "policies": (
        "priority",
        "topic",
        "transactional",
        "counted",
        "quiet",
        "caps",
        "override_reason",
        "once_key",
    ),
    "experiment": ("holdout", "winner_by", "sample", "decide_minutes", "conversion"),
    "devices": ("devices", "inbox", "inbox_days"),
}
# What a campaign has only with a time.
WITH_A_TIME = (
    "timing",
    "scheduled_wall",
    "scheduled_zone",
    "late",
    "no_zone",
    "recurrence",
    "exceptions",
)
WORDS: dict[str, Promise] = {
    "content": _("the message"),
    "audience": _("the audience"),
    "schedule": _("the schedule"),
    "policies": _("caps, quiet hours or priority"),
    "experiment": _("the control group or how a variant wins"),
    "devices": _("on which devices it is shown, or the inbox"),
}


def digest(campaign: Campaign) -> str:
    """Hex SHA-256. An occurrence of a series has that of its series, as long as it says the
    same."""
    return _hash([VERSION, parts(campaign)])


def stamp(campaign: Campaign) -> str:
    """The digest with the beginnings of its parts: what a page carries of what it has shown."""
    found = parts(campaign)
    return ".".join([_hash([VERSION, found]), *(found[name][:SHORT] for name in WORDS)])


def since(seen: str, campaign: Campaign) -> list[str] | None:
    """What was changed since a page carried that stamp, in words; None if nothing was."""
    whole, *shown = seen.split(".")
    now, *are = stamp(campaign).split(".")
    if whole == now:
        return None
    if len(shown) != len(are):
        return []
    pairs = zip(WORDS.values(), shown, are, strict=True)
    return [str(words) for words, before, after in pairs if before != after]


def parts(campaign: Campaign) -> dict[str, str]:
    """The digests of the message, the audience and so on: by these one can say what was changed."""
    return {
        "content": of_message(campaign.messages.latest()),
        "audience": _hash(_audience(campaign)),
        "schedule": _hash(_schedule(campaign)),
        "policies": _hash(_policies(campaign)),
        "experiment": _hash(_of(campaign, FIELDS["experiment"])),
        "devices": _hash(_of(campaign, FIELDS["devices"])),
    }


def changed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """What differs, in words: "the message", "the audience". Empty where `before` is not known."""
    return [str(WORDS[name]) for name in WORDS if before and before.get(name) != now.get(name)]


def _hash(value: Any) -> str:
    text = json.dumps(value, cls=DjangoJSONEncoder, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _of(campaign: Campaign, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(campaign, name) for name in names}


def of_message(message: Message) -> str:
    """The digest of all that a message says."""
    names = [field.name for field in Message._meta.concrete_fields if field.name not in NOT_SAID]
    return _hash({name: getattr(message, name) for name in names})


def _audience(campaign: Campaign) -> Any:
    """The rule with the audiences that it names written out: an edit of one of them counts."""
    rule = campaign.audience.rule
    try:
        return references.resolve(rules.parse(rule), campaign.site).as_json()
    except rules.RuleError:
        return rule


def _planned_as(campaign: Campaign) -> Campaign:
    """Whose schedule it is: of an occurrence its series', until it was given another time."""
    parent = campaign.parent if campaign.parent_id else None
    if parent is None or campaign.scheduled_wall != campaign.occurrence:
        return campaign
    same = set(FIELDS["schedule"]) - {"scheduled_wall", "recurrence", "exceptions"}
    return parent if _of(campaign, same) == _of(parent, same) else campaign


def _schedule(campaign: Campaign) -> dict[str, Any]:
    series = _planned_as(campaign)
    found = _of(series, FIELDS["schedule"])
    if series.scheduled_wall is None:
        for name in WITH_A_TIME:
            del found[name]
        return found
    # Who has no zone of their own gets it by the site's clock.
    return found | {"site_zone": campaign.site.time_zone}


def _policies(campaign: Campaign) -> dict[str, Any]:
    """The campaign's own rules, and those of the site that hold for it."""
    found: dict[str, Any] = _of(campaign, FIELDS["policies"])
    if campaign.transactional:
        return found
    policy = policies.of(campaign.site)
    if campaign.quiet != Campaign.Quiet.OFF:
        found["site_quiet"] = [policy.quiet_start, policy.quiet_end]
    if campaign.quiet == Campaign.Quiet.SITE:
        found["site_quiet"].append(policy.quiet_action)
    if campaign.caps == Campaign.Caps.SITE:
        caps = Cap.objects.filter(site=campaign.site_id).order_by("topic", "days")
        found["site_caps"] = list(caps.values_list("topic", "most", "days"))
        found["site_gap"] = policy.gap_minutes
    return found
