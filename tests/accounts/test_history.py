import re
from collections.abc import Callable

from django.conf import settings
from django.test import Client

from accounts import audit
from accounts.models import AuditEvent, Site, User
from tests.factories import make_site

SignedIn = Callable[[User], Client]


def test_the_newest_stands_first(as_user: SignedIn, adam: User, site: Site) -> None:
    audit.record("site.changed", site=site, actor=adam, fields=["name", "origins"])
    audit.record("key.revoked", site=site, actor_name="command line", target="Shop (bk_1…)")
    page = as_user(adam).get(f"/sites/{site.pk}/history/").content.decode()
    assert page.index("Revoked an API key</span>") < page.index("Changed the settings</span>")
    assert "fields: name, origins" in page and "command line" in page and "Shop (bk_1…)" in page


def test_all_that_is_recorded_has_words() -> None:
    files = [
        file
        for app in ("accounts", "audiences", "campaigns", "subscribers", "config")
        for file in (settings.BASE_DIR / app).rglob("*.py")
    ]
    found = re.compile(r'audit\.record\(\s*"([a-z_.]+)"')
    recorded = {action for file in files for action in found.findall(file.read_text())}
    assert len(recorded) > 20
    assert not recorded - set(audit.LABELS)


def test_it_is_filtered_by_action(as_user: SignedIn, adam: User, site: Site) -> None:
    audit.record("site.changed", site=site, actor=adam)
    audit.record("campaign.strange_act", site=site, target="Winter layers")
    client, path = as_user(adam), f"/sites/{site.pk}/history/"
    page = client.get(path, {"action": "campaign.strange_act"}).content.decode()
    assert "Winter layers" in page and "Campaign strange act</option>" in page
    assert "Changed the settings</span>" not in page
    page = client.get(path, {"action": "key.created"}).content.decode()
    assert "Nothing like “Made an API key” has happened" in page


def test_sign_ins_of_members_are_part_of_it(
    as_user: SignedIn, adam: User, bob: User, charlie: User, site: Site
) -> None:
    for user in (bob, charlie):
        audit.record("user.signed_in", actor=user)
    audit.record("owner.created", actor=adam)
    audit.record("site.changed", site=make_site(), actor=adam, target="Foreign")
    page = as_user(adam).get(f"/sites/{site.pk}/history/").content.decode()
    assert "bob@example.com" in page
    assert "charlie@example.com" not in page
    assert "Foreign" not in page and "owner of this installation" not in page


def test_nothing_yet(as_user: SignedIn, adam: User, site: Site) -> None:
    AuditEvent.objects.all().delete()
    page = as_user(adam).get(f"/sites/{site.pk}/history/").content.decode()
    assert "Nothing has happened yet" in page


def test_it_pages_within_its_queries(
    as_user: SignedIn, adam: User, site: Site, django_assert_num_queries: object
) -> None:
    for number in range(60):
        audit.record("key.created", site=site, actor=adam, target=f"Key {number}")
    client, path = as_user(adam), f"/sites/{site.pk}/history/"
    # Session, user, membership with site; actions, count, events; the switcher's sites.
    with django_assert_num_queries(7):  # type: ignore[operator]
        page = client.get(path).content.decode()
    assert "Key 59<" in page and "Key 9<" not in page and "Older" in page
    assert "Key 9<" in client.get(path, {"page": "2"}).content.decode()


def test_it_needs_an_admin(as_user: SignedIn, bob: User, site: Site) -> None:
    assert as_user(bob).get(f"/sites/{site.pk}/history/").status_code == 403


def test_long_names_fit(site: Site) -> None:
    audit.record("site.changed", site=site, actor_name="x" * 400, target="y" * 400)
    event = AuditEvent.objects.get(actor_name__startswith="x")
    assert (len(event.actor_name), len(event.target)) == (150, 200)
    assert str(event).startswith("x")
