"""The dry run: who would get a campaign, when, in which words, and who would not and why.

It is the planner's own statement without the insert, followed by what the claim would say at each
person's moment. What happens between now and then (people come, leave, buy) it can't know.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audiences import compiling, rules
from audiences.catalogue import Scope
from campaigns import capping, digests, moments, planning, runs
from campaigns.deciding import Terms
from campaigns.models import Campaign, Delivery, DryRun
from campaigns.personal import Aborted, Reader, Renderer, readers
from campaigns.refusals import Refused
from subscribers.models import Subscription

log = logging.getLogger("beckon.forecasting")
FAULT = _("A fault of Beckon's own, see the worker's log. Ask for it again.")
# Devices of one step: as many as the planner takes.
CHUNK = 40_000
# Texts are read for so many people, and for a fair share where there are more.
MOST_READ = 40_000
# Devices that are looked at together when some of an outcome are wanted.
LOOK = 5_000
# Outcomes that only reading a text can tell, beside "aborted:…".
WORDS = ("no_title", "bad_address", "too_large", "render_failed")
# What gets it: at its time, or when the quiet hours end.
SENT = ("send", "later")


SELECT = """
SELECT id, subscriber_id, time_zone, variant, state, reason, at FROM planned ORDER BY id
"""


class Foretold(NamedTuple):
    """What would become of one device. `code`: one of SENT, "holdout", or the ledger's reason."""

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

    def of(
        self, after: int, through: int, people: Sequence[UUID] | None = None, share: float = 1.0
    ) -> tuple[list[Foretold], Counter[str]]:
        """The devices of a range of ids, in their order; and what the texts would miss, by name.

        `people`: of these only. `share`: of how many the texts are read.
        """
        devices = planning.reachable(self.campaign.site, after, through)
        if people is not None:
            devices = devices.filter(subscriber__in=people)
        scope = Scope(self.campaign.site, self.starts_at, devices.values("subscriber_id"))
        found = planning.planned(self.terms, devices.filter(compiling.compile(self.rule, scope)))
        if found is None:
            return [], Counter()
        query, params = found
        with connection.cursor() as cursor:
            cursor.execute(query + SELECT, params)
            rows = [_planned(*row) for row in cursor.fetchall()]
        rows = self._within_time(rows)
        rows = self._by_person(rows)
        rows, missing = self._by_words(rows, share)
        return self._by_chance(rows), missing

    def _within_time(self, rows: list[Foretold]) -> list[Foretold]:
        ends = self.terms.expires_at
        if ends is None:
            return rows
        return [
            row._replace(code="run_expired")
            if row.code in SENT and row.at and row.at >= ends
            else row
            for row in rows
        ]

    def _by_person(self, rows: list[Foretold]) -> list[Foretold]:
        """With those whom a cap, the gap or a send-once key would stop."""
        everybody = {row.subscriber_id for row in rows if row.code in SENT}
        had: set[UUID] = set()
        if self.campaign.once_key and everybody:
            had = capping.had_once(self.campaign, everybody)
        counts: dict[UUID, capping.Person] = {}
        if self.limits is not None and everybody:
            last = max((row.at or self.starts_at for row in rows), default=self.starts_at)
            books = capping.Books(self.campaign, self.limits, self.starts_at, until=last)
            counts = books.of(everybody)
        if not had and not counts:
            return rows
        return [self._limited(row, counts.get(row.subscriber_id), had) for row in rows]

    def _limited(self, row: Foretold, person: capping.Person | None, had: set[UUID]) -> Foretold:
        if row.code not in SENT:
            return row
        if row.subscriber_id in had:
            return row._replace(code="sent_once")
        if person is None or self.limits is None:
            return row
        code = capping.full(self.limits, person, row.at or self.starts_at)
        return row._replace(code=code) if code else row

    def _by_words(self, rows: list[Foretold], share: float) -> tuple[list[Foretold], Counter[str]]:
        """With those for whom the message stops itself or can't be said."""
        missing: Counter[str] = Counter()
        left = [row.subscription_id for row in rows if row.code in SENT]
        if self.renderer.plain or not left:
            return rows, missing
        read = [device for device in left if share >= 1 or _drawn(device, share)]
        found = readers(self.campaign.site, read, self.renderer.needs, self.starts_at)
        return [self._said(row, found.get(row.subscription_id), missing) for row in rows], missing

    def _said(self, row: Foretold, reader: Reader | None, missing: Counter[str]) -> Foretold:
        if reader is None or row.code not in SENT:
            return row
        try:
            _content, defaults = self.renderer.rendered(reader, row.variant)
        except Aborted as aborted:
            return row._replace(code=aborted.code[:80])
        missing.update(defaults)
        return row

    def _by_chance(self, rows: list[Foretold]) -> list[Foretold]:
        if not self.campaign.holdout:
            return rows
        held = self.terms.is_held_out
        return [
            row._replace(code="holdout") if row.code in SENT and held(row.subscriber_id) else row
            for row in rows
        ]


