"""The list of audiences: what it says of each, in how many statements, and what its menu does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Role, Site, User
from audiences import saving
from audiences.models import Audience, AudienceSize
from audiences.views import listing
from campaigns import drafting
from tests.factories import make_campaign, make_member, make_site

pytestmark = pytest.mark.django_db

VIP: dict[str, Any] = {
    "version": 2,
    "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}],
}


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def marketer(site: Site) -> Client:
    client = Client()
    client.force_login(make_member(site, Role.MARKETER, "mari@example.com"))
    return client


def address(site: Site, part: str = "") -> str:
    return f"/sites/{site.pk}/audiences/{part}"


def naming(*audiences: Audience) -> dict[str, Any]:
    return {"version": 2, "any": [{"audience": str(one.pk)} for one in audiences]}


def made(site: Site, name: str, rule: dict[str, Any] | None = None) -> Audience:
    return saving.create(site, name, rule or VIP, by=None, by_name="Ola Dahl")


def sized(audience: Audience, *people: int) -> None:
    """One figure a day, the last one today's."""
    today = timezone.now().astimezone(audience.site.zone).date()
    AudienceSize.objects.bulk_create(
        AudienceSize(
            audience=audience,
            day=today - timedelta(days=len(people) - 1 - at),
            people=count,
            devices=count,
        )
        for at, count in enumerate(people)
    )


def names(client: Client, site: Site, **query: str) -> list[str]:
    rows = client.get(address(site), query).context["rows"]
    return [row.audience.name for row in rows]


def test_a_row_says_who_how_many_where_used_and_who_changed_it(
    site: Site, marketer: Client
) -> None:
    buyers = made(site, "Loyal buyers")
    sized(buyers, 1_000, 1_100, 1_250)
    made(site, "Inner circle", naming(buyers))
    drafting.set_audience(make_campaign(site, name="Black week"), naming(buyers))
    page = marketer.get(address(site))
    (row,) = (row for row in page.context["rows"] if row.audience == buyers)
    assert row.sentence == "People who have the tag vip."
    assert row.size.people == 1_250
    assert row.change_of_size == pytest.approx(0.25)
    assert row.line == "0.0,16.0 32.0,10.4 64.0,2.0"
    assert row.changed_by == "Ola Dahl"
    for words in ("1,250", "+25", "1 campaign, 1 audience", "Ola Dahl", "Black week"):
        assert words in page.text
    (other,) = (row for row in page.context["rows"] if row.audience != buyers)
    assert other.sentence == "People who are in the audience Loyal buyers."
    assert (other.size, other.line, other.change_of_size) == (None, "", None)


def test_rules_of_campaigns_and_other_sites_are_not_on_it(site: Site, marketer: Client) -> None:
    make_campaign(site)
    made(make_site(), "Of another site")
    page = marketer.get(address(site))
    assert page.context["empty"]
    assert "Of another site" not in page.text


def test_a_rule_that_is_not_understood_any_more_says_why(site: Site, marketer: Client) -> None:
    Audience.objects.create(site=site, name="Old", rule={"version": 9})
    page = marketer.get(address(site))
    assert "Only rules of version 1 and 2 are understood." in page.text


def test_hostile_names_stay_text(site: Site, marketer: Client) -> None:
    rule = {**VIP, "all": [{**VIP["all"][0], "values": ["<script>alert(1)</script>"]}]}
    made(site, "<img src=x onerror=alert(1)>", rule)
    page = marketer.get(address(site)).text
    assert "<img src=x" not in page
    assert "<script>alert" not in page


