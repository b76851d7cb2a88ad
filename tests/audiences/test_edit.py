"""The page of one audience: by form, by button and by JSON."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import Role, Site, User
from audiences import saving
from audiences.models import Audience
from subscribers.models import EventName
from tests.factories import make_member, make_site, make_subscriber, make_subscription

VIP: dict[str, Any] = {"version": 2, "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}]}


@pytest.fixture
def site(db: None) -> Site:
    return make_site(time_zone="Europe/Oslo")


@pytest.fixture
def bob(site: Site, client: Client) -> User:
    """The marketer who is signed in."""
    bob = make_member(site, Role.MARKETER, "bob@example.com")
    client.force_login(bob)
    return bob


@pytest.fixture
def vips(site: Site, bob: User) -> Audience:
    return saving.create(site, "Our best", VIP, by=bob)


def at(audience: Audience) -> str:
    return reverse("audiences:edit", args=[audience.site_id, audience.pk])


def new(site: Site) -> str:
    return reverse("audiences:new", args=[site.pk])


def form(audience: Audience | None = None, **more: str) -> dict[str, Any]:
    """One condition, as the page sends it."""
    data = {
        "name": "Our best",
        "node": ["n1 n0 c tag.any_of tag"],
        "n1-subject": "tag",
        "n1-op": "tag.any_of",
        "n1-values": "vip",
    }
    if audience is not None:
        data |= {"revision": str(audience.revision), "audience": str(audience.pk)}
    return data | {key.replace("_", "-"): value for key, value in more.items()}


def test_an_empty_page_means_everybody_and_offers_all_that_is_known(
    client: Client, site: Site, bob: User
) -> None:
    make_subscription(site, subscriber=make_subscriber(site, attributes={"price": 12}))
    EventName.objects.create(site=site, name="purchase")
    page = client.get(new(site)).content.decode()
    assert "<em>Everyone</em> who gave permission." in page
    added = client.post(new(site), {"name": "X", "do": "add n0"}).content.decode()
    assert '<option value="attribute_number:price">price (number)</option>' in added
    assert '<option value="event:purchase">Event: purchase</option>' in added
    for group in ("Person", "Attribute", "Behaviour", "Cart", "Engagement", "Device", "Audience"):
        assert f'<optgroup label="{group}">' in added
    assert 'data-go="n1-subject"' in added


def test_a_new_one_is_saved(client: Client, site: Site, bob: User) -> None:
    answer = client.post(new(site), form())
    made = Audience.objects.get()
    assert answer["Location"] == at(made)
    assert (made.name, made.rule, made.created_by) == ("Our best", VIP, bob)


def test_a_saved_one_is_shown_and_changed(client: Client, vips: Audience) -> None:
    page = client.get(at(vips)).content.decode()
    assert "<em>vip</em>" in page and 'value="Our best"' in page
    client.post(at(vips), form(vips, n1_values="vip, gold", name="Best"))
    vips.refresh_from_db()
    assert (vips.name, vips.revision) == ("Best", 2)
    assert vips.rule["all"][0]["values"] == ["vip", "gold"]


def test_a_button_changes_the_tree_and_saves_nothing(client: Client, vips: Audience) -> None:
    page = client.post(at(vips), form(vips, name="Typed", do="group n0")).content.decode()
    assert 'value="Typed"' in page and 'value="vip"' in page and "n3-subject" in page
    vips.refresh_from_db()
    assert (vips.name, vips.rule) == ("Our best", VIP)


def test_errors_stand_at_their_input_and_nothing_is_lost(client: Client, vips: Audience) -> None:
    data = form(vips, name="Kept", n1_subject="event:purchase", n1_op="event.at_least")
    data |= {"node": ["n1 n0 c event.at_least event:purchase", "n2 n0 c"], "n1-count": "lots"}
    page = client.post(at(vips), data).content.decode()
    assert 'href="#n1-count">Condition 1</a>: A whole number from 0 to 100000.' in page
    assert 'aria-describedby="n1-count_error"' in page and 'value="lots"' in page
    assert 'href="#n2-subject">Condition 2</a>: Choose what this condition is about' in page
    assert 'value="Kept"' in page
    vips.refresh_from_db()
    assert vips.rule == VIP


def test_a_name_that_is_taken_keeps_the_conditions(client: Client, vips: Audience) -> None:
    page = client.post(new(vips.site), form(name="our BEST", n1_values="gold")).content.decode()
    assert "There is an audience “our BEST” already." in page and 'value="gold"' in page
    assert Audience.objects.count() == 1


def test_a_change_by_somebody_else_is_not_overwritten(client: Client, vips: Audience) -> None:
    data = form(vips, n1_values="mine")
    theirs = {"version": 2, "all": [{"field": "tag", "op": "any_of", "values": ["theirs"]}]}
    saving.update(vips, rule=theirs, by=None, by_name="Ada")
    page = client.post(at(vips), data).content.decode()
    assert "Ada changed this audience" in page and 'value="mine"' in page
    vips.refresh_from_db()
    assert vips.rule == theirs


def test_an_audience_that_leads_to_itself_is_refused_where_it_does(
    client: Client, vips: Audience
) -> None:
    other = saving.create(
        vips.site, "Other", {"version": 2, "all": [{"audience": str(vips.pk)}]}, by=None
    )
    data = form(vips, n1_subject="audience", n1_op="audience.is_in", n1_audience=str(other.pk))
    data["node"] = ["n1 n0 c audience.is_in audience"]
    page = client.post(at(vips), data).content.decode()
    assert 'href="#n1-audience">Condition 1</a>: These audiences lead in a circle' in page


def test_a_ready_made_one_begins_a_new_one(client: Client, site: Site, bob: User) -> None:
    from audiences import ready

    first = ready.offers(site)[1]
    page = client.get(f"{new(site)}?ready={first.key}").content.decode()
    assert f'value="{first.name}"' in page
    assert client.get(f"{new(site)}?ready=nothing").status_code == 200


def test_json_makes_and_changes(client: Client, site: Site, bob: User) -> None:
    made = client.post(new(site), {"name": "A", "rule": VIP}, "application/json")
    audience = Audience.objects.get(pk=made.json()["id"])
    sent = {"rule": {"version": 2, "all": []}, "revision": 1}
    assert client.post(at(audience), sent, "application/json").json()["revision"] == 2
    audience.refresh_from_db()
    assert (audience.name, audience.rule["all"]) == ("A", [])
    late = client.post(at(audience), {"rule": VIP, "revision": 1}, "application/json")
    assert late.status_code == 409


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (
            '{"name": "A", "rule": {"version": 2, "all": [{"field": "x", "op": "y"}]}}',
            "all.0.field",
        ),
        ('{"name": "", "rule": {"version": 2, "all": []}}', "name"),
        ('{"name": 5}', "name"),
        ('{"name": "A"}', ""),
        ("[]", "name"),
        ("{", ""),
        ("[" * 100_000, ""),
    ],
)
def test_json_that_is_refused_names_the_place(
    client: Client, site: Site, bob: User, body: str, path: str
) -> None:
    answer = client.post(new(site), body, "application/json")
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["path"] == path and error["message"]
    assert not Audience.objects.exists()


def test_a_viewer_looks_and_changes_nothing(client: Client, vips: Audience) -> None:
    client.force_login(make_member(vips.site, Role.VIEWER))
    page = client.get(at(vips)).content.decode()
    assert "<em>vip</em>" in page and "Save audience" not in page and "disabled" in page
    assert client.post(at(vips), form(vips)).status_code == 403


def test_another_site_has_no_such_audience(client: Client, vips: Audience) -> None:
    other = make_site(name="Other")
    client.force_login(make_member(other, Role.MARKETER))
    assert client.get(at(vips)).status_code == 404
    address = reverse("audiences:edit", args=[other.pk, vips.pk])
    assert client.get(address).status_code == 404


def test_the_live_answer_is_the_sentence_alone(client: Client, vips: Audience) -> None:
    address = reverse("audiences:builder", args=[vips.site_id])
    page = client.post(address, form(vips, n1_values="gold", live="1")).content.decode()
    assert "<em>gold</em>" in page and "n1-subject" not in page.replace("data-amiss", "")
    part = client.post(address, form(vips, n1_values="", live="1")).content.decode()
    assert "One part is not finished" in part and 'data-amiss="n1-values"' in part


def test_queries_do_not_grow_with_the_conditions(
    client: Client, vips: Audience, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    other = saving.create(vips.site, "Other", VIP, by=None)
    nodes = [{"field": "tag", "op": "any_of", "values": ["vip"]}, {"audience": str(other.pk)}] * 20
    saving.update(vips, rule={"version": 2, "all": nodes}, by=None)
    client.get(at(vips))  # attributes are remembered for a moment
    # session, user, membership, audience; the audiences that it names, and their names twice;
    # audiences to choose from, events; where it is used; sites
    with django_assert_num_queries(11):
        client.get(at(vips))
    # session, user, membership; nothing, as it names nothing
    address = reverse("audiences:builder", args=[vips.site_id])
    with django_assert_num_queries(3):
        client.post(address, form(live="1"))
