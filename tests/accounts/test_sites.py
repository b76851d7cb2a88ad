from collections.abc import Callable

import pytest
from django.test import Client

from accounts import crypto, identity
from accounts.forms import SiteForm
from accounts.models import AuditEvent, Membership, Role, Site, User
from tests.factories import make_site, make_user

SignedIn = Callable[[User], Client]
SETTINGS = {
    "name": "Fjord & Fjell",
    "origins": "https://shop.example\nhttp://localhost:8001",
    "language": "nb",
    "time_zone": "Europe/Oslo",
    "icon_url": "https://shop.example/icon.png",
    "default_url": "shop.example/start",
}


def test_the_start_is_the_sites(as_user: SignedIn, alice: User) -> None:
    assert as_user(alice).get("/").headers["Location"] == "/sites/"


def test_the_only_site_is_chosen(as_user: SignedIn, alice: User, site: Site) -> None:
    assert as_user(alice).get("/sites/").headers["Location"] == f"/sites/{site.pk}/"


def test_an_owner_without_a_site_makes_one(as_user: SignedIn, db: None) -> None:
    owner = make_user(is_owner=True)
    assert as_user(owner).get("/sites/").headers["Location"] == "/sites/new/"


def test_who_has_no_site_is_told_whom_to_ask(as_user: SignedIn, charlie: User) -> None:
    page = as_user(charlie).get("/sites/").content.decode()
    assert "Ask an owner or an admin of a site for an invitation" in page


def test_several_sites_are_listed(
    as_user: SignedIn, alice: User, django_assert_num_queries: Callable[[int], object]
) -> None:
    for name in ("Bakery", "Zoo"):
        Membership.objects.create(site=make_site(name=name), user=alice, role=Role.VIEWER)
    make_site(name="Foreign")
    client = as_user(alice)
    # Session, user, memberships with their sites.
    with django_assert_num_queries(3):  # type: ignore[attr-defined]
        page = client.get("/sites/").content.decode()
    assert page.index("Bakery") < page.index("Fjell") < page.index("Zoo")
    assert "Foreign" not in page


def test_settings_are_saved(as_user: SignedIn, adam: User, site: Site) -> None:
    path = f"/sites/{site.pk}/settings/"
    client = as_user(adam)
    assert client.get(path).status_code == 200
    local = {"icon_url": "", "default_url": "http://localhost:8001/"}
    assert client.post(path, SETTINGS | local).status_code == 302
    assert client.post(path, SETTINGS | {"identity_required": "on"}).status_code == 302
    site.refresh_from_db()
    assert site.origins == ["https://shop.example", "http://localhost:8001"]
    assert (site.name, site.language, site.time_zone) == ("Fjord & Fjell", "nb", "Europe/Oslo")
    assert site.default_url == "https://shop.example/start"
    assert site.identity_required
    event = AuditEvent.objects.filter(action="site.changed").latest("at")
    assert (event.actor, event.site) == (adam, site)
    assert "identity_required" in event.detail["fields"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("600", 600), ("1,000", 1_000), ("6 000 000", 6_000_000), ("1\u202f500", 1_500), ("", None)],
)
def test_a_site_may_send_only_so_fast(
    as_user: SignedIn, adam: User, site: Site, typed: str, meant: int | None
) -> None:
    client, path = as_user(adam), f"/sites/{site.pk}/settings/"
    for _again in range(2):
        assert client.post(path, SETTINGS | {"throttle": typed}).status_code == 302
    site.refresh_from_db()
    assert site.throttle == meant
    changed = AuditEvent.objects.get(action="site.changed").detail["fields"]
    assert ("throttle" in changed) is bool(typed)
    shown = f'value="{meant}"' if meant else 'name="throttle"'
    assert shown in client.get(path).content.decode()


