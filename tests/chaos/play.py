"""Play a mix on a stack: start a campaign, strike, wait for its end, and look at the evidence."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Max, Min
from django.utils import timezone

from campaigns import starting
from campaigns.models import Campaign, Delivery, Gate, Run
from config.embedded import processes
from subscribers.models import Subscription
from tests.chaos.checker import check
from tests.chaos.faults import FAULTS
from tests.chaos.mixes import Mix
from tests.chaos.population import Device, Population
from tests.chaos.scene import PATIENCE_SECONDS, Scene, persistently
from tests.chaos.stack import Stack
from tests.factories import make_campaign

AT_ONCE = 50
SOON = timedelta(seconds=2)
START_SECONDS = 30.0
NOT_GOING = (Run.State.FINISHED, Run.State.PAUSED, Run.State.CANCELLED)


@dataclass(frozen=True)
class Report:
    """What one mix came to. `missed`: faults that came too late to strike."""

    name: str
    faults: list[str]
    audience: int
    counts: dict[str, int]
    bound: int
    lost: int
    seconds: float
    violations: list[str]
    missed: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def play(stack: Stack, population: Population, mix: Mix) -> Report:
    population.revive()
    Gate.objects.all().delete()
    stack.want_workers(mix.workers)
    scene, leaving = begin(stack, population, mix)
    began, missed = time.monotonic(), []
    for moment, name in mix.faults:
        here = scene.until(moment)
        seconds = time.monotonic() - began
        say(f"{mix.name}: {seconds:.0f} s, {scene.accepted()} accepted, now {name}")
        # Not before they are planned: the audience is frozen when planning comes to them.
        leave(leaving)
        leaving = []
        if here and FAULTS[name](scene):
            scene.faults.append(name)
        else:
            missed.append(name)
    end(scene)
    seconds = time.monotonic() - began
    evidence = persistently(scene.evidence)
    violations = [str(violation) for violation in check(evidence)] + scene.trouble
    stack.push.behave(gone=[], refused=[], latency=0.0)
    tidy(scene)
    return Report(
        name=mix.name,
        faults=scene.faults,
        audience=len(scene.audience),
        counts={name: count for name, count in evidence.counts.items() if count},
        bound=scene.bound,
        lost=evidence.lost,
        seconds=round(seconds, 1),
        violations=violations,
        missed=missed,
    )


def say(text: str) -> None:
    """How far it is, for a person who waits."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def begin(stack: Stack, population: Population, mix: Mix) -> tuple[Scene, list[int]]:
    """Start the campaign as the mix says; the scene, and who will unsubscribe meanwhile."""
    rng = mix.rng
    meant = [d for d in population.devices if not mix.languages or d.language in mix.languages]
    shuffled = rng.sample(meant, len(meant))
    gone, refused, leaving = cut(shuffled, mix.gone, mix.refused, mix.leaving)
    stack.push.behave(
        gone=[device.token for device in gone],
        refused=[device.token for device in refused],
        latency=mix.latency,
    )
    logged, lost = stack.push.marks(), stack.push.answers_lost()
    campaign = make_campaign(population.site, rule=mix.rule, name=mix.name, throttle=mix.throttle)
    run, trouble = start(stack, campaign, mix.start)
    scene = Scene(
        stack=stack,
        population=population,
        run=run,
        audience=frozenset(device.token for device in meant),
        rng=rng,
        outage=mix.outage,
        deploys=mix.deploys,
        logged_before=logged,
        lost_before=lost,
        trouble=trouble,
    )
    return scene, [device.id for device in leaving]


def cut(devices: list[Device], *shares: float) -> list[list[Device]]:
    """Parts of a list, by their shares, none twice."""
    parts, first = [], 0
    for share in shares:
        last = first + round(share * len(devices))
        parts.append(devices[first:last])
        first = last
    return parts


def start(stack: Stack, campaign: Campaign, how: str) -> tuple[Run, list[str]]:
    """By whatever way: one run, and what is wrong if it is not one."""
    if how == "scheduled":
        wall = (timezone.now() + SOON).replace(tzinfo=None)
        starting.schedule(campaign, wall, "UTC")
    elif how == "fifty":
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(start_beside, [campaign.pk] * AT_ONCE))
    else:
        starting.start(campaign)
    runs = Run.objects.filter(campaign=campaign)

    def begun() -> bool:
        stack.tend()
        return runs.exists()

    processes.wait_for(begun, START_SECONDS)
    found = list(runs)
    return found[0], [f"it was started {len(found)} times"] if len(found) > 1 else []


def start_beside(campaign_id: Any) -> None:
    """In a thread, with a connection of its own."""
    try:
        starting.start(Campaign.objects.get(pk=campaign_id))
    finally:
        connection.close()


def leave(devices: list[int]) -> None:
    """They unsubscribe while the run goes on."""
    unsubscribed = Subscription.State.UNSUBSCRIBED
    persistently(lambda: Subscription.objects.filter(pk__in=devices).update(state=unsubscribed))


def end(scene: Scene) -> None:
    """Wait for the end of the run, which has so long after the last fault."""
    scene.wait(lambda: scene.state() in NOT_GOING)
    state = persistently(scene.state)
    if state == Run.State.FINISHED:
        return
    scene.trouble.append(f"{PATIENCE_SECONDS:.0f} s after the last fault it is {state}")
    scene.trouble += persistently(lambda: standstill(scene.run.pk))


def standstill(run_id: int) -> list[str]:
    """Why a run does not go on, for whoever looks into it."""
    run = Run.objects.get(pk=run_id)
    said = [f"run: {run.pause_reason or 'no reason'}, planned at {run.planned_at}"]
    for batch in run.batches.filter(pending__gt=0).order_by("pk")[:5]:
        rows = Delivery.objects.filter(
            run_id=run_id, subscription_id__gte=batch.first, subscription_id__lte=batch.last
        ).filter(state__in=(Delivery.State.PLANNED, Delivery.State.SENDING))
        waiting = rows.aggregate(Min("not_before"), Max("not_before"), Count("attempts"))
        said.append(
            f"batch {batch.pk}: pending {batch.pending}, due {batch.due_at}, leased until "
            f"{batch.leased_until}, token {batch.token}, recoveries {batch.recoveries}, parked "
            f"{batch.parked_at}, enqueued {batch.enqueued_at}, error {batch.error!r}; {waiting}"
        )
    return [*said, f"now {timezone.now()}; gates {list(Gate.objects.values())}"]


def tidy(scene: Scene) -> None:
    """What did not end is cancelled, so that the next run has the stack for itself."""
    campaign = Campaign.objects.get(runs=scene.run.pk)
    if campaign.state in Campaign.OPEN:
        starting.cancel(campaign)
        scene.wait(lambda: not Run.objects.get(pk=scene.run.pk).batches.filter(pending__gt=0), 60)
