"""The library: messages saved, found, shown, renamed, deleted, and campaigns begun with them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import Role, Site
from campaigns import drafting, library, readymade
from campaigns.models import Campaign, SavedMessage
from campaigns.views import library as pages
from tests.factories import make_campaign, make_site, make_subscription

GLOVES = {"title": "Warm hands", "body": "All gloves are 20 % off", "ttl": 3600}


def page(site: Site, end: str = "") -> str:
    return f"/sites/{site.pk}/library/{end}"


def saved_in(site: Site, name: str = "Gloves", **content: object) -> SavedMessage:
    return library.save(site, name, {**GLOVES, **content})


def text(client: Client, address: str) -> str:
    return client.get(address).content.decode()


def test_a_campaigns_message_is_saved_under_a_name(site: Site, bob: Client) -> None:
    actions = [{"title": "Shop", "url": "https://shop.example/"}]
    campaign = make_campaign(site, message={"actions": actions, "utm_source": "beckon"})
    drafting.rename(campaign, "Winter layers!")
    drafting.edit_message(campaign, {"utm_campaign": "winter-layers"}, None)
    address = f"/sites/{site.pk}/campaigns/{campaign.pk}/save/"
    assert 'value="Winter layers!"' in text(bob, address)
    answer = bob.post(address, {"name": "  Winter  again "}, follow=True)
    saved = SavedMessage.objects.get()
    assert (saved.site, saved.name) == (site, "Winter again")
    assert saved.created_by is not None
    assert saved.content["title"] == "Winter layers"
    assert saved.content["actions"] == actions
    assert saved.content["utm_source"] == "beckon"
    assert "utm_campaign" not in saved.content, "it follows the next campaign's name"
    assert b"The message is in the library." in answer.content


def test_a_utm_campaign_of_ones_own_is_kept(site: Site) -> None:
    campaign = make_campaign(site, message={"utm_campaign": "black-week"})
    assert library.contents_of(campaign)["utm_campaign"] == "black-week"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Give it a name"),
        (" \t", "Give it a name"),
        ("a" * 121, "at most 120"),
        ("a\u202eb", "invisible character U+202E"),
        ("Gloves", "The library has “Gloves” already"),
    ],
)
def test_a_name_that_is_none_is_refused(site: Site, bob: Client, name: str, sentence: str) -> None:
    saved = saved_in(site)
    other = saved_in(site, "Mitts")
    campaign = make_campaign(site)
    for address in (
        f"/sites/{site.pk}/campaigns/{campaign.pk}/save/",
        page(site, f"{other.pk}/rename/"),
    ):
        answer = bob.post(address, {"name": name})
        assert answer.status_code == 200
        assert sentence in answer.content.decode()
    assert set(SavedMessage.objects.values_list("name", flat=True)) == {saved.name, "Mitts"}


def test_another_site_may_use_the_same_name(site: Site) -> None:
    saved_in(site)
    assert saved_in(make_site()).name == "Gloves"


def test_an_empty_message_is_not_saved(site: Site, bob: Client) -> None:
    campaign = drafting.create(site, by=None)
    answer = bob.post(f"/sites/{site.pk}/campaigns/{campaign.pk}/save/", {"name": "Nothing"})
    assert b"There is nothing in it yet" in answer.content
    assert not SavedMessage.objects.exists()


def test_a_site_has_so_many_and_no_more(
    site: Site, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "MOST", 1)
    saved_in(site)
    campaign = make_campaign(site)
    answer = bob.post(f"/sites/{site.pk}/campaigns/{campaign.pk}/save/", {"name": "Two"})
    assert b"which is the most" in answer.content


def test_it_is_shown_with_all_that_it_says(site: Site, bob: Client) -> None:
    long = saved_in(
        site,
        title="<b>Warm</b>",
        icon="https://shop.example/i.png",
        actions=[{"title": "To the shop", "url": "https://shop.example/all"}],
        utm_source="beckon",
    )
    shown = text(bob, page(site, f"{long.pk}/"))
    for words in ("&lt;b&gt;Warm", "To the shop: https://shop.example/all", "shop.example/i.png"):
        assert words in shown
    assert "the site&#x27;s own address" in shown


def test_what_a_card_cannot_show_is_said(site: Site, bob: Client) -> None:
    """Written by hand, as an older or a newer version may have left it."""
    content = {
        **GLOVES,
        "image": "{{ product.image }}",
        "translations": {"nb": {}, "de": {}},
        "variants": [{}, {}],
        "overrides": {"ios": {}},
        "coupon": {"code": "WARM"},
        "unheard_of": 1,
    }
    SavedMessage.objects.create(site=site, name="Rich", content=content)
    shown = text(bob, page(site))
    for note in ("also in de, nb", "3 variants", "other words on ios", "code WARM"):
        assert note in shown
    assert '<img class="saved-image"' not in shown


def test_it_is_renamed(site: Site, bob: Client) -> None:
    saved = saved_in(site)
    answer = bob.post(page(site, f"{saved.pk}/rename/"), {"name": "Mitts"}, follow=True)
    assert b"<h1>Mitts</h1>" in answer.content
    saved.refresh_from_db()
    assert saved.content["title"] == "Warm hands"


def test_it_is_deleted(site: Site, bob: Client) -> None:
    saved = saved_in(site)
    answer = bob.post(page(site, f"{saved.pk}/delete/"), follow=True)
    assert "“Gloves” is deleted." in answer.content.decode()
    assert not SavedMessage.objects.exists()


def test_a_campaign_begins_with_it(site: Site, bob: Client) -> None:
    saved = saved_in(site, url="https://shop.example/gloves")
    answer = bob.post(page(site, f"{saved.pk}/start/"))
    campaign = Campaign.objects.get()
    assert answer.headers["Location"].endswith(f"/campaigns/{campaign.pk}/message/")
    message = drafting.message_of(campaign)
    assert (campaign.name, campaign.state) == ("Gloves", Campaign.State.DRAFT)
    assert (message.title, message.ttl) == ("Warm hands", 3600)
    assert (message.url, message.utm_campaign) == ("https://shop.example/gloves", "gloves")
    assert campaign.created_by is not None
    drafting.edit_message(campaign, {"title": "Changed"}, None)
    saved.refresh_from_db()
    assert saved.content["title"] == "Warm hands"


def test_without_an_address_the_sites_own_is_opened(site: Site) -> None:
    site.default_url = "https://shop.example/"
    site.save(update_fields=["default_url"])
    campaign = library.start(site, "Gloves", {**GLOVES, "url": "", "unheard_of": 1})
    assert drafting.message_of(campaign).url == "https://shop.example/"


def test_what_is_not_accepted_any_more_is_said(site: Site, bob: Client) -> None:
    content = {"title": "Old", "url": "javascript:alert(1)"}
    old = SavedMessage.objects.create(site=site, name="Old", content=content)
    answer = bob.post(page(site, f"{old.pk}/start/"), follow=True)
    assert "can&#x27;t be used as it is" in answer.content.decode()
    assert not Campaign.objects.exists()


def test_an_empty_library_says_how_to_fill_it(site: Site, bob: Client) -> None:
    shown = text(bob, page(site))
    assert "Say it well once" in shown
    assert shown.count("library-item") == len(readymade.offers())


def test_messages_are_found_by_name_and_words(site: Site, bob: Client) -> None:
    saved_in(site, "Gloves")
    saved_in(site, "Hats", title="Keep your head", body="Wool")
    for query in ("hat", "HEAD", "wool"):
        shown = text(bob, page(site, f"?q={query}"))
        assert "Hats" in shown and "Warm hands" not in shown, query
    assert "Cart reminder 2" in text(bob, page(site, "?q=reminder"))
    nothing = text(bob, page(site, "?q=zzz%00"))
    assert "None of yours has “zzz”" in nothing
    assert "library-item" not in nothing


def test_a_page_costs_the_same_for_many(
    site: Site, bob: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(pages.PAGE + 1):
        saved_in(site, f"Message {number:02}")
    with django_assert_num_queries(6):
        shown = text(bob, page(site))
    assert "1–24 of 25" in shown  # noqa: RUF001
    assert "Message 24" in text(bob, page(site, "?page=2"))


def test_a_viewer_looks_and_changes_nothing(site: Site, as_role: Callable[[Role], Client]) -> None:
    saved, vera = saved_in(site), as_role(Role.VIEWER)
    for address in (page(site), page(site, f"{saved.pk}/"), page(site, "ready/?key=news")):
        shown = text(vera, address)
        assert "Start a campaign" not in shown
        assert 'action="/sites' not in shown.partition("<main")[2]
    for act in ("start", "rename", "delete"):
        assert vera.post(page(site, f"{saved.pk}/{act}/"), {"name": "X"}).status_code == 403
    assert vera.post(page(site, "ready/"), {"key": "news"}).status_code == 403


def test_the_list_of_campaigns_leads_there(site: Site, bob: Client) -> None:
    campaigns = f"/sites/{site.pk}/campaigns/"
    make_subscription(site)
    assert page(site) in text(bob, campaigns)
    campaign = make_campaign(site)
    shown = text(bob, campaigns)
    assert page(site) in shown
    assert f"{campaigns}{campaign.pk}/save/" in shown
