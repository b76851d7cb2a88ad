"""Reading, throwing away, counting; and what becomes of the marks."""

import json
import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from accounts.models import Site
from campaigns import inbox
from campaigns.models import InboxMark, Run
from config import ticker
from subscribers import identity
from subscribers.incoming import Change
from subscribers.models import Subscriber, Subscription
from tests.campaigns.inboxes import Visitor, begun, delivered, in_inbox, kari, said, sent
from tests.factories import make_site, make_subscriber, make_subscription


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def visitor(site: Site) -> Visitor:
    """Somebody with three messages: "c" came last."""
    sent(site, kari(site), *"abc")
    return Visitor(site)


def unread(visitor: Visitor) -> str:
    return "".join(item["title"] for item in visitor.items()["items"] if not item["read"])


def ids(visitor: Visitor) -> dict[str, str]:
    return {item["title"]: item["id"] for item in visitor.items()["items"]}


def test_one_is_read(visitor: Visitor) -> None:
    answer = visitor.ask("POST", "read/", {"ids": [ids(visitor)["b"]]})
    assert said(answer) == {"unread": 2}
    assert unread(visitor) == "ca"
    assert visitor.items()["unread"] == said(visitor.ask("GET", "unread/"))["unread"] == 2


def test_several_are_read_and_again(visitor: Visitor) -> None:
    both = [ids(visitor)["a"], ids(visitor)["c"]]
    for _time in range(2):
        assert said(visitor.ask("POST", "read/", {"ids": [*both, "x" * 22]})) == {"unread": 1}
    first = set(InboxMark.objects.values_list("read_at", flat=True))
    visitor.ask("POST", "read/", {"ids": list(ids(visitor).values())})
    assert first < set(InboxMark.objects.values_list("read_at", flat=True))
    assert InboxMark.objects.count() == 3


def test_all_up_to_a_moment(visitor: Visitor) -> None:
    b = visitor.items()["items"][1]
    assert said(visitor.ask("POST", "read/", {"until": b["sent_at"]})) == {"unread": 1}
    assert unread(visitor) == "c"


def test_one_is_thrown_away(visitor: Visitor) -> None:
    b = ids(visitor)["b"]
    for _time in range(2):
        assert said(visitor.ask("DELETE", f"{b}/")) == {"unread": 2}
    assert visitor.titles() == ["c", "a"]
    assert said(visitor.ask("POST", "read/", {"ids": [b]})) == {"unread": 2}
    assert visitor.titles() == ["c", "a"]


def test_without_a_method_of_its_own(visitor: Visitor) -> None:
    visitor.ask("POST", f"{ids(visitor)['b']}/?_method=DELETE")
    assert visitor.titles() == ["c", "a"]


def test_nobody_does_anything_to_another(visitor: Visitor, site: Site) -> None:
    ola = make_subscription(site, subscriber=make_subscriber(site, external_id="ola"))
    for run in Run.objects.all():
        delivered(run, ola)
    stranger = Visitor(site, "ola")
    for item in ids(visitor).values():
        assert stranger.ask("DELETE", f"{item}/").status_code == 404
    answer = stranger.ask("POST", "read/", {"ids": list(ids(visitor).values())})
    assert said(answer) == {"unread": 3}
    stranger.ask("POST", "read/", {"until": timezone.now().isoformat()})
    assert unread(visitor) == "cba"


def test_somebody_of_whom_nothing_is_known(site: Site) -> None:
    visitor = Visitor(site, "nobody")
    assert said(visitor.ask("GET", "unread/")) == {"unread": 0}
    assert said(visitor.ask("POST", "read/", {"ids": ["x" * 22]})) == {"unread": 0}
    moment = timezone.now().isoformat()
    assert said(visitor.ask("POST", "read/", {"until": moment})) == {"unread": 0}
    assert visitor.ask("DELETE", f"{'x' * 22}/").status_code == 404
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "ids"),
        ({"ids": []}, "ids"),
        ({"ids": "x" * 22}, "ids"),
        ({"ids": [1]}, "ids"),
        ({"ids": ["x"]}, "ids"),
        ({"ids": ["å" * 22]}, "ids"),
        ({"ids": ["x" * 22] * 101}, "ids"),
        ({"until": None}, "until"),
        ({"until": 1}, "until"),
        ({"until": "yesterday"}, "until"),
        ({"until": "2026-11-26T18:00:00"}, "until"),
        ({"until": "2026-13-26T18:00:00Z"}, "until"),
    ],
)
def test_what_cannot_be_read(body: object, field: str, visitor: Visitor) -> None:
    answer = visitor.ask("POST", "read/", body)
    found = json.loads(answer.content)
    assert (answer.status_code, found["field"], found["error"]) == (400, field, field)
    assert found["detail"]
    assert unread(visitor) == "cba"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-23:59"])
