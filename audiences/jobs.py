"""Jobs: one domain call each, which may run zero, one or several times, even twice at once."""

import contextlib
import time

import django_rq
from django.utils import timezone
from rq.exceptions import DuplicateJobError

from audiences import sizes

# A worker that counts sends nothing meanwhile.
SECONDS = 10.0


def keep_sizes() -> None:
    """Keep today's sizes of audiences that have none yet, for some seconds."""
    end = time.monotonic() + SECONDS
    while sizes.keep_next(timezone.now()) and time.monotonic() < end:
        pass


def enqueue_sizes() -> None:
    """Hand it to the queue, unless it is there or every audience has its size of today."""
    if sizes.next_due(timezone.now()) is not None:
        with contextlib.suppress(DuplicateJobError):
            django_rq.get_queue("default").enqueue(
                keep_sizes, job_id="audience-sizes", unique=True, failure_ttl=60, result_ttl=0
            )
