"""The people behind a dry run's figures, and one person looked up."""

import csv
from datetime import UTC, datetime, time

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEvent, Role, Site, User
from campaigns import forecasting, starting
from campaigns.models import Campaign, Cap, DryRun, Policy
from campaigns.views import foretold
from subscribers import emails
from subscribers.models import Subscription
from tests.campaigns.engine import drive
from tests.campaigns.senders import FakeService
from tests.factories import (
    make_campaign,
    make_member,
    make_site,
    make_subscriber,
    make_subscription,
)

pytestmark = pytest.mark.django_db
WALL = datetime(2099, 11, 26, 18, 0, tzinfo=UTC)
OWN = {"timing": "local", "scheduled_wall": WALL, "scheduled_zone": "Europe/Oslo"}


@pytest.fixture
def site() -> Site:
    return make_site(time_zone="Europe/Oslo")


@pytest.fixture
def marit(site: Site, client: Client) -> User:
    marit = make_member(site, Role.MARKETER, "marit@example.com")
    client.force_login(marit)
    return marit


def device(
    site: Site, name: str = "Ada", zone: str = "Asia/Tokyo", **fields: object
) -> Subscription:
    person = make_subscriber(site, attributes={"first_name": name} if name else {}, **fields)
    return make_subscription(site, subscriber=person, time_zone=zone)


def counted(campaign: Campaign) -> DryRun:
    run = forecasting.start(campaign, None)
    forecasting.run(run.pk)
    run.refresh_from_db()
    assert run.state == DryRun.State.DONE
    return run


def at(name: str, campaign: Campaign, **query: object) -> str:
    address = reverse(f"campaigns:{name}", args=[campaign.site_id, campaign.pk])
    parts = "&".join(f"{key}={value}" for key, value in query.items())
    return f"{address}?{parts}"


def read(client: Client, address: str, *, part: bool = False) -> str:
    answer = client.get(address, headers={"HX-Request": "true"} if part else {})
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


@pytest.mark.usefixtures("marit")
def test_a_figure_opens_its_people_with_their_own_minute(site: Site, client: Client) -> None:
    there, _nowhere = device(site), device(site, name="Grace", zone="")
    campaign = make_campaign(site, no_zone="skip", **OWN)
    counted(campaign)
    page = read(client, at("dry_run_people", campaign, code="send"))
    assert "Ada" in page and "Grace" not in page
    assert "Asia/Tokyo" in page and "26 Nov 2099 18:00" in page
    assert reverse("subscribers:person", args=[site.pk, there.subscriber_id]) in page
    page = read(client, at("dry_run_people", campaign, code="no_zone"))
    assert "Grace" in page and "Ada" not in page
    assert "Its time zone is not known." in page


@pytest.mark.usefixtures("marit")
def test_pages_follow_each_other_to_the_end(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foretold, "PAGE", 2)
    for name in ("Ada", "Bea", "Cleo"):
        device(site, name=name)
    campaign = make_campaign(site)
    counted(campaign)
    answer = client.get(at("dry_run_people", campaign, code="send"))
    assert "Cleo" not in answer.content.decode()
    page = read(client, at("dry_run_people", campaign) + answer.context["on"])
    assert "Cleo" in page and "Ada" not in page and "From the start" in page


@pytest.mark.usefixtures("marit")
def test_a_search_that_takes_long_says_how_far_it_came(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foretold, "PATIENCE", -1)
    monkeypatch.setattr(forecasting, "LOOK", 1)
    for name in ("Ada", "Bea"):
        device(site, name=name)
    device(site, name="Cleo", zone="")
    campaign = make_campaign(site, no_zone="skip", **OWN)
    counted(campaign)
    page = read(client, at("dry_run_people", campaign, code="no_zone"))
    assert "Looked at 1 of 3 devices so far." in page
    answer = client.get(at("dry_run_people", campaign, code="no_zone"))
    answer = client.get(at("dry_run_people", campaign) + answer.context["on"])
    page = read(client, at("dry_run_people", campaign) + answer.context["on"])
    assert "Cleo" in page and "Looked at" not in page


@pytest.mark.usefixtures("marit")
def test_without_figures_of_it_as_it_is_the_page_says_so(site: Site, client: Client) -> None:
    device(site)
    campaign = make_campaign(site)
    assert "No figures" in read(client, at("dry_run_people", campaign, code="send"))
    counted(campaign)
    campaign.messages.update(title="Another")
    assert "No figures" in read(client, at("dry_run_people", campaign, code="send"))


