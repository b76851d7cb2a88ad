"""The list of campaigns: states with counts, search, pages, live rows, acts by state and role."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Role, Site
from audiences.models import Audience
from campaigns import planning, starting
from campaigns.models import Batch, Campaign
from campaigns.views import listing
from subscribers.models import Installation
from tests.campaigns.conftest import as_user
from tests.campaigns.engine import drive
from tests.campaigns.senders import FakeService
from tests.factories import make_campaign, make_member, make_site, make_subscription

pytestmark = pytest.mark.django_db


@pytest.fixture
def address(site: Site) -> str:
    return reverse("campaigns:list", args=[site.pk])


def text(answer: object) -> str:
    """What a person reads, with single spaces."""
    words = re.sub(r"<[^>]+>", " ", answer.content.decode())  # type: ignore[attr-defined]
    return " ".join(words.split())


def one_of_each(site: Site) -> dict[str, Campaign]:
    """A campaign in every state."""
    made = {name: make_campaign(site, name=f"Is {name}") for name in Campaign.State.values}
    make_subscription(site)
    wall = (timezone.now() + timedelta(days=2)).replace(tzinfo=None)
    starting.schedule(made["scheduled"], wall, "Europe/Oslo")
    for name in ("running", "paused", "finished"):
        planning.plan(starting.start(made[name]).pk)
    starting.pause(made["paused"], reason="Too many refusals.")
    starting.cancel(made["scheduled"])
    starting.schedule(make_campaign(site, name="Is coming"), wall, "Europe/Oslo")
    drive(made["finished"].runs.get(), FakeService())
    Campaign.objects.filter(pk=made["cancelled"].pk).update(state="cancelled")
    return made


def test_every_state_has_its_tab_and_its_row(site: Site, bob: Client, address: str) -> None:
    one_of_each(site)
    said = text(bob.get(address))
    assert "All 7 Drafts 1 Scheduled 1 Running 1 Paused 1 Finished 1 Cancelled 2" in said
    assert "Everyone who gave permission." in said
    assert "Too many refusals." in said
    assert "Cancel for the 1 device that is still to send?" in said
    assert "Delete this draft?" in said
    assert "took 0 s" in said
    assert "never started" in said


@pytest.mark.parametrize("state", Campaign.State.values)
def test_by_state(site: Site, bob: Client, address: str, state: str) -> None:
    one_of_each(site)
    said = text(bob.get(address, {"state": state}))
    for other in Campaign.State.values:
        shown = other == state or (other == "scheduled" and state == "cancelled")
        assert (f"Is {other}" in said) is (shown and not (other == state == "scheduled"))


def test_search_by_a_part_of_the_name_or_the_title(site: Site, bob: Client, address: str) -> None:
    make_campaign(site, name="Winter week")
    make_campaign(site, name="Other", message={"title": "Gloves & mitts"})
    assert "Other" not in text(bob.get(address, {"q": "  winter "}))
    found = text(bob.get(address, {"q": "GLOVES"}))
    assert "Other" in found and "Winter week" not in found


def test_filter_without_result_says_so(site: Site, bob: Client, address: str) -> None:
    make_campaign(site)
    assert "No campaign with “zzz”" in text(bob.get(address, {"q": "zzz"}))
    said = text(bob.get(address, {"q": "zzz", "state": "paused"}))
    assert "No campaign with “zzz” is in the state “Paused”" in said
    said = text(bob.get(address, {"state": "paused"}))
    assert "No campaign is in the state “Paused”" in said
    assert "Show all campaigns" in said
    assert "Winter layers" in text(
        bob.get(address, {"state": "nonsense", "q": "\x00", "page": "x"})
    )


def test_pages(site: Site, bob: Client, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    for number in range(5):
        make_campaign(site, name=f"Campaign {number}")
    first = bob.get(address)
    assert "1–2 of 5" in text(first)
    assert "Campaign 4" in text(first) and "Campaign 2" not in text(first)
    last = bob.get(address, {"page": "3", "q": "campaign"})
    assert "5–5 of 5" in text(last)
    assert b"?page=2&amp;q=campaign" in last.content or b"?q=campaign&amp;page=2" in last.content


def test_queries_do_not_grow_with_the_list(
    site: Site, bob: Client, address: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    one_of_each(site)
    # Session, person, membership, sites; counts by state, page, runs, sums,
    # open requests for approval.
    with django_assert_num_queries(9):
        bob.get(address)
    for _more in range(2):
        one_of_each(site)
    with django_assert_num_queries(9):
        bob.get(address)


def test_names_are_asked_for_once(
    site: Site, bob: Client, address: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        named = Audience.objects.create(site=site, name=f"Friends {number}")
        rule = {"version": 2, "none": [{"audience": str(named.pk)}]}
        make_campaign(site, name=f"Campaign {number}", rule=rule)
    with django_assert_num_queries(8):
        page = text(bob.get(address))
    assert all(f"the audience Friends {number}" in page for number in range(5))


def test_asks_again_only_while_something_runs(site: Site, bob: Client, address: str) -> None:
    make_subscription(site)
    campaign = make_campaign(site)
    assert b"data-live" not in bob.get(address).content
    run = starting.start(campaign)
    assert "Getting ready" in text(bob.get(address))
    planning.plan(run.pk)
    page = bob.get(address).content.decode()
    assert f'hx-get="/sites/{site.pk}/campaigns/live/"' in page
    assert "0.0% settled" in page
    Batch.objects.filter(run=run).update(audience=1_000, pending=400, accepted=600)
    past = timezone.now().timestamp() - 10
    part = bob.get(f"{address}live/", {"samples": f"{past};{run.pk}=590", "state": "running"})
    assert "about 7 minutes left" in text(part)
    assert b"<html" not in part.content
    assert b"samples=" not in part.content.split(b"hx-vals")[0]


def test_viewer_has_no_acts(site: Site, as_role: Callable[[Role], Client], address: str) -> None:
    one_of_each(site)
    page = as_role(Role.VIEWER).get(address).content.decode()
    assert f'action="/sites/{site.pk}/campaigns/' not in page.replace(f'action="{address}"', "")
    assert "New campaign" not in page


def test_nobody_in_the_audience_is_said(site: Site, bob: Client, address: str) -> None:
    planning.plan(starting.start(make_campaign(site)).pk)
    assert "nobody was in its audience" in text(bob.get(address))


def test_rule_that_is_not_understood_has_no_sentence(site: Site, bob: Client, address: str) -> None:
    campaign = make_campaign(site)
    campaign.audience.rule = {"version": 99}
    campaign.audience.save(update_fields=["rule"])
    assert "Winter layers" in text(bob.get(address))


def test_empty_site_learns_the_next_step(
    site: Site, as_role: Callable[[Role], Client], address: str
) -> None:
    bob = as_role(Role.MARKETER)
    said = text(bob.get(address))
    assert "Your first campaign, in about four minutes" in said
    assert "Install the snippet" in said and "Write a draft meanwhile" in said
    assert "A marketer of this site can write one." in text(as_role(Role.VIEWER).get(address))
    make_subscription(site)
    said = text(bob.get(address))
    assert "People can subscribe." in said and "1 person allows notifications." in said
    Installation.objects.filter(site=site).update(snippet_seen_at=timezone.now())
    said = text(bob.get(address))
    assert "The snippet works." in said and "New campaign" in said


def test_other_sites_are_not_there(site: Site, address: str) -> None:
    make_campaign(site)
    stranger = as_user(make_member(make_site(name="Other"), Role.OWNER))
    assert stranger.get(address).status_code == 404
    assert stranger.get(f"{address}live/").status_code == 404
