"""How many devices of a range end how: what `foretelling` says of each, counted by PostgreSQL.

People who have had the same messages on the same side of every moment that matters are one group,
so that a million devices are a few hundred rows. Texts are not read here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connection

from audiences import bounded
from audiences.catalogue.profile import BUCKETS
from campaigns import capping, deciding, planning
from campaigns.capping import Books, Person, Place
from campaigns.foretelling import SENT, Forecast, code_of
from campaigns.models import Campaign, Run

STEP = timedelta(microseconds=1)

# Of each person who would be sent to: which runs they had, each in which stretch of time (a bit for
# each pair), and whether one with the same send-once key was among them. Most devices of these
# people lie in the range, where the ledger is read in its order; the others are looked up.
PLACES = f"""
, who AS MATERIALIZED (SELECT DISTINCT subscriber_id FROM planned WHERE state = 0), sent AS (
    SELECT device.subscriber_id, d.run_id, {capping.TAKEN_AT} AS at
    FROM subscribers_subscription AS device
    JOIN campaigns_delivery AS d ON d.subscription_id = device.id
    WHERE device.site_id = %s AND device.id > %s AND device.id <= %s
        AND d.subscription_id > %s AND d.subscription_id <= %s
        AND d.month = ANY(%s) AND d.run_id = ANY(%s) AND {capping.TAKES}
    UNION ALL
    SELECT device.subscriber_id, d.run_id, {capping.TAKEN_AT}
    FROM who JOIN subscribers_subscription AS device USING (subscriber_id)
    JOIN campaigns_delivery AS d ON d.subscription_id = device.id
    WHERE device.site_id = %s AND NOT (device.id > %s AND device.id <= %s)
        AND d.month = ANY(%s) AND d.run_id = ANY(%s) AND {capping.TAKES}
), places AS (
    SELECT sent.subscriber_id, bool_or(run.once) AS had,
        bit_or(set_bit(%s::varbit,
            ((run.number - 1) * %s + width_bucket(sent.at, %s::timestamptz[]))::int, 1)
        ) FILTER (WHERE run.counts) AS taken
    FROM sent JOIN unnest(%s::bigint[], %s::bool[], %s::bool[])
        WITH ORDINALITY AS run (id, counts, once, number) ON run.id = sent.run_id
    GROUP BY sent.subscriber_id
)
"""  # noqa: S608 - no words of people in it
COUNT = """
SELECT time_zone, variant, state, reason, at, {held} AS held, {had} AS had, {taken} AS taken,
    {coming} AS coming, count(*)