@pytest.mark.usefixtures("marit")
@pytest.mark.parametrize("code", ["capped", "%00", "x" * 500, "aborted:%C3%A6/no price"])
def test_an_outcome_that_nobody_has_is_empty(site: Site, client: Client, code: str) -> None:
    device(site)
    campaign = make_campaign(site)
    counted(campaign)
    assert "gave nobody that outcome" in read(client, at("dry_run_people", campaign, code=code))


@pytest.mark.usefixtures("marit")
def test_what_has_started_has_a_report_instead(site: Site, client: Client) -> None:
    device(site)
    campaign = make_campaign(site)
    starting.start(campaign)
    for name in ("dry_run_people", "dry_run_person"):
        assert client.get(at(name, campaign)).status_code == 302


def fill_cap(site: Site) -> Campaign:
    """Everybody has had as many as they may."""
    Cap.objects.create(site=site, most=1, days=7)
    earlier = make_campaign(site, name="=Back in stock")
    drive(starting.start(earlier), FakeService())
    return make_campaign(site)


@pytest.mark.usefixtures("marit")
def test_who_is_capped_is_told_what_holds_the_places(site: Site, client: Client) -> None:
    device(site, zone="Europe/Oslo")
    campaign = fill_cap(site)
    counted(campaign)
    page = read(client, at("dry_run_people", campaign, code="capped"))
    assert "The cap of 1 in 7 days is full: =Back in stock (" in page
    assert "The next place is free on" in page


def test_the_export_is_for_admins_and_no_formula(site: Site, client: Client) -> None:
    admin = make_member(site, Role.ADMIN)
    client.force_login(admin)
    device(site, name="=cmd|calc", external_id="+47")
    campaign = fill_cap(site)
    run = counted(campaign)
    answer = client.get(at("dry_run_export", campaign, code="capped"))
    text = b"".join(answer).decode()
    head, row = csv.reader(text.splitlines())
    found = dict(zip(head, row, strict=True))
    assert found["name"] == "'=cmd|calc" and found["external_id"] == "'+47"
    assert found["outcome"] == "capped" and found["next_place"].endswith("Z")
    assert answer["Content-Disposition"].endswith('-dry-run-capped.csv"')
    assert AuditEvent.objects.get(action="campaign.exported").detail["outcome"] == "capped"
    run.delete()
    assert client.get(at("dry_run_export", campaign)).status_code == 302


def test_the_export_goes_on_chunk_by_chunk(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.fates.CHUNK", 2)
    client.force_login(make_member(site, Role.ADMIN))
    devices = [device(site) for _ in range(5)]
    campaign = make_campaign(site, timing="local", scheduled_wall=WALL, holdout=0)
    counted(campaign)
    answer = client.get(at("dry_run_export", campaign, code="send"))
    rows = list(csv.DictReader(b"".join(answer).decode().splitlines()))
    assert [row["device"] for row in rows] == [str(one.public_id) for one in devices]
    assert {row["local_time"] for row in rows} == {"2099-11-26T18:00+09:00"}


@pytest.mark.usefixtures("marit")
@pytest.mark.parametrize("who", ["FF-330917", "ff-33", "Ada", "ada@example.com"])
def test_one_person_is_asked_about_by_what_is_known_of_them(
    site: Site, client: Client, who: str
) -> None:
    told = {"email": "ada@example.com", "first_name": "Ada"}
    person = make_subscriber(
        site, attributes=told, external_id="FF-330917", email_hash=emails.hash_of(told)
    )
    make_subscription(site, subscriber=person, time_zone="Asia/Tokyo")
    device(site, name="Grace")
    text = "Hello {{ subscriber.first_name }}"
    campaign = make_campaign(site, message={"body": text}, **OWN)
    page = read(client, at("dry_run_person", campaign, who=who), part=True)
    assert "will get it" in page and "Hello Ada" in page
    assert "26 Nov 2099 18:00 Tokyo" in page
    assert "<html" not in page
    assert "<html" in read(client, at("dry_run_person", campaign, who=who))


@pytest.mark.usefixtures("marit")
def test_of_several_who_fit_one_is_chosen(site: Site, client: Client) -> None:
    first, _second = device(site, name="Ada"), device(site, name="Adam")
    campaign = make_campaign(site)
    page = read(client, at("dry_run_person", campaign, who="ada"), part=True)
    assert "Which one?" in page and "Adam" in page
    page = read(client, at("dry_run_person", campaign, person=first.subscriber_id), part=True)
    assert "Ada will get it." in page
    assert "Nobody fits “zoe”" in read(client, at("dry_run_person", campaign, who="zoe"), part=True)
    other = device(make_site(origins=["https://other.example"]))
    page = read(client, at("dry_run_person", campaign, person=other.subscriber_id), part=True)
    assert "will" not in page


@pytest.mark.usefixtures("marit")
@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (Subscription.State.UNSUBSCRIBED, "They have left"),
        (Subscription.State.GONE, "Their devices are gone"),
        (None, "They have no device"),
    ],
)
def test_who_cannot_be_reached_is_told_apart(
    site: Site, client: Client, state: str | None, sentence: str
) -> None:
    person = make_subscriber(site, external_id="lost")
    if state:
        make_subscription(site, subscriber=person, state=state)
    page = read(client, at("dry_run_person", make_campaign(site), who="lost"), part=True)
    assert "will not get it" in page and sentence in page


