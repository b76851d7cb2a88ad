"""/sites/<id>/push-keys/ and what can be done there."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import Role, Site, User
from subscribers import vapid
from tests.factories import make_member, make_site, make_subscription
from tests.subscribers.conftest import AsUser


def url(site: Site, rest: str = "") -> str:
    return f"/sites/{site.pk}/push-keys/{rest}"


@pytest.fixture
def admin(adam: User, as_user: AsUser) -> Client:
    return as_user(adam)


def post(client: Client, path: str) -> str:
    """The page that follows."""
    response = client.post(path, follow=True)
    assert response.redirect_chain[-1][1] == 302
    return response.content.decode()


def test_it_works(
    site: Site, admin: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_subscription(site)
    # Session, user, membership, devices by key, keys, the sites.
    with django_assert_max_num_queries(6):
        page = admin.get(url(site)).content.decode()
    [held] = vapid.held(site)
    for text in (held.brief, held.public, "Current", "Make a new key"):
        assert text in page
    assert "Delete" not in page
    assert "still ha" not in page


@pytest.mark.parametrize("role", [Role.MARKETER, Role.VIEWER])
def test_it_needs_an_admin(site: Site, as_user: AsUser, role: Role) -> None:
    client, key = as_user(make_member(site, role)), vapid.current(site)
    assert client.get(url(site)).status_code == 403
    for act in ("replace", "delete"):
        assert client.post(url(site, f"{key.pk}/{act}/")).status_code == 403
    assert vapid.current(site) == key


def test_another_sites_keys_are_out_of_reach(site: Site, admin: Client) -> None:
    foreign = vapid.current(make_site(name="Other"))
    for act in ("replace", "delete"):
        assert admin.post(url(site, f"{foreign.pk}/{act}/")).status_code == 404
        assert admin.post(url(site, f"{10**30}/{act}/")).status_code == 404
    foreign.refresh_from_db()
    assert foreign.retired_at is None


def test_a_new_key_takes_over(site: Site, admin: Client) -> None:
    old = vapid.current(site)
    make_subscription(site)
    page = post(admin, url(site, f"{old.pk}/replace/"))
    assert "New devices get the new key from now on." in page
    assert "1 device still has a retired key." in page
    assert "Retired" in page
    assert vapid.current(site) != old


def test_pressed_twice_makes_one(site: Site, admin: Client) -> None:
    old = vapid.current(site)
    post(admin, url(site, f"{old.pk}/replace/"))
    assert "It was not made twice." in post(admin, url(site, f"{old.pk}/replace/"))
    assert site.credentials.count() == 2


def test_a_key_in_use_can_not_be_deleted(site: Site, admin: Client, adam: User) -> None:
    old = vapid.current(site)
    device = make_subscription(site)
    new = vapid.rotate(site, replaces=old.pk, by=adam)
    page = admin.get(url(site)).content.decode()
    assert "This key is still needed" in page
    assert url(site, f"{old.pk}/delete/") not in page
    assert "1 device has this key" in post(admin, url(site, f"{old.pk}/delete/"))
    device.credential = new
    device.save(update_fields=["credential"])
    assert "The key is deleted." in post(admin, url(site, f"{old.pk}/delete/"))
    assert list(site.credentials.all()) == [new]
    assert admin.post(url(site, f"{old.pk}/delete/")).status_code == 404


def test_the_current_key_can_not_be_deleted(site: Site, admin: Client) -> None:
    key = vapid.current(site)
    assert "Make a new one first." in post(admin, url(site, f"{key.pk}/delete/"))
    assert vapid.current(site) == key


def test_methods(site: Site, admin: Client) -> None:
    key = vapid.current(site)
    assert admin.post(url(site)).status_code == 405
    for act in ("replace", "delete"):
        assert admin.get(url(site, f"{key.pk}/{act}/")).status_code == 405