FROM planned AS chosen {places} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
"""


class Group(NamedTuple):
    """Devices that end alike. `held_out`: they are kept back, unless their texts stop first."""

    time_zone: str
    variant: int | None
    code: str
    at: datetime | None
    held_out: bool


@dataclass(frozen=True)
class Headcount:
    """Of one forecast; what it knows of other campaigns is as of when it was made."""

    forecast: Forecast

    @cached_property
    def books(self) -> Books | None:
        limits = self.forecast.limits
        if limits is None:
            return None
        begins = self.forecast.starts_at
        return Books(self.forecast.campaign, limits, begins, until=max(self.moments))

    @property
    def possible(self) -> bool:
        """Not while a more important campaign is on its way: each place that it holds has a time of
        its own."""
        return self.books is None or not self.books.ahead()

    @cached_property
    def moments(self) -> list[datetime]:
        """All moments at which somebody could get it."""
        terms = self.forecast.terms
        zones = {decision.at for decision in terms.zones().values()}
        return sorted({terms.began, *filter(None, [*zones, terms.decide_at])})

    @cached_property
    def coming(self) -> list[tuple[Campaign, datetime]]:
        return self.books.coming() if self.books else []

    @cached_property
    def edges(self) -> list[datetime]:
        """Where it matters whether a message was sent before or after."""
        if self.books is None:
            return []
        limits = self.books.limits
        spans = [timedelta(days=cap.days) for cap in limits.caps]
        spans += [limits.gap] if limits.gap else []
        moments = {*self.moments, *(at for _campaign, at in self.coming)}
        found = {at - span for at in moments for span in spans}
        # "Later than": from the next instant on.
        return sorted(at + STEP for at in {*found, self.books.now - limits.reach})

    @cached_property
    def counted(self) -> list[Run]:
        """The runs that take places, in the order of their numbers."""
        return list(self.books.runs.values()) if self.books else []

    @cached_property
    def once(self) -> list[Run]:
        campaign = self.forecast.campaign
        return list(capping.runs_of_key(campaign)) if campaign.once_key else []

    def of(self, after: int, through: int) -> Counter[Group]:
        """The devices of a range of ids."""
        found = planning.planned(
            self.forecast.terms, self.forecast.chosen(self.forecast.devices(after, through))
        )
        if found is None:
            return Counter()
        query, params = found
        more, own = self._count(after, through)
        # To compile the statement takes longer than that saves.
        with bounded.at_most(0, jit="off"), connection.cursor() as cursor:
            cursor.execute(query + more, [*params, *own])
            rows = cursor.fetchall()
        groups: Counter[Group] = Counter()
        for *row, devices in rows:
            groups[self._group(*row)] += devices
        return groups

    def _count(self, after: int, through: int) -> tuple[str, list[Any]]:
        """The end of the statement, with its parameters."""
        held, drawn = self._held()
        coming, wanted = self._coming(after, through)
        parts = {"held": held, "coming": coming}
        if not (self.counted or self.once):
            empty = {"had": "false", "taken": "NULL::varbit", "places": ""}
            return COUNT.format(**parts, **empty), [*drawn, *wanted]
        parts |= {"had": "coalesce(places.had, false)", "taken": "places.taken"}
        parts["places"] = "LEFT JOIN places USING (subscriber_id)"
        places = self._places(after, through)
        return PLACES + COUNT.format(**parts), [*places, *drawn, *wanted]

    def _places(self, after: int, through: int) -> list[Any]:
        once, counted = ({run.pk for run in runs} for runs in (self.once, self.counted))
        ids = [*(run.pk for run in self.counted), *sorted(once - counted)]
        months = list({run.month for run in (*self.counted, *self.once)})
        none = "0" * (self._parts * max(len(counted), 1))
        site, chunk = self.forecast.campaign.site_id, [after, through]
        return [
            *(site, *chunk, *chunk, months, ids),
            *(site, *chunk, months, ids),
            *(none, self._parts, self.edges),
            *(ids, [one in counted for one in ids], [one in once for one in ids]),
        ]

    @property
    def _parts(self) -> int:
        """How many stretches of time there are."""
        return len(self.edges) + 1

    def _held(self) -> tuple[str, list[Any]]:
        """SQL for whether somebody is kept back."""
        share = self.forecast.campaign.holdout
        if not share:
            return "false", []
        salt = f"{self.forecast.terms.salt}:holdout:"
        return f"{deciding.BUCKET} < {int(share) * BUCKETS // 100}", [salt]

    def _coming(self, after: int, through: int) -> tuple[str, list[Any]]:
        """SQL for which of the coming campaigns want somebody: an array of truths."""
        if self.books is None or not self.coming:
            return "NULL::bool[]", []
        people = self.forecast.devices(after, through).values("subscriber_id")
        truths, params = [], list[Any]()
        for campaign, _at in self.coming:
            wanted = self.books.wanted(campaign, people)
            try:
                query, own = wanted.values("subscriber_id").query.sql_with_params()
            except EmptyResultSet:
                truths.append("false")
                continue
            truths.append(f"chosen.subscriber_id IN ({query})")
            params += own
        return f"ARRAY[{', '.join(truths)}]", params

    def _group(  # noqa: PLR0913 - the columns of a row
        self,
        time_zone: str,
        variant: int | None,
        state: int,
        reason: str,
        at: datetime | None,
        held: bool,  # noqa: FBT001
        had: bool,  # noqa: FBT001
        taken: str | None,
        coming: Sequence[bool] | None,
    ) -> Group:
        code = code_of(state, reason)
        if code in SENT:
            if self.forecast.too_late(at):
                code = "run_expired"
            elif had:
                code = "sent_once"
            else:
                code = self.forecast.full(self._person(taken, coming), at) or code
        if code in SENT:
            code = self.forecast.stops or code
        return Group(time_zone, variant, code, at, held and code in SENT)

    def _person(self, taken: str | None, coming: Sequence[bool] | None) -> Person:
        """Somebody who had these runs in these stretches of time. A run that they had on several
        devices counts from the first one."""
        person = Person()
        for number, run in enumerate(self.counted if taken else ()):
            part = (taken or "").find("1", number * self._parts, (number + 1) * self._parts)
            if part > number * self._parts:  # the first stretch is before all that counts
                since = self.edges[part - number * self._parts - 1]
                person.taken[run.campaign.pk] = Place(since, run.campaign.topic)
        for (campaign, at), wanted in zip(self.coming, coming or (), strict=False):
            if wanted and campaign.pk not in person.taken:
                person.held[campaign.pk] = Place(at, campaign.topic)
        return person
