"""A worker that is asked to stop tells the process of its job, which then ends by itself."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import django_rq
import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from campaigns import doorbells, jobs, planning, starting
from campaigns.models import Delivery, Run
from config.embedded import processes
from config.management.commands import worker as command
from tests.factories import make_campaign, make_site, make_subscription

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


class SlowService(ThreadingHTTPServer):
    """A push service that answers when it may."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.asked: list[str] = []
        self.may_answer = threading.Event()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        service = self.server
        assert isinstance(service, SlowService)
        self.rfile.read(int(self.headers["Content-Length"]))
        service.asked.append(self.path)
        service.may_answer.wait(60)
        self.send_response(201)
        self.send_header("Location", f"{service.origin}/m/1")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def service() -> Iterator[SlowService]:
    with SlowService() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.may_answer.set()
        server.shutdown()


@pytest.mark.django_db(transaction=True)
def test_a_worker_records_what_is_on_its_way_and_stops_in_time(service: SlowService) -> None:
    site = make_site()
    for number in range(300):
        make_subscription(site, endpoint=f"{service.origin}/wpush/{number}")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    assert jobs.enqueue_due(timezone.now()) == 1
    address = urlsplit(os.environ["DATABASE_URL"])
    database = address._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    given = {"DATABASE_URL": database, "EXTRA_PUSH_ORIGINS": service.origin}
    command = [sys.executable, "manage.py", "worker"]
    worker = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **given})
    try:
        assert processes.wait_for(lambda: len(service.asked) > 3, 60)
        started = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        service.may_answer.set()
        assert worker.wait(30) == 0
        assert time.monotonic() - started < 8 + 2
    finally:
        worker.kill()
    ended = Delivery.objects.filter(run=run).values_list("state", flat=True)
    assert set(ended) == {Delivery.State.ACCEPTED, Delivery.State.PLANNED}
    assert list(ended).count(Delivery.State.ACCEPTED) == len(service.asked)
