"""audiences.jobs: sizes are counted by a worker, so that the ticker never waits for them."""

from collections.abc import Iterator

import django_rq
import pytest
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from audiences import jobs
from audiences.models import Audience, AudienceSize
from config.ticker import SWEEP_EVERY, Ticker
from tests.factories import make_site, make_subscription

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty_queue() -> Iterator[None]:
    """The suite's own Redis database, emptied."""
    connection = django_rq.get_connection("default")
    connection.flushdb()
    yield
    connection.flushdb()


def waiting() -> int:
    return len(django_rq.get_queue("default"))


def work() -> None:
    queue = django_rq.get_queue("default")
    SimpleWorker([queue], connection=queue.connection, serializer=JSONSerializer).work(
        burst=True, with_scheduler=False
    )


def test_the_ticker_hands_sizes_to_a_worker_once() -> None:
    site = make_site()
    make_subscription(site)
    for name in ("One", "Two"):
        Audience.objects.create(site=site, name=name)
    ticker = Ticker()
    for _second in range(2 * SWEEP_EVERY):
        ticker.tick()
    assert waiting() == 1
    assert not AudienceSize.objects.exists()
    work()
    assert list(AudienceSize.objects.values_list("people", flat=True)) == [1, 1]
    jobs.enqueue_sizes()
    assert waiting() == 0


def test_a_job_goes_back_to_the_queues_other_work_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "SECONDS", 0.0)
    site = make_site()
    for name in ("One", "Two", "Three"):
        Audience.objects.create(site=site, name=name)
    jobs.keep_sizes()
    assert AudienceSize.objects.count() == 1
