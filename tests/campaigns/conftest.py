"""The cast: Alice owns a site, Adam is admin, Bob a marketer, Vera a viewer; Charlie is nobody."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Role, Site, User
from tests.factories import make_member, make_site


@pytest.fixture
def site(db: None) -> Site:
    return make_site(time_zone="Europe/Oslo")


@pytest.fixture
def as_role(site: Site) -> Callable[[Role], Client]:
    """A browser in which a member with that role is signed in."""

    def signed_in(role: Role) -> Client:
        return as_user(make_member(site, role))

    return signed_in


def as_user(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def bob(as_role: Callable[[Role], Client]) -> Client:
    """A marketer's browser."""
    return as_role(Role.MARKETER)
