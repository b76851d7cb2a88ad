"""The message of a campaign that is going out: the rest gets the next version, nobody two."""

import json
from collections import Counter
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import AuditEvent, Role, Site
from campaigns import drafting, planning, sending, starting
from campaigns.models import Batch, Campaign, Delivery, Message, Run
from campaigns.refusals import Refused
from tests.campaigns.engine import check_books
from tests.campaigns.senders import FakeService
from tests.factories import make_campaign, make_site, make_subscription

pytestmark = pytest.mark.django_db
AsRole = Callable[[Role], Client]
WORDS = {
    "title": "Down at 30 %",
    "body": "Until Sunday",
    "url": "https://shop.example/down",
    "keep": "86400",
    "urgency": "normal",
}


def running(site: Site, devices: int = 1) -> Campaign:
    for _ in range(devices):
        make_subscription(site)
    campaign = make_campaign(site)
    starting.start(campaign)
    return campaign


def at(campaign: Campaign, name: str) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.site_id, campaign.pk])


def titles(service: FakeService) -> Counter[str]:
    return Counter(json.loads(text)["notification"]["title"] for text in service.payloads)


def test_the_rest_gets_what_was_written_meanwhile(site: Site, settings: Settings) -> None:
    """In the middle of a batch: what was claimed says the old, the next window the new."""
    settings.SEND_WINDOW = 2
    settings.SEND_IN_FLIGHT = 2
    campaign = running(site, devices=6)
    run = Run.objects.get()
    planning.plan(run.pk)
    service = FakeService()
    batch = Batch.objects.get()
    sending.deliver(batch.pk, service, stop=lambda: bool(service.log))
    assert 0 < len(service.log) < 6
    before = len(service.log)
    message = drafting.revise(campaign, {"title": "New"})
    assert (message.version, message.body) == (2, "20 % off down")
    sending.deliver(batch.pk, service)
    check_books(run)
    assert titles(service) == {"Winter layers": before, "New": 6 - before}
    versions = Counter(Delivery.objects.values_list("version", flat=True))
    assert versions == {1: before, 2: 6 - before}
    assert len(set(service.log)) == 6
    assert Message.objects.get(version=1).title == "Winter layers"
    event = AuditEvent.objects.get(action="campaign.revised")
    assert event.detail == {"version": 2}


def test_a_paused_campaign_can_be_changed_too(site: Site) -> None:
    campaign = running(site)
    starting.pause(campaign)
    assert drafting.revise(campaign, {"title": "New"}).version == 2
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.PAUSED
    assert Run.objects.get().message.title == "New"


def test_saying_the_same_makes_no_version(site: Site) -> None:
    campaign = running(site)
    assert drafting.revise(campaign, {"title": "Winter layers"}).version == 1
    assert not AuditEvent.objects.filter(action="campaign.revised").exists()


@pytest.mark.parametrize("state", ["draft", "scheduled", "finished", "cancelled"])
def test_only_what_is_going_out_is_revised(site: Site, state: str) -> None:
    campaign = running(site)
    Campaign.objects.update(state=state, scheduled_for=campaign.created_at)
    with pytest.raises(Refused, match="has not started|nobody is left"):
        drafting.revise(campaign, {"title": "New"})
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"title": ""}, "title"),
        ({"url": ""}, "url"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"body": "ж" * 1000, "url": "https://shop.example/" + "x" * 900}, "body"),
    ],
)
def test_what_can_not_go_out_is_refused_and_changes_nothing(
    site: Site, fields: dict[str, str], name: str
) -> None:
    campaign = running(site)
    with pytest.raises(ValidationError) as caught:
        drafting.revise(campaign, fields)
    assert set(caught.value.message_dict) == {name}
    assert Message.objects.count() == 1
    assert Run.objects.get().message.version == 1


def test_two_people_do_not_overwrite_each_other(site: Site) -> None:
    campaign = running(site)
    drafting.revise(campaign, {"title": "Hers"}, seen=1)
    with pytest.raises(Refused, match="version 2 goes out now"):
        drafting.revise(campaign, {"title": "His"}, seen=1)
    assert Run.objects.get().message.title == "Hers"


# Over HTTP


