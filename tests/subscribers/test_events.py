"""Events of people: subscribers.events and what it refuses (subscribers.incoming_events)."""

import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Site
from subscribers import events
from subscribers.events import Status
from subscribers.incoming import Refused
from subscribers.incoming_events import IncomingEvent, read_event
from subscribers.models import Cart, Event, EventName, Subscriber
from tests.factories import make_site, make_subscriber

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CART = {"items": [{"product": "SKU-1", "price": 5}]}


def item(**changes: Any) -> dict[str, Any]:
    """A good event of the person "ann", with changes; None takes a field away."""
    made = {"name": "viewed", "external_id": "ann", **changes}
    return {name: value for name, value in made.items() if value is not None}


def take_in(site: Site, *items: object) -> list[str]:
    """The status of each, or the field for which it was refused."""
    return [
        f"refused {one.refusal.field}".rstrip() if one.refusal else one.status.value
        for one in events.take_in(site, items)
    ]


@pytest.fixture
def ann(site: Site) -> Subscriber:
    return make_subscriber(site, external_id="ann")


def test_an_event_is_read() -> None:
    who = uuid.uuid4()
    data = {
        "name": "order.paid:eu-1_x",
        "subscriber": str(who),
        "at": "2026-11-20T12:30:00.000005+01:00",
        "id": "o-1",
        "properties": {"a": 1, "b": [1, {"c": None}], "d": {"e": "f"}},
    }
    event = read_event(data, NOW)
    assert (event.name, event.subscriber_id, event.external_id) == (data["name"], who, "")
    assert event.at == datetime(2026, 11, 20, 11, 30, 0, 5, tzinfo=UTC)
    assert event.at.tzinfo is UTC
    assert event.properties == data["properties"]
    assert 0 <= event.number < 2**63


def test_the_number_is_that_of_the_id() -> None:
    numbers = [
        read_event(item(id=one, name=name), NOW).number
        for one, name in (("a", "x"), ("a", "x"), ("b", "x"), ("a", "y"), (None, "x"), (None, "x"))
    ]
    assert numbers[0] == numbers[1]
    assert len(set(numbers)) == 5


def test_without_a_moment_it_is_now() -> None:
    event = read_event(item(), NOW)
    assert event == IncomingEvent("viewed", NOW, event.number, external_id="ann")


@pytest.mark.parametrize(
    ("at", "taken"),
    [
        (timedelta(hours=1), True),
        (timedelta(hours=1, seconds=1), False),
        (timedelta(days=-100), True),
        (timedelta(days=-100, seconds=-1), False),
    ],
)
def test_between_what_is_kept_and_an_hour_from_now(
    at: timedelta, taken: bool, settings: Settings
) -> None:
    settings.EVENT_RETENTION_DAYS = 100
    data = item(at=(NOW + at).isoformat())
    if taken:
        assert read_event(data, NOW).at == NOW + at
    else:
        with pytest.raises(Refused) as refused:
            read_event(data, NOW)
        assert refused.value.field == "at"


DEEP: list[Any] = []
for _ in range(5_000):
    DEEP = [DEEP]
BAD: list[tuple[object, str]] = [
    (None, ""),
    ([], ""),
    ("viewed", ""),
    (item(name=None), "name"),
    (item(name=""), "name"),
    (item(name="Viewed"), "name"),
    (item(name="1st"), "name"),
    (item(name="viéwed"), "name"),
    (item(name="viewed\n"), "name"),
    (item(name="a" * 65), "name"),
    (item(name=["viewed"]), "name"),
    (item(nmae="viewed"), "nmae"),
    (item(number=5), "number"),
    (item(external_id=None), "external_id"),
    (item(subscriber=str(uuid.uuid4())), "external_id"),
    (item(external_id=""), "external_id"),
    (item(external_id=7), "external_id"),
    (item(external_id="a" * 129), "external_id"),
    (item(external_id="a\tb"), "external_id"),
    (item(external_id=None, subscriber="ann"), "subscriber"),
    (item(external_id=None, subscriber=7), "subscriber"),
    (item(at="yesterday"), "at"),
    (item(at=""), "at"),
    (item(at=1_700_000_000), "at"),
    (item(at="2026-11-20"), "at"),
    (item(at="2026-11-20T12:00:00"), "at"),
    (item(at="9999-12-31T23:59:59.999999-23:59"), "at"),
    (item(at="0001-01-01T00:00:00+23:59"), "at"),
    (item(id=""), "id"),
    (item(id="a" * 65), "id"),
    (item(id=5), "id"),
    (item(properties=[]), "properties"),
    (item(properties="a"), "properties"),
    (item(properties={str(n): n for n in range(51)}), "properties"),
    (item(properties={"": 1}), "properties"),
    (item(properties={"a" * 65: 1}), "properties"),
    (item(properties={"a\tb": 1}), "properties"),
    (item(properties={"a": {"b\n": 1}}), "properties.a"),
    (item(properties={"a": "ø" * 2048}), "properties"),
    (item(properties={"a": [{"b": [1]}]}), "properties.a.0.b"),
    (item(properties={"a": {"b": {"c": {}}}}), "properties.a.b.c"),
    (item(properties={"a": DEEP}), ""),
    (item(properties={"a": "\x00"}), ""),
    (item(properties={"\x00": 1}), ""),
    (item(properties={"a": ["\ud800"]}), ""),
    (item(properties={"a": float("inf")}), ""),
    (item(external_id="\ud800"), ""),
    (item(name="cart_updated"), "properties.items"),
    (item(name="purchase", properties={"cart_id": []}), "properties.cart_id"),
]


