"""The dry run: who would get a campaign, when, in which words, and who would not and why.

Counted chunk by chunk in a job, so that a page can watch it; what becomes of whom is said by
`foretelling`, and of how many by `headcount`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audiences import rules
from campaigns import digests, moments, planning, runs
from campaigns.foretelling import Forecast, Foretold
from campaigns.headcount import Headcount
from campaigns.models import Campaign, DryRun
from campaigns.refusals import Refused
from campaigns.totals import Totals
from subscribers.models import Subscription

log = logging.getLogger("beckon.forecasting")
FAULT = _("A fault of Beckon's own, see the worker's log. Ask for it again.")
# Devices of one step where each is looked at: as many as the planner takes. Where they are counted,
# each step passes the whole site to find people's other devices: there are so many steps.
CHUNK, STEPS = 40_000, 4
# Texts are read of so many devices; where there are more, of a fair sample of about so many.
MOST_READ, SAMPLE = 40_000, 20_000
# Devices that are looked at together when some of an outcome are wanted: at first, and at most.
LOOK, MOST_LOOK = 2_000, 32_000
# Seconds that such a step may take for the next one to be larger.
SHORT = 0.2


@transaction.atomic
def start(campaign: Campaign, by: User | None) -> DryRun:
    """Ask for a dry run of the campaign as it is now; one that goes on is dropped, unless it is of
    the same. Refused where the message or the audience is amiss."""
    forecast, now = as_of_now(campaign), timezone.now()
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
        starts_at=forecast.starts_at,
        rule=forecast.rule.as_json(),
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
    count = Headcount(forecast_of(dry_run))
    devices = planning.taking_part(dry_run.campaign, 0, dry_run.last_subscription).count()
    while dry_run.seen_through < dry_run.last_subscription:
        if stop() or not _step(dry_run, count, devices):
            return
    _end(dry_run, DryRun.State.DONE)


def run_or_fail(dry_run_id: int, stop: Callable[[], bool]) -> None:
    """The same for a job: a fault of ours ends it and is told, one of the database does not."""
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


def _share(devices: int, forecast: Forecast) -> float:
    """Of how many the texts are read: of all, unless that would take too long."""
    if forecast.renderer.plain or devices <= MOST_READ:
        return 1.0
    return min(SAMPLE, MOST_READ) / devices


def _step(dry_run: DryRun, count: Headcount, devices: int) -> bool:
    """Count the next chunk of so many devices; False if somebody else did, or if it is not asked
    for any more."""
    after, forecast = dry_run.seen_through, count.forecast
    share, plain = _share(devices, forecast), forecast.renderer.plain
    counted = count.possible and (plain or share < 1)
    size = max(devices // STEPS + 1, CHUNK) if counted else CHUNK
    through = _upto(dry_run, after, size)
    totals = Totals(dry_run)
    if counted and plain:
        totals.add(count.of(after, through))
    elif counted:
        totals.add_by_share(count.of(after, through), *forecast.of(after, through, share=share))
    else:
        totals.add_rows(*forecast.of(after, through))
    saved = DryRun.objects.filter(
        pk=dry_run.pk, state=DryRun.State.RUNNING, seen_through=after
    ).update(seen_through=through, **totals.fields())
    fields = ["seen_through", "counts", "zones", "variants", "defaults", "sampled"]
    dry_run.refresh_from_db(fields=fields)
    return saved == 1


def _upto(dry_run: DryRun, after: int, size: int) -> int:
    """The last device of the next chunk of that size."""
    ahead = planning.taking_part(dry_run.campaign, after, dry_run.last_subscription)
    ids = ahead.order_by("id").values_list("id", flat=True)
    return ids[size - 1 : size].first() or dry_run.last_subscription


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
    forecast, found, size = forecast_of(dry_run), list[Foretold](), LOOK
    while after < dry_run.last_subscription:
        through = _upto(dry_run, after, size)
        begun = time.monotonic()
        rows, _missing = forecast.of(after, through)
        found += [row for row in rows if row.code == code]
        if len(found) > most:
            return found[:most], found[most - 1].subscription_id
        after = through
        if stop is not None and stop():
            return found, after if after < dry_run.last_subscription else None
        # What is rare is looked for in larger steps, as long as they are short.
        if size < MOST_LOOK and time.monotonic() - begun < SHORT:
            size *= 2
    return found, None


def as_of_now(campaign: Campaign) -> Forecast:
    """What would become of its audience as everything is now. Refused where it is not complete."""
    now = timezone.now()
    runs.message_of(campaign)
    return Forecast(campaign, runs.rule_of(campaign), max(moments.begins(campaign) or now, now))


def current(campaign: Campaign) -> DryRun | None:
    """The newest one that is done and of the campaign as it is now."""
    done = campaign.dry_runs.filter(state=DryRun.State.DONE, digest=digests.digest(campaign))
    return done.select_related("campaign__site", "campaign__audience").first()


def of_person(dry_run: DryRun, subscriber_id: UUID) -> list[Foretold]:
    """What becomes of each device of one person; nothing if they are not in the audience."""
    through = dry_run.last_subscription
    return forecast_of(dry_run).of(0, through, people=[subscriber_id])[0]
