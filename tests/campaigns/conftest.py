"""The cast: Alice owns a site, Adam is admin, Bob a marketer, Vera a viewer; Charlie is nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import Role, Site, User
from campaigns import planning, starting
from campaigns.models import Run
from subscribers.models import Subscription
from tests.campaigns import senders
from tests.campaigns.engine import drive
from tests.campaigns.reporting import device
from tests.campaigns.senders import FakeService
from tests.factories import make_campaign, make_member, make_site, make_subscriber

if TYPE_CHECKING:
    from campaigns.pushing import PushSender
    from tests.chaos.stands import Stands


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


@pytest.fixture
def mixed(site: Site) -> Run:
    """A finished run with one of every outcome that a push service gives, and two accepted."""
    for name in ("ok", "fine", "left", "big", "lost"):
        device(site, name, subscriber=make_subscriber(site, attributes={"name": f"P {name}"}))
    gone = device(site, "early")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    Subscription.objects.filter(pk=gone.pk).update(state=Subscription.State.UNSUBSCRIBED)
    drive(run, FakeService(left=senders.GONE, big=senders.REFUSED, lost=senders.UNKNOWN))
    return run


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stands]:
    """The stand-ins of the push services, for browsers and for apps."""
    from tests.chaos import stands

    with stands.standing(tmp_path_factory.mktemp("stands")) as both:
        yield both


@pytest.fixture
def sender(both: Stands, settings: Settings) -> Iterator[PushSender]:
    """What really sends, to the stand-ins: windows of four, one of them in flight at a time."""
    from tests.chaos import stands

    both.configure(settings)
    settings.SEND_WINDOW = settings.SEND_IN_FLIGHT = 4
    with stands.sending(settings.PUSH_CA_FILE) as sender:
        yield sender
    both.behave()
