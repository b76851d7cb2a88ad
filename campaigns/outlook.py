"""A dry run as its page tells it: one sentence, one bar, and reasons that add up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format, time_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.bars import Part
from accounts.templatetags.beckon import number
from campaigns import moments, policies, reasons
from campaigns.models import Campaign, Cap, DryRun

SEND, LATER, HOLDOUT = "send", "later", "holdout"
# Which colour a code has, where it is not "skipped".
KEYS = {
    SEND: "accepted",
    LATER: "later",
    HOLDOUT: "holdout",
    "gone": "gone",
    "gone_before": "gone",
    "no_title": "refused",
    "bad_address": "refused",
    "too_large": "refused",
    "render_failed": "refused",
    "run_expired": "expired",
}
TITLES: Mapping[str, Promise] = {
    HOLDOUT: gettext_lazy("Control group"),
    "capped": gettext_lazy("Skipped: a cap is reached"),
    "min_gap": gettext_lazy("Skipped: too soon after another message"),
    "sent_once": gettext_lazy("Skipped: had one with the same key"),
    "quiet_hours": gettext_lazy("Skipped: quiet hours"),
    "no_zone": gettext_lazy("Skipped: time zone not known"),
    "zone_past": gettext_lazy("Skipped: the time has passed there"),
    "gone": gettext_lazy("Gone"),
    "gone_before": gettext_lazy("Gone"),
    "no_title": gettext_lazy("Stopped: no title is left"),
    "bad_address": gettext_lazy("Stopped: the address can't be opened"),
    "too_large": gettext_lazy("Stopped: too large for push services"),
    "render_failed": gettext_lazy("Stopped: the text can't be made"),
    "run_expired": gettext_lazy("Too late: the campaign has expired by then"),
}
DETAILS: Mapping[str, Promise] = {
    HOLDOUT: gettext_lazy("Kept back on purpose to measure the effect"),
    "sent_once": gettext_lazy("Of all campaigns with this key a person gets one"),
    "no_zone": gettext_lazy("You chose to skip them"),
    "zone_past": gettext_lazy("You chose to skip them"),
    "gone": gettext_lazy("The push service says that the device left"),
    "gone_before": gettext_lazy("The push service says that the device left"),
    "no_title": gettext_lazy("For these people nothing is left of it once it is filled in"),
    "bad_address": gettext_lazy("Filled in, it is no address of a web page"),
    "too_large": gettext_lazy("Filled in, it is longer than push services take"),
}
# So many zones are shown at first.
SHOWN = 8


@dataclass(frozen=True)
class Row:
    """One way in which devices end. `key`: its colour, of accounts.bars.ORDER."""

    code: str
    key: str
    title: str
    detail: str
    count: int
    href: str = ""


@dataclass(frozen=True)
class Instant:
    """The devices whose clocks show the time at one instant. `zone` "": not known."""

    at: datetime
    zones: tuple[str, ...]
    devices: int

    @property
    def utc(self) -> str:
        """ "Thu 17:00"."""
        return date_format(self.at.astimezone(UTC), "D H:i")

    @property
    def words(self) -> str:
        """ "Europe/Oslo and 5 more"."""
        if len(self.zones) == 1:
            return self.zones[0]
        more = len(self.zones) - 1
        words = ngettext("%(zone)s and %(more)d more", "%(zone)s and %(more)d more", more)
        return words % {"zone": self.zones[0], "more": more}


class Outlook:
    """What a finished dry run of a campaign found. Load the campaign with its site."""

    def __init__(self, campaign: Campaign, run: DryRun) -> None:
        self.campaign = campaign
        self.run = run

    @cached_property
    def counts(self) -> dict[str, int]:
        return {code: count for code, count in self.run.counts.items() if count}

    @cached_property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def later(self) -> int:
        return self.counts.get(LATER, 0)

    @property
    def going(self) -> int:
        """Devices that get it, sooner or later."""
        return self.counts.get(SEND, 0) + self.later

    @property
    def rest(self) -> int:
        return self.total - self.going

    @cached_property
    def people(self) -> int:
        """People who get it."""
        return sum(self.run.people.get(code, 0) for code in (SEND, LATER))

    @cached_property
    def rows(self) -> list[Row]:
        """Who gets it first, then the others, the largest first."""
        codes = sorted(self.counts, key=lambda code: -self.counts[code])
        first = [code for code in (SEND, LATER) if code in self.counts]
        return [self._row(code) for code in [*first, *(one for one in codes if one not in first)]]

    @property
    def parts(self) -> list[Part]:
        return [Part(row.key, row.title, row.count) for row in self.rows]

    def _row(self, code: str) -> Row:
        key = KEYS.get(code, "refused" if code.startswith("aborted") else "skipped")
        title, detail = self._title(code), self._detail(code)
        return Row(code, key, title, detail, self.counts[code], people_of(self.campaign, code))

    def _title(self, code: str) -> str:
        if code == SEND:
            return _("Get it %(when)s") % {"when": self.clock}
        if code == LATER:
            quiet = policies.quiet_of(self.campaign)
            if quiet is None:
                return _("Get it later")
            return _("Get it later, from %(time)s on") % {"time": time_format(quiet[0].end, "H:i")}
        if code.startswith("aborted"):
            why = code.partition(":")[2]
            return _("Message stops itself: %(why)s") % {"why": why or _("no reason given")}
        return str(TITLES.get(code) or reasons.skipped(code))

    def _detail(self, code: str) -> str:
        if code == SEND and self.own_time:
            zones = sum(len(one.zones) for one in self.instants)
            words = ngettext("%(count)s time zone", "%(count)s time zones", zones)
            return words % {"count": number(zones)} if zones else ""
        if code in {LATER, "quiet_hours"}:
            return self._quiet()
        if code == "capped":
            return caps_of(self.campaign)
        if code.startswith("aborted"):
            return _("An {% abort %} in the text says so")
        return str(DETAILS.get(code, ""))

    def _quiet(self) -> str:
        quiet = policies.quiet_of(self.campaign)
        if quiet is None:
            return ""
        words = _("Their own quiet hours are from %(start)s to %(end)s")
        hours = quiet[0]
        return words % {
            "start": time_format(hours.start, "H:i"),
            "end": time_format(hours.end, "H:i"),
        }

    @property
    def own_time(self) -> bool:
        return self.campaign.timing == Campaign.Timing.LOCAL

    @property
    def clock(self) -> str:
        """ "at 18:00 their own time"."""
        wall = next_wall(self.campaign)
        if wall is None:
            return _("at once")
        time = time_format(wall.time(), "H:i")
        if self.own_time:
            return _("at %(time)s their own time") % {"time": time}
        return _("at %(time)s %(city)s") % {"time": time, "city": city_of(self.campaign)}

    @property
    def day(self) -> str:
        """ "Thursday 26 November"; "" for at once."""
        wall = next_wall(self.campaign)
        return date_format(wall, "l j F") if wall else ""

    @property
    def wall_time(self) -> str:
        """ "18:00"."""
        wall = next_wall(self.campaign)
        return time_format(wall.time(), "H:i") if wall else ""

    @property
    def later_words(self) -> str:
        """When those get it who have quiet hours."""
        quiet = policies.quiet_of(self.campaign)
        if quiet is None:
            return _("later")
        time = time_format(quiet[0].end, "H:i")
        return _("from %(time)s, when their quiet hours end") % {"time": time}

    @cached_property
    def instants(self) -> list[Instant]:
        """The zones by the instant at which their clocks show the time."""
        found: dict[datetime, list[tuple[int, str]]] = {}
        for one in self.run.zones:
            if one.get("at") and one["devices"]:
                at = datetime.fromisoformat(one["at"].replace("Z", "+00:00"))
                found.setdefault(at, []).append((-one["devices"], self._zone(one["zone"])))
        return [
            Instant(at, tuple(zone for _n, zone in sorted(zones)), -sum(n for n, _z in zones))
            for at, zones in sorted(found.items())
        ]

    def _zone(self, zone: str) -> str:
        if zone:
            return zone
        city = self.campaign.site.time_zone.rsplit("/", 1)[-1].replace("_", " ")
        return _("Zone not known, uses %(city)s") % {"city": city}

    @property
    def shown(self) -> list[Instant]:
        return self.instants[:SHOWN]

    @property
    def folded(self) -> list[Instant]:
        return self.instants[SHOWN:]

    @property
    def more_zones(self) -> int:
        return sum(len(one.zones) for one in self.folded)

    @property
    def in_folded(self) -> int:
        return sum(one.devices for one in self.folded)

    @property
    def in_zones(self) -> int:
        return sum(one.devices for one in self.instants)


def next_wall(campaign: Campaign) -> datetime | None:
    """The wall time at which it goes out next; None for at once."""
    wall = moments.naive(campaign.occurrence) if campaign.recurrence else None
    return wall or moments.wall_of(campaign)


def city_of(campaign: Campaign) -> str:
    return campaign.zone.key.rsplit("/", 1)[-1].replace("_", " ")


def caps_of(campaign: Campaign) -> str:
    """ "At most 3 in 7 days; of offers 1 in 1 day": the caps that can hold it back."""
    caps: Iterable[Cap] = campaign.site.caps.filter(topic__in={"", campaign.topic})
    return "; ".join(cap_words(cap) for cap in caps)


def cap_words(cap: Cap) -> str:
    values: dict[str, Any] = {"most": cap.most, "days": cap.days, "topic": cap.topic}
    if cap.topic:
        words = ngettext(
            "at most %(most)d of “%(topic)s” in a day",
            "at most %(most)d of “%(topic)s” in %(days)d days",
            cap.days,
        )
    else:
        words = ngettext("at most %(most)d in a day", "at most %(most)d in %(days)d days", cap.days)
    return words % values


def people_of(campaign: Campaign, code: str) -> str:
    """Where the people behind a figure are shown."""
    try:
        address = reverse("campaigns:dry_run_people", args=[campaign.site_id, campaign.pk])
    except NoReverseMatch:
        return ""
    return f"{address}?{urlencode({'code': code})}"
