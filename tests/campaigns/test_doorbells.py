"""A job that a dead worker took with it does not block its id."""

import django_rq
import time_machine
from django.utils import timezone
from rq import Worker
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer

from campaigns import doorbells

LATER = 11


def queued() -> Job:
    job: Job = django_rq.get_queue("plan").enqueue("time.sleep", 0, job_id="plan-1", unique=True)
    return job


def freed(seconds: float = LATER) -> bool:
    with time_machine.travel(timezone.now().timestamp() + seconds, tick=False):
        return doorbells.free_if_lost("plan", "plan-1")


def test_what_nobody_knows_is_no_job() -> None:
    assert not freed()


def test_what_waits_is_left() -> None:
    queued()
    assert not freed()


def test_what_was_taken_and_never_begun_is_freed() -> None:
    """Killed between the queue and the list of what runs: nobody else would ever free it."""
    job = queued()
    queue = django_rq.get_queue("plan")
    queue.connection.lrem(queue.key, 0, job.id)
    assert not freed(1)
    assert freed()
    queued()


def test_what_runs_is_left_until_its_worker_is_silent() -> None:
    job = queued()
    queue = django_rq.get_queue("plan")
    queue.connection.lrem(queue.key, 0, job.id)
    with queue.connection.pipeline() as pipeline:
        Execution.create(job, ttl=20, pipeline=pipeline, worker_name="one")
        pipeline.execute()
    assert not freed()
    assert freed(21)


def test_what_failed_is_freed() -> None:
    queue = django_rq.get_queue("plan")
    job = queue.enqueue("os.rmdir", "/no/such/folder", job_id="plan-1", unique=True)
    worker = Worker([queue], connection=queue.connection, serializer=JSONSerializer)
    worker.handle_job_failure(job, queue)
    queue.connection.lrem(queue.key, 0, job.id)
    assert freed()
