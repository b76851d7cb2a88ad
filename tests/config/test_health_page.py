"""The health page: the first rule that fits speaks, and what it says is what was found."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import django_rq
import pytest
import redis
import time_machine
from cryptography.fernet import Fernet
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from rq import Worker
from rq.worker.base import WorkerStatus

from accounts.models import AuditEvent, Role, Site
from campaigns import checkups, epochs, overview, vitals
from campaigns.models import Batch, Epoch, Gate, ServiceMinute
from tests.config import scenes
from tests.factories import make_campaign, make_member, make_site, make_subscription

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_subject(settings: Settings) -> None:
    settings.VAPID_SUBJECT = "mailto:push@fjell.example"


@pytest.fixture
def site() -> Site:
    return make_site(time_zone="Europe/Oslo")


@pytest.fixture
def client(site: Site) -> Client:
    client = Client()
    user = make_member(site, Role.ADMIN, "adam@example.com")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def read(client: Client, site: Site) -> Callable[[], str]:
    """The words of the page with single spaces."""

    def read() -> str:
        answer = client.get(reverse("health", args=[site.pk]))
        assert answer.status_code == 200
        words = re.sub(r"<script.*?</script>|<[^>]+>", " ", answer.content.decode(), flags=re.S)
        return " ".join(words.split())

    return read


Read = Callable[[], str]


def test_all_is_well(read: Read) -> None:
    scenes.at_work()
    said = read()
    assert "Everything is being sent. 60 a second. Nothing for you to do." in said
    assert "Attention" not in said.split("Processes")[0]
    for words in (
        "web",
        "worker 1 push-a busy, sending",
        "worker 4 push-b idle",
        "ticker push-a, leads",
        "If any of them stops, at most 500 messages become unknown. None is sent twice.",
        "1 batch is due",
        "none is parked",
        "Google FCM Answering",
        "Windows Answering",
        "All within 4 ms",
        "This is the database that was sent from",
        "2 keys, and all open",
        "may vanish without loss",
        "Settings As they should be",
        "Beckon 0.1.0 on Python 3.",
    ):
        assert words in said, words


def test_a_new_installation(read: Read, site: Site) -> None:
    scenes.ticker()
    scenes.workers(2)
    said = read()
    assert "Everything is ready. Nothing has been sent yet." in said
    assert "Nothing was sent in the last hour, and nothing waited." in said
    assert "Nothing was sent to any push service in the last 15 minutes." in said


def test_nothing_to_send(read: Read) -> None:
    scenes.ticker()
    scenes.workers(1)
    run = scenes.a_run()
    Batch.objects.all().delete()
    run.state = run.State.FINISHED
    run.save(update_fields=["state"])
    assert "Everything is ready, and nothing waits to be sent. Nothing for you to do." in read()


def test_a_service_that_is_slower_than_usual(read: Read, site: Site) -> None:
    # A minute that ends meanwhile would be another minute of slowness.
    with time_machine.travel(timezone.now(), tick=False):
        scenes.at_work(slow=scenes.APPLE, slow_ms=700)
        since = scenes.minute(timezone.now(), 19).astimezone(site.zone)
        said = read()
    assert "Everything is being sent. Apple answers" in said
    assert re.search(
        rf"Apple answers \d times slower than usual since {since:%H:%M}, so those messages take "
        r"about \d+ ms\. Nothing for you to do\.",
        said,
    )
    assert "Apple Slow" in said and "Google FCM Answering" in said


def test_a_service_that_was_slow_all_hour_long(read: Read) -> None:
    scenes.ticker()
    scenes.workers()
    for ago in range(200):
        median = 700 if ago < 61 else 60
        scenes.answered(scenes.minute(timezone.now(), ago), scenes.FCM, 100, median)
    assert re.search(r"Google FCM answers \d+ times slower than usual, so those", read())


def test_a_service_that_has_always_been_slow(read: Read) -> None:
    scenes.ticker()
    scenes.workers()
    for ago in range(200):
        scenes.answered(scenes.minute(timezone.now(), ago), scenes.MOZILLA, 100, 1_700)
    assert "Mozilla answers slowly: one in twenty waits longer than" in read()


def test_a_service_that_asks_to_wait(read: Read) -> None:
    scenes.at_work()
    until = timezone.now() + timedelta(minutes=1)
    Gate.objects.create(origin=scenes.WINDOWS, closed_until=until)
    said = read()
    assert "Windows asks us to slow down, so those messages take longer." in said
    assert "Windows Asks to wait" in said


def test_one_request_in_ten_asked_to_wait(read: Read) -> None:
    scenes.ticker()
    scenes.workers()
    scenes.answered(scenes.minute(timezone.now(), 1), scenes.FCM, 100, 70, waits=20)
    assert "Google FCM Asks to wait" in read()


def test_a_service_that_does_not_answer(read: Read) -> None:
    scenes.at_work()
    ServiceMinute.objects.filter(origin=scenes.APPLE).delete()
    ServiceMinute.objects.create(
        minute=scenes.minute(timezone.now(), 2),
        origin=scenes.APPLE,
        unknown=9,
        ms=[0] * 18,
    )
    said = read()
    assert "Everything else is being sent. Apple has not answered for 15 minutes" in said
    assert "Apple Not answering" in said


def test_no_worker(read: Read) -> None:
    scenes.ticker()
    scenes.a_run()
    said = read()
    assert "Nothing is being sent: no worker is running. Start one:" in said
    assert "workers none is running" in said


def test_no_ticker(read: Read) -> None:
    scenes.at_work()
    cache.delete(overview.TICKER_KEY)
    said = read()
    assert "Nothing starts at its time: the ticker is silent." in said
    assert "ticker silent for a minute" in said


def test_no_queue(read: Read, client: Client, site: Site) -> None:
    scenes.at_work()
    nowhere = redis.Redis(host="127.0.0.1", port=9, socket_connect_timeout=0.2)

    def down(*args: object, **options: object) -> Any:
        raise redis.ConnectionError

    with (
        patch.object(django_rq, "get_connection", return_value=nowhere),
        patch.object(django_rq, "get_queue", down),
        patch.object(cache, "get", down),
        patch.object(cache, "set", down),
    ):
        said = read()
        file = client.get(reverse("health_file", args=[site.pk]))
    assert "Nothing is being sent: the queue doesn’t answer." in said
    assert "workers not known" in said and "ticker not known" in said
    assert "Start Redis, or mend REDIS_URL." in said
    assert file.json()["workers"] is None


def test_after_a_restore(read: Read) -> None:
    scenes.at_work()
    Epoch.objects.update(counter=1)
    assert not epochs.look()
    said = read()
    assert "1 campaign was stopped: the database was restored or copied. Check what went" in said
    AuditEvent.objects.update(at=timezone.now() - timedelta(days=2))
    assert "was restored" not in read()


def test_a_run_that_does_not_move(read: Read) -> None:
    scenes.at_work()
    Batch.objects.update(parked_at=timezone.now())
    said = read()
    assert "1 campaign does not move. 1 batch is parked" in said
    assert "1 parked" in said


def test_more_than_the_workers_can_take(read: Read) -> None:
    scenes.at_work()
    Batch.objects.update(due_at=timezone.now() - timedelta(minutes=4))
    said = read()
    assert "The oldest batch has waited 4 min though a worker is idle: look at its log." in said
    for worker in Worker.all(connection=django_rq.get_connection("send")):
        worker.set_state(WorkerStatus.BUSY)
    said = read()
    assert "there is more than the workers can take. The oldest batch has waited 4 min." in said


def test_a_check_that_failed(read: Read, settings: Settings) -> None:
    scenes.at_work()
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    said = read()
    assert "Everything is being sent. 60 a second. 1 check below needs a look: Push keys." in said
    assert "can’t be opened with ENCRYPTION_KEYS Put the old key back" in said
    settings.VAPID_SUBJECT = checkups.DEFAULT_SUBJECT
    Gate.objects.create(origin=scenes.WINDOWS, closed_until=timezone.now() + timedelta(minutes=1))
    assert "take longer. 2 checks below need a look, Push keys first." in read()


def look() -> vitals.Vitals:
    return vitals.look(timezone.now())


def states() -> dict[str, str]:
    found = checkups.checkups(look(), epochs.standing())
    return {one.key: f"{one.state}: {one.line}" for one in found}


def test_clocks() -> None:
    scenes.ticker(clock=-61.0)
    assert states()["clocks"] == "warn: Database and push-a are 61 s apart"
    with patch.object(checkups, "difference", return_value=90.0):
        assert states()["clocks"] == "warn: Database and this web machine are 90 s apart"


def test_the_copy_check() -> None:
    assert states()["copy"].startswith("bad: No ticker has looked")
    scenes.ticker(file="Read-only file system")
    assert states()["copy"] == ("warn: VAR_DIR/epoch on push-a is of no use: Read-only file system")


def test_a_disk_that_is_nearly_full() -> None:
    use = type("Use", (), {"free": 1_900_000_000, "total": 4_000_000_000})
    with patch("shutil.disk_usage", return_value=use):
        assert states()["disk"] == "warn: 1.9 GB free, 48%, where VAR_DIR is"


@pytest.mark.parametrize(
    ("size", "words"),
    [(1, "0 KB"), (12_345, "12 KB"), (8_100_000, "8.1 MB"), (41e9, "41 GB"), (7e15, "7,000 TB")],
)
def test_sizes(size: float, words: str) -> None:
    assert checkups.in_units(size) == words


def test_settings_that_should_not_be_used_like_that(settings: Settings) -> None:
    settings.VAPID_SUBJECT = checkups.DEFAULT_SUBJECT
    assert states()["settings"].startswith("warn: Push services can’t reach you")
    settings.VAPID_SUBJECT = "https://fjell.example"
    settings.EXTRA_PUSH_ORIGINS = frozenset({"http://127.0.0.1:8002"})
    assert states()["settings"].startswith("warn: EXTRA_PUSH_ORIGINS lets messages go")
    settings.DEMO = True
    assert states()["settings"].startswith("done")


def test_a_queue_that_drops_jobs() -> None:
    connection = django_rq.get_connection("send")
    with patch.object(type(connection), "info", return_value={"maxmemory_policy": "allkeys-lru"}):
        assert states()["queue"].startswith("warn: Redis")


def test_a_slow_database() -> None:
    with patch.object(checkups, "SLOW_DATABASE_MS", -1):
        assert states()["database"].startswith("warn: PostgreSQL")


def test_what_is_usual_is_asked_once_in_a_while(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    scenes.an_hour(timezone.now())
    first = vitals.usual(timezone.now())
    assert set(first) == {"Google FCM", "Apple", "Mozilla", "Windows"}
    with django_assert_num_queries(0):
        assert vitals.usual(timezone.now()) == first


def test_slow_for_the_whole_hour_has_no_since() -> None:
    now = timezone.now()
    rows = [
        ServiceMinute(minute=scenes.minute(now, ago), ms=scenes.bins(10, 2_000)) for ago in (1, 2)
    ]
    assert vitals.slow_since(rows, 100) is None


def test_the_charts(client: Client, site: Site) -> None:
    scenes.at_work()
    part = client.get(reverse("health_minutes", args=[site.pk]))
    said = part.content.decode()
    rates = json.loads(re.findall(r'id="chart-rates"[^>]*>(.*?)</script>', said)[0])
    assert len(rates["labels"]) == len(rates["series"][0]["values"]) == 60
    assert rates["series"][0]["values"][-1] == 60
    assert "At most 60 requests a second, 60 in the last minute." in said
    assert said.count('scope="row"') == 60


def test_the_part_that_lives(client: Client, site: Site) -> None:
    scenes.at_work()
    part = client.get(reverse("health_live", args=[site.pk]))
    assert part.content.decode().lstrip().startswith('<div id="health"')


def test_queries_do_not_grow(
    client: Client, site: Site, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    scenes.at_work()
    read = reverse("health", args=[site.pk])
    client.get(read)
    for _times in range(2):
        scenes.a_run()
        # Session, person, membership, sites; minutes, runs, parked, queues, gates; the epoch's
        # identity (with its savepoint), row and last stop; checks: 2 of the database, clock, keys;
        # the charts' queue minutes.
        with django_assert_num_queries(19):
            client.get(read)


def test_the_diagnosis_file_tells_no_names(client: Client, site: Site) -> None:
    scenes.at_work(slow=scenes.APPLE)
    make_campaign(site, name="Secret promotion")
    device = make_subscription(site, endpoint="https://fcm.googleapis.com/fcm/send/private")
    answer = client.get(reverse("health_file", args=[site.pk]))
    assert answer["Content-Disposition"].startswith('attachment; filename="beckon-diagnosis-20')
    said = answer.json()
    assert said["verdict"]["sentence"].startswith("Everything is being sent. Apple")
    assert said["workers"][0] == {"machine": 1, "state": "busy, sending"}
    assert said["rows"]["campaigns"] == {"running": 1, "draft": 1}
    assert said["versions"]["beckon"] == "0.1.0"
    text = answer.content.decode()
    for word in (
        *("Secret promotion", "private", site.name, site.key, str(site.pk), "push-a", "adam@"),
        *(str(device.install_id), "shop.example"),
    ):
        assert str(word) not in text, word


@pytest.mark.parametrize("role", [Role.MARKETER, Role.VIEWER])
def test_others_have_the_overview(site: Site, role: Role) -> None:
    client = Client()
    client.force_login(make_member(site, role), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(reverse("health", args=[site.pk])).status_code == 403
    assert (
        reverse("health", args=[site.pk])
        not in client.get(reverse("campaigns:overview", args=[site.pk])).content.decode()
    )


def test_a_worker_that_is_gone_is_not_there() -> None:
    workers = scenes.workers(2)
    assert len(vitals.workers(timezone.now()) or []) == 2
    assert isinstance(workers[0], Worker)
    assert vitals.workers(timezone.now() + timedelta(minutes=3)) == []
