"""Every address × every role × a foreign site, generated from the URLconf.

One address without a check is how tenants leak into each other (CVE-2026-34584, CVE-2026-62361).
Who may what stands in tests/access_table.py; an address that is missing there fails here.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import django_rq
import pytest
from django.conf import settings as configured
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from pytest_django import Settings

from accounts import api_keys, members
from accounts.models import ApiKey, Invitation, Membership, Role, Site, User
from audiences import lists, saving
from campaigns import digests
from campaigns.models import Approval, DryRun, Run, SavedMessage
from tests.access_table import ROUTES, Api, Gate, Page, Rule
from tests.factories import (
    make_campaign,
    make_member,
    make_picture,
    make_site,
    make_subscription,
    make_user,
)
from tests.subscribers.apps import make_apns

ADVICE = (
    "Add it to ROUTES in tests/access_table.py: who may GET it and who may POST to it, "
    "or which scope an API key needs."
)


@dataclass(frozen=True)
class Address:
    name: str
    arguments: tuple[str, ...]
    view: Any


def addresses(
    patterns: list[URLPattern | URLResolver], prefix: str = "", arguments: tuple[str, ...] = ()
) -> Iterator[Address]:
    """Every address of a URLconf, with namespaces, in order."""
    for found in patterns:
        taken = (*arguments, *found.pattern.converters)
        if isinstance(found, URLResolver):
            space = f"{prefix}{found.namespace}:" if found.namespace else prefix
            yield from addresses(found.url_patterns, space, taken)
        else:
            name = found.name or f"(without a name) {found.pattern}"
            yield Address(f"{prefix}{name}", taken, found.callback)


ALL = {address.name: address for address in addresses(get_resolver().url_patterns)}
PAGES = sorted(name for name in ALL if isinstance(ROUTES.get(name), Page))
APIS = sorted(name for name in ALL if isinstance(ROUTES.get(name), Api))


@dataclass
class World:
    """A site with one of everything, and those who come to it."""

    site: Site
    actors: dict[str, User]
    arguments: dict[str, Any]
    secrets: list[str]

    def path(self, name: str, **others: Any) -> str:
        """The address with what belongs to the site, but for `others`."""
        address = ALL[name]
        unknown = set(address.arguments) - set(self.arguments)
        assert not unknown, f"{name} has the argument {unknown}: give World one in `world`."
        known = self.arguments | others
        return reverse(name, kwargs={key: known[key] for key in address.arguments})


@pytest.fixture
def world(db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name, value in (("time_cost", 1), ("memory_cost", 8), ("parallelism", 1)):
        monkeypatch.setattr(Argon2PasswordHasher, name, value)
    settings.DEMO = True
    # No service for apps, so what tests a key is refused at once.
    settings.APNS_ORIGIN = "https://push.invalid"
    site = make_site(name="Fjell & Fjord")
    actors = {role.value: make_member(site, role, f"{role}@example.com") for role in Role}
    User.objects.filter(pk=actors["owner"].pk).update(is_owner=True)
    actors["foreign owner"] = make_member(make_site(name="Foreign"), Role.OWNER)
    actors["nobody"] = make_user()
    target = make_member(site, Role.VIEWER)
    members.invite(site, "new@example.com", Role.VIEWER, by=actors["owner"])
    key, _text = api_keys.create(site, "Shop", ["all"])
    device = make_subscription(site)
    campaign = make_campaign(site)
    run = Run.objects.create(
        campaign=campaign,
        message=campaign.messages.get(),
        kind=Run.Kind.TEST,
        month=timezone.now().date().replace(day=1),
        last_subscription=device.pk,
    )
    buyers = lists.create(site, "Buyers", by=lists.Actor())
    uploaded = lists.upload(
        buyers, BytesIO(b"a"), mode="add", names="external_id", by=lists.Actor()
    )
    everyone = saving.create(site, "All of them", {"version": 2, "all": []}, by=None)
    saved = SavedMessage.objects.create(site=site, name="Saved", content={"title": "Again"})
    DryRun.objects.create(
        campaign=campaign,
        digest=digests.digest(campaign),
        state=DryRun.State.DONE,
        rule={"version": 2, "all": []},
        starts_at=timezone.now(),
    )
    arguments = {
        "site_id": site.pk,
        "member_id": Membership.objects.get(user=target).pk,
        "invitation_id": Invitation.objects.get().pk,
        "key_id": key.pk,
        "vapid_id": device.credential_id,
        "credential_id": make_apns(site).pk,
        "token": "no-such-token",
        "site_key": site.key,
        "item_id": "i" * 22,
        "subscriber_id": device.subscriber_id,
        "public_id": device.public_id,
        "campaign_id": campaign.pk,
        "run_id": run.pk,
        "list_id": buyers.pk,
        "audience_id": everyone.pk,
        "upload_id": uploaded.pk,
        "saved_id": saved.pk,
        "approval_id": Approval.objects.create(campaign=campaign, digest="0" * 64).pk,
        "picture_id": make_picture(site).pk,
        "file": "wide.jpg",
    }
    secrets = [
        str(device.subscriber_id),
        str(campaign.pk),
        str(buyers.pk),
        str(everyone.pk),
        saved.name,
        "new@example.com",
    ]
    yield World(site, actors, arguments, secrets)
    for queue in configured.RQ_QUEUES:
        django_rq.get_queue(queue).empty()  # type: ignore[no-untyped-call]


def ask(client: Client, method: str, path: str, data: dict[str, str]) -> HttpResponseBase:
    """A request whose changes are undone."""
    with transaction.atomic():
        answer = client.post(path, data) if method == "POST" else client.get(path)
        transaction.set_rollback(True)
    return answer


def signed_out(answer: HttpResponseBase) -> bool:
    return answer.status_code == 302 and answer.headers["Location"].startswith("/signin/?next=")


def expected(rule: Rule, other: Rule, actor: str, *, of_site: bool) -> set[int]:
    """The statuses that an actor may get. 0 stands for "let in"."""
    if rule is None:
        # The method is not answered; whoever may use the other one is told so.
        refusals = expected(other, other, actor, of_site=of_site)
        return {405} if refusals == {0} else refusals | {405}
    if rule in (Gate.PUBLIC, Gate.SIGNED_IN):
        return {0}
    if actor in ("foreign owner", "nobody") and of_site:
        return {404}
    if rule is Gate.INSTALLER:
        return {0} if actor == "owner" else {403}
    assert isinstance(rule, Role)
    return {0} if Role(actor).includes(rule) else {403}


def test_every_address_is_listed() -> None:
    missing = [name for name in ALL if name not in ROUTES]
    assert not missing, f"Who may use {', '.join(missing)}? {ADVICE}"


def test_nothing_is_listed_that_is_gone() -> None:
    gone = [name for name in ROUTES if name not in ALL]
    assert not gone, f"Take {', '.join(gone)} out of tests/access_table.py: no such address."


def test_every_address_of_a_site_goes_through_the_door() -> None:
    """By `accounts.access.member`, so that no view looks up a site on its own."""
    open_doors = [
        address.name
        for address in ALL.values()
        if "site_id" in address.arguments and not hasattr(address.view, "least_role")
    ]
    assert not open_doors, f"Put @member(Role.…) on {', '.join(open_doors)}."


@pytest.mark.parametrize("name", PAGES)
def test_a_page_lets_in_whom_the_table_says(name: str, world: World) -> None:
    page = ROUTES[name]
    assert isinstance(page, Page)
    path, of_site = world.path(name), "site_id" in ALL[name].arguments
    public = Gate.PUBLIC in (page.get, page.post)
    for method, rule, other in (("GET", page.get, page.post), ("POST", page.post, page.get)):
        without = ask(Client(), method, path, page.data)
        if public:
            assert not signed_out(without) and without.status_code < 500, (method, "signed out")
            assert rule is not None or without.status_code == 405, (method, "signed out")
            continue
        assert signed_out(without), (method, "signed out", without.status_code)
        for actor, user in world.actors.items():
            client = Client()
            client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
            answer = ask(client, method, path, page.data)
            allowed = expected(rule, other, actor, of_site=of_site)
            status = answer.status_code
            let_in = status in (200, 204, 302, 400, 409) and not signed_out(answer)
            assert status in allowed or (let_in and 0 in allowed), (
                f"{method} {name} as {actor}: {status}, but tests/access_table.py says {rule}"
            )


OBJECTS = [name for name in PAGES if {"site_id"} < set(ALL[name].arguments)]


@pytest.mark.parametrize("name", OBJECTS)
def test_an_own_site_does_not_open_the_objects_of_another(name: str, world: World) -> None:
    """The site in the address is mine and I own it; the thing behind it is not."""
    page, stranger = ROUTES[name], world.actors["foreign owner"]
    assert isinstance(page, Page)
    User.objects.filter(pk=stranger.pk).update(is_owner=True)
    client = Client()
    client.force_login(stranger, backend="django.contrib.auth.backends.ModelBackend")
    path = world.path(name, site_id=stranger.memberships.get().site_id)
    for method, rule in (("GET", page.get), ("POST", page.post)):
        status = ask(client, method, path, page.data).status_code
        assert status == (405 if rule is None else 404), (method, status)


def call(key: str, method: str, path: str) -> HttpResponseBase:
    with transaction.atomic():
        answer = Client().generic(
            method,
            path,
            "{}" if method in ("POST", "PATCH", "PUT") else "",
            "application/json",
            headers={"Authorization": key} if key else {},
        )
        transaction.set_rollback(True)
    return answer


@pytest.mark.parametrize("name", APIS)
def test_an_api_address_takes_the_keys_that_the_table_says(name: str, world: World) -> None:
    api, path = ROUTES[name], world.path(name)
    assert isinstance(api, Api)
    revoked, revoked_text = api_keys.create(world.site, "Revoked", ["all"])
    api_keys.revoke(revoked, by=world.actors["owner"])
    foreign_site = world.actors["foreign owner"].memberships.get().site
    _key, foreign = api_keys.create(foreign_site, "Foreign", ["all"])
    _key, everything = api_keys.create(world.site, "All", ["all"])
    for method in ("GET", "POST", "PATCH", "PUT", "DELETE"):
        for key in ("", f"Bearer {revoked_text}", "Bearer bk_unknown"):
            assert call(key, method, path).status_code == 401, (method, key)
        scope = api.scopes.get(method)
        if scope is None:
            assert call(f"Bearer {everything}", method, path).status_code in (403, 405), method
            continue
        _key, exact = api_keys.create(world.site, "Exact", scope.split())
        let_in = (200, 201, 202, 204, 400, 409)
        assert call(f"Bearer {exact}", method, path).status_code in let_in, method
        for lacking in scope.split():
            others = [one for one in ApiKey.Scope.values if one not in (lacking, "all")]
            _key, wrong = api_keys.create(world.site, "Wrong", others)
            assert call(f"Bearer {wrong}", method, path).status_code == 403, (method, lacking)
        answer = call(f"Bearer {foreign}", method, path)
        if len(ALL[name].arguments):
            assert answer.status_code == 404, (method, "foreign key", answer.status_code)
        else:
            seen = answer.content.decode()  # type: ignore[attr-defined]
            assert not any(secret in seen for secret in world.secrets), (method, "foreign key")


def test_a_session_opens_nothing_of_the_api(world: World) -> None:
    client = Client()
    client.force_login(world.actors["owner"], backend="django.contrib.auth.backends.ModelBackend")
    for name in APIS:
        assert client.get(world.path(name), headers={"X-Id": str(uuid.uuid4())}).status_code == 401
