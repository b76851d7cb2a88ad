from collections.abc import Iterator
from datetime import timedelta

import django_rq
import pytest
import time_machine
from django.utils import timezone
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from campaigns import jobs, starting
from campaigns.models import Batch, Delivery, Run
from campaigns.pushing import PushSender
from tests.campaigns.engine import check_books, drive
from tests.factories import make_campaign, make_site, make_subscription

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty_queues() -> Iterator[None]:
    """The suite's own Redis database, emptied."""
    connection = django_rq.get_connection("send")
    connection.flushdb()
    yield
    connection.flushdb()


def work() -> None:
    """A worker that runs what is queued, in this process, then stops."""
    queues = [django_rq.get_queue(name) for name in ("plan", "send")]
    SimpleWorker(queues, connection=queues[0].connection, serializer=JSONSerializer).work(
        burst=True, with_scheduler=False
    )


def queued() -> int:
    return sum(len(django_rq.get_queue(name)) for name in ("plan", "send"))


def started_run() -> Run:
    site = make_site()
    make_subscription(site)  # at a push service that nobody allowed: refused without a connection
    return starting.start(make_campaign(site))


def test_the_queue_carries_a_run_to_its_end() -> None:
    run = started_run()
    assert jobs.enqueue_due(timezone.now()) == 1
    work()
    run.refresh_from_db()
    check_books(run)
    assert run.state == Run.State.FINISHED
    assert jobs.enqueue_due(timezone.now()) == 0


def test_what_is_queued_is_not_queued_again() -> None:
    run = started_run()
    now = timezone.now()
    jobs.enqueue_due(now)
    assert jobs.enqueue_due(now) == 0
    jobs.enqueue_due(now + jobs.ENQUEUE_AGAIN + timedelta(seconds=1))
    assert queued() == 1
    run.refresh_from_db()
    assert run.state == Run.State.PLANNING


def test_a_queue_that_lost_everything_gets_it_again() -> None:
    run = started_run()
    jobs.enqueue_due(timezone.now())
    django_rq.get_connection("plan").flushdb()
    later = timezone.now() + jobs.ENQUEUE_AGAIN + timedelta(seconds=1)
    assert jobs.enqueue_due(later) == 1
    work()
    django_rq.get_connection("plan").flushdb()
    run.refresh_from_db()
    assert run.state in (Run.State.RUNNING, Run.State.FINISHED)


def test_a_batch_whose_sender_died_is_queued_when_its_lease_ends() -> None:
    run = started_run()
    from campaigns import leases, planning

    planning.plan(run.pk)
    batch = Batch.objects.get()
    assert leases.take(batch.pk)
    assert jobs.enqueue_due(timezone.now()) == 0
    with time_machine.travel(timezone.now() + timedelta(seconds=121), tick=False):
        assert jobs.enqueue_due(timezone.now()) == 1


def test_the_process_has_one_sender_and_a_poisoned_device_refuses_only_itself() -> None:
    sender = PushSender.of_process()
    assert sender is PushSender.of_process()
    site = make_site()
    make_subscription(site, p256dh=b"\x04" + b"\1" * 64, auth=b"a" * 16)
    make_subscription(site, endpoint="https://169.254.169.254/wpush")
    run = starting.start(make_campaign(site))
    drive(run, sender)
    reasons = Delivery.objects.order_by("subscription_id").values_list("state", "reason")
    assert list(reasons) == [
        (Delivery.State.REFUSED, "not_encodable"),
        (Delivery.State.REFUSED, "endpoint_host"),
    ]
