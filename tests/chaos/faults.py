"""The faults of push-reference section 3.5, each as it is done to a running stack.

Each returns whether it struck: the run may be over before it could. What it may leave unknown it
adds to the scene's bound, as docs/guarantee.md states it: a drained deploy or an emptied Redis none
at all, a killed sender what it had in flight.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from email.utils import formatdate
from time import time

import django_rq
from django.db import connection

from campaigns import jobs
from campaigns.models import Batch
from config.embedded import processes
from tests.chaos.pushing import Rule
from tests.chaos.scene import Scene, persistently
from tests.chaos.stack import DRAIN_SECONDS, children_of

Act = Callable[[Scene], bool]
BUSY_SECONDS = 20.0
# Of the audience, over which the deploys are spread.
DEPLOYS_SHARE = 0.2


def busy(scene: Scene) -> tuple[subprocess.Popen[bytes], int] | None:
    """A worker with the process of its job; None when none has any any more."""
    found: list[tuple[subprocess.Popen[bytes], int]] = []

    def look() -> bool:
        for worker in scene.stack.workers():
            if (horse := scene.stack.horse_of(worker)) is not None:
                found.append((worker, horse))
                return True
        return scene.state() in ("finished", "cancelled")

    scene.wait(look, BUSY_SECONDS)
    return found[0] if found else None


def kill(*pids: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_horse(scene: Scene) -> bool:
    """The process that sends is killed; its parent lives."""
    if (found := busy(scene)) is None:
        return False
    scene.may_lose(1)
    kill(found[1])
    return True


def orphan_horse(scene: Scene) -> bool:
    """The parent is killed; the process that sends goes on without it, beside the new one."""
    if (found := busy(scene)) is None:
        return False
    kill(found[0].pid)
    return True


def kill_both(scene: Scene) -> bool:
    if (found := busy(scene)) is None:
        return False
    scene.may_lose(1)
    kill(found[0].pid, found[1])
    return True


def kill_machine(scene: Scene) -> bool:
    """Everything at once, as when the power fails: senders, tickers, both servers."""
    stack = scene.stack
    scene.may_lose(len(stack.workers()))
    stack.kill_senders()
    for server in (stack.postgres, stack.valkey):
        assert server.process is not None
        kill(server.process.pid)
        server.process.wait()
    # Its children end when they notice; a machine without power has none.
    processes.wait_for(lambda: not stack.postgres.has_processes(), DRAIN_SECONDS)
    stack.postgres.start()
    stack.valkey.start()
    connection.close()
    stack.tend()
    return True


def freeze_sender(scene: Scene) -> bool:
    """A sender stands still until others have taken its batch, then goes on (fencing)."""
    if (found := busy(scene)) is None:
        return False
    horse = found[1]
    try:
        os.kill(horse, signal.SIGSTOP)
    except ProcessLookupError:
        return False  # its job has ended in this moment
    scene.may_lose(1)
    scene.endure(scene.stack.sizes.lease + 2)
    with contextlib.suppress(ProcessLookupError):
        os.kill(horse, signal.SIGCONT)
    return True


def same_job_twice(scene: Scene) -> bool:
    """Every open batch is handed out four times more, past the queue's own check."""
    open_batches = persistently(
        lambda: list(
            Batch.objects.filter(run=scene.run, pending__gt=0).values_list("pk", flat=True)
        )
    )
    queue = django_rq.get_queue("send")
    for batch_id in [*open_batches] * 4:
        queue.enqueue(jobs.deliver, batch_id, failure_ttl=60, result_ttl=0)
    return bool(open_batches)


def flushall(scene: Scene) -> bool:
    django_rq.get_connection("send").flushall()
    return True


def redis_away(scene: Scene) -> bool:
    """Killed, away for a while, and back with nothing in it."""
    valkey = scene.stack.valkey
    assert valkey.process is not None
    kill(valkey.process.pid)
    valkey.process.wait()
    shutil.rmtree(valkey.data_dir)
    scene.endure(scene.outage)
    valkey.start()
    return True


