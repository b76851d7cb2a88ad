"""/sites/<id>/people/"""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import Site, User
from subscribers import people
from tests.factories import make_member, make_site, make_subscriber, make_subscription
from tests.subscribers.conftest import AsUser
from tests.subscribers.hostile import XSS, assert_harmless


def url(site: Site, query: str = "") -> str:
    return f"/sites/{site.pk}/people/{query}"


def test_it_works(site: Site, vera: User, as_user: AsUser) -> None:
    person = make_subscriber(site, external_id="FF-7", tags=["vip"], attributes={"name": "Åse"})
    device = make_subscription(site, subscriber=person, browser="Safari", platform="macOS")
    response = as_user(vera).get(url(site))
    assert response.status_code == 200
    page = response.content.decode()
    for text in ("Åse", "FF-7", "vip", "Safari, macOS", "1 person", f"/people/{person.pk}/"):
        assert text in page
    assert device.endpoint not in page
    assert "Export" not in page


def test_query_budget(
    site: Site, adam: User, as_user: AsUser, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(60):
        person = make_subscriber(site, tags=["a", "b"])
        make_subscription(site, subscriber=person)
        make_subscription(site, subscriber=person)
    client = as_user(adam)
    # Session, user, membership, people, their devices, the count, the sites to switch to.
    with django_assert_num_queries(7):
        page = client.get(url(site, "?state=active&q=a")).content.decode()
    assert page.count('class="cell-main"') == people.PAGE
    assert "Older" in page
    assert "60 people, newest first" in page


def test_paging(site: Site, vera: User, as_user: AsUser) -> None:
    for _ in range(people.PAGE + 1):
        make_subscriber(site)
    client = as_user(vera)
    first = client.get(url(site))
    older = first.context["older"]
    assert "Newer" not in first.content.decode()
    second = client.get(url(site, older))
    assert second.content.decode().count('class="cell-main"') == 1
    assert second.context["newer"]
    assert client.get(url(site, "?page=nonsense")).status_code == 200


def test_many_people_are_not_counted(
    site: Site, vera: User, as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "COUNT_BOUND", 2)
    for _ in range(3):
        make_subscriber(site)
    assert "more than 2 people" in as_user(vera).get(url(site)).content.decode()


def test_nobody_yet(site: Site, bob: User, vera: User, as_user: AsUser) -> None:
    page = as_user(bob).get(url(site)).content.decode()
    assert "Nobody yet" in page
    assert f"/sites/{site.pk}/install/" in page
    assert "Install the snippet" not in as_user(vera).get(url(site)).content.decode()


def test_nobody_fits(site: Site, vera: User, as_user: AsUser) -> None:
    make_subscriber(site)
    page = as_user(vera).get(url(site, "?q=zzz&state=gone")).content.decode()
    for text in ("Nobody fits “zzz”", "the state “Gone”", "Clear the filter"):
        assert text in page
    assert "Nobody here" in as_user(vera).get(url(site, "?state=gone")).content.decode()
    # A state that does not exist is no filter.
    assert "1 person" in as_user(vera).get(url(site, "?state=x")).content.decode()


@pytest.mark.parametrize("text", XSS)
def test_hostile_texts_are_only_texts(text: str, site: Site, vera: User, as_user: AsUser) -> None:
    person = make_subscriber(
        site, external_id=text[:128], tags=[text[:64]], attributes={"name": text, text[:64]: text}
    )
    make_subscription(site, subscriber=person, browser=text[:40], platform=text[:40])
    client = as_user(vera)
    assert_harmless(client.get(url(site)))
    assert_harmless(client.get(url(site), {"q": text}))
    assert_harmless(client.get(url(site), {"state": text, "page": text}))


def test_it_requires_access(site: Site, charlie: User, as_user: AsUser) -> None:
    assert as_user(charlie).get(url(site)).status_code == 404
    assert Client().get(url(site)).status_code == 302
    other = make_site(name="Other")
    make_member(other, "viewer", "vera@other.example")  # type: ignore[arg-type]
    make_subscriber(other, external_id="foreign")
    response = as_user(User.objects.get(email="vera@other.example")).get(url(site))
    assert response.status_code == 404


def test_other_sites_stay_out(site: Site, vera: User, as_user: AsUser) -> None:
    make_subscriber(make_site(name="Other"), external_id="foreign")
    assert "foreign" not in as_user(vera).get(url(site)).content.decode()