def _drawn(subscription_id: int, share: float) -> bool:
    """Whether a device is among a fair share of all (Knuth, multiplicative hashing)."""
    return subscription_id * 2_654_435_761 % 2**32 < share * 2**32


def _planned(  # noqa: PLR0913 - the columns of a row
    subscription: int,
    subscriber: UUID,
    time_zone: str,
    variant: int | None,
    state: int,
    reason: str,
    at: datetime | None,
) -> Foretold:
    waits = "later" if reason == "quiet_hours" else "send"
    code = waits if state == Delivery.State.PLANNED else reason
    return Foretold(subscription, subscriber, time_zone, variant, code, at)


@transaction.atomic
def start(campaign: Campaign, by: User | None) -> DryRun:
    """Ask for a dry run of the campaign as it is now; one that goes on is dropped, unless it is of
    the same. Refused where the message or the audience is amiss."""
    rule, now = runs.rule_of(campaign), timezone.now()
    runs.message_of(campaign)
    digest = digests.digest(campaign)
    Campaign.objects.select_for_update().get(pk=campaign.pk)
    running = campaign.dry_runs.filter(state=DryRun.State.RUNNING)
    if (same := running.filter(digest=digest).first()) is not None:
        return same
    running.update(state=DryRun.State.CANCELLED, finished_at=now)
    newest = Subscription.objects.filter(site=campaign.site_id).aggregate(Max("id"))["id__max"]
    return DryRun.objects.create(
        campaign=campaign,
        digest=digest,
        parts=digests.parts(campaign),
        starts_at=max(moments.begins(campaign) or now, now),
        rule=rule.as_json(),
        last_subscription=newest or 0,
        asked_by=by,
    )


def latest(campaign: Campaign) -> DryRun | None:
    """The newest one that goes on or is done; it may be of the campaign as it was."""
    gone = (DryRun.State.CANCELLED, DryRun.State.FAILED)
    return campaign.dry_runs.exclude(state__in=gone).order_by("-asked_at", "-pk").first()


def forecast_of(dry_run: DryRun) -> Forecast:
    """Load `campaign__site` and `campaign__audience` with it."""
    rule = rules.parse(dry_run.rule, written_out=True)
    return Forecast(dry_run.campaign, rule, dry_run.starts_at)


def run(dry_run_id: int, stop: Callable[[], bool] = lambda: False) -> None:
    """Go on with a dry run, chunk by chunk, from where the last one ended.

    Any number of processes may call it: whoever saves a chunk first has counted it. It ends when
    somebody asked again, when the campaign was edited, or when `stop` says so.
    """
    found = DryRun.objects.select_related("campaign__site", "campaign__audience")
    dry_run = found.filter(pk=dry_run_id, state=DryRun.State.RUNNING).first()
    if dry_run is None:
        return
    if digests.digest(dry_run.campaign) != dry_run.digest:
        _end(dry_run, DryRun.State.CANCELLED)
        return
    forecast = forecast_of(dry_run)
    share = _share(dry_run, forecast)
    while dry_run.seen_through < dry_run.last_subscription:
        if stop() or not _step(dry_run, forecast, share):
            return
    _end(dry_run, DryRun.State.DONE)


def run_or_fail(dry_run_id: int, stop: Callable[[], bool]) -> None:
    """The same for a job: a fault of ours ends it and is told, one of the database is tried again."""
    try:
        run(dry_run_id, stop)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.exception("Dry run %s failed", dry_run_id)
        sentence = error.sentence if isinstance(error, Refused | rules.RuleError) else FAULT
        running = DryRun.objects.filter(pk=dry_run_id, state=DryRun.State.RUNNING)
        running.update(
            state=DryRun.State.FAILED, error=str(sentence)[:400], finished_at=timezone.now()
        )


