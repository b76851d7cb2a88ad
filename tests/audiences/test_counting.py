"""audiences.counting, estimating and bounded: exact, estimated, ended."""

from collections.abc import Callable, Iterator
from functools import partial
from threading import Thread
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, connections, transaction
from django.db.models import Q, Value
from django.db.models.expressions import RawSQL
from django.db.models.lookups import GreaterThan
from django.utils import timezone
from django.utils.translation import gettext_lazy
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Site
from audiences import bounded, catalogue, counting, estimating, rules
from audiences.bounded import Ended, TooLong
from audiences.catalogue import Args, Clause, Field, Op, Scope
from audiences.counting import Reach
from audiences.models import Audience
from audiences.platforms import Platforms
from audiences.rules import Rule
from subscribers.models import Subscription
from tests.factories import make_site, make_subscriber, make_subscription

OPERA = {"field": "browser", "op": "any_of", "values": ["Opera"]}
DEVICES = [
    ("Android", "Chrome"),
    ("Android", "Firefox"),
    ("Windows", "Edge"),
    ("macOS", "Safari"),
    ("macOS", "Chrome"),
    ("iOS", "Safari"),
    ("iPadOS", "Safari"),
    ("Linux", "Firefox"),
    ("", ""),
]


def rule(*nodes: Any) -> Rule:
    return rules.parse({"version": 2, "all": list(nodes)})


def tagged(*tags: str) -> dict[str, Any]:
    return {"field": "tag", "op": "any_of", "values": list(tags)}


