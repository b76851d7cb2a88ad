"""A worker that is asked to stop tells the process of its job, which then ends by itself."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import django_rq
import pytest
import time_machine
from django.utils import timezone

from campaigns import doorbells, jobs, starting
from campaigns.models import Run
from config.embedded import processes
from config.management.commands import worker as command
from tests.factories import make_campaign, make_site

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_job_hears_that_its_worker_is_to_stop(tmp_path: Path) -> None:
    django_rq.get_queue("send").enqueue("tests.campaigns.draining.last", str(tmp_path))
    worker = subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=ROOT, env=os.environ)
    try:
        assert processes.wait_for((tmp_path / "began").exists, 60)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        assert (tmp_path / "told").exists()
    finally:
        worker.kill()


def test_a_job_whose_worker_was_killed_does_not_block_its_id(tmp_path: Path) -> None:
    """The process of the job goes on as an orphan; nobody hears of it any more."""
    queue = django_rq.get_queue("plan")
    queue.enqueue("tests.campaigns.draining.outlive", str(tmp_path), job_id="plan-1")
    worker = subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=ROOT, env=os.environ)
    try:
        assert processes.wait_for((tmp_path / "pid").exists, 60)
    finally:
        worker.kill()
        worker.wait()
    try:
        assert not doorbells.free_if_lost("plan", "plan-1")
        silent = timezone.now().timestamp() + command.SILENT_SECONDS + 1
        with time_machine.travel(silent, tick=False):
            assert doorbells.free_if_lost("plan", "plan-1")
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@pytest.mark.django_db(transaction=True)
def test_a_run_whose_planner_was_killed_is_queued_again_within_a_minute() -> None:
    """The queue still knows the job, but no worker has it."""
    run = starting.start(make_campaign(make_site()))
    started = timezone.now()
    assert jobs.enqueue_due(started) == 1
    queue = django_rq.get_queue("plan")
    queue.connection.lrem(queue.key, 0, f"plan-{run.pk}")
    with time_machine.travel(started.timestamp() + 31, tick=False):
        jobs.enqueue_due(timezone.now())
    assert queue.job_ids == [f"plan-{run.pk}"]
    assert Run.objects.get().state == Run.State.PLANNING
