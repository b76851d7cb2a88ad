"""The cast, a known push service, and fresh limits for each test.

Alice owns a site, Adam is admin, Bob a marketer, Vera a viewer; Charlie is nobody there.
"""

from collections.abc import Callable, Iterator

import pytest
import redis
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

from accounts.models import Role, Site, User
from tests.factories import PUSH_ORIGIN, make_member, make_site, make_user

AsUser = Callable[[User], Client]


@pytest.fixture(autouse=True)
def push_service(settings: Settings) -> None:
    settings.EXTRA_PUSH_ORIGINS = frozenset({PUSH_ORIGIN})


@pytest.fixture(autouse=True)
def fresh_limits() -> Iterator[None]:
    yield
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        for pattern in ("beckon:ingest:*", "*:api:*"):
            if names := list(client.scan_iter(pattern)):
                client.delete(*names)


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def alice(site: Site) -> User:
    return make_member(site, Role.OWNER, "alice@example.com")


@pytest.fixture
def adam(site: Site) -> User:
    return make_member(site, Role.ADMIN, "adam@example.com")


@pytest.fixture
def bob(site: Site) -> User:
    return make_member(site, Role.MARKETER, "bob@example.com")


@pytest.fixture
def vera(site: Site) -> User:
    return make_member(site, Role.VIEWER, "vera@example.com")


@pytest.fixture
def charlie(db: None) -> User:
    return make_user("charlie@example.com")


@pytest.fixture
def as_user() -> AsUser:
    """A browser in which somebody is signed in."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return signed_in
