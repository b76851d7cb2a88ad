"""Who of a window is not sent after all, and what the others get, word for word.

Asked within the claim's transaction, before its one statement commits the intent to send: quiet
hours, send-once keys, caps and the gap, then the texts of each person, then the holdout, so that
who is kept back differs from who is sent by nothing but chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from campaigns import capping, ledger, tokens
from campaigns.deciding import Terms
from campaigns.leases import Lease
from campaigns.ledger import Due, Verdict
from campaigns.models import Delivery, Run
from campaigns.personal import Aborted, Reader, Renderer, readers

HELD_OUT = Verdict(Delivery.State.HOLDOUT, "holdout")


@dataclass
class Judged:
    """The rows that were looked at, why some are not sent, and the payloads of the others."""

    only: list[int]
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    payloads: dict[int, bytes] = field(default_factory=dict)


def lifetime(run: Run, now: datetime) -> int:
    """Seconds that a push service keeps it for a device that is offline.

    Nobody reads it after its time is over.
    """
    ttl = run.message.ttl
    left = (run.expires_at - now).total_seconds() if run.expires_at else ttl
    return max(0, min(ttl, int(left)))


class Judge:
    """Of one run, as it stands now."""

    def __init__(self, run: Run, renderer: Renderer, now: datetime) -> None:
        self.run = run
        self.terms = Terms.of(run)
        self.renderer = renderer
        self.now = now
        campaign = run.campaign
        self.limits = None if self.terms.test else capping.limits_of(campaign)
        self.once = bool(campaign.once_key) and not self.terms.test

    @property
    def idle(self) -> bool:
        """Whether everybody is sent the same, whoever they are and whenever it is."""
        free = self.terms.quiet is None and self.limits is None and not self.once
        same = self.renderer.plain and not self._stops()
        return free and same and (self.terms.test or not self.run.campaign.holdout)

    def _stops(self) -> bool:
        """Whether a message that is the same for all is for nobody."""
        try:
            self.renderer.payload()
        except Aborted:
            return True
        return False

    def judge(self, lease: Lease, limit: int, *, awaits: bool) -> Judged:
        """Look at the next rows of a held lease, at most `limit`."""
        waited = self.run.waited
        rows = ledger.due(lease, now=self.now, limit=limit, awaits=awaits, waited=waited)
        judged = Judged([row.subscription_id for row in rows])
        for check in (self._by_clock, self._by_person, self._by_words, self._by_chance):
            left = [row for row in rows if row.subscription_id not in judged.verdicts]
            if left:
                check(left, judged)
        return judged

    def _by_clock(self, rows: Sequence[Due], judged: Judged) -> None:
        if self.terms.quiet is None:
            return
        zones = self.terms.quiet_now(self.now)
        elsewhere = zones.get(self.run.campaign.site.time_zone)
        for row in rows:
            if row.inbox:
                continue  # an inbox disturbs nobody
            until = zones.get(row.time_zone) if self.terms.knows(row.time_zone) else elsewhere
            if until:
                decision = self.terms.held(until)
                verdict = Verdict(decision.state, decision.reason, decision.at)
                judged.verdicts[row.subscription_id] = verdict

    def _by_person(self, rows: Sequence[Due], judged: Judged) -> None:
        if self.limits is None and not self.once:
            return
        rows = [row for row in rows if not row.inbox]
        everybody = {row.subscriber_id for row in rows}
        capping.one_at_a_time(everybody)
        reasons = self._reasons(everybody)
        for row in rows:
            if reason := reasons.get(row.subscriber_id):
                judged.verdicts[row.subscription_id] = Verdict(Delivery.State.SKIPPED, reason)

    def _reasons(self, everybody: set[UUID]) -> dict[UUID, str]:
        """Why these people get no more, by person; nothing for those who may."""
        campaign, reasons = self.run.campaign, {}
        if self.limits is not None:
            books = capping.Books(campaign, self.limits, self.now, self.run)
            for person, counts in books.of(everybody).items():
                reasons[person] = capping.full(self.limits, counts, self.now)
        if self.once:
            had = capping.had_once(campaign, everybody, self.run)
            reasons |= dict.fromkeys(had, "sent_once")
        return reasons

    def _by_words(self, rows: Sequence[Due], judged: Judged) -> None:
        found: dict[int, Reader] = {}
        if self.renderer.needs:
            site, ids = self.run.campaign.site, [row.subscription_id for row in rows]
            found = readers(site, ids, self.renderer.needs, self.now)
        for row in rows:
            device = row.subscription_id
            try:
                judged.payloads[device] = self._payload(row, found.get(device))
            except Aborted as aborted:
                judged.verdicts[device] = Verdict(Delivery.State.SKIPPED, aborted.code[:80])

    def _payload(self, row: Due, reader: Reader | None) -> bytes:
        device, run = row.subscription_id, self.run
        return self.renderer.payload(
            reader,
            run.winner if row.variant is None else row.variant,
            token=tokens.make(tokens.DeliveryKey(run.month, run.pk, device)),
            tag=tokens.topic(run.pk, device),
            channel=row.channel,
            ttl=lifetime(run, self.now),
        )

    def _by_chance(self, rows: Sequence[Due], judged: Judged) -> None:
        for row in rows:
            if self.terms.is_held_out(row.subscriber_id):
                judged.verdicts[row.subscription_id] = HELD_OUT
