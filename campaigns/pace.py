"""How fast runs go and how long they still take, without remembering anything.

Whoever looks carries two earlier samples of (time, settled by run) in their next request. The
older one is compared with now, so that a figure never rests on less than WINDOW seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.templatetags.beckon import NOTHING, number

WINDOW = 5.0  # seconds
STALE = 60.0
MOST_RUNS = 50
IDLE = gettext_lazy("nothing sent in the last seconds")


@dataclass(frozen=True)
class Sample:
    """What was settled at a moment (seconds since the epoch), by run."""

    at: float
    settled: Mapping[int, int]

    def __str__(self) -> str:
        return ";".join([f"{self.at:.2f}", *(f"{run}={n}" for run, n in self.settled.items())])

    @staticmethod
    def parse(text: str) -> Sample | None:
        """None for whatever `str` of a sample does not give: somebody's own idea of an address."""
        first, *rest = text.split(";")
        try:
            at = float(first)
            settled = {int(run): int(n) for run, n in (part.split("=") for part in rest)}
        except ValueError:
            return None
        return Sample(at, settled) if math.isfinite(at) and len(settled) <= MOST_RUNS else None


@dataclass(frozen=True)
class Pace:
    """The samples to carry on, and each run's settled deliveries per second where known."""

    carry: str
    speeds: Mapping[int, float]

    def words(self, run_id: int, pending: int) -> str:
        """ "60 a second, about 18 minutes left"; empty while nothing is known."""
        speed = self.speeds.get(run_id)
        if speed is None or pending <= 0:
            return ""
        if speed <= 0:
            return str(IDLE)
        return _("%(speed)s, %(left)s") % {"speed": rate(speed), "left": left(pending / speed)}

    def rate(self, run_id: int) -> str:
        """Only how fast it goes."""
        speed = self.speeds.get(run_id)
        return "" if speed is None else rate(speed) if speed > 0 else str(IDLE)

    def left(self, run_id: int, pending: int) -> str:
        """Only how long it still takes."""
        speed = self.speeds.get(run_id)
        return left(pending / speed) if speed and pending > 0 else ""


def measure(carried: str, now: float, settled: Mapping[int, int]) -> Pace:
    """Compare with the older carried sample; from WINDOW to 2 × WINDOW seconds old in the long run.

    `carried`: what the last answer gave as `carry`; `now`: seconds since the epoch.
    """
    samples = [Sample.parse(text) for text in carried[:4_000].split("~")[:2]]
    known = [one for one in samples if one is not None and 0 <= now - one.at <= STALE]
    latest = Sample(round(now, 2), dict(settled))
    older = known[0] if known else None
    newer = known[-1] if known else latest
    speeds: dict[int, float] = {}
    if older is not None and now - older.at >= WINDOW:
        speeds = {
            run: (count - older.settled[run]) / (now - older.at)
            for run, count in settled.items()
            if count >= older.settled.get(run, count + 1)
        }
    if newer is latest or now - newer.at >= WINDOW:
        older, newer = (None if newer is latest else newer), latest
    return Pace("~".join(str(one) for one in (older, newer) if one is not None), speeds)


def rate(speed: float) -> str:
    """ "60 a second", "4 a minute"."""
    if speed >= 1:
        return _("%(count)s a second") % {"count": number(round(speed))}
    return _("%(count)s a minute") % {"count": number(max(1, round(speed * 60)))}


def left(seconds: float) -> str:
    """ "about 18 minutes left", no more exact than anybody can know."""
    if seconds < 45:
        return _("less than a minute left")
    minutes = round(seconds / 60)
    if minutes < 90:
        text = ngettext("about %(count)d minute left", "about %(count)d minutes left", minutes)
        return text % {"count": minutes}
    hours = round(seconds / 3600)
    text = ngettext("about %(count)d hour left", "about %(count)d hours left", hours)
    return text % {"count": hours}


def milliseconds(value: float | None, most: int = 0) -> str:
    """ "96 ms", "1.9 s", a dot for none; "over 5 s" from `most` on, where a histogram ends."""
    if value is None:
        return NOTHING
    if most and value >= most:
        return _("over %(time)s") % {"time": milliseconds(most)}
    if value < 1_000:
        return _("%(count)d ms") % {"count": round(value)}
    return _("%(count)s s") % {"count": number(round(value / 1_000, 1))}


def took(seconds: float) -> str:
    """ "38 s", "21 min", "3 h 20 min"."""
    whole = max(0, round(seconds))
    if whole < 100:
        return _("%(count)d s") % {"count": whole}
    minutes = round(whole / 60)
    if minutes < 100:
        return _("%(count)d min") % {"count": minutes}
    return _("%(hours)d h %(minutes)d min") % dict(
        zip(("hours", "minutes"), divmod(minutes, 60), strict=True)
    )


def settled(counts: Mapping[str, Any]) -> int:
    """How many are no longer to be sent."""
    return int(counts["audience"]) - int(counts["pending"])
