"""What was foretold beside what became of everybody, once a campaign has run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import reasons
from campaigns.foretelling import HOLDOUT, SENT, is_of_words
from campaigns.models import DryRun, Run

# What a request is made for, whatever the push service says to it.
ASKED = ("accepted", "refused", "gone", "unknown")
# What nobody can foretell: it happens between the dry run and somebody's turn.
LEFT = {"no_consent", "gone_before", "erased"}
TITLES: Mapping[str, Promise] = {
    "send": gettext_lazy("Sent to the push service"),
    HOLDOUT: gettext_lazy("Control group"),
    "run_expired": gettext_lazy("Expired before their turn"),
    "cancelled": gettext_lazy("Cancelled"),
    "pending": gettext_lazy("Still to send"),
}
MORE: Mapping[str, Promise] = {
    "capped": gettext_lazy("other campaigns took places meanwhile"),
    "min_gap": gettext_lazy("other campaigns were sent meanwhile"),
    "place_held": gettext_lazy("places were held for other campaigns since"),
    "sent_once": gettext_lazy("they got one with the same key meanwhile"),
    "quiet_hours": gettext_lazy("their turn came in their quiet hours"),
    "zone_past": gettext_lazy("it began later than foretold"),
    "run_expired": gettext_lazy("sending took longer than the campaign lasts"),
    "cancelled": gettext_lazy("somebody stopped it"),
    "pending": gettext_lazy("it is not their turn yet"),
}
FEWER: Mapping[str, Promise] = {
    "capped": gettext_lazy("places became free"),
    "min_gap": gettext_lazy("their last message was long enough ago by then"),
    "place_held": gettext_lazy("the places were not held any more"),
}


@dataclass(frozen=True)
class Line:
    """One outcome: how many devices were foretold, and how many it became."""

    code: str
    title: str
    foretold: int
    became: int
    words: str

    @property
    def change(self) -> int:
        return self.became - self.foretold


class Comparison:
    """A run beside its dry run. `counts`: of the run, as campaigns.reports.run_counts."""

    def __init__(self, dry_run: DryRun, counts: Mapping[str, Any]) -> None:
        self.dry_run = dry_run
        self.counts = counts

    @property
    def asked_at(self) -> datetime:
        return self.dry_run.asked_at

    @property
    def going_on(self) -> bool:
        return bool(self.counts["pending"])

    @cached_property
    def foretold(self) -> dict[str, int]:
        """Devices by code; those who wait for the end of quiet hours are sent to in the end."""
        found: dict[str, int] = {}
        for code, devices in self.dry_run.counts.items():
            code = "send" if code in SENT else code
            found[code] = found.get(code, 0) + devices
        return found

    @cached_property
    def became(self) -> dict[str, int]:
        counts = self.counts
        found = {"send": sum(counts[name] for name in ASKED), HOLDOUT: counts["holdout"]}
        found |= {"run_expired": counts["expired"], "cancelled": counts["cancelled"]}
        found |= {"pending": counts["pending"], **counts["skipped_by_reason"]}
        return {code: devices for code, devices in found.items() if devices}

    @property
    def total(self) -> Line:
        foretold, became = sum(self.foretold.values()), self.counts["audience"]
        words = ""
        if became > foretold:
            words = _("came after the dry run")
        elif became < foretold:
            words = _("left after the dry run")
        return Line("", _("All"), foretold, became, words)

    @property
    def lines(self) -> list[Line]:
        """Who was sent to first, then the others, the largest first."""
        codes = {**self.foretold, **self.became}
        size = {code: max(self.foretold.get(code, 0), self.became.get(code, 0)) for code in codes}
        return [self._line(code) for code in sorted(codes, key=lambda c: (c != "send", -size[c]))]

    @property
    def exact(self) -> bool:
        return all(not line.change for line in self.lines)

    def _line(self, code: str) -> Line:
        foretold, became = self.foretold.get(code, 0), self.became.get(code, 0)
        title = str(TITLES.get(code) or reasons.skipped(code))
        return Line(code, title, foretold, became, self._words(code, became - foretold))

    def _words(self, code: str, change: int) -> str:
        """Why it may differ; "" where it does not, or where nobody knows."""
        if not change:
            return ""
        if code in LEFT:
            return _("after the dry run")
        if is_of_words(code):
            if self.dry_run.sampled:
                return _("the dry run read a sample of the texts")
            return _("what is known of them changed meanwhile")
        if code == "send" and change < 0 and self.going_on:
            return _("so far")
        return str((MORE if change > 0 else FEWER).get(code, ""))


def of(run: Run | None, counts: Mapping[str, Any]) -> Comparison | None:
    """None where nothing was foretold. `counts`: of the run."""
    if run is None or run.forecast is None:
        return None
    return Comparison(run.forecast, counts)
