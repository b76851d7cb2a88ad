"""`python manage.py worker`: runs jobs of all queues until asked to stop."""

import contextlib
import logging
import os
import signal
import threading
import time
from typing import Any, Final

import django_rq
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import Worker
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker_registration import register

# Loaded here once rather than in each job's process.
from campaigns import jobs, payload

# An idle worker looks up this often, so that work which a killed one left is found soon.
WORKER_TTL: Final = 60
MAINTENANCE_SECONDS: Final = 60
# A busy worker says so often that its job lives. One that was silent for so long is taken for dead,
# and its job is queued again (campaigns.doorbells), though it may still run: the ledger allows it.
MONITOR_SECONDS: Final = 5
SILENT_SECONDS: Final = 20
DRAIN_SECONDS: Final = 8
log = logging.getLogger("beckon.worker")


class DrainingWorker(Worker):
    """A worker that, asked to stop, tells its job, gives it some seconds and then ends it.

    A job that was told claims nothing more and records what it is sending. Ending it sooner is safe
    too: the ledger knows what was in flight, and the ticker finds the rest.
    """

    drain_seconds: float = DRAIN_SECONDS
    # An idle worker asks at least so often whether a Redis that was away is back.
    max_connection_wait_time = 5.0

    def handle_warm_shutdown_request(self) -> None:
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]
        if self.horse_pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)
        timer = threading.Timer(self.drain_seconds, self.give_up)
        timer.daemon = True
        timer.start()

    def setup_work_horse_signals(self) -> None:
        super().setup_work_horse_signals()  # type: ignore[no-untyped-call]
        signal.signal(signal.SIGTERM, lambda _number, _frame: jobs.told_to_stop.set())

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """How long its job is believed to live without another sign; rq's own is 90 seconds."""
        return SILENT_SECONDS

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        """A job goes on while Redis is away: what it does is in the database."""
        try:
            super().maintain_heartbeats(job, execution)
        except (RedisError, OSError) as error:
            log.warning("Redis is away: %s", error)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Also put itself back on the list of workers, which an emptied Redis has forgotten."""
        super().heartbeat(timeout, pipeline)
        register(self, pipeline)

    def give_up(self) -> None:
        if self.horse_pid:
            self.kill_horse()
        time.sleep(1)
        os._exit(0)


def wait_for(redis: Redis) -> None:
    """Return when Redis answers. A worker that began without it would only end again."""
    while True:
        try:
            redis.ping()
            return
        except (RedisError, OSError) as error:
            log.warning("The worker waits for Redis: %s", error)
            time.sleep(1)


class Command(BaseCommand):
    help = "Runs the jobs of the queues until asked to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        names = list(settings.RQ_QUEUES)
        queues = [django_rq.get_queue(name) for name in names]
        wait_for(queues[0].connection)
        # The first address that is made loads every view: here once, not in each job's process.
        payload.receipts_url()
        worker = DrainingWorker(
            queues,
            connection=queues[0].connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL,
            maintenance_interval=MAINTENANCE_SECONDS,
            job_monitoring_interval=MONITOR_SECONDS,
            log_job_description=False,
        )
        # A job runs in a forked process: it must not share our connection to the database.
        connections.close_all()
        worker.work(logging_level="WARNING")
