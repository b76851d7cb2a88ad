"""/sites/<id>/audiences/<id>/export/"""

import csv
import io
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEvent, Role, Site, User
from audiences import rules, sampling
from audiences.models import Audience
from tests.audiences.test_counting import rule, spread, tagged
from tests.factories import make_member, make_site, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def named(site: Site, asked: dict[str, Any], name: str = "Cold hands") -> Audience:
    return Audience.objects.create(site=site, name=name, rule=asked)


def address(site: Site, audience: Audience) -> str:
    return f"/sites/{site.pk}/audiences/{audience.pk}/export/"


def rows(site: Site, audience: Audience, user: User) -> list[dict[str, str]]:
    response = client_of(user).get(address(site, audience))
    assert response.status_code == 200
    assert response.streaming
    assert "fjell-fjord-cold-hands-" in response["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(b"".join(response).decode())))


def test_it_has_the_people_that_the_audience_reaches() -> None:
    site = make_site()
    adam = make_member(site, Role.ADMIN)
    ann = make_subscriber(site, tags=["vip"], external_id="=1+1")
    device = make_subscription(site, subscriber=ann)
    make_subscription(site, subscriber=ann, state="gone")
    make_subscription(site, subscriber=make_subscriber(site, tags=["vip"]), state="gone")
    make_subscription(site)
    make_subscription(make_site(name="Other"), subscriber=make_subscriber(site, tags=["no"]))
    inner = named(site, rule(tagged("vip")).as_json(), "Inner")
    audience = named(site, rule({"audience": str(inner.pk)}).as_json())
    (row,) = rows(site, audience, adam)
    assert (row["id"], row["external_id"], row["active_devices"]) == (str(ann.pk), "'=1+1", "1")
    assert device.endpoint not in str(row)
    event = AuditEvent.objects.get(action="audience.exported")
    assert (event.site, event.actor, event.target) == (site, adam, "Cold hands")


def test_it_comes_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each person once, whatever the size of a page."""
    site = make_site()
    spread(site, 30)
    pages = sampling.everybody
    monkeypatch.setattr(sampling, "everybody", lambda site, rule: pages(site, rule, 7))
    found = rows(site, named(site, rules.EVERYONE.as_json()), make_member(site, Role.ADMIN))
    assert [row["id"] for row in found] == sorted(row["id"] for row in found)
    assert len({row["id"] for row in found}) == 30


def test_nobody() -> None:
    site = make_site()
    assert rows(site, named(site, rules.EVERYONE.as_json()), make_member(site, Role.OWNER)) == []


def test_it_requires_access() -> None:
    site = make_site()
    audience = named(site, rules.EVERYONE.as_json())
    assert client_of(make_member(site, Role.MARKETER)).get(
        address(site, audience)
    ).status_code == 403  # fmt: skip
    other = make_site(name="Other")
    stranger = client_of(make_member(other, Role.OWNER))
    assert stranger.get(address(site, audience)).status_code == 404
    assert stranger.get(address(other, audience)).status_code == 404
    adam = client_of(make_member(site, Role.ADMIN))
    assert adam.get(address(site, named(site, {"version": 9}, "Broken"))).status_code == 404
    assert adam.get(address(site, named(site, {"version": 2, "all": []}, ""))).status_code == 404
    assert not AuditEvent.objects.filter(action="audience.exported").exists()
