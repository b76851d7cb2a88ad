"""The cast: Alice owns a site, Adam is admin, Bob a marketer, Vera a viewer; Charlie is nobody."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client

from accounts.models import Role, Site, User
from tests import factories
from tests.factories import make_member, make_site, make_user


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Argon2 at its cheapest: these tests try many passwords."""
    for name, value in (("time_cost", 1), ("memory_cost", 8), ("parallelism", 1)):
        monkeypatch.setattr(Argon2PasswordHasher, name, value)
    factories.hashed.cache_clear()
    yield
    factories.hashed.cache_clear()


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def alice(site: Site) -> User:
    return make_member(site, Role.OWNER, "alice@example.com")


@pytest.fixture
def adam(site: Site, alice: User) -> User:
    return make_member(site, Role.ADMIN, "adam@example.com")


@pytest.fixture
def bob(site: Site, alice: User) -> User:
    return make_member(site, Role.MARKETER, "bob@example.com")


@pytest.fixture
def vera(site: Site, alice: User) -> User:
    return make_member(site, Role.VIEWER, "vera@example.com")


@pytest.fixture
def charlie(db: None) -> User:
    return make_user("charlie@example.com")


@pytest.fixture
def as_user() -> Callable[[User], Client]:
    """A browser in which somebody is signed in."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return signed_in