@pytest.mark.parametrize(("data", "field"), BAD, ids=range(len(BAD)))
def test_what_is_refused(data: object, field: str) -> None:
    with pytest.raises(Refused) as refused:
        read_event(data, NOW)
    assert refused.value.field == field
    assert str(refused.value).endswith(".")


@pytest.mark.django_db
def test_a_bad_one_costs_no_other(site: Site, ann: Subscriber) -> None:
    good = item(properties={"a": "é 😀"})
    bad = [data for data, _field in BAD]
    said = take_in(site, good, *bad, good)
    assert said == ["stored", *(f"refused {field}".rstrip() for _data, field in BAD), "stored"]
    assert list(Event.objects.values_list("properties", flat=True)) == [good["properties"]] * 2


@pytest.mark.django_db
def test_people_are_known_by_either_id(site: Site, ann: Subscriber) -> None:
    make_subscriber(make_site(), external_id="ben")
    foreign = Subscriber.objects.get(external_id="ben")
    assert take_in(
        site,
        item(),
        item(external_id=None, subscriber=str(ann.pk)),
        item(external_id="ben"),
        item(external_id=None, subscriber=str(foreign.pk)),
        item(external_id=None, subscriber=str(uuid.uuid4())),
    ) == ["stored", "stored", "refused external_id", "refused subscriber", "refused subscriber"]
    assert set(Event.objects.values_list("subscriber", flat=True)) == {ann.pk}


@pytest.mark.django_db
def test_sent_again_it_is_one(site: Site, ann: Subscriber) -> None:
    at = timezone.now().isoformat()
    first = item(id="o-1", at=at)
    assert take_in(site, first, first, item(id="o-2", at=at)) == ["stored", "duplicate", "stored"]
    changed = item(id="o-1", at=at, properties={"late": True})
    assert take_in(site, changed, item(id="o-3", at=at)) == ["duplicate", "stored"]
    assert Event.objects.count() == 3
    assert not Event.objects.filter(properties__late=True).exists()


@pytest.mark.django_db
def test_without_a_moment_an_id_counts_once_in_a_request(site: Site, ann: Subscriber) -> None:
    assert take_in(site, item(id="o-1"), item(id="o-1"), item(), item()) == [
        *("stored", "duplicate", "stored", "stored")
    ]


@pytest.mark.django_db
def test_a_repeated_event_does_not_change_the_cart(site: Site, ann: Subscriber) -> None:
    at = timezone.now().isoformat()
    first = item(name="cart_updated", id="c", at=at, properties=CART)
    take_in(site, first)
    take_in(site, item(name="cart_updated", id="c", at=at, properties={"items": []}))
    assert Cart.objects.get(subscriber=ann).state == "open"


@pytest.mark.django_db
def test_carts_follow(site: Site, ann: Subscriber) -> None:
    take_in(site, item(name="cart_updated", properties=CART), item(name="purchase"))
    cart = Cart.objects.get(subscriber=ann)
    assert (cart.state, cart.items[0]["product"]) == ("bought", "SKU-1")


