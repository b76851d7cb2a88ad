"""/sites/<id>/people/export/"""

import csv
import io

import pytest

from accounts.models import AuditEvent, Site, User
from subscribers import exporting
from tests.factories import (
    make_app,
    make_inbox,
    make_site,
    make_subscriber,
    make_subscription,
)
from tests.subscribers.conftest import AsUser


def export(site: Site, user: User, as_user: AsUser, query: str = "") -> list[dict[str, str]]:
    response = as_user(user).get(f"/sites/{site.pk}/people/export/{query}")
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert "fjell-fjord-people-" in response["Content-Disposition"]
    text = b"".join(response).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_it_works(site: Site, adam: User, as_user: AsUser) -> None:
    person = make_subscriber(
        site, external_id="FF-7", tags=["vip", "a, b"], attributes={"name": "Åse", "orders": 3}
    )
    device = make_subscription(site, subscriber=person)
    make_subscription(site, subscriber=person, state="gone", time_zone="", language="")
    make_subscriber(make_site(name="Other"), external_id="foreign")
    rows = export(site, adam, as_user)
    assert len(rows) == 1
    row = rows[0]
    assert row["id"] == str(person.pk)
    assert (row["external_id"], row["name"], row["tags"]) == ("FF-7", "Åse", "vip, a, b")
    assert row["attributes"] == '{"name": "Åse", "orders": 3}'
    assert row["topics"] == ""
    assert (row["active_devices"], row["devices"]) == ("1", "Firefox, Linux; Firefox, Linux")
    assert (row["languages"], row["time_zones"]) == ("en", "Europe/Oslo")
    assert (row["channels"], row["app_versions"]) == ("web", "")
    assert device.endpoint not in str(rows)
    event = AuditEvent.objects.get(action="people.exported")
    assert (event.actor, event.site) == (adam, site)


def test_apps(site: Site, adam: User, as_user: AsUser) -> None:
    person = make_app(site, app_version="4.12.0").subscriber
    make_subscription(site, subscriber=person)
    make_inbox(
        site, subscriber=person, channel="fcm", app_version="4.9", browser="", platform="iOS"
    )
    row = export(site, adam, as_user)[0]
    assert (row["active_devices"], row["devices"]) == ("2", "Android app; Firefox, Linux; iOS app")
    assert (row["channels"], row["app_versions"]) == ("fcm, web", "4.12.0, 4.9")


def test_lists_and_topics(site: Site, adam: User, as_user: AsUser) -> None:
    attributes = {"name": ["no", "name"], "sizes": ["M", "L"]}
    make_subscriber(site, topics=["sale", "=news"], attributes=attributes)
    row = export(site, adam, as_user)[0]
    assert row["attributes"] == '{"name": ["no", "name"], "sizes": ["M", "L"]}'
    assert (row["name"], row["topics"]) == ("", "sale, =news")


def test_it_exports_what_is_filtered(site: Site, adam: User, as_user: AsUser) -> None:
    make_subscription(site, subscriber=make_subscriber(site, external_id="reachable"))
    make_subscriber(site, external_id="without")
    assert [row["external_id"] for row in export(site, adam, as_user, "?state=active")] == [
        "reachable"
    ]
    assert [row["external_id"] for row in export(site, adam, as_user, "?q=with")] == ["without"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(start: str) -> None:
    assert exporting.guarded(f"{start}cmd|' /C calc'!A0").startswith("'")


def test_other_cells_stay() -> None:
    assert exporting.guarded("a=b") == "a=b"
    assert exporting.guarded("") == ""


def test_hostile_people(site: Site, adam: User, as_user: AsUser) -> None:
    make_subscriber(site, external_id="=1+1", tags=["@x"], attributes={"name": '+"a",\n=2'})
    row = export(site, adam, as_user)[0]
    assert (row["external_id"], row["tags"], row["name"]) == ("'=1+1", "'@x", '\'+"a",\n=2')


def test_it_requires_access(site: Site, bob: User, charlie: User, as_user: AsUser) -> None:
    url = f"/sites/{site.pk}/people/export/"
    assert as_user(bob).get(url).status_code == 403
    assert as_user(charlie).get(url).status_code == 404
