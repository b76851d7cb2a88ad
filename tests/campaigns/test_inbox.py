"""GET /push/{site_key}/inbox/: what is in it, in which words, by page."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Site
from campaigns import inbox, planning, starting, tracking
from campaigns.models import Delivery, Message, Run
from subscribers import identity
from subscribers.incoming import Change
from subscribers.models import Subscription
from tests.campaigns.engine import drive
from tests.campaigns.inboxes import State, Visitor, begun, delivered, in_inbox, kari, said, sent
from tests.campaigns.senders import FakeService
from tests.factories import make_campaign, make_site, make_subscriber, make_subscription

DAY = timedelta(days=1)


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def device(site: Site) -> Subscription:
    return kari(site)


def test_it_works(site: Site) -> None:
    kari(site)
    campaign = in_inbox(
        site,
        message={
            "image": "https://shop.example/big.jpg",
            "icon": "https://shop.example/icon.png",
            "actions": [{"title": "Gloves", "url": "https://shop.example/gloves"}],
            "utm_source": "beckon",
            "app": {"android": {"link": "fjell://down"}},
        },
    )
    run = starting.start(campaign)
    drive(run, FakeService())
    answer = Visitor(site).ask("GET")
    found = said(answer)
    assert answer["Cache-Control"] == "no-store"
    assert answer["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "Origin" in answer["Vary"]
    assert not answer.cookies
    assert (found["unread"], found["next"]) == (1, None)
    assert found["receipts"].endswith("/push/events/")
    (item,) = found["items"]
    row = Delivery.objects.get()
    assert row.sent_at is not None
    assert datetime.fromisoformat(item.pop("sent_at")) == row.sent_at
    assert datetime.fromisoformat(item.pop("expires_at")) == run.started_at + 30 * DAY
    assert len(item.pop("id")) == 22
    assert len(item.pop("token")) == 43
    assert item == {
        "title": "Winter layers",
        "body": "20 % off down",
        "image": "https://shop.example/big.jpg",
        "icon": "https://shop.example/icon.png",
        "url": "https://shop.example/down?utm_source=beckon",
        "links": {
            "android": "fjell://down",
            "ios": "https://shop.example/down?utm_source=beckon",
        },
        "buttons": [{"title": "Gloves", "url": "https://shop.example/gloves?utm_source=beckon"}],
        "language": "en",
        "direction": "auto",
        "read": False,
    }


def test_nobody_has_an_empty_one(site: Site) -> None:
    found = Visitor(site).items()
    assert (found["items"], found["unread"], found["next"]) == ([], 0, None)


@pytest.mark.parametrize(
    ("state", "reason", "there"),
    [
        (State.ACCEPTED, "", True),
        (State.UNKNOWN, "sender_died", True),
        (State.REFUSED, "too_large", True),
        (State.GONE, "", True),
        (State.SKIPPED, "inbox_only", True),
        (State.SKIPPED, "no_consent", False),
        (State.SKIPPED, "capped", False),
        (State.PLANNED, "", False),
        (State.SENDING, "", False),
        (State.EXPIRED, "run_expired", False),
        (State.CANCELLED, "", False),
        (State.HOLDOUT, "", False),
    ],
)
def test_by_what_became_of_it(
    state: State, reason: str, there: bool, site: Site, device: Subscription
) -> None:
    delivered(begun(in_inbox(site)), device, state, reason=reason)
    found = Visitor(site).items()
    assert (len(found["items"]), found["unread"]) == (int(there), int(there))


def test_only_of_campaigns_that_are_in_it_and_no_tests(site: Site, device: Subscription) -> None:
    delivered(begun(make_campaign(site)), device)
    delivered(begun(in_inbox(site), kind=Run.Kind.TEST), device)
    assert Visitor(site).titles() == []


def test_until_its_days_are_over(site: Site, device: Subscription) -> None:
    late = timedelta(minutes=5)
    delivered(begun(in_inbox(site, "Over", inbox_days=7), ago=7 * DAY), device)
    delivered(begun(in_inbox(site, "Still", inbox_days=7), ago=7 * DAY - late), device)
    assert Visitor(site).titles() == ["Still"]


def test_only_what_the_person_was_sent(site: Site, device: Subscription) -> None:
    sent(site, make_subscription(site), "Of somebody else")
    other = make_site(name="Other")
    sent(other, kari(other), "Of another site")
    sent(site, device, "Mine")
    assert Visitor(site).titles() == ["Mine"]


def test_one_item_for_all_devices_of_a_person(site: Site, device: Subscription) -> None:
    app = make_subscription(site, subscriber=device.subscriber)
    run = begun(in_inbox(site))
    delivered(run, device, State.GONE)
    row = delivered(run, app, sent_at=run.started_at + timedelta(seconds=9))
    (item,) = Visitor(site).items()["items"]
    # That of the device which can report.
    assert datetime.fromisoformat(item["sent_at"]) == row.sent_at
    assert tracking.receive(item["token"], tracking.Receipt.CLICKED)
    row.refresh_from_db()
    assert row.clicked_at


@pytest.mark.parametrize("state", [State.SKIPPED, State.REFUSED, State.GONE])
def test_no_token_where_no_receipt_counts(state: State, site: Site, device: Subscription) -> None:
    delivered(begun(in_inbox(site)), device, state, reason="inbox_only")
    (item,) = Visitor(site).items()["items"]
    assert item["token"] == ""


def test_the_version_and_the_variant_that_were_sent(site: Site, device: Subscription) -> None:
    campaign = in_inbox(site, "First", message={"variants": [{"title": "First B"}]})
    first = campaign.messages.get()
    b: dict[str, Any] = {
        "body": "",
        "url": first.url,
        "icon": "",
        "image": "",
        "badge": "",
        "actions": [],
    }
    b |= {"translations": {}, "overrides": {}, "weight": 50}
    Message.objects.update(variants=[b | {"title": "First B"}])
    second = Message.objects.create(
        campaign=campaign, version=2, title="Second", url=first.url, variants=[b | {"title": "B"}]
    )
    run = begun(campaign, winner=1)
    assert run.message == second
    row = delivered(run, device, version=1, variant=None)
    for version, variant, title in (
        (1, 0, "First"),
        (1, 1, "First B"),
        (2, 0, "Second"),
        # Nothing was sent: the message as it stands, of the variant that won.
        (None, None, "B"),
        (None, 0, "Second"),
    ):
        Delivery.objects.filter(pk=row.pk).update(version=version, variant=variant)
        assert Visitor(site).titles() == [title]


def test_in_the_words_of_the_person(site: Site) -> None:
    device = kari(site, attributes={"first_name": "Kari"})
    Subscription.objects.update(language="nb-NO", platform="Windows")
    message = {
        "title": "Hi {{ subscriber.first_name }}",
        "translations": {"nb": {"title": "Hei {{ subscriber.first_name }}"}},
        "overrides": {"windows": {"title": "Short"}},
    }
    delivered(begun(in_inbox(site, message=message)), device)
    (item,) = Visitor(site).items()["items"]
    assert (item["title"], item["language"]) == ("Hei Kari", "nb")


def test_right_to_left(site: Site, device: Subscription) -> None:
    Subscription.objects.update(language="he-IL")
    message = {"translations": {"he": {"title": "שלום"}}}
    delivered(begun(in_inbox(site, message=message)), device)
    (item,) = Visitor(site).items()["items"]
    assert item["direction"] == "rtl"


def test_left_out_where_the_text_says_nothing_to_them_now(site: Site, device: Subscription) -> None:
    aborts = "{% abort 'no cart' %}"
    delivered(begun(in_inbox(site, message={"body": aborts}), ago=timedelta(hours=1)), device)
    cart = {"body": "{% if cart %}Yours{% else %}{% abort 'no cart' %}{% endif %}"}
    delivered(begun(in_inbox(site, "Cart", message=cart)), device)
    sent(site, device, "Fine")
    visitor = Visitor(site)
    found = visitor.items()
    assert [item["title"] for item in found["items"]] == ["Fine"]
    assert found["unread"] == said(visitor.ask("GET", "unread/"))["unread"] == 1


def test_pages(site: Site, device: Subscription) -> None:
    sent(site, device, *"abcdefg")
    visitor, seen, cursor = Visitor(site), [], ""
    for _page in range(3):
        found = visitor.items(f"?limit=3&cursor={cursor}")
        seen.append("".join(item["title"] for item in found["items"]))
        assert found["unread"] == 7
        cursor = found["next"]
    assert seen == ["gfe", "dcb", "a"]
    assert cursor is None


def test_a_page_goes_on_after_what_was_deleted_meanwhile(site: Site, device: Subscription) -> None:
    sent(site, device, *"abc")
    visitor = Visitor(site)
    found = visitor.items("?limit=1")
    visitor.ask("DELETE", f"{found['items'][0]['id']}/")
    assert visitor.titles(f"?limit=9&cursor={found['next']}") == ["b", "a"]


def test_the_cursor_says_nothing_and_is_of_one_person(site: Site, device: Subscription) -> None:
    sent(site, device, *"ab")
    run = Run.objects.latest("pk")
    cursor = Visitor(site).items("?limit=1")["next"]
    assert str(run.pk) not in cursor
    other = make_subscription(site, subscriber=make_subscriber(site, external_id="ola"))
    delivered(run, other)
    theirs = Visitor(site, "ola").items()["items"][0]["id"]
    assert theirs != cursor
    for wrong in (theirs, "x" * 22, "x", "å", "%00"):
        answer = Visitor(site).ask("GET", f"?cursor={wrong}")
        assert answer.status_code == 400
        assert json.loads(answer.content)["error"] == "cursor"


@pytest.mark.parametrize("limit", ["0", "51", "-1", "1.5", "٣", "x", "", "9" * 5_000])
def test_a_limit_that_is_none(limit: str, site: Site) -> None:
    answer = Visitor(site).ask("GET", f"?limit={limit}")
    assert answer.status_code == 400
    found = json.loads(answer.content)
    assert (found["error"], found["field"]) == ("limit", "limit")


def test_as_many_statements_for_one_as_for_many(
    site: Site,
    device: Subscription,
    django_assert_num_queries: DjangoAssertNumQueries,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    visitor = Visitor(site)
    message = {"body": "{{ subscriber.first_name | default: 'you' }}: {{ cart.count }}"}
    message |= {"utm_campaign": "{{ campaign.name }}"}
    make_subscription(site, subscriber=device.subscriber)
    for titles in ("a", "bcdefghijk"):
        sent(site, device, *titles, message=message)
        # The site; the person with their devices; the ledger; the messages; the readers.
        with django_assert_num_queries(5):
            assert len(visitor.items()["items"]) >= len(titles)
        # Messages are kept for some minutes.
        with django_assert_max_num_queries(5):
            visitor.ask("GET", "unread/")


def test_signed_in_elsewhere_the_inbox_is_the_same(site: Site, device: Subscription) -> None:
    """What an anonymous browser was sent is there once it turns out whose it is."""
    stranger = make_subscription(site)
    sent(site, stranger, "Before")
    sent(site, device, "Mine")
    assert Visitor(site).titles() == ["Mine"]
    identity.change(stranger, Change(external_id="kari"))
    assert sorted(Visitor(site).titles()) == ["Before", "Mine"]


def test_who_signs_in_on_the_device_of_another_reads_nothing_of_theirs(
    site: Site, device: Subscription
) -> None:
    sent(site, device, "Hers")
    identity.change(device, Change(external_id="ola"))
    his = Visitor(site, "ola")
    assert (his.titles(), his.items()["unread"]) == ([], 0)
    delivered(begun(in_inbox(site, "His")), device)
    assert his.titles() == ["His"]
    assert Visitor(site).titles() == []


def test_inbox_only_by_the_engine(site: Site) -> None:
    """A device without an address takes part in campaigns that are in the inbox, and no others."""
    visitor = Visitor(site)
    assert said(visitor.open()) == {"unread": 0}
    for campaign in (in_inbox(site), make_campaign(site)):
        run = starting.start(campaign)
        planning.plan(run.pk)
        drive(run, FakeService())
    assert visitor.titles() == ["Winter layers"]
    row = Delivery.objects.get()
    assert (row.state, row.reason, row.sent_at) == (State.SKIPPED, "inbox_only", None)


def test_the_most_devices(
    site: Site, device: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MOST_DEVICES", 1)
    newer = make_subscription(
        site, subscriber=device.subscriber, last_seen_at=timezone.now() + timedelta(minutes=1)
    )
    sent(site, device, "Older")
    sent(site, newer, "Newer")
    assert Visitor(site).titles() == ["Newer"]