def spread(site: Site, people: int, **fields: Any) -> None:
    """People whose ids divide all ids evenly, each with one device."""
    for n in range(people):
        person = make_subscriber(site, pk=UUID(int=n * 2**128 // people + 1), **fields)
        make_subscription(site, subscriber=person)


def each_takes_a_while(_op: str, _args: Args, _scope: Scope) -> Q:
    """True of everybody, but PostgreSQL has to count to 30,000 for each device to know."""
    counted = RawSQL(
        "(SELECT count(*) FROM generate_series(1, 30000) n"
        " WHERE n > subscribers_subscription.id %% 2)",
        (),
    )
    return Q(GreaterThan(counted, Value(0)))


@pytest.fixture
def slow() -> Iterator[Rule]:
    """A rule that takes some milliseconds for each device."""
    words = gettext_lazy("slow")
    field = Field(
        "slow", words, words, {"is_true": Op(words)}, each_takes_a_while,
        lambda _op, _args, _names: Clause("who are slow"),
        lambda _args, _device, _scope: "",
    )  # fmt: skip
    catalogue.register(field)
    yield rule({"field": "slow", "op": "is_true"})
    del catalogue._fields["slow"]


@pytest.mark.django_db
def test_counts_people_devices_and_how_they_show_a_notification(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    site = make_site()
    for platform, browser in DEVICES:
        make_subscription(site, platform=platform, browser=browser)
    person = Subscription.objects.first()
    assert person is not None
    make_subscription(site, platform="Windows", subscriber=person.subscriber)
    for state in (Subscription.State.GONE, Subscription.State.UNSUBSCRIBED):
        make_subscription(site, platform="Android", state=state, subscriber=person.subscriber)
        make_subscription(site, platform="Android", state=state)
    make_subscription(make_site(name="Another"), platform="Android")
    for channel, platform in (("fcm", "Android"), ("fcm", "iOS"), ("apns", "iPadOS")):
        make_subscription(site, channel=channel, platform=platform)
    with transaction.atomic(), django_assert_num_queries(5):
        # A savepoint, its limits, the one statement, the limits as they were, the savepoint.
        found = counting.count(site, rules.EVERYONE)
    assert (found.people, found.devices, found.without_consent) == (12, 13, 2)
    browsers = {"android": 2, "windows": 2, "macos": 1, "ios": 2, "other": 3}
    assert found.platforms == Platforms(**browsers, android_app=1, ios_app=2)
    assert found.platforms.apps == 3
    assert found.platforms.total == found.devices
    assert found.channels == {"web": 10, "fcm": 2, "apns": 1}
    assert (found.share, found.estimated) == (1, False)
    assert 0 < found.took < 60


@pytest.mark.django_db
def test_people_without_consent_match_on_a_device_that_matches() -> None:
    """One who left on the device that matches, and is active on another, is not reached by it."""
    site = make_site()
    left = make_subscription(site, browser="Opera", state=Subscription.State.UNSUBSCRIBED)
    make_subscription(site, browser="Firefox", subscriber=left.subscriber)
    found = counting.count(site, rule(OPERA))
    assert (found.people, found.devices, found.without_consent) == (0, 0, 1)
    assert counting.count(site, rules.EVERYONE).without_consent == 0


@pytest.mark.django_db
def test_people_are_joined_only_where_a_rule_asks_of_them() -> None:
    site = make_site()
    devices = str(counting.matching(site, rule(OPERA)).query)
    assert "subscribers_subscriber" not in devices
    people = str(counting.matching(site, rule(tagged("vip"))).query)
    assert '"subscribers_subscriber"."site_id" = ' in people


@pytest.mark.django_db
def test_nobody() -> None:
    found = counting.count(make_site(), rules.EVERYONE)
    assert (found.people, found.devices, found.without_consent) == (0, 0, 0)
    assert found.channels == {"web": 0, "fcm": 0, "apns": 0}


@pytest.mark.django_db
def test_everybody_is_in_one_of_the_halves() -> None:
    """Whatever is asked of them: of their devices alone, or of the people too."""
    site = make_site()
    for number in (0, 1, 2**127 - 1, 2**127, 2**127 + 1, 2**128 - 1):
        person = make_subscriber(site, id=UUID(int=number), tags=["vip"])
        for _device in range(2):
            make_subscription(site, subscriber=person)
    for asked in (rules.EVERYONE, rule(tagged("vip"))):
        found = counting.exact(site, asked)
        assert (found.people, found.devices) == (6, 12)


@pytest.mark.django_db
def test_an_audience_is_called_by_its_name_else_by_its_id() -> None:
    site = make_site()
    assert str(Audience(site=site, name="Cold hands")) == "Cold hands"
    nameless = Audience(site=site)
    assert str(nameless) == str(nameless.id)


@pytest.mark.django_db
def test_too_long_becomes_an_estimate(settings: Settings, slow: Rule) -> None:
    site = make_site()
    spread(site, 256)
    settings.AUDIENCE_TIMEOUT_MS = 60_000
    whole = counting.exact(site, slow)
    assert whole.people == 256
    # Not enough for all of them, and far more than enough for 1 in 64.
    settings.AUDIENCE_TIMEOUT_MS = int(whole.took * 1000 / 3)
    with pytest.raises(TooLong):
        counting.exact(site, slow)
    found = counting.count(site, slow)
    assert found.share in (16, 64)
    # The sample is fair to the last person here, so only the digits are fewer.
    assert (found.people, found.devices, found.estimated) == (260, 260, True)
    assert found.platforms.other == 260
    assert found.channels == {"web": 260, "fcm": 0, "apns": 0}


@pytest.mark.django_db
def test_a_sample_narrows_what_conditions_read(settings: Settings) -> None:
    site = make_site()
    spread(site, 128, tags=["vip"])
    scope = Scope(site, timezone.now(), ids=counting.sample(64))
    sql = str(
        scope.among(
            Subscription.objects.filter(
                rules.condition(
                    {"field": "event", "op": "at_least", "name": "viewed", "count": 1}
                ).about.asks("at_least", {"name": "viewed", "count": 1}, scope)
            )
        ).query
    )
    assert sql.count('"subscriber_id" < ') == 2
    measure = partial(counting._count, site, rule(tagged("vip")))
    found = counting.estimated(measure, lambda reach: reach.people, "", 10_000)
    assert found.people == 130


@pytest.mark.parametrize(
    ("found", "share", "shown"),
    [(0, 64, 0), (1, 64, 64), (2, 64, 130), (598, 64, 38_000), (7, 16, 110), (123, 1, 123)],
)
def test_two_digits_count(found: int, share: int, shown: int) -> None:
    assert counting.about(found, share) == shown
    assert counting.scaled(Reach(people=found, devices=found), share).people == shown


@pytest.mark.django_db
def test_alone_gives_each_condition_in_one_statement(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    site = make_site()
    for tags in (["a"], ["a", "b"], ["c"]):
        make_subscription(site, subscriber=make_subscriber(site, tags=tags))
    make_subscription(site, subscriber=make_subscriber(site, tags=["a"]), state="gone")
    make_subscription(make_site(name="Other"), subscriber=make_subscriber(site, tags=["a"]))
    named = Audience.objects.create(site=site, name="B", rule=rule(tagged("b")).as_json())
    everyone = Audience.objects.create(site=site, name="All", rule=rules.EVERYONE.as_json())
    asked = rule(
        tagged("a"),
        {"any": [tagged("b", "c"), {"audience": str(everyone.pk)}]},
        {"none": [{"audience": str(named.pk)}]},
    )
    with django_assert_num_queries(8):
        found = estimating.alone(site, asked)
    assert found.devices == {"all.0": 2, "all.1.any.0": 2, "all.1.any.1": 3, "all.2.none.0": 1}
    assert not found.about
    assert estimating.alone(site, rules.EVERYONE).devices == {}


@pytest.mark.django_db
def test_alone_asks_some_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site()
    spread(site, 256, tags=["a"])
    monkeypatch.setattr(estimating, "ALL_ASKED", 64)
    found = estimating.alone(site, rule(tagged("a"), tagged("b")))
    assert found.about
    assert found.devices == {"all.0": 260, "all.1": 0}


def apart(work: Callable[[], object]) -> object:
    """What it does in another thread, and so on another connection; its exception comes here."""
    found: list[object] = []

    def run() -> None:
        try:
            found.append(work())
        except Exception as error:
            found.append(error)
        finally:
            connections.close_all()

    thread = Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    return found[0]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_waited_for_longer_than_said(settings: Settings) -> None:
    """What is locked counts as slow: not even an estimate is done, and it says so in time."""
    settings.AUDIENCE_TIMEOUT_MS = 60
    site = make_site()
    make_subscription(site)

    def locked() -> float:
        began = monotonic()
        with pytest.raises(TooLong):
            counting.count(site, rules.EVERYONE)
        return monotonic() - began

    with transaction.atomic():
        connection.cursor().execute("LOCK TABLE subscribers_subscription IN ACCESS EXCLUSIVE MODE")
        took = apart(locked)
    assert isinstance(took, float)
    assert 0.06 <= took < 10
    assert counting.count(site, rules.EVERYONE).people == 1


@pytest.mark.django_db(transaction=True)
def test_a_running_count_is_ended_by_its_name(settings: Settings) -> None:
    settings.AUDIENCE_TIMEOUT_MS = 30_000
    site = make_site()
    make_subscription(site)
    ended: list[object] = []

    def counted() -> object:
        return counting.count(site, rules.EVERYONE, name="beckon preview of a test")

    with transaction.atomic():
        connection.cursor().execute("LOCK TABLE subscribers_subscription IN ACCESS EXCLUSIVE MODE")
        thread = Thread(target=lambda: ended.append(apart(counted)))
        thread.start()
        assert bounded.end("beckon preview of another") == 0
        # Until it has begun, there is nothing to end.
        while thread.is_alive() and not ended:
            # A transaction sees others as they were when it first looked.
            connection.cursor().execute("SELECT pg_stat_clear_snapshot()")
            bounded.end("beckon preview of a test")
        thread.join(30)
    assert isinstance(ended[0], Ended)
    # The name went with its statement: nothing that comes later is ended.
    assert counting.count(site, rules.EVERYONE, name="beckon preview of a test").people == 1
    assert bounded.end("beckon preview of a test") == 0


@pytest.mark.django_db
def test_limits_and_plans_last_for_one_statement() -> None:
    def current() -> tuple[Any, ...]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('statement_timeout'), current_setting('work_mem'),"
                " current_setting('application_name')"
            )
            return tuple(cursor.fetchone())

    before = current()
    with bounded.at_most(5_000, work_mem="256MB", application_name="x"):
        assert current() == ("5s", "256MB", "x")
    assert current() == before