def test_moments_at_the_ends_of_time(moment: str, visitor: Visitor) -> None:
    assert visitor.ask("POST", "read/", {"until": moment}).status_code == 200


def test_an_item_that_is_over_is_gone(site: Site) -> None:
    run = begun(in_inbox(site, inbox_days=1))
    delivered(run, kari(site))
    visitor = Visitor(site)
    item = ids(visitor)["Winter layers"]
    Run.objects.update(started_at=timezone.now() - timedelta(days=1))
    answer = visitor.ask("DELETE", f"{item}/")
    assert answer.status_code == 404
    assert json.loads(answer.content)["error"] == "not_found"


def test_marks_come_along_when_two_people_are_one(site: Site) -> None:
    person = make_subscriber(site, external_id="kari")
    device = make_subscription(site)
    runs = sent(site, device, *"abc")
    early, late = timezone.now() - timedelta(hours=2), timezone.now()
    mark = InboxMark.objects.create
    mark(run=runs[0], subscriber=device.subscriber, read_at=early)
    mark(run=runs[1], subscriber=device.subscriber, read_at=early, deleted_at=early)
    mark(run=runs[1], subscriber=person, read_at=late)
    identity.change(device, Change(external_id="kari"))
    assert unread(Visitor(site)) == "c"
    assert Visitor(site).titles() == ["c", "a"]
    kept = InboxMark.objects.get(run=runs[1])
    assert (kept.subscriber, kept.read_at, kept.deleted_at) == (person, late, early)


def test_marks_go_with_the_person(visitor: Visitor) -> None:
    visitor.ask("DELETE", f"{ids(visitor)['b']}/")
    identity.erase(Subscriber.objects.get())
    assert not InboxMark.objects.exists()
    assert visitor.titles() == []


def test_nothing_is_marked_for_who_was_erased_meanwhile(visitor: Visitor, site: Site) -> None:
    whose = inbox.person(site, "kari")
    assert whose
    Subscription.objects.all().delete()
    Subscriber.objects.all().delete()
    inbox.read_until(whose, timezone.now())
    assert not InboxMark.objects.exists()


def test_old_marks_are_dropped_once_a_day(visitor: Visitor) -> None:
    visitor.ask("POST", "read/", {"until": timezone.now().isoformat()})
    old, *_others = Run.objects.order_by("pk")
    Run.objects.filter(pk=old.pk).update(started_at=timezone.now() - timedelta(days=90, hours=1))
    ticker.sweep()
    assert InboxMark.objects.count() == 2
    assert not InboxMark.objects.filter(run=old).exists()


@pytest.mark.django_db(transaction=True)
def test_many_at_once() -> None:
    site = make_site()
    sent(site, kari(site), *"abcdef")
    visitor = Visitor(site)
    every = list(ids(visitor).values())
    codes: list[int] = []

    def act(order: list[str]) -> None:
        try:
            codes.append(Visitor(site).ask("POST", "read/", {"ids": order}).status_code)
            codes.append(Visitor(site).ask("DELETE", f"{order[0]}/").status_code)
        finally:
            connections.close_all()

    orders = [every, every[::-1], every[3:] + every[:3], every]
    threads = [threading.Thread(target=act, args=[order]) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [200] * 8
    assert InboxMark.objects.exclude(read_at=None).count() == 6
    assert InboxMark.objects.exclude(deleted_at=None).count() == 3


def test_the_marks_are_locked_in_one_order(visitor: Visitor, site: Site) -> None:
    """Whatever order is asked for, so that two at once never wait for each other."""
    whose = inbox.person(site, "kari")
    assert whose
    runs = list(Run.objects.order_by("-pk").values_list("pk", flat=True))
    with connection.cursor() as cursor:
        statement = inbox.MARK.format(column="read_at")
        cursor.execute(f"{statement} RETURNING run_id", [timezone.now(), runs, whose.id])
        assert [row[0] for row in cursor.fetchall()] == sorted(runs)
