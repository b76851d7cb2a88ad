"""What is known of a run's recipients before anything is sent: when, which variant, or why not.

All of it follows from a device's time zone and its person's id, so one statement does it for a
whole chunk (planning), and the dry run asks the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from audiences.catalogue.profile import BUCKETS, bucket_of
from campaigns import moments, policies
from campaigns.models import Campaign, Delivery, Message, Policy, Run
from campaigns.timing import local
from campaigns.timing.quiet import QuietHours
from campaigns.timing.zones import names

# The number of a person from 0 to 9,999, as `bucket_of` computes it.
BUCKET = f"mod(('x' || left(md5(%s || chosen.subscriber_id::text), 8))::bit(32)::bigint, {BUCKETS})"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the devices of one time zone. `at` None: as soon as it is their turn."""

    state: Delivery.State
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Terms:
    """All that decides on a run's recipients: a run's own, or what a campaign's would be."""

    campaign: Campaign
    message: Message
    began: datetime
    expires_at: datetime | None
    decide_at: datetime | None
    test: bool = False
    # The variant that won, where that is known by now.
    winner: int | None = None

    @classmethod
    def of(cls, run: Run) -> Terms:
        """Load `message` and `campaign__site` with the run."""
        test = run.kind == Run.Kind.TEST
        ends = (run.expires_at, run.decide_at)
        began, winner = run.started_at, run.winner
        return cls(run.campaign, run.message, began, *ends, test=test, winner=winner)

    @cached_property
    def quiet(self) -> tuple[QuietHours, str] | None:
        """The quiet hours that it keeps, and what it does in them."""
        return None if self.test else policies.quiet_of(self.campaign)

    @property
    def on_own_clock(self) -> bool:
        return self.campaign.timing == Campaign.Timing.LOCAL and not self.test

    @cached_property
    def weights(self) -> list[int]:
        """Of the variants, A first; empty where there is only one."""
        others = [int(one["weight"]) for one in self.message.variants]
        return [self.message.weight, *others] if others else []

    @property
    def waits_until(self) -> datetime | None:
        """Until when who is outside the sample waits for the winner."""
        return self.decide_at if self.winner is None else None

    @property
    def salt(self) -> str:
        """What people are shared out by: the same in all occurrences of a campaign."""
        return str(self.campaign.parent_id or self.campaign.pk)

    def is_held_out(self, subscriber_id: object) -> bool:
        """Whether this person is kept back when the message would have been sent."""
        share = 0 if self.test else self.campaign.holdout
        return bool(share) and bucket_of(subscriber_id, f"{self.salt}:holdout") < share * 100

    def zones(self) -> dict[str, Decision]:
        """By time zone; "" for devices whose zone is not known. Empty: all at once."""
        if not self.on_own_clock and self.quiet is None:
            return {}
        decided = {zone: self.in_zone(zone) for zone in names()}
        skips = self.on_own_clock and self.campaign.no_zone == Campaign.NoZone.SKIP
        unknown = Decision(Delivery.State.SKIPPED, "no_zone")
        # This machine may not know the site's zone any more.
        elsewhere = decided.get(self.campaign.site.time_zone) or decided["UTC"]
        decided[""] = unknown if skips else elsewhere
        return decided

    def in_zone(self, zone: str) -> Decision:
        """What becomes of the devices of a known time zone."""
        at = self.began
        if self.on_own_clock:
            wall = moments.wall_of_next(self.campaign)
            assert wall is not None  # noqa: S101 - nothing starts by local time without one
            moment = local.moment(wall, zone, self.began, self.campaign.late)
            if moment.at is None:
                return Decision(Delivery.State.SKIPPED, moment.code)
            at = moment.at
        if until := self.quiet_until(at, zone):
            return self.held(until)
        return Decision(Delivery.State.PLANNED, at=at if at > self.began else None)

    def quiet_now(self, now: datetime) -> dict[str, datetime]:
        """The time zones where it is quiet now, and until when."""
        # By the minute, so that the windows of a minute ask once.
        minute = now.replace(second=0, microsecond=0)
        return self.quiet[0].zones(minute, names()) if self.quiet else {}

    def knows(self, zone: str) -> bool:
        return zone in names()

    def quiet_until(self, at: datetime, zone: str) -> datetime | None:
        """When somebody in a known time zone may be disturbed again; None: then already."""
        return self.quiet[0].until(at, zone) if self.quiet else None

    def held(self, until: datetime) -> Decision:
        """What becomes of a device that may not be disturbed before then."""
        assert self.quiet is not None  # noqa: S101 - they are what holds it
        too_late = self.expires_at is not None and until >= self.expires_at
        if too_late or self.quiet[1] == Policy.QuietAction.SKIP:
            return Decision(Delivery.State.SKIPPED, "quiet_hours")
        return Decision(Delivery.State.PLANNED, "quiet_hours", until)

    def variant(self) -> tuple[str, list[str]]:
        """SQL for a person's variant, of a row `chosen`, with its parameters.

        NULL where there is one variant only, or where the winner is waited for.
        """
        if not self.weights or self.test:
            return "NULL::smallint", []
        params, arms, below = [f"{self.salt}:variant:"], [], 0
        for number, weight in enumerate(self.weights[:-1]):
            below += weight * BUCKETS
            arms.append(f"WHEN share.number < {below // sum(self.weights)} THEN {number}")
        last = f"ELSE {len(self.weights) - 1}"
        share = f"(SELECT {BUCKET} AS number) AS share"  # noqa: S608 - no words of people in it
        drawn = f"(SELECT CASE {' '.join(arms)} {last} END FROM {share})"  # noqa: S608
        if self.decide_at is None:
            return f"{drawn}::smallint", params
        sampled = f"{BUCKET} < {self.campaign.sample * BUCKETS // 100}"
        # The sample is drawn by another number than the variants are.
        return f"CASE WHEN {sampled} THEN {drawn}::smallint END", [
            f"{self.salt}:sample:",
            *params,
        ]
