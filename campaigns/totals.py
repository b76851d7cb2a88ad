"""What a dry run has counted so far; it always adds up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from campaigns.foretelling import HOLDOUT, SENT, Foretold, is_of_words, is_read
from campaigns.headcount import Group
from campaigns.models import DryRun


class Totals:
    """The counts of a dry run, chunk by chunk."""

    def __init__(self, dry_run: DryRun) -> None:
        self.counts = Counter(dry_run.counts)
        self.variants = Counter(dry_run.variants)
        self.defaults = Counter(dry_run.defaults)
        self.zones = Counter({(one["zone"], one["at"]): one["devices"] for one in dry_run.zones})
        self.sampled = dry_run.sampled

    def add(self, groups: Mapping[Group, int]) -> None:
        """Count a chunk by groups."""
        for group, devices in groups.items():
            self.counts[HOLDOUT if group.held_out else group.code] += devices
            if group.code in SENT and not group.held_out:
                if group.variant is not None:
                    self.variants[str(group.variant)] += devices
                self.zones[group.time_zone, _iso(group.at)] += devices

    def add_rows(self, rows: Iterable[Foretold], missing: Counter[str]) -> None:
        """Count a chunk of which everything was read."""
        self.add(
            Counter(Group(row.time_zone, row.variant, row.code, row.at, False) for row in rows)
        )
        self.defaults.update(missing)

    def add_by_share(
        self, groups: Mapping[Group, int], rows: Sequence[Foretold], missing: Counter[str]
    ) -> None:
        """Count a chunk of which the texts of some were read: as many of the others stop."""
        read = [row.code for row in rows if is_read(row.code)]
        self.sampled = (self.sampled or 0) + len(read)
        waiting = [group for group in groups if group.code in SENT]
        whole = sum(groups[group] for group in waiting)
        stopped = Counter(code for code in read if is_of_words(code))
        codes = [*stopped, ""]
        shares = apportion([*stopped.values(), len(read) - stopped.total()], whole)
        self.counts.update({code: n for code, n in zip(codes, shares, strict=True) if code and n})
        left = apportion([groups[group] for group in waiting], shares[-1]) if read else None
        counted = dict(groups)
        if left is not None:
            counted |= dict(zip(waiting, left, strict=True))
        self.add({group: devices for group, devices in counted.items() if devices})
        if read:
            many = {name: round(count * whole / len(read)) for name, count in missing.items()}
            self.defaults.update(many)

    def fields(self) -> dict[str, Any]:
        """As the dry run keeps it."""
        zones = [
            {"zone": zone, "at": at, "devices": devices}
            for (zone, at), devices in self.zones.most_common()
        ]
        return {
            "counts": dict(self.counts),
            "variants": dict(self.variants),
            "defaults": dict(self.defaults),
            "zones": zones,
            "sampled": self.sampled,
        }


def _iso(at: datetime | None) -> str:
    return at.isoformat().replace("+00:00", "Z") if at else ""


def apportion(parts: Sequence[int], whole: int) -> list[int]:
    """Whole numbers in the proportion of `parts` that add up to `whole` (largest remainder)."""
    total = sum(parts)
    if not total:
        return [0] * len(parts)
    floors = [part * whole // total for part in parts]
    order = sorted(range(len(parts)), key=lambda at: -(parts[at] * whole % total))
    for at in order[: whole - sum(floors)]:
        floors[at] += 1
    return floors