def test_search_order_and_pages(site: Site, marketer: Client) -> None:
    small, large, unknown = made(site, "beta"), made(site, "Alpha"), made(site, "Gamma 100%")
    sized(small, 5)
    sized(large, 7)
    assert names(marketer, site) == ["Gamma 100%", "Alpha", "beta"]
    assert names(marketer, site, sort="name") == ["Alpha", "beta", "Gamma 100%"]
    assert names(marketer, site, sort="size") == ["Alpha", "beta", "Gamma 100%"]
    assert names(marketer, site, sort="nonsense") == ["Gamma 100%", "Alpha", "beta"]
    assert names(marketer, site, q=" ALPHA ") == ["Alpha"]
    assert names(marketer, site, q="100%") == [unknown.name]
    nothing = marketer.get(address(site), {"q": "nothing\0 "})
    assert "No audience with “nothing”" in nothing.text
    for n in range(listing.PAGE):
        made(site, f"More {n:02}")
    assert len(names(marketer, site, sort="name")) == listing.PAGE
    assert names(marketer, site, sort="name", page="2") == ["More 22", "More 23", "More 24"]


def test_a_full_page_takes_no_more_statements_than_a_short_one(
    site: Site, marketer: Client
) -> None:
    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            assert marketer.get(address(site)).status_code == 200
        return len(caught)

    first = made(site, "First")
    made(site, "Second", naming(first))
    drafting.set_audience(make_campaign(site), naming(first))
    sized(first, 1, 2, 3)
    few = statements()
    for n in range(listing.PAGE):
        one = made(site, f"One {n}", naming(first))
        sized(one, 1, 2, 3)
        drafting.set_audience(make_campaign(site), naming(one))
    assert statements() == few


def test_the_dialog_says_where_it_is_used_instead_of_deleting(site: Site, marketer: Client) -> None:
    buyers = made(site, "Buyers")
    made(site, "Inner circle", naming(buyers))
    page = marketer.get(address(site)).text
    assert "“Buyers” can be deleted once these do without it:" in page
    assert f'action="{address(site, f"{buyers.pk}/delete/")}"' not in page
    # Somebody began to use it after the page was read.
    refused = marketer.post(address(site, f"{buyers.pk}/delete/"), follow=True)
    assert "is used by the audience “Inner circle”" in refused.text
    assert Audience.objects.filter(pk=buyers.pk).exists()


def test_what_is_deleted_is_gone(site: Site, marketer: Client) -> None:
    buyers = made(site, "Buyers")
    page = marketer.post(address(site, f"{buyers.pk}/delete/"), follow=True)
    assert "“Buyers” is deleted." in page.text
    assert marketer.post(address(site, f"{buyers.pk}/delete/")).status_code == 404


def test_a_copy_has_the_same_rule_and_is_opened(site: Site, marketer: Client) -> None:
    buyers = made(site, "Buyers")
    answer = marketer.post(address(site, f"{buyers.pk}/duplicate/"))
    copy = Audience.objects.get(name="Buyers (copy)")
    assert answer.headers["Location"] == address(site, f"{copy.pk}/")
    assert copy.rule == buyers.rule
    assert copy.created_by == User.objects.get(email="mari@example.com")


def test_what_can_not_be_copied_says_why(site: Site, marketer: Client) -> None:
    old = Audience.objects.create(site=site, name="Old", rule={"version": 9})
    page = marketer.post(address(site, f"{old.pk}/duplicate/"), follow=True)
    assert "Only rules of version" in page.text
    assert Audience.objects.count() == 1


@pytest.mark.parametrize("act", ["delete", "duplicate"])
def test_others_audiences_and_campaigns_rules_are_out_of_reach(
    site: Site, marketer: Client, act: str
) -> None:
    own = make_campaign(site).audience
    foreign = made(make_site(), "Foreign")
    for pk in (own.pk, foreign.pk, uuid4()):
        assert marketer.post(address(site, f"{pk}/{act}/")).status_code == 404
    assert set(Audience.objects.values_list("pk", flat=True)) == {own.pk, foreign.pk}


def test_a_viewer_sees_and_changes_nothing(site: Site) -> None:
    buyers = made(site, "Buyers")
    client = Client()
    client.force_login(make_member(site, Role.VIEWER))
    page = client.get(address(site))
    assert "Buyers" in page.text
    assert "Duplicate" not in page.text
    for act in ("delete", "duplicate"):
        assert client.post(address(site, f"{buyers.pk}/{act}/")).status_code == 403
    stranger = Client()
    stranger.force_login(make_member(make_site(), Role.OWNER))
    assert stranger.get(address(site)).status_code == 404
