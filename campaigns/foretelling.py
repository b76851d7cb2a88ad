"""What would become of each device of a site, if a campaign started at a moment.

It is the planner's own statement without the insert, followed by what the claim would say at each
person's moment. What happens between now and then (people come, leave, buy) it can't know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, QuerySet

from audiences import compiling, rules
from audiences.catalogue import Scope
from campaigns import capping, planning, runs, tokens
from campaigns.deciding import Terms
from campaigns.models import Campaign, Delivery
from campaigns.personal import Aborted, Reader, Renderer, readers
from subscribers.models import Channel, Subscription

# Outcomes that only reading a text can tell, beside "aborted:…".
WORDS = ("no_title", "bad_address", "too_large", "render_failed")
# What gets it: at its time, or when the quiet hours end.
SENT = ("send", "later")
HOLDOUT = "holdout"
# Who gets no push, only the message in the inbox.
INBOX = "inbox_only"
REACHED = (*SENT, INBOX)
# Bytes of a payload that are no words, at most; and of a character of words.
FRAME, WIDEST = 1_000, 6
TOKEN, TAG = "t" * tokens.LENGTH, "t" * 32
# Knuth's multiplicative hashing: who is among a fair share of all.
FACTOR, HASHES = 2_654_435_761, 2**32
# No id of a device is larger.
LAST = 2**63 - 1

SELECT = """
SELECT id, subscriber_id, time_zone, variant, state, reason, at FROM planned ORDER BY id
"""


class Foretold(NamedTuple):
    """What would become of one device. `code`: one of SENT, HOLDOUT, or the ledger's reason."""

    subscription_id: int
    subscriber_id: UUID
    time_zone: str
    variant: int | None
    code: str
    at: datetime | None


