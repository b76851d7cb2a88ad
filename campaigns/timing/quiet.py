"""Quiet hours: wall times at which nobody in a zone is sent anything."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from campaigns.timing import zones as rules

DAY = timedelta(days=1)


@dataclass(frozen=True)
class QuietHours:
    """From `start` until just before `end`, on the next day where `end` is the earlier.

    ValueError where they are the same: that could mean never as well as always.
    """

    start: time
    end: time

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise ValueError("quiet hours need a start and another end")

    def until(self, at: datetime, zone: str) -> datetime | None:
        """The first UTC instant after `at` that is not quiet; None where `at` is not.

        That it is the first holds through clock changes too: where the clock skips the end of the
        quiet hours they end at the change, where it goes back over it they come twice.
        ZoneInfoNotFoundError, a KeyError, for an unknown zone.
        """
        tz = rules.zone(zone)
        moment = at.astimezone(UTC)
        if not self._covers(moment.astimezone(tz)):
            return None
        while self._covers(moment.astimezone(tz)):
            moment = self._later(moment, tz)
        return moment

    def zones(self, at: datetime, zones: Iterable[str]) -> dict[str, datetime]:
        """The zones where it is quiet at `at`, to the second, each with when that ends (UTC)."""
        # No zone's clock differs by odd seconds since 1972: what holds, holds for the minute.
        whole_minutes = not (self.start.second or self.end.second)
        since = at.replace(microsecond=0, second=0 if whole_minutes else at.second)
        return dict(_quiet(self, since, frozenset(zones)))

    def _covers(self, local: datetime) -> bool:
        clock = local.time()
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end

    def _later(self, quiet: datetime, tz: ZoneInfo) -> datetime:
        """The end of the hours that are quiet then, or a clock change if that comes first."""
        local = quiet.astimezone(tz)
        left = _since_midnight(self.end) - _since_midnight(local.time())
        end = quiet + left % DAY
        if end.astimezone(tz).utcoffset() == local.utcoffset():
            return end
        return rules.change(quiet, end, tz)


def _since_midnight(clock: time) -> timedelta:
    return timedelta(
        hours=clock.hour,
        minutes=clock.minute,
        seconds=clock.second,
        microseconds=clock.microsecond,
    )


@lru_cache(maxsize=16)
def _quiet(hours: QuietHours, at: datetime, zones: frozenset[str]) -> dict[str, datetime]:
    # Many windows of a run are claimed in one minute, by the same rule and for the same zones.
    return {zone: end for zone in zones if (end := hours.until(at, zone))}