@pytest.mark.django_db
def test_a_thousand_in_few_statements(
    site: Site, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(10):
        make_subscriber(site, external_id=f"p{n}")
    items = [
        item(name=("viewed", "cart_updated", "purchase")[n % 3], external_id=f"p{n % 10}")
        | {"properties": CART}
        for n in range(1_000)
    ]
    take_in(site, *items[:3])
    # Names, month, people twice, events, carts three times, and the transaction.
    with django_assert_max_num_queries(10):
        assert take_in(site, *items) == ["stored"] * 1_000
    assert Event.objects.count() == 1_003


@pytest.mark.django_db
def test_more_than_a_batch(site: Site, ann: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "BATCH", 2)
    said = take_in(site, item(), item(external_id="x"), item(), item(name="X"), item())
    assert said == ["stored", "refused external_id", "stored", "refused name", "stored"]


@pytest.mark.django_db
def test_a_site_has_so_many_names(
    site: Site, ann: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MAX_NAMES", 2)
    make_subscriber(other := make_site(), external_id="ann")
    assert take_in(site, *(item(name=name) for name in "cba")) == [
        *("refused name", "stored", "stored")
    ]
    assert take_in(site, item(name="a"), item(name="d")) == ["stored", "refused name"]
    assert take_in(other, item(name="d")) == ["stored"]
    assert set(EventName.objects.filter(site=site).values_list("name", flat=True)) == {"a", "b"}


@pytest.mark.django_db
def test_events_of_many_months(site: Site, ann: Subscriber) -> None:
    days = (0, 40, 100, 399)
    items = [item(at=(timezone.now() - timedelta(days=day)).isoformat()) for day in days]
    assert take_in(site, *items) == ["stored"] * 4
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT tableoid) FROM subscribers_event")
        assert cursor.fetchone() == (4,)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)


@pytest.mark.django_db
@given(
    st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from(["viewed", "purchase", "cart_updated"]) | JSON},
            optional={
                "external_id": st.just("ann") | JSON,
                "subscriber": JSON,
                "at": JSON | st.datetimes(timezones=st.timezones()).map(datetime.isoformat),
                "id": st.sampled_from("abc") | JSON,
                "properties": JSON | st.just(CART),
            },
        ),
        max_size=3,
    )
)
def test_whatever_comes_is_stored_or_refused(items: list[object]) -> None:
    site = Site.objects.first() or make_site()
    if not Subscriber.objects.exists():
        make_subscriber(site, external_id="ann")
    before = Event.objects.count()
    results = events.take_in(site, items)
    assert len(results) == len(items)
    stored = sum(one.status == Status.STORED for one in results)
    assert Event.objects.count() == before + stored
    assert all(bool(one.refusal) == (one.status == Status.REFUSED) for one in results)


@pytest.mark.django_db
def test_latest_page_by_page(site: Site, ann: Subscriber) -> None:
    now = timezone.now()
    make_subscriber(site, external_id="ben")
    items = [
        item(name=f"n{n % 3}", at=(now - timedelta(days=n // 2 * 9)).isoformat()) for n in range(9)
    ]
    take_in(site, *items, item(external_id="ben"))
    everything = events.latest(ann, size=20)
    assert [event.at for event in everything] == sorted((e.at for e in everything), reverse=True)
    assert {event.name.name for event in everything} == {"n0", "n1", "n2"}
    paged: list[Event] = []
    while page := events.latest(
        ann, before=(paged[-1].at, paged[-1].number) if paged else None, size=2
    ):
        paged += page
    assert paged == everything
    assert len(paged) == 9


@pytest.mark.django_db
def test_events_move_with_the_cart(site: Site, ann: Subscriber) -> None:
    source, bystander = make_subscriber(site, external_id="x"), make_subscriber(site)
    at = timezone.now().isoformat()
    mine = item(external_id="x", id="o-1", at=at)
    take_in(
        site,
        *(mine, item(id="o-1", at=at), item(external_id="x", at=at)),
        item(name="cart_updated", external_id="x", properties=CART),
        item(external_id=None, subscriber=str(bystander.pk)),
    )
    events.move(source, ann)
    # The same event of both is one.
    assert Event.objects.filter(subscriber=ann).count() == 3
    assert Event.objects.filter(subscriber=bystander).count() == 1
    assert Event.objects.count() == 4
    assert list(Cart.objects.values_list("pk", flat=True)) == [ann.pk]


@pytest.mark.django_db(transaction=True)
def test_the_same_events_at_once_are_stored_once() -> None:
    site = make_site()
    for n in range(20):
        make_subscriber(site, external_id=f"p{n}")
    at = timezone.now().isoformat()
    items = [
        item(name="cart_updated", external_id=f"p{n}", id="c", at=at, properties=CART)
        for n in range(20)
    ]
    start = threading.Barrier(4)
    said: list[str] = []
    failed: list[Exception] = []

    def send(order: int) -> None:
        try:
            start.wait(30)
            said.extend(take_in(site, *items[::order]))
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=[order]) for order in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(said) == ["duplicate"] * 60 + ["stored"] * 20
    assert Event.objects.count() == Cart.objects.count() == 20
