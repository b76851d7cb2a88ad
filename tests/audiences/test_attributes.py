"""Which attributes there are, of what kind, and the page that says so."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEvent, Role, Site
from audiences import attributes
from audiences.attributes import Attribute, Kind
from audiences.models import AttributeType
from tests.factories import make_member, make_site, make_subscriber
from tests.subscribers.hostile import XSS, assert_harmless

pytestmark = pytest.mark.django_db


def discovered(*values: Any, said: Kind | None = None) -> Attribute:
    """The attribute of people who have these values."""
    site = make_site()
    for value in values:
        make_subscriber(site, attributes={"x": value})
    if said:
        AttributeType.objects.create(site=site, name="x", kind=said)
    (found,) = attributes.discover(site)
    return found


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["gold", "plus"], Kind.TEXT),
        ([1, 2.5, -3], Kind.NUMBER),
        (["1", "2.5", 3], Kind.NUMBER),
        # Postal codes.
        (["0150", "5003"], Kind.TEXT),
        (["0", "0.5"], Kind.NUMBER),
        ([True, False], Kind.BOOLEAN),
        (["true", "false"], Kind.BOOLEAN),
        (["2026-11-22", "2026-11-22T08:00:00Z"], Kind.DATE),
        (["2026-02-30", "2026-13-01"], Kind.TEXT),
        ([["M"], ["L", "XL"], []], Kind.LIST),
        # Of no kind enough.
        ([1, "2026-11-22", True, ["M"]], Kind.TEXT),
        ([*range(9), "nine"], Kind.NUMBER),
        ([*range(8), "eight", "nine"], Kind.TEXT),
    ],
)
def test_the_values_suggest_the_kind(values: list[Any], kind: Kind) -> None:
    found = discovered(*values)
    assert (found.kind, found.suggested, found.inferred) == (kind, kind, True)
    assert found.people == len(values)


def test_it_warns_of_values_that_disagree() -> None:
    found = discovered(*range(10), 1, "many", "1e400")
    assert (found.kind, found.fitting) == (Kind.TEXT, 13)
    found = discovered(*range(30), "many", "1e400")
    assert (found.kind, found.people, found.fitting) == (Kind.NUMBER, 32, 30)
    assert found.share == 30 / 32
    assert found.warning == "2 of 32 values are no numbers; they count as not set."
    found = discovered(*["a"] * 1100, ["a list"])
    assert found.warning == "1 of 1,101 values is a list; it counts as not set."
    assert discovered("a", "b").warning == ""


@pytest.mark.parametrize("kind", Kind)
def test_what_was_said_counts_and_is_compared_too(kind: Kind) -> None:
    found = discovered("gold", 7, True, "2026-11-22", ["M"], said=kind)
    assert (found.kind, found.suggested, found.inferred) == (kind, Kind.TEXT, False)
    assert found.fitting == {Kind.TEXT: 4}.get(kind, 1)
    assert found.warning.startswith(f"{5 - found.fitting} of 5 values ")


def test_top_values_most_frequent_first() -> None:
    found = discovered("b", "a", "b", *"cdefg")
    assert found.top == (("b", 2), ("a", 1), ("c", 1), ("d", 1), ("e", 1))
    assert discovered(7, 7, True, ["x", "y"], ["y"]).top == (
        ("7", 2),
        ("y", 2),
        ("true", 1),
        ("x", 1),
    )
    assert discovered([], []).top == ()


def test_discover_looks_at_one_site_in_two_queries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    site, other = make_site(), make_site(name="Other")
    make_subscriber(site, attributes={"plan": "gold", "orders": 1})
    make_subscriber(site, attributes={"orders": 2})
    make_subscriber(site)
    make_subscriber(other, attributes={"secret": 1})
    AttributeType.objects.create(site=site, name="birthday", kind=Kind.DATE)
    AttributeType.objects.create(site=other, name="orders", kind=Kind.TEXT)
    with django_assert_num_queries(2):
        found = attributes.discover(site)
    assert [(one.name, one.kind, one.people) for one in found] == [
        ("orders", Kind.NUMBER, 2),
        ("plan", Kind.TEXT, 1),
        ("birthday", Kind.DATE, 0),
    ]
    assert (found[2].suggested, found[2].share, found[2].warning) == (None, 1.0, "")


def test_discover_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attributes, "LOOKED_AT", 2)
    monkeypatch.setattr(attributes, "MOST", 1)
    site = make_site()
    for names in ("c", "ab", "a"):
        make_subscriber(site, attributes=dict.fromkeys(names, 1))
    assert [(one.name, one.people) for one in attributes.discover(site)] == [("a", 2)]


def signed_in(site: Site, role: Role) -> Client:
    client = Client()
    client.force_login(make_member(site, role), backend="django.contrib.auth.backends.ModelBackend")
    return client


def url(site: Site) -> str:
    return f"/sites/{site.pk}/audiences/attributes/"


def test_the_page() -> None:
    site = make_site()
    for orders in (*range(10), "many"):
        make_subscriber(site, attributes={"orders": orders, "plan": "gold", "none": []})
    AttributeType.objects.create(site=site, name="plan", kind=Kind.TEXT)
    page = signed_in(site, Role.VIEWER).get(url(site)).content.decode()
    for text in ("orders", "gold", "by its values", "1 of 11 values is no number", "empty lists"):
        assert text in page
    assert "<select" not in page
    page = signed_in(site, Role.ADMIN).get(url(site)).content.decode()
    assert page.count("<select") == 3
    assert "Number, by its values" in page


def test_the_page_when_nobody_has_any() -> None:
    site = make_site()
    make_subscriber(site)
    page = signed_in(site, Role.VIEWER).get(url(site)).content.decode()
    assert "Nobody has an attribute yet" in page
    assert "Make an API key" not in page
    assert "Make an API key" in signed_in(site, Role.ADMIN).get(url(site)).content.decode()


def test_an_admin_says_the_kinds() -> None:
    site = make_site()
    make_subscriber(site, attributes={"a": "x", "b": "1", "c": "2026-11-22"})
    AttributeType.objects.create(site=site, name="c", kind=Kind.TEXT)
    # Somebody else has said this since the page was loaded.
    AttributeType.objects.create(site=site, name="a", kind=Kind.LIST)
    sent = {"name": ["a", "b", "c"], "was": ["", "", "text"], "kind": ["", "text", ""]}
    response = signed_in(site, Role.ADMIN).post(url(site), sent, follow=True)
    assert "Kept. New conditions" in response.content.decode()
    said = dict(AttributeType.objects.filter(site=site).values_list("name", "kind"))
    assert said == {"a": "list", "b": "text"}
    assert [(one.target, one.detail) for one in AuditEvent.objects.order_by("pk")] == [
        ("b", {"kind": "text"}),
        ("c", {"kind": ""}),
    ]
    kinds = {one.name: (one.kind, one.inferred) for one in attributes.discover(site)}
    assert kinds == {"a": ("list", False), "b": ("text", False), "c": ("date", True)}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a", "colour"), ("", "text"), ("x" * 65, "text"), ("a\x00", "text"), ("a", "\x00")],
)
def test_what_is_no_kind_is_refused_whole(name: str, kind: str) -> None:
    site = make_site()
    make_subscriber(site, attributes={"a": "x"})
    sent = {"name": ["b", name], "was": ["", ""], "kind": ["number", kind]}
    response = signed_in(site, Role.ADMIN).post(url(site), sent, follow=True)
    assert "Nothing was changed" in response.content.decode()
    assert not AttributeType.objects.exists()


def test_it_requires_access() -> None:
    site = make_site()
    sent = {"name": ["a"], "was": [""], "kind": ["text"]}
    assert signed_in(site, Role.MARKETER).post(url(site), sent).status_code == 403
    assert signed_in(make_site(), Role.OWNER).get(url(site)).status_code == 404
    assert Client().get(url(site)).status_code == 302
    assert not AttributeType.objects.exists()


def test_hostile_names_and_values_do_no_harm() -> None:
    site = make_site()
    for text in XSS:
        make_subscriber(site, attributes={text[:64]: text, "list": [text]})
    for role in (Role.VIEWER, Role.ADMIN):
        assert_harmless(signed_in(site, role).get(url(site)))