def redis_full(scene: Scene) -> bool:
    """It has reached its `maxmemory`, and refuses every write for a while."""
    client = django_rq.get_connection("send")
    client.config_set("maxmemory", "1")
    scene.endure(scene.outage)
    client.config_set("maxmemory", "0")
    return True


def postgres_stop(scene: Scene) -> bool:
    """`pg_ctl stop -m immediate`: every session is cut, nothing is written; then it recovers."""
    postgres = scene.stack.postgres
    assert postgres.process is not None
    scene.may_lose(len(scene.stack.workers()))
    postgres.process.send_signal(signal.SIGQUIT)
    postgres.process.wait()
    connection.close()
    scene.endure(scene.outage)
    postgres.start()
    return True


def postgres_frozen(scene: Scene) -> bool:
    """A partition: no session ends, none is answered."""
    postgres = scene.stack.postgres
    assert postgres.process is not None
    connection.close()
    pids = [postgres.process.pid, *children_of(postgres.process.pid)]
    scene.may_lose(len(scene.stack.workers()))
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    scene.endure(scene.outage)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    return True


def failed_commits(scene: Scene) -> bool:
    """Sessions are cut again and again while answers come in: what was sent can't be recorded."""
    scene.may_lose(len(scene.stack.workers()))

    def cut() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> "
                "pg_backend_pid() AND backend_type = 'client backend'"
            )
        return False

    scene.wait(cut, min(scene.outage, 5.0))
    return True


def answers(rule: Rule, share: float = 0.05, least: int = 5) -> Act:
    """The next requests (a share of the audience, on all channels) meet a rule."""

    def act(scene: Scene) -> bool:
        number = max(round(share * len(scene.audience)), least)
        return scene.stack.push.misbehave(rule, number)

    return act


def unavailable(scene: Scene) -> bool:
    """503 with a date; and with what nobody can understand."""
    date = formatdate(time() + 4, usegmt=True)
    for value in (date, "soon", "-7", formatdate(0, usegmt=True)):
        answers({"status": 503, "headers": {"Retry-After": value}}, 0.01, 2)(scene)
    return True


def deploys(scene: Scene) -> bool:
    """The workers are asked to stop and others take their place, again and again in one send."""
    struck = 0
    for _number in range(scene.deploys):
        if not scene.until(scene.accepted() / len(scene.audience) + DEPLOYS_SHARE / scene.deploys):
            break
        drain(scene, scene.stack.workers())
        struck += 1
    return struck > 0


def drain(scene: Scene, workers: list[subprocess.Popen[bytes]]) -> None:
    """Ask them to stop and wait until they have; others are started in their place."""
    for worker in workers:
        worker.terminate()
    if not scene.wait(lambda: all(one.poll() is not None for one in workers), DRAIN_SECONDS):
        scene.trouble.append(f"a worker did not stop within {DRAIN_SECONDS:.0f} s")


def ticker_dies(scene: Scene) -> bool:
    """One of the two tickers is killed; the other, or a new one, takes over."""
    kill(scene.stack.processes["ticker"][0].pid)
    return True


FAULTS: dict[str, Act] = {
    "kill_horse": kill_horse,
    "orphan_horse": orphan_horse,
    "kill_both": kill_both,
    "kill_machine": kill_machine,
    "freeze_sender": freeze_sender,
    "same_job_twice": same_job_twice,
    "flushall": flushall,
    "redis_away": redis_away,
    "redis_full": redis_full,
    "postgres_stop": postgres_stop,
    "postgres_frozen": postgres_frozen,
    "failed_commits": failed_commits,
    "accept_then_reset": answers({"action": "reset", "accept": True}, 0.005, 3),
    "hang": answers({"action": "hang", "seconds": 30, "accept": True}, 0.02),
    "hang_unaccepted": answers({"action": "hang", "seconds": 30}, 0.01),
    "goaway": answers({"action": "goaway", "accept": True}, 0.005, 2),
    "refused_stream": answers({"action": "refuse"}, 0.02),
    "limited": answers({"status": 429, "headers": {"Retry-After": "2"}}, 0.03),
    "unavailable": unavailable,
    "deploys": deploys,
    "ticker_dies": ticker_dies,
}
