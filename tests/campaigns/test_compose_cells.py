"""The message step: variants, languages, how one wins, and what was refused."""

from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, Site, User
from campaigns import cells, drafting, starting
from campaigns.cells import Cell
from campaigns.models import Campaign, Message
from campaigns.refusals import Refused
from tests.campaigns.test_compose import NIGHT, WORDS
from tests.factories import (
    make_campaign,
    make_member,
    make_site,
    make_subscriber,
    make_subscription,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return make_site(default_url="https://shop.example/", time_zone="Europe/Oslo")


@pytest.fixture
def bob(site: Site, client: Client) -> User:
    bob = make_member(site, Role.MARKETER, "bob@example.com")
    client.force_login(bob)
    return bob


@pytest.fixture
def campaign(site: Site, bob: User) -> Campaign:
    make_subscription(site)
    return make_campaign(site)


def at(campaign: Campaign, name: str = "message") -> str:
    return reverse(f"campaigns:{name}", args=[campaign.site_id, campaign.pk])


def message() -> Message:
    return Message.objects.latest()


def translated(campaign: Campaign, tag: str, **said: str) -> None:
    drafting.edit_message(campaign, partial(cells.with_language, language=tag), None)
    change = partial(cells.written, cell=Cell(0, tag), fields=said)
    drafting.edit_message(campaign, change, None)


def test_a_variant_is_added_written_and_removed(client: Client, campaign: Campaign) -> None:
    added = client.post(at(campaign), WORDS | {"title": "First", "do": "add-variant"})
    assert added.headers["Location"] == at(campaign) + "?cell=B"
    assert (message().title, message().variants[0]["title"]) == ("First", "First")
    client.post(at(campaign), WORDS | {"cell": "B", "title": "Second", "go": "A"})
    assert (message().title, message().variants[0]["title"]) == ("First", "Second")
    page = client.get(at(campaign) + "?cell=B")
    assert page.context["form"]["title"].value() == "Second"
    assert b"50 : 50" in page.content and b"Remove variant B?" in page.content
    client.post(at(campaign), WORDS | {"cell": "A", "do": "remove-variant"})
    assert (message().title, message().variants) == ("Second", [])


def test_a_language_is_added_written_and_removed(client: Client, campaign: Campaign) -> None:
    added = client.post(
        at(campaign), WORDS | {"do": "add-language", "new_language": "Norwegian Bokmål"}
    )
    assert added.headers["Location"] == at(campaign) + "?cell=A-nb"
    page = client.get(at(campaign) + "?cell=A-nb").content.decode()
    # The base is read beside it, and nothing is written yet.
    assert '<p lang="en" dir="auto">Down at 20 %</p>' in page
    assert "not complete" in page
    words = WORDS | {"cell": "A-nb", "title": "Dun -20 %", "body": "Til søndag", "url": ""}
    client.post(at(campaign), words)
    assert message().translations == {"nb": {"title": "Dun -20 %", "body": "Til søndag"}}
    assert message().url == "https://shop.example/down"
    assert b"not complete" not in client.get(at(campaign)).content
    client.post(at(campaign), words | {"do": "remove-language"})
    assert message().translations == {}


@pytest.mark.parametrize(
    ("pressed", "says"),
    [
        ({"do": "add-language", "new_language": "klingonish!"}, "is no language that is known"),
        ({"do": "add-language", "new_language": "English"}, "the site&#x27;s own language"),
        ({"do": "add-language", "new_language": "nb"}, "is there already"),
        ({"do": "remove-language"}, "not possible any more"),
        ({"do": "remove-variant"}, "not possible any more"),
        ({"do": "dance"}, "not possible any more"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_a_button_that_can_not_be_keeps_what_was_typed(
    client: Client, campaign: Campaign, pressed: dict[str, str], says: str
) -> None:
    translated(campaign, "nb", title="Dun")
    page = client.post(at(campaign), WORDS | {"title": "Typed"} | pressed)
    assert says in page.content.decode()
    assert b'value="Typed"' in page.content


def test_looking_elsewhere_with_an_error_stays_and_keeps_it(
    client: Client, campaign: Campaign
) -> None:
    translated(campaign, "nb", title="Dun")
    typed = {"title": "{{ subscriber.first_nam", "go": "A-nb"}
    page = client.post(at(campaign), WORDS | typed)
    assert page.status_code == 200
    assert b"Line 1, column" in page.content and b"{{ subscriber.first_nam" in page.content
    assert page.context["cell"] == cells.FIRST


def test_words_for_a_variant_that_is_gone_reach_no_other(
    client: Client, campaign: Campaign
) -> None:
    page = client.post(at(campaign), WORDS | {"cell": "C", "title": "Lost"})
    assert b"There is no C any more" in page.content and b'value="Lost"' in page.content
    quiet = client.post(at(campaign), WORDS | {"cell": "C"}, headers={"accept": "application/json"})
    assert quiet.json()["saved"] is False
    assert message().title == "Winter layers"


def test_two_people_write_two_languages_at_once(client: Client, campaign: Campaign) -> None:
    """Each page knows nothing of what the other one has written."""
    for tag in ("nb", "de"):
        translated(campaign, tag)
    for tag, title in (("nb", "Dun"), ("de", "Daunen")):
        client.post(at(campaign), WORDS | {"cell": f"A-{tag}", "title": title, "body": "x"})
    assert message().translations["nb"]["title"] == "Dun"
    assert message().translations["de"]["title"] == "Daunen"


def test_a_system_hears_other_words(client: Client, campaign: Campaign) -> None:
    client.post(at(campaign), WORDS | {"mac_body": "Short", "windows_image": "shop.example/w.png"})
    assert message().overrides == {
        "mac": {"body": "Short"},
        "windows": {"image": "https://shop.example/w.png"},
    }
    client.post(at(campaign), WORDS | {"mac_body": "", "windows_image": "data:x"})
    assert message().overrides == {"windows": {"image": "https://shop.example/w.png"}}


def test_coupon_and_parameters_are_kept(client: Client, campaign: Campaign) -> None:
    coupon = {"coupon_code": "MITT20", "coupon_percent": "20", "coupon_expires": "2026-11-29T23:59"}
    client.post(at(campaign), WORDS | coupon | {"utm_term": "{{ language }}"})
    assert message().coupon == {
        "code": "MITT20",
        "percent": 20,
        "expires_at": "2026-11-29T23:59:00",
    }
    assert message().utm_term == "{{ language }}"
    page = client.get(at(campaign))
    assert b"MITT20, 20 % off, until Sun 29 Nov 23:59" in page.content
    assert page.context["form"]["coupon_expires"].value().hour == 23


TEST = {"weight_A": "70", "weight_B": "30", "holdout": "5", "winner_by": "click"}


def test_the_test_is_set_beside_the_words(client: Client, campaign: Campaign) -> None:
    drafting.edit_message(campaign, cells.with_variant, None)
    more = {"sample": "25", "decide_minutes": "60", "conversion": "order"}
    client.post(at(campaign), WORDS | TEST | more)
    assert (message().weight, message().variants[0]["weight"]) == (70, 30)
    campaign.refresh_from_db()
    assert {name: getattr(campaign, name) for name in drafting.EXPERIMENT} == {
        "holdout": 5,
        "winner_by": "click",
        "sample": 25,
        "decide_minutes": 60,
        "conversion": "order",
    }
    assert b"70 : 30, 5 % kept back, most clicks" in client.get(at(campaign)).content


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"weight_A": "80"}, "weight_A"),
        ({"weight_A": "99", "weight_B": "0"}, "weight_B"),
        ({"holdout": "51"}, "holdout"),
        ({"holdout": "some"}, "holdout"),
        ({"sample": "91"}, "sample"),
        ({"decide_minutes": "7"}, "decide_minutes"),
        ({"winner_by": "luck"}, "winner_by"),
        ({"coupon_code": "x", "coupon_percent": "101"}, "coupon_percent"),
        ({"coupon_code": "x", "coupon_expires": "9999-12-31T23:59"}, "coupon_expires"),
        ({"coupon_code": "x" * 65}, "coupon_code"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_what_the_panels_refuse_stands_beside_its_field(
    client: Client, campaign: Campaign, typed: dict[str, str], field: str
) -> None:
    drafting.edit_message(campaign, cells.with_variant, None)
    page = client.post(at(campaign), WORDS | TEST | {"title": "Kept"} | typed)
    assert set(page.context["form"].errors) == {field}
    assert message().title == "Kept"
    assert [row["weight"] for row in cells.rows(message())] in ([50, 50], [70, 30])


def test_an_experiment_is_fixed_once_it_has_started(campaign: Campaign) -> None:
    with pytest.raises(ValueError, match="Not a field"):
        drafting.set_experiment(campaign, name="x")
    starting.start(campaign)
    with pytest.raises(Refused):
        drafting.set_experiment(campaign, holdout=5)
    assert Campaign.objects.get().holdout == 0


def test_what_is_scheduled_is_stored_by_saving_alone(client: Client, campaign: Campaign) -> None:
    """Looking at another cell must not send half a sentence."""
    translated(campaign, "nb", title="Dun", body="Varm")
    starting.schedule(campaign, NIGHT, "Europe/Oslo")
    page = client.post(at(campaign), WORDS | {"title": "Half", "cell": "A", "go": "A-nb"})
    assert message().title == "Winter layers"
    held = page.context["held"]
    assert page.context["form"]["title"].value() == "Dun"
    words = WORDS | {"cell": "A-nb", "title": "Dun nå", "body": "Varm", "url": "", "held": held}
    client.post(at(campaign), words)
    assert (message().title, message().translations["nb"]["title"]) == ("Half", "Dun nå")


@pytest.mark.parametrize("held", ["{", "[]", '{"title": 1, "no": 2}', '{"variants": "x"}'])
def test_what_a_page_held_is_checked(client: Client, campaign: Campaign, held: str) -> None:
    client.post(at(campaign), WORDS | {"held": held})
    assert message().title == "Down at 20 %"
    assert message().variants == []


def test_a_copy_says_the_same_in_all_cells(campaign: Campaign, bob: User) -> None:
    translated(campaign, "nb", title="Dun")
    drafting.edit_message(campaign, cells.with_variant, None)
    drafting.set_experiment(campaign, holdout=5, sample=30)
    copy = drafting.duplicate(campaign, bob)
    said = drafting.message_of(copy)
    assert said.translations == {"nb": {"title": "Dun"}} and len(said.variants) == 1
    assert (copy.holdout, copy.sample) == (5, 30)


def test_a_running_campaign_is_revised_in_all_cells_at_once(
    client: Client, campaign: Campaign
) -> None:
    translated(campaign, "nb", title="Dun", body="Varm")
    starting.start(campaign)
    words: dict[str, Any] = WORDS | {"seen": "1", "cell": "A", "title": "New", "go": "A-nb"}
    page = client.post(at(campaign, "revise"), words)
    assert Message.objects.count() == 1
    words = WORDS | {"seen": "1", "cell": "A-nb", "title": "Ny", "held": page.context["held"]}
    client.post(at(campaign, "revise"), words)
    assert (message().version, message().title) == (2, "New")
    assert message().translations["nb"]["title"] == "Ny"


def test_a_viewer_sees_each_cell(client: Client, site: Site, campaign: Campaign) -> None:
    translated(campaign, "nb", title="Dun")
    make_subscription(site, subscriber=make_subscriber(site, attributes={"name": "Ingrid"}))
    client.force_login(make_member(site, Role.VIEWER))
    page = client.get(at(campaign) + "?cell=A-nb&q=Ing").content.decode()
    assert 'href="?cell=A"' in page and 'value="Dun"' in page
    assert "Ingrid</a>" in page and "add-variant" not in page
