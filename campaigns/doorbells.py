"""Job ids that nobody answers any more: found, and freed for another job.

A job's id keeps the same work from being queued twice. It outlives its job where a worker died: one
that had taken it off the queue and not begun, or that is not heard of any more while it ran.
"""

import time
from datetime import timedelta
from typing import Any, Final

import django_rq
from django.utils import timezone
from rq import Queue
from rq.job import Job
from rq.utils import as_text, parse_composite_key

# Between a queue and its worker's list of what runs a job is nowhere, for some milliseconds.
YOUNG: Final = timedelta(seconds=10)


def free_if_lost(queue_name: str, job_id: str) -> bool:
    """Remove a job that neither waits nor runs; whether there was one."""
    queue = django_rq.get_queue(queue_name)
    job = queue.fetch_job(job_id)
    if job is None or is_young(job) or is_alive(queue, job):
        return False
    job.delete()
    return True


def is_young(job: Job) -> bool:
    return job.enqueued_at is not None and job.enqueued_at > timezone.now() - YOUNG


def is_alive(queue: Queue, job: Job) -> bool:
    if queue.get_job_position(job) is not None:
        return True
    # The list of what runs holds "job:execution", until when its worker is believed to live.
    running = queue.started_job_registry
    entries: Any = queue.connection.zrangebyscore(running.key, time.time(), "+inf")
    return any(parse_composite_key(as_text(entry))[0] == job.id for entry in entries)
