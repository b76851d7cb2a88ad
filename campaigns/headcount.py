"""How many devices of a range end how: what `foretelling` says of each, counted by PostgreSQL.

People who have had the same messages on the same side of every moment that matters are one group,
so that a million devices are a few hundred rows. Texts are not read here.
"""

from __future__ import annotations

import re
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
from campaigns.foretelling import REACHED, SENT, Forecast, code_of
from campaigns.models import Campaign, Run

STEP = timedelta(microseconds=1)

# Each step reads a good part of a site: that fits in memory, and needs no order. To compile the
# statement takes longer than that saves.
SETTINGS = {"work_mem": "128MB", "enable_sort": "off", "jit": "off"}
NAMED = re.compile(r"%\((\w+)\)s")
AT = f"least({capping.TAKEN_AT}, %(now)s)"
# Of each person of the range: in which stretch of time they had each run, on the last of their
# devices, and whether one with the same send-once key was among them. Most devices of these people
# lie in the range, where the ledger is read in its order. To find who has others too, all people of
# the site are passed once in their order, which is far cheaper than to ask for each. These few are
# looked up (an array, and OFFSET 0: else all of the site and all rows of the runs are read).
PLACES = f"""
, far AS MATERIALIZED (
    SELECT subscriber_id FROM subscribers_subscription WHERE site_id = %(site)s
    GROUP BY subscriber_id
    HAVING min(id) <= %(through)s AND max(id) > %(after)s
        AND (min(id) <= %(after)s OR max(id) > %(through)s)
), sent AS (
    SELECT device.subscriber_id, d.run_id, {AT} AS at
    FROM subscribers_subscription AS device
    JOIN campaigns_delivery AS d ON d.subscription_id = device.id
    WHERE device.site_id = %(site)s AND device.id > %(after)s AND device.id <= %(through)s
        AND d.subscription_id > %(after)s AND d.subscription_id <= %(through)s
        AND d.month = ANY(%(months)s) AND d.run_id = ANY(%(runs)s) AND {capping.TAKES}
    UNION ALL
    SELECT device.subscriber_id, d.run_id, d.at
    FROM subscribers_subscription AS device CROSS JOIN LATERAL (
        SELECT d.run_id, {AT} AS at FROM campaigns_delivery AS d
        WHERE d.subscription_id = device.id
            AND d.month = ANY(%(months)s) AND d.run_id = ANY(%(runs)s) AND {capping.TAKES} OFFSET 0
    ) AS d
    WHERE device.site_id = %(site)s AND NOT (device.id > %(after)s AND device.id <= %(through)s)
        AND device.subscriber_id = ANY(ARRAY(SELECT subscriber_id FROM far))
), places AS (
    SELECT subscriber_id, bool_or(run_id = ANY(%(once)s)) AS had, ARRAY[{{taken}}]::int[] AS taken
    FROM sent GROUP BY subscriber_id
)
"""  # noqa: S608 - no words of people in it
# 0: not at all, or before all that counts.
STRETCH = """coalesce(width_bucket(
    max(at) FILTER (WHERE run_id = {run}), %(edges)s::timestamptz[]), 0)"""
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
        forecast, devices = self.forecast, self.forecast.devices(after, through)
        chosen = forecast.chosen(devices)
        found = planning.planned(forecast.terms, chosen, forecast.peers(devices))
        if found is None:
            return Counter()
        query, params = found
        more, own = self._count(after, through)
        with bounded.at_most(0, **SETTINGS), connection.cursor() as cursor:
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
            empty = {"had": "false", "taken": "NULL::int[]", "places": ""}
            return COUNT.format(**parts, **empty), [*drawn, *wanted]
        parts |= {"had": "coalesce(places.had, false)", "taken": "places.taken"}
        parts["places"] = "LEFT JOIN places USING (subscriber_id)"
        places, found = self._places(after, through)
        return places + COUNT.format(**parts), [*found, *drawn, *wanted]

    def _places(self, after: int, through: int) -> tuple[str, list[Any]]:
        once, counted = ([run.pk for run in runs] for runs in (self.once, self.counted))
        given = {
            "site": self.forecast.campaign.site_id,
            "after": after,
            "through": through,
            "months": list({run.month for run in (*self.counted, *self.once)}),
            "runs": list({*once, *counted}),
            "once": once,
            "now": self.forecast.starts_at,
            "edges": self.edges,
        }
        query = PLACES.format(taken=", ".join(STRETCH.format(run=int(pk)) for pk in counted))
        return NAMED.sub("%s", query), [given[name] for name in NAMED.findall(query)]

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
        taken: Sequence[int] | None,
        coming: Sequence[bool] | None,
    ) -> Group:
        code = code_of(state, reason)
        if code in REACHED and self.forecast.too_late(at):
            code = "run_expired"
        if code in SENT:
            if had:
                code = "sent_once"
            else:
                code = self.forecast.full(self._person(taken, coming), at) or code
        if code in REACHED:
            code = self.forecast.stops or code
        return Group(time_zone, variant, code, at, held and code in REACHED)

    def _person(self, taken: Sequence[int] | None, coming: Sequence[bool] | None) -> Person:
        """Somebody who had these runs in these stretches of time."""
        person = Person()
        for run, part in zip(self.counted, taken or (), strict=False):
            if part:
                person.taken[run.campaign.pk] = Place(self.edges[part - 1], run.campaign.topic)
        for (campaign, at), wanted in zip(self.coming, coming or (), strict=False):
            if wanted and campaign.pk not in person.taken:
                person.held[campaign.pk] = Place(at, campaign.topic)
        return person
