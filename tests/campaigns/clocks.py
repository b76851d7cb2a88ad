"""Every change of every zone's clock in ten years, and zones whose rules are made up or changed."""

import struct
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from campaigns.timing import zones

FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
ZONES = sorted(zoneinfo.available_timezones())
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3600, 86_400))


class Change(NamedTuple):
    """The first instant of another offset from UTC."""

    zone: str
    at: datetime
    before: timedelta
    after: timedelta


def offset(at: datetime, zone: str) -> timedelta:
    found = at.astimezone(zones.zone(zone)).utcoffset()
    assert found is not None
    return found


@cache
def changes() -> list[Change]:
    """All of them; no zone plans two within five days."""
    return [change for zone in ZONES for change in changes_of(zone, FIRST, LAST)]


def changes_of(zone: str, first: datetime, last: datetime) -> Iterator[Change]:
    before, step = offset(first, zone), 5 * DAY
    while first < last:
        if (after := offset(first + step, zone)) != before:
            low, high = 0, step // SECOND
            while high - low > 1:
                middle = (low + high) // 2
                if offset(first + middle * SECOND, zone) == before:
                    low = middle
                else:
                    high = middle
            yield Change(zone, first + high * SECOND, before, after)
        first, before = first + step, after


def rules(clock: str) -> bytes:
    """A zone's file (RFC 9636) with nothing but a rule for all times, as in TZ=, such as
    <+03>-3 or AAA-1BBB,M3.5.0,M10.5.0/3."""
    block = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    block += struct.pack(">lbb", 0, 0, 0) + b"UTC\0"
    return block + block + f"\n{clock}\n".encode()


@contextmanager
def replaced(folder: Path, name: str, content: bytes, *, noticed: bool = True) -> Iterator[None]:
    """The machine has other rules for a zone, and they were read anew if they were noticed."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    usual = zoneinfo.TZPATH
    zoneinfo.reset_tzpath([str(folder), *usual])
    if noticed:
        zones.forget()
    try:
        yield
    finally:
        zoneinfo.reset_tzpath(usual)
        zones.forget()


def hours_minutes(minutes: int) -> str:
    """As a POSIX rule writes them."""
    return f"{'-' if minutes < 0 else ''}{abs(minutes) // 60}:{abs(minutes) % 60:02}"


@st.composite
def made_up_clocks(draw: st.DrawFn) -> str:
    """Rules for `rules`: any offset, changed twice a year by up to half a day, at any hour."""
    base = draw(st.integers(-12 * 4, 12 * 4)) * 15
    shift = draw(st.sampled_from([-60, 20, 30, 60, 120, 660]))
    weeks = st.integers(1, 5)
    spring = f"M{draw(st.integers(2, 5))}.{draw(weeks)}.0/{draw(st.integers(0, 24))}"
    autumn = f"M{draw(st.integers(8, 11))}.{draw(weeks)}.0/{draw(st.integers(0, 24))}"
    return f"AAA{hours_minutes(-base)}BBB{hours_minutes(-base - shift)},{spring},{autumn}"


def shows(at: datetime, zone: str) -> datetime:
    """The wall time there and then."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