def test_the_page_says_who_gets_what(site: Site, bob: Client, settings: Settings) -> None:
    settings.SEND_WINDOW = 7
    campaign = running(site, devices=3)
    page = bob.get(at(campaign, "revise")).content.decode()
    assert "Version 1 is going out." in page
    assert "while they are still being counted" in page
    run = Run.objects.get()
    planning.plan(run.pk)
    page = bob.get(at(campaign, "revise")).content.decode()
    assert "goes to the other 3, from the next 7 on" in page
    assert "Use it for the rest" in page and "data-autosave" not in page
    assert 'name="name"' not in page
    starting.pause(campaign)
    page = bob.get(at(campaign, "revise")).content.decode()
    assert "was going out when it was paused" in page
    assert "goes to the other 3 once you resume it" in page
    Batch.objects.update(accepted=1, pending=2)
    page = bob.get(at(campaign, "revise")).content.decode()
    assert "1 device is done and keeps what it got" in page
    Batch.objects.update(accepted=3, pending=0)
    assert "Nobody is left" in bob.get(at(campaign, "revise")).content.decode()


def test_queries_of_the_page(
    site: Site, bob: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    campaign = running(site, devices=20)
    planning.plan(Run.objects.get().pk)
    bob.get(at(campaign, "revise"))
    # session, user, membership, campaign; message, run, its sums and reasons; platforms, with the
    # savepoint and the limits of a count around it; the newest person, what is known of them, and
    # the names of events; whether there is an app
    with django_assert_num_queries(18):
        bob.get(at(campaign, "revise"))


def test_the_button_uses_it_for_the_rest(site: Site, bob: Client) -> None:
    campaign = running(site)
    answer = bob.post(at(campaign, "revise"), WORDS | {"seen": "1"}, follow=True)
    assert answer.redirect_chain == [(at(campaign, "report"), 302)]
    assert "Version 2 goes to the rest from now on." in answer.content.decode()
    message = Run.objects.get().message
    assert (message.version, message.title) == (2, "Down at 30 %")
    assert message.created_by is not None
    again = bob.post(at(campaign, "revise"), WORDS | {"seen": "2"}, follow=True)
    assert "Nothing was changed." in again.content.decode()
    assert Message.objects.count() == 2
    assert Campaign.objects.get().name == campaign.name


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"title": ""}, "It is going out. It needs a title."),
        ({"url": "nowhere"}, "begins with https://"),
        ({"url": ""}, "It is going out. It needs an address to open."),
        ({"seen": "2"}, "Somebody else changed the message meanwhile"),
        ({"seen": ""}, "Somebody else changed the message meanwhile"),
        ({"seen": "9" * 5_000}, "Somebody else changed the message meanwhile"),
        ({"body": "😀" * 900}, "bytes too large"),
    ],
)
def test_a_refusal_keeps_what_was_typed_and_sends_nothing(
    site: Site, bob: Client, typed: dict[str, str], says: str
) -> None:
    campaign = running(site)
    page = bob.post(at(campaign, "revise"), WORDS | {"seen": "1", "title": "Typed"} | typed)
    assert page.status_code == 200
    assert says in page.content.decode()
    assert ("Typed" in page.content.decode()) is ("title" not in typed)
    assert Message.objects.count() == 1


def test_what_ended_while_somebody_wrote_says_so(
    site: Site, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = running(site)
    revise = drafting.revise

    def late(*args: object, **options: object) -> Message:
        starting.cancel(campaign)
        return revise(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(drafting, "revise", late)
    page = bob.post(at(campaign, "revise"), WORDS | {"seen": "1"})
    assert "nobody is left to get a changed message" in page.content.decode()
    assert Message.objects.count() == 1


def test_a_draft_opens_in_the_composer_and_a_running_one_here(site: Site, bob: Client) -> None:
    campaign = make_campaign(site)
    answer = bob.get(at(campaign, "revise"))
    assert answer.headers["Location"] == at(campaign, "message")
    make_subscription(site)
    starting.start(campaign)
    answer = bob.get(at(campaign, "message"))
    assert answer.headers["Location"] == at(campaign, "revise")


def test_a_viewer_changes_nothing(site: Site, as_role: AsRole) -> None:
    campaign = running(site)
    vera = as_role(Role.VIEWER)
    assert vera.get(at(campaign, "revise")).status_code == 403
    assert vera.post(at(campaign, "revise"), WORDS | {"seen": "1"}).status_code == 403
    foreign = running(make_site(name="Other"))
    path = reverse("campaigns:revise", args=[site.pk, foreign.pk])
    assert as_role(Role.MARKETER).get(path).status_code == 404
    assert Message.objects.filter(version=2).count() == 0
