"""Monthly partitions of events."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from subscribers import partitions
from subscribers.models import Event
from tests.factories import make_site, make_subscriber

pytestmark = pytest.mark.django_db
FAR = date(2041, 12, 1)


def names() -> list[str]:
    """Of the months until FAR and the one after. A ticker of another test, in a year far from now,
    may have made some of its own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'subscribers_event'::regclass"
            " AND inhrelid::regclass::text <= 'subscribers_event_204201' ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


def make_event(at: datetime) -> None:
    person = make_subscriber(make_site())
    name = person.site.event_names.create(name="viewed")
    Event.objects.bulk_create([Event(name=name, subscriber=person, at=at, number=1)])


def test_they_are_made_once_and_hold_their_month_in_utc() -> None:
    for _ in range(2):
        partitions.ensure(FAR, date(2042, 1, 1))
    assert names()[-2:] == ["subscribers_event_204112", "subscribers_event_204201"]
    last = datetime(2041, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    make_event(last)
    make_event(last + timedelta(microseconds=1))
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM subscribers_event ORDER BY at")
        assert [name for (name,) in cursor.fetchall()] == names()[-2:]


def test_they_have_the_key_of_the_table_and_are_vacuumed_soon() -> None:
    partitions.ensure(FAR)
    with connection.cursor() as cursor:
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = 'subscribers_event_204112'")
        assert "autovacuum_vacuum_insert_scale_factor=0.01" in cursor.fetchone()[0]
        # An index of the partition that is no part of the table's would be a second one.
        cursor.execute(
            "SELECT count(*), count(inhparent) FROM pg_index LEFT JOIN pg_inherits"
            " ON inhrelid = indexrelid WHERE indrelid = 'subscribers_event_204112'::regclass"
        )
        assert cursor.fetchone() == (1, 1)


@pytest.mark.parametrize(
    ("at", "month"),
    [
        (datetime(2026, 11, 30, 23, tzinfo=UTC), date(2026, 11, 1)),
        (datetime.fromisoformat("2026-12-01T00:30:00+01:00"), date(2026, 11, 1)),
        (datetime.fromisoformat("2026-11-30T23:30:00-02:00"), date(2026, 12, 1)),
    ],
)
def test_month_of(at: datetime, month: date) -> None:
    assert partitions.month_of(at) == month


@pytest.mark.parametrize(
    ("month", "next_one"),
    [(date(2027, 1, 1), date(2027, 2, 1)), (date(2027, 12, 1), date(2028, 1, 1))],
)
def test_following(month: date, next_one: date) -> None:
    assert partitions.following(month) == next_one


def test_old_months_are_dropped_and_the_next_is_made(settings: Settings) -> None:
    settings.EVENT_RETENTION_DAYS = 60
    now = datetime(2041, 12, 15, tzinfo=UTC)  # 60 days before: 16 October
    partitions.ensure(date(2041, 8, 1), date(2041, 9, 1), date(2041, 10, 1))
    make_event(datetime(2041, 9, 30, tzinfo=UTC))
    make_event(datetime(2041, 10, 1, tzinfo=UTC))
    dropped = partitions.keep(now)
    assert dropped[-2:] == ["subscribers_event_204108", "subscribers_event_204109"]
    kept = [f"subscribers_event_{month}" for month in ("204110", "204112", "204201")]
    assert names() == kept
    assert list(Event.objects.values_list("at__month", flat=True)) == [10]
    assert partitions.keep(now) == []


@pytest.mark.django_db(transaction=True)
def test_what_is_being_read_is_dropped_another_time(settings: Settings) -> None:
    settings.EVENT_RETENTION_DAYS = 60
    partitions.ensure(date(2021, 1, 1))
    partitions.ensure(partitions.month_of(timezone.now()))
    reading, done = threading.Event(), threading.Event()

    def read() -> None:
        try:
            with transaction.atomic():
                list(Event.objects.all())
                reading.set()
                done.wait(30)
        finally:
            connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert reading.wait(30)
        assert partitions.keep(timezone.now()) == []
        # Whoever only adds a month does not wait for readers.
        partitions.ensure(date(2021, 2, 1))
    finally:
        done.set()
        reader.join()
    assert partitions.keep(timezone.now()) == [
        "subscribers_event_202101",
        "subscribers_event_202102",
    ]


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one() -> None:
    start = threading.Barrier(4)
    failed: list[Exception] = []

    def make() -> None:
        start.wait()
        try:
            partitions.ensure(date(2021, 3, 1), date(2021, 4, 1))
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    dropped = partitions.keep(timezone.now())
    assert dropped == ["subscribers_event_202103", "subscribers_event_202104"]
