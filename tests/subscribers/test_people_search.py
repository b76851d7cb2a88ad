"""Search, states and pages of people."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Site
from subscribers import consent, people
from subscribers.models import ConsentRecord, Subscriber
from subscribers.people import Cursor
from tests.factories import make_inbox, make_site, make_subscriber, make_subscription


def found(site: Site, text: str = "", state: str = "") -> set[str]:
    return {person.external_id for person in people.search(site, text=text, state=state)}


@pytest.fixture
def three(site: Site) -> dict[str, Subscriber]:
    return {
        "ingrid": make_subscriber(
            site, external_id="FF-1", tags=["vip", "50% off"], attributes={"name": "Ingrid S."}
        ),
        "jonas": make_subscriber(site, external_id="ff-22", attributes={"first_name": "Jonas"}),
        "nobody": make_subscriber(site, external_id="zz_9", tags=["VIP"]),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"FF-1", "ff-22", "zz_9"}),
        ("ff-", {"FF-1", "ff-22"}),
        ("FF-2", {"ff-22"}),
        ("ingrid  s", {"FF-1"}),
        ("JONAS", {"ff-22"}),
        ("vip", {"FF-1"}),
        ("50% off", {"FF-1"}),
        ("5", set()),
        ("%", set()),
        ("zz_", {"zz_9"}),
        ("zzz", set()),
        ("ngrid", set()),
        ("' OR 1=1 --", set()),
        ("\x00", {"FF-1", "ff-22", "zz_9"}),
    ],
)
def test_search(site: Site, three: dict[str, Subscriber], text: str, expected: set[str]) -> None:
    make_subscriber(make_site(name="Other"), external_id="FF-3", tags=["vip"])
    assert found(site, text) == expected


def test_search_by_id(site: Site, three: dict[str, Subscriber]) -> None:
    ingrid = three["ingrid"].pk
    for text in (str(ingrid), str(ingrid)[:8], str(ingrid).upper()[:12], ingrid.hex):
        assert "FF-1" in found(site, text)
    assert found(site, str(uuid.uuid4())) == set()
    assert found(site, str(ingrid)[:3]) == set()


def test_search_goes_by_indexes(site: Site) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO subscribers_subscriber"
            " (id, site_id, external_id, email_hash, tags, topics, attributes, created_at,"
            " last_seen_at)"
            " SELECT gen_random_uuid(), %s, 'id-' || n, '', '{t}', '{}', '{}', now(), now()"
            " FROM generate_series(1, 20000) n",
            [site.pk],
        )
        cursor.execute("ANALYZE subscribers_subscriber")
    plan = people.search(site, text="abcd").explain()
    for index in ("subscriber_find_id", "subscriber_find_name", "subscriber_tags"):
        assert index in plan
    assert "Seq Scan" not in plan


def test_states(site: Site) -> None:
    both, left, gone = (
        make_subscriber(site, external_id=name) for name in ("both", "left", "gone")
    )
    make_subscriber(site, external_id="no device")
    make_subscription(site, subscriber=both)
    lost = make_subscription(site, subscriber=both)
    quit_ = make_subscription(site, subscriber=left)
    ended = make_subscription(site, subscriber=gone)
    also_ended = make_subscription(site, subscriber=left)
    consent.mark_gone([lost.pk, ended.pk, also_ended.pk])
    consent.leave(quit_, ConsentRecord.Action.UNSUBSCRIBED)
    assert found(site, state="active") == {"both"}
    assert found(site, state="unsubscribed") == {"left"}
    assert found(site, state="gone") == {"gone"}
    assert found(site, state="nonsense") == set()
    # Who reads an inbox has not left, and is not reached by push.
    make_inbox(site, subscriber=left)
    make_inbox(site, subscriber=both)
    assert found(site, state="inbox") == {"left"}
    assert found(site, state="active") == {"both"}
    assert found(site, state="unsubscribed") == set()


def test_pages_cover_everybody_once(site: Site) -> None:
    now = timezone.now()
    # Ties, so that the second key of the order counts.
    moments = [now - timedelta(hours=n // 4) for n in range(23)]
    everybody = [make_subscriber(site, created_at=moment).pk for moment in moments]
    seen: list[uuid.UUID] = []
    cursor, back = "", []
    while True:
        page = people.page(people.search(site), Cursor.parse(cursor), size=5)
        seen += [person.pk for person in page.people]
        back.append(page)
        if not page.older:
            break
        cursor = page.older
    assert sorted(seen) == sorted(everybody)
    assert [len(page.people) for page in back] == [5, 5, 5, 5, 3]
    assert not back[0].newer
    for page, before in zip(reversed(back), reversed(back[:-1]), strict=False):
        again = people.page(people.search(site), Cursor.parse(page.newer), size=5)
        assert [one.pk for one in again.people] == [one.pk for one in before.people]
    first = people.page(people.search(site), Cursor.parse(back[1].newer), size=5)
    assert (first.newer, bool(first.older)) == ("", True)


def test_counting_stops(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        make_subscriber(site)
    assert people.count(people.search(site)) == 4
    monkeypatch.setattr(people, "COUNT_BOUND", 2)
    assert people.count(people.search(site)) == 3


@given(st.text(max_size=80))
def test_any_text_is_a_cursor_or_none(text: str) -> None:
    assert Cursor.parse(text) is None or str(Cursor.parse(text))


def test_cursor_round_trip() -> None:
    cursor = Cursor(timezone.now(), uuid.uuid4(), newer=True)
    assert Cursor.parse(str(cursor)) == cursor
    assert Cursor.parse(f"sideways~{timezone.now().isoformat()}~{uuid.uuid4()}") is None
    assert Cursor.parse(f"newer~2026-01-01T00:00:00~{uuid.uuid4()}") is None


@pytest.mark.django_db
def test_few_are_the_same_people_in_the_same_order() -> None:
    site = make_site()
    for number in range(4):
        make_subscriber(site, external_id=f"cust-{number}")
    make_subscriber(site, external_id="other")
    found = people.search(site, text="cust")
    few = people.few(found, people.count(found))
    assert people.page(few, None, size=3) == people.page(found, None, size=3)
    assert people.few(found, people.COUNT_BOUND + 1) is found
