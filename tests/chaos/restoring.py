"""A dump of the database is restored in the middle of a send (design section 5.9).

The restored ledger has forgotten whom was sent to since the dump. So everything comes up paused,
and nothing may leave before a person has looked: the push service's log shows whether it did.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from django.db import connection

from campaigns.models import Campaign, Run
from tests.chaos.checker import check
from tests.chaos.mixes import Mix
from tests.chaos.play import Report, begin, tidy
from tests.chaos.population import Population
from tests.chaos.scene import Scene, persistently
from tests.chaos.stack import Stack

PAUSED_SECONDS = 60.0
# What a cancelled run says of those whom the dump did not know is not what the push service knows.
STILL_TRUE = ("I1", "I2")


def restore(stack: Stack, population: Population, mix: Mix) -> Report:
    """Dump at a fifth of the send, restore at half of it, and watch."""
    population.revive()
    stack.want_workers(mix.workers)
    scene, _leaving = begin(stack, population, mix)
    dump = stack.var_dir / "dump"
    scene.until(0.2)
    with_database_stopped(stack, stack.postgres.data_dir, dump)
    marked = mark(stack)
    # What a dump may forget unnoticed is what happened within ten seconds of it.
    scene.wait(lambda: mark(stack) != marked)
    scene.until(0.5)
    with_database_stopped(stack, dump, stack.postgres.data_dir)
    accepted = scene.accepted()
    if not scene.wait(lambda: scene.state() == Run.State.PAUSED, PAUSED_SECONDS):
        scene.trouble.append(f"it came up {persistently(scene.state)}, not paused")
    campaign = persistently(lambda: Campaign.objects.get(runs=scene.run.pk))
    if not campaign.attention:
        scene.trouble.append("nobody is told why")
    tidy(scene)
    if scene.accepted() != accepted:
        scene.trouble.append(f"{scene.accepted() - accepted} were sent before a person had looked")
    return report(scene, mix)


def with_database_stopped(stack: Stack, frm: Path, to: Path) -> None:
    """As an operator does it: stop what sends, copy, and start again."""
    connection.close()
    stack.stop_senders()
    stack.postgres.stop()
    shutil.rmtree(to, ignore_errors=True)
    # Its files belong to another user, and must do so again.
    subprocess.run(["cp", "-a", str(frm), str(to)], check=True)
    stack.postgres.start()
    stack.tend()


def mark(stack: Stack) -> str:
    """What is known outside the database of how far it had come."""
    place = stack.var_dir / "epoch"
    return place.read_text() if place.exists() else ""


def report(scene: Scene, mix: Mix) -> Report:
    evidence = persistently(scene.evidence)
    broken = [str(one) for one in check(evidence) if one.invariant in STILL_TRUE]
    return Report(
        name=mix.name,
        faults=["restored_dump"],
        audience=len(scene.audience),
        counts={name: count for name, count in evidence.counts.items() if count},
        bound=scene.bound,
        lost=evidence.lost,
        seconds=0.0,
        violations=broken + scene.trouble,
    )