@dataclass(frozen=True)
class Forecast:
    """A campaign as it would start at a moment: what it says of any of its site's devices."""

    campaign: Campaign
    rule: rules.Rule
    starts_at: datetime

    @cached_property
    def terms(self) -> Terms:
        message = runs.message_of(self.campaign)
        expires_at = runs.expiry(self.campaign, self.starts_at)
        decide_at = runs.decision(self.campaign, message, self.starts_at)
        return Terms(self.campaign, message, self.starts_at, expires_at, decide_at)

    @cached_property
    def renderer(self) -> Renderer:
        return Renderer(self.terms.message, self.campaign.site)

    @cached_property
    def limits(self) -> capping.Limits | None:
        return capping.limits_of(self.campaign)

    @cached_property
    def stops(self) -> str:
        """Why a message that is the same for all goes to nobody; "" if it goes out."""
        if not self.renderer.plain:
            return ""
        try:
            self.renderer.payload()
        except Aborted as aborted:
            return aborted.code[:80]
        return ""

    def devices(self, after: int, through: int) -> QuerySet[Subscription]:
        """Those of the site in a range of ids that can be reached now."""
        return planning.taking_part(self.campaign, after, through)

    def scope(self, devices: QuerySet[Subscription]) -> Scope:
        """Whose people a rule is asked about."""
        return Scope(self.campaign.site, self.starts_at, devices.values("subscriber_id"))

    def chosen(self, devices: QuerySet[Subscription]) -> QuerySet[Subscription]:
        """Those of them that are in the audience."""
        return devices.filter(compiling.compile(self.rule, self.scope(devices)))

    def peers(self, devices: QuerySet[Subscription]) -> QuerySet[Subscription] | None:
        """All devices of these people that take part; None if each gets it on every device."""
        if self.campaign.devices == Campaign.Devices.EVERY:
            return None
        people = devices.values("subscriber")
        theirs = self.devices(0, LAST).filter(subscriber__in=people)
        return theirs.filter(compiling.compile(self.rule, self.scope(devices)))

    def of(
        self,
        after: int,
        through: int,
        people: Iterable[UUID] | None = None,
        share: float = 1.0,
    ) -> tuple[list[Foretold], Counter[str]]:
        """The devices of a range of ids, in their order; and what the texts would miss, by name.

        `people`: of these only. `share`: of a fair share of them only.
        """
        devices = self.devices(after, through)
        if people is not None:
            devices = devices.filter(subscriber__in=list(people))
        if share < 1:
            drawn = devices.alias(drawn=F("id") * FACTOR % HASHES)
            devices = drawn.filter(drawn__lt=int(share * HASHES))
        found = planning.planned(self.terms, self.chosen(devices), self.peers(devices))
        if found is None:
            return [], Counter()
        query, params = found
        with connection.cursor() as cursor:
            cursor.execute(query + SELECT, params)
            rows = [_planned(*row) for row in cursor.fetchall()]
        rows = [self._in_time(row) for row in rows]
        rows = self._by_person(rows)
        rows, missing = self._by_words(rows)
        return self._by_chance(rows), missing

    def too_late(self, at: datetime | None) -> bool:
        """Whether the campaign has expired by then."""
        ends = self.terms.expires_at
        return ends is not None and at is not None and at >= ends

    def _in_time(self, row: Foretold) -> Foretold:
        late = row.code in REACHED and self.too_late(row.at)
        return row._replace(code="run_expired") if late else row

    def _by_person(self, rows: list[Foretold]) -> list[Foretold]:
        """With those whom a cap, the gap or a send-once key would stop."""
        everybody = {row.subscriber_id for row in rows if row.code in SENT}
        had: set[UUID] = set()
        if self.campaign.once_key and everybody:
            had = capping.had_once(self.campaign, everybody)
        counts = self.places(everybody, (row.at for row in rows))
        if not had and not counts:
            return rows
        return [self._limited(row, counts.get(row.subscriber_id), had) for row in rows]

    def places(
        self, people: set[UUID], moments: Iterable[datetime | None]
    ) -> dict[UUID, capping.Person]:
        """What counts for these people, for messages at these moments."""
        if self.limits is None or not people:
            return {}
        last = max((at or self.starts_at for at in moments), default=self.starts_at)
        return capping.Books(self.campaign, self.limits, self.starts_at, until=last).of(people)

    def _limited(self, row: Foretold, person: capping.Person | None, had: set[UUID]) -> Foretold:
        if row.code not in SENT:
            return row
        # In the order of the claim, where the key has the last word.
        code = "sent_once" if row.subscriber_id in had else self.full(person, row.at)
        return row._replace(code=code) if code else row

    def full(self, person: capping.Person | None, at: datetime | None) -> str:
        """Why a message at a moment is too many for a person; "" if it is not."""
        if person is None or self.limits is None:
            return ""
        return capping.full(self.limits, person, at or self.starts_at)

    def _by_words(self, rows: list[Foretold]) -> tuple[list[Foretold], Counter[str]]:
        """With those for whom the message stops itself or can't be said."""
        missing: Counter[str] = Counter()
        if self.stops:
            return [
                row._replace(code=self.stops) if row.code in REACHED else row for row in rows
            ], missing
        left = [row.subscription_id for row in rows if row.code in REACHED]
        if self.renderer.plain or not left:
            return rows, missing
        found = readers(self.campaign.site, left, self.renderer.needs, self.starts_at)
        return [self._said(row, found.get(row.subscription_id), missing) for row in rows], missing

    def _said(self, row: Foretold, reader: Reader | None, missing: Counter[str]) -> Foretold:
        if row.code not in REACHED:
            return row
        channel = reader.channel if reader else Channel.WEB.value
        try:
            content, defaults = self.renderer.rendered(reader, row.variant, channel)
            # Few are so long that it has to be asked.
            if len(str(content)) * WIDEST + FRAME > settings.PAYLOAD_LIMIT:
                self.renderer.payload(reader, row.variant, token=TOKEN, tag=TAG, channel=channel)
        except Aborted as aborted:
            return row._replace(code=aborted.code[:80])
        missing.update(defaults)
        return row

    def _by_chance(self, rows: list[Foretold]) -> list[Foretold]:
        if not self.campaign.holdout:
            return rows
        held = self.terms.is_held_out
        return [
            row._replace(code=HOLDOUT) if row.code in REACHED and held(row.subscriber_id) else row
            for row in rows
        ]


def code_of(state: int, reason: str) -> str:
    """What the planner says, as a code of ours."""
    if state != Delivery.State.PLANNED or reason == INBOX:
        return reason
    return "later" if reason == "quiet_hours" else "send"


def is_of_words(code: str) -> bool:
    """Whether a code comes from reading a text."""
    return code.startswith("aborted") or code in WORDS


def is_read(code: str) -> bool:
    """Whether the text was read of a device that ends like this."""
    return code in REACHED or code == HOLDOUT or is_of_words(code)


def _planned(  # noqa: PLR0913 - the columns of a row
    subscription: int,
    subscriber: UUID,
    time_zone: str,
    variant: int | None,
    state: int,
    reason: str,
    at: datetime | None,
) -> Foretold:
    return Foretold(subscription, subscriber, time_zone, variant, code_of(state, reason), at)