def test_saving_nothing_new_records_nothing(as_user: SignedIn, adam: User, site: Site) -> None:
    client, path = as_user(adam), f"/sites/{site.pk}/settings/"
    client.post(path, SETTINGS)
    client.post(path, SETTINGS)
    assert AuditEvent.objects.filter(action="site.changed").count() == 1


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "Write the name that visitors"),
        ("origins", "", "Name at least one origin"),
        ("origins", "https://a.example\nb.example", "Line 2, “b.example”"),
        ("language", "xx-nonsense", "Select a valid choice"),
        ("time_zone", "Mars/Base", "Select a valid choice"),
        ("icon_url", "http://shop.example/icon.png", "https only"),
        ("icon_url", "ftp://shop.example/icon.png", "begins with https"),
        ("default_url", "not an address", "Write a whole address, such as"),
        ("throttle", "5", "Write a number from 6 to 6,000,000"),
        ("throttle", "6,000,001", "Write a number from 6 to 6,000,000"),
        ("throttle", "-60", "Write a number from 6 to 6,000,000"),
        ("throttle", "60.5", "Write a number from 6 to 6,000,000"),
        ("throttle", "fast", "Write a number from 6 to 6,000,000"),
        ("throttle", "9" * 5_000, "Write a number from 6 to 6,000,000"),
    ],
)
def test_a_wrong_setting_is_said_beside_its_field(
    as_user: SignedIn, adam: User, site: Site, field: str, value: str, words: str
) -> None:
    answer = as_user(adam).post(f"/sites/{site.pk}/settings/", SETTINGS | {field: value})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert f'id="id_{field}_error"' in page and words in page
    site.refresh_from_db()
    assert site.name == "Fjell &amp; Fjord".replace("&amp;", "&")
    # What was typed stays, and the side column keeps the stored name.
    assert "Fjell &amp; Fjord" in page


def test_a_language_that_the_list_lacks_stays(site: Site) -> None:
    site.language = "nb-SJ"
    assert 'value="nb-SJ" selected' in str(SiteForm(instance=site)["language"])


@pytest.mark.parametrize("typed", ["https://shop.example/", "nonsense"])
def test_origins_know_whether_they_changed(site: Site, typed: str) -> None:
    field = SiteForm.base_fields["origins"]
    assert field.has_changed(["https://shop.example"], typed) is (typed == "nonsense")


def test_the_identity_secret_is_shown_once(as_user: SignedIn, adam: User, site: Site) -> None:
    before = crypto.decrypt(site.identity_secret)
    client, path = as_user(adam), f"/sites/{site.pk}/settings/"
    assert client.post(f"{path}identity/").headers["Location"] == path
    site.refresh_from_db()
    secret = crypto.decrypt(site.identity_secret).decode()
    assert secret.encode() != before
    assert secret not in str(dict(client.session))
    first, second = (client.get(path).content.decode() for _time in range(2))
    assert secret in first and secret not in second
    token_secret = identity.token_secret(site).decode()
    assert token_secret in first and token_secret not in second
    order = ["Identity secret, for", secret, "Token secret, for", token_secret]
    assert sorted(order, key=first.index) == order
    assert AuditEvent.objects.filter(action="site.identity_rotated", actor=adam).exists()


def test_a_shown_secret_is_forgotten_after_ten_minutes(
    as_user: SignedIn, adam: User, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, path = as_user(adam), f"/sites/{site.pk}/settings/"
    client.post(f"{path}identity/")
    monkeypatch.setattr("accounts.show_once.LASTS_SECONDS", -1)
    assert "Copy it now" not in client.get(path).content.decode()


@pytest.mark.parametrize("path", ["settings/", "settings/identity/"])
def test_settings_need_an_admin(
    as_user: SignedIn, bob: User, charlie: User, site: Site, path: str
) -> None:
    answer = as_user(bob).post(f"/sites/{site.pk}/{path}")
    assert answer.status_code == 403
    assert "This needs the role Admin; you are Marketer here." in answer.content.decode()
    assert as_user(charlie).post(f"/sites/{site.pk}/{path}").status_code == 404
