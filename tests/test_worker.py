"""`manage.py worker`: runs jobs of every queue, and stops soon when asked to."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import django_rq
import pytest
import redis
from django.conf import settings
from rq import Queue, Worker
from rq.job import JobStatus
from rq.serializers import JSONSerializer

from config import embedded
from config.embedded import processes
from config.embedded.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent
IMPATIENT = """
import django; django.setup()
from django.core.management import call_command
from config.management.commands.worker import DrainingWorker
DrainingWorker.drain_seconds = 0.5
call_command("worker")
"""


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        start_new_session=True,
    )
    with process:
        yield process
        process.kill()


def test_jobs_of_every_queue_are_run(worker: subprocess.Popen[bytes], tmp_path: Path) -> None:
    places = [tmp_path / name for name in settings.RQ_QUEUES]
    for place in places:
        django_rq.get_queue(place.name).enqueue("os.mkdir", str(place))
    assert processes.wait_for(lambda: all(place.exists() for place in places), 60)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0


@pytest.mark.usefixtures("worker")
def test_a_worker_that_redis_forgot_is_counted_again(tmp_path: Path) -> None:
    queue = django_rq.get_queue("send")
    assert processes.wait_for(lambda: Worker.count(connection=queue.connection) == 1, 60)
    queue.connection.flushdb()
    queue.enqueue("os.mkdir", str(tmp_path / "made"))
    assert processes.wait_for(lambda: Worker.count(connection=queue.connection) == 1, 60)
    [found] = Worker.all(connection=queue.connection)
    assert found.last_heartbeat is not None


def test_a_worker_and_its_job_outlive_a_redis_that_is_away(tmp_path: Path) -> None:
    """Away while it starts, and while a job runs: neither ends it."""
    server, log = Valkey(tmp_path), tmp_path / "worker.log"
    url = embedded.redis_url(tmp_path)
    command = [sys.executable, "manage.py", "worker"]

    def said(words: str) -> bool:
        return words in log.read_text()

    with log.open("w") as output:
        env = {**os.environ, "REDIS_URL": url}
        worker = subprocess.Popen(command, cwd=ROOT, env=env, stderr=output)
    try:
        assert processes.wait_for(lambda: said("The worker waits for Redis"), 60)
        server.start()
        with redis.Redis.from_url(url) as client:
            queue = Queue("send", connection=client, serializer=JSONSerializer)
            queue.enqueue("tests.campaigns.draining.outlive", str(tmp_path))
            assert processes.wait_for((tmp_path / "pid").exists, 60)
        server.stop()
        assert processes.wait_for(lambda: said("Redis is away"), 60)
        server.start()
        assert worker.poll() is None
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
    finally:
        worker.kill()
        server.stop()


def test_a_job_that_takes_too_long_does_not_hold_up_the_stop(
    worker: subprocess.Popen[bytes],
) -> None:
    job = django_rq.get_queue("send").enqueue("time.sleep", 600)
    assert processes.wait_for(lambda: job.get_status() == JobStatus.STARTED, 60)
    started = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    assert time.monotonic() - started < 30


@pytest.mark.usefixtures("worker")
def test_a_job_finds_loaded_what_an_address_needs(tmp_path: Path) -> None:
    """The first push of a turn would wait for it."""
    found = tmp_path / "found"
    code = f"import sys; open({str(found)!r}, 'w').write(str('config.urls' in sys.modules) + '.')"
    django_rq.get_queue("send").enqueue("builtins.exec", code)
    assert processes.wait_for(lambda: found.exists() and found.read_text().endswith("."), 60)
    assert found.read_text() == "True."
