"""Which push services may be sent to now, and how fast. No I/O, no sleep, an injected clock.

Each origin is judged by its own answers alone (`lanes.py`). What keeps one from slowing another is
here: an origin that limits, is closed, or is slow is reported as shut, so that its rows wait in
the ledger and not in a sender.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from .lanes import MAX_AHEAD, PROBES, SLOW, Lane
from .messages import Outcome

MAX_DEFERRED = 600.0  # seconds over which the rows that wait for an origin are spread
SHARE = 0.8  # of a sender's requests in flight, for all slow origins together
BRISK = 0.3  # seconds: what answers so soon makes room by itself
COMPANY = 10.0  # seconds for which an origin counts as being sent to
REOPENED_INTERVAL = 1 / 50  # seconds between requests where no rate is known
SATURATED = 1.0  # seconds: an origin whose next slot is later takes no further rows
REPORTED = 0.1  # the smallest relative change of a rate that other senders are told
LOWER = 0.75  # of our rate: another sender's that is below this is taken over
MAX_ORIGINS = 1000


class Shut(NamedTuple):
    """When the rows of an origin may be tried: the first at `until` (epoch seconds), then one per
    `interval` seconds."""

    until: float
    interval: float


class Learned(NamedTuple):
    """What senders tell each other. `rate`: requests a second of one sender, None without a limit;
    `closed_until`: epoch seconds, None when open."""

    rate: float | None
    closed_until: float | None


class Gates:
    """The gates of one sender. Not for two threads at once.

    `most_in_flight`: of the sender, over all origins; `clock`: epoch seconds.
    """

    def __init__(self, *, most_in_flight: int, clock: Callable[[], float] = time.time) -> None:
        self._most = most_in_flight
        self._clock = clock
        self._last = clock()
        self._lanes: dict[str, Lane] = {}
        self._told: dict[str, Learned] = {}
        self._heard_rate: dict[str, float] = {}

    def begin(self, origin: str) -> float:
        """One more in flight. Takes a slot; returns when it may leave, at the earliest now."""
        now = self._now()
        lane = self._lane(origin, now)
        lane.forget_old_limit(now)
        slot = min(max(now, lane.next_slot, lane.closed_until), now + MAX_AHEAD)
        lane.next_slot = slot + lane.interval()
        if not lane.in_flight:
            lane.heard_at = slot
        lane.in_flight += 1
        lane.begun_at = now
        return slot

    def back(self, origin: str) -> None:
        """One that had begun was withdrawn before it left; its slot is free again."""
        lane = self._lane(origin, self._now())
        lane.in_flight = max(lane.in_flight - 1, 0)
        lane.next_slot = max(lane.next_slot - lane.interval(), 0.0)

    def note(self, origin: str, outcome: Outcome) -> None:
        """One less in flight, and what it came to."""
        now = self._now()
        lane = self._lane(origin, now)
        lane.in_flight = max(lane.in_flight - 1, 0)
        lane.note(now, outcome)

    def shut(self) -> dict[str, Shut]:
        """The origins whose further rows should wait, and for how long: at most an hour."""
        now = self._now()
        slow = {origin for origin, lane in self._lanes.items() if lane.is_slow(now)}
        company = sum(now - lane.begun_at < COMPANY for lane in self._lanes.values()) > 1
        shut: dict[str, Shut] = {}
        for origin, lane in self._lanes.items():
            if origin in slow:
                # They share, so that two of them do not hold everything either.
                room = max(int(self._most * SHARE / len(slow)), 1)
            else:
                brisk = lane.rate is None and 0 < lane.latency() <= BRISK
                alone = brisk or not company
                room = self._most if alone else max(int(self._most * SHARE), 1)
            found = _shut(lane, now, min(room, PROBES) if lane.probing else room)
            if found is not None:
                shut[origin] = found
        return shut

    def deferred(self, origin: str, count: int) -> None:
        """`count` rows were given times in the ledger, as `shut` told: later ones queue behind."""
        now = self._now()
        lane = self._lane(origin, now)
        earliest = max(now, lane.closed_until, lane.next_slot)
        behind = max(earliest, lane.next_deferred)
        behind += count / (lane.hope() or 1 / REOPENED_INTERVAL)
        lane.next_deferred = min(behind, earliest + MAX_DEFERRED)

    def changes(self, least: float = REPORTED) -> dict[str, Learned]:
        """What other senders should know, where it has changed since the last call: a rate by more
        than the share `least` of itself. With 0 a sender that ends leaves all that it has learned.
        """
        now = self._now()
        changes: dict[str, Learned] = {}
        for origin, lane in self._lanes.items():
            told = self._told.get(origin, Learned(None, None))
            closed = lane.closed_until if lane.closed_until > now else None
            newly_closed = closed is not None and closed > (told.closed_until or 0.0) + 1.0
            if newly_closed or _differs(lane.hope(), told.rate, least):
                self._told[origin] = changes[origin] = Learned(lane.hope(), closed)
        return changes

    def learn(self, origin: str, learned: Learned) -> None:
        """Take over what another sender has met: a closed origin, a rate well below ours.

        Each rate is taken once, so that what stands in a table for long holds nobody down.
        """
        now = self._now()
        lane = self._lane(origin, now)
        told = self._told.get(origin, Learned(None, None))
        if learned.closed_until is not None:
            until = min(learned.closed_until, now + MAX_AHEAD)
            if until > max(lane.closed_until, now):
                lane.closed_until, lane.probing = until, True
                told = told._replace(closed_until=until)
        rate = learned.rate
        if rate is not None and rate not in (self._heard_rate.get(origin), told.rate):
            self._heard_rate[origin] = rate
            if lane.rate is None or rate < LOWER * lane.rate:
                lane.limit(now, rate, trouble_rate=2 * rate)
                told = told._replace(rate=lane.rate)
        self._told[origin] = told

    def _now(self) -> float:
        now = self._clock()
        if now < self._last - 1.0:
            for lane in self._lanes.values():
                lane.forget_times()
        self._last = now
        return now

    def _lane(self, origin: str, now: float) -> Lane:
        lane = self._lanes.get(origin)
        if lane is None:
            if len(self._lanes) >= MAX_ORIGINS:
                # Strangers can invent origins below the names of push services.
                self._forget_idle(now)
            lane = self._lanes[origin] = Lane()
        return lane

    def _forget_idle(self, now: float) -> None:
        for origin in [one for one, lane in self._lanes.items() if lane.is_idle(now)]:
            del self._lanes[origin]
            self._told.pop(origin, None)
            self._heard_rate.pop(origin, None)


def _shut(lane: Lane, now: float, room: int) -> Shut | None:
    hope = lane.hope()
    interval = 1 / hope if hope else REOPENED_INTERVAL
    if lane.closed_until > now:
        until = lane.closed_until
    elif lane.next_slot > now + SATURATED:
        until = lane.next_slot
    elif lane.in_flight >= room:
        latency = lane.latency() or SLOW
        interval = max(lane.interval(), latency / room)
        until = now + min(max(latency / 4, 0.25), SLOW)
    else:
        return None
    return Shut(min(max(until, lane.next_deferred), now + MAX_AHEAD), interval)


def _differs(rate: float | None, told: float | None, least: float) -> bool:
    if rate is None or told is None:
        return rate is not told
    return abs(rate - told) > least * told