def _end(dry_run: DryRun, state: DryRun.State) -> None:
    running = DryRun.objects.filter(pk=dry_run.pk, state=DryRun.State.RUNNING)
    running.update(state=state, finished_at=timezone.now())


def _share(dry_run: DryRun, forecast: Forecast) -> float:
    """Of how many the texts are read: of all, unless that would take too long."""
    if forecast.renderer.plain:
        return 1.0
    devices = planning.reachable(dry_run.campaign.site, 0, dry_run.last_subscription)
    return min(1.0, MOST_READ / max(devices.count(), 1))


def _step(dry_run: DryRun, forecast: Forecast, share: float) -> bool:
    """Count the next chunk; False if somebody else did, or if it is not asked for any more."""
    after = dry_run.seen_through
    ahead = planning.reachable(dry_run.campaign.site, after, dry_run.last_subscription)
    ids = ahead.order_by("id").values_list("id", flat=True)
    through = ids[CHUNK - 1 : CHUNK].first() or dry_run.last_subscription
    rows, missing = forecast.of(after, through, share=share)
    totals = Totals(dry_run)
    totals.add(rows, missing, share)
    saved = DryRun.objects.filter(
        pk=dry_run.pk, state=DryRun.State.RUNNING, seen_through=after
    ).update(seen_through=through, **totals.fields())
    dry_run.refresh_from_db(
        fields=["seen_through", "counts", "zones", "variants", "defaults", "sampled"]
    )
    return saved == 1


class Totals:
    """What a dry run has counted so far."""

    def __init__(self, dry_run: DryRun) -> None:
        self.counts = Counter(dry_run.counts)
        self.variants = Counter(dry_run.variants)
        self.defaults = Counter(dry_run.defaults)
        self.zones = Counter({(one["zone"], one["at"]): one["devices"] for one in dry_run.zones})
        self.sampled = dry_run.sampled

    def add(self, rows: Sequence[Foretold], missing: Counter[str], share: float) -> None:
        """Count a chunk. What was found in a share of the texts is counted for all of them."""
        counts = Counter(row.code for row in rows)
        if share < 1:
            counts = _scaled(counts, share)
            missing = Counter({name: round(count / share) for name, count in missing.items()})
            read = sum(_drawn(row.subscription_id, share) for row in rows)
            self.sampled = (self.sampled or 0) + read
        self.counts.update(counts)
        self.defaults.update(missing)
        sent = [row for row in rows if row.code in SENT]
        self.variants.update(str(row.variant) for row in sent if row.variant is not None)
        moments = Counter((row.time_zone, row.at) for row in sent)
        for (zone, at), devices in moments.items():
            self.zones[zone, at.isoformat() if at else ""] += devices

    def fields(self) -> dict[str, Any]:
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


def is_of_words(code: str) -> bool:
    """Whether a code comes from reading a text."""
    return code.startswith("aborted") or code in WORDS


def _scaled(counts: Counter[str], share: float) -> Counter[str]:
    """What reading all texts would have counted: as many stop in the others as in those read."""
    scaled = Counter(counts)
    for code, count in counts.items():
        if is_of_words(code):
            more = min(round(count / share) - count, scaled["send"])
            scaled[code] += more
            scaled["send"] -= more
    return +scaled


def people(
    dry_run: DryRun,
    code: str,
    after: int = 0,
    most: int = 50,
    stop: Callable[[], bool] | None = None,
) -> tuple[list[Foretold], int | None]:
    """Devices that a dry run gives an outcome, in the order of their ids from beyond `after`.

    And where to go on, None at the end. `stop`: asked between chunks; then there may be fewer.
    """
    forecast, found = forecast_of(dry_run), list[Foretold]()
    while after < dry_run.last_subscription:
        site = dry_run.campaign.site
        ids = planning.reachable(site, after, dry_run.last_subscription).order_by("id")
        through = ids.values_list("id", flat=True)[LOOK - 1 : LOOK].first()
        through = through or dry_run.last_subscription
        rows, _missing = forecast.of(after, through)
        found += [row for row in rows if row.code == code]
        if len(found) > most:
            return found[:most], found[most - 1].subscription_id
        after = through
        if stop is not None and stop():
            return found, after if after < dry_run.last_subscription else None
    return found, None


def of_person(dry_run: DryRun, subscriber_id: UUID) -> list[Foretold]:
    """What becomes of each device of one person; nothing if they are not in the audience."""
    through = dry_run.last_subscription
    return forecast_of(dry_run).of(0, through, people=[subscriber_id])[0]