@pytest.mark.usefixtures("marit")
def test_who_is_not_in_the_audience_sees_which_condition(site: Site, client: Client) -> None:
    device(site, name="Ada", tags=["vip"])
    rule = {"version": 1, "all": [{"field": "tag", "op": "any_of", "values": ["gold"]}]}
    campaign = make_campaign(site, rule=rule)
    page = read(client, at("dry_run_person", campaign, who="Ada"), part=True)
    assert "Ada is not in this audience, because it is for people who have the tag" in page
    assert "Does not hold" in page


@pytest.mark.usefixtures("marit")
def test_quiet_hours_and_texts_that_stop_are_said_in_words(site: Site, client: Client) -> None:
    Policy.objects.create(site=site, quiet_start=time(17), quiet_end=time(8), quiet_action="skip")
    device(site, name="Ada", zone="Europe/Oslo")
    campaign = make_campaign(site, **OWN)
    page = read(client, at("dry_run_person", campaign, who="Ada"), part=True)
    assert "Quiet hours where they are: from 17:00 to 08:00." in page
    campaign = make_campaign(site, message={"body": "{% abort 'no price' %}"}, quiet="off", **OWN)
    page = read(client, at("dry_run_person", campaign, who="Ada"), part=True)
    assert "The message stops itself: no price." in page


@pytest.mark.usefixtures("marit")
def test_a_device_held_by_quiet_hours_gets_it_when_they_end(site: Site, client: Client) -> None:
    Policy.objects.create(site=site, quiet_start=time(17), quiet_end=time(8))
    device(site, name="Ada", zone="Europe/Oslo")
    campaign = make_campaign(site, **OWN)
    page = read(client, at("dry_run_person", campaign, who="Ada"), part=True)
    assert "Ada will get it." in page and "27 Nov 2099 08:00 Oslo" in page


@pytest.mark.usefixtures("marit")
def test_what_is_not_complete_says_what_is_missing(site: Site, client: Client) -> None:
    device(site, name="Ada")
    campaign = make_campaign(site, message={"title": ""})
    page = read(client, at("dry_run_person", campaign, who="Ada"), part=True)
    assert "no title" in page


@pytest.mark.usefixtures("marit")
def test_variants_and_a_winner_to_come_are_named(site: Site, client: Client) -> None:
    device(site, name="Ada")
    other = {"title": "B", "body": "", "url": "https://shop.example/b", "weight": 100}
    both = {"variants": [other], "weight": 0}
    campaign = make_campaign(site, message=both)
    counted(campaign)
    assert "Variant B" in read(client, at("dry_run_person", campaign, who="Ada"), part=True)
    page = read(client, at("dry_run_people", campaign, code="send"))
    assert "At once" in page and '<td role="cell" class="cell-hide">B</td>' in page
    waits = make_campaign(site, message=both, winner_by="click", sample=1, decide_minutes=60)
    page = read(client, at("dry_run_person", waits, who="Ada"), part=True)
    assert "The winner" in page or "Variant B" in page


@pytest.mark.usefixtures("marit")
def test_pages_ask_a_fixed_number_of_queries(site: Site, client: Client) -> None:
    asked = []
    for number in (1, 9):
        for _ in range(number):
            device(site, zone="Europe/Oslo")
        Cap.objects.all().delete()
        campaign = fill_cap(site)
        counted(campaign)
        with CaptureQueriesContext(connection) as found:
            read(client, at("dry_run_people", campaign, code="capped"))
        asked.append(len(found))
    assert asked[0] == asked[1] <= 35
