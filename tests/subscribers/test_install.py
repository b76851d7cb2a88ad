"""/sites/<id>/install/ and the state that it looks for."""

from django.test import Client
from pytest_django import Settings

from accounts.models import Site, User
from subscribers import installation
from subscribers.models import Installation
from tests.factories import make_site, make_subscription
from tests.subscribers.browsers import ORIGIN, Browser
from tests.subscribers.conftest import AsUser


def url(site: Site, rest: str = "") -> str:
    return f"/sites/{site.pk}/install/{rest}"


def test_it_works(site: Site, bob: User, as_user: AsUser, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://push.example.com"
    site.icon_url = "https://cdn.example/icon.png"
    site.save()
    page = as_user(bob).get(url(site)).content.decode()
    for text in (
        "Install on shop.example",
        "src=&quot;https://push.example.com/static/push/snippet.js&quot;",
        f"data-site=&quot;{site.key}&quot;",
        'download="sw.js"',
        "connect-src https://push.example.com;",
        "img-src https://cdn.example",
        "window.beckon=window.beckon||",
        "?beckon=ask",
        "mailto:?subject=",
        "All origins use https",
        "Snippet not seen yet",
        "Waiting for the first subscriber",
        "every 2s",
    ):
        assert text in page
    assert "accounts:settings" not in page


def test_the_snippet_points_to_settings_for_admins(
    site: Site, adam: User, bob: User, as_user: AsUser
) -> None:
    assert "The identity secret is made in" in as_user(adam).get(url(site)).content.decode()
    assert "An admin makes the identity secret" in as_user(bob).get(url(site)).content.decode()


def test_it_notices_by_itself(site: Site, bob: User, as_user: AsUser) -> None:
    client = as_user(bob)
    poll = client.get(url(site)).context["poll"]
    assert client.get(poll).status_code == 204
    Client().get(f"/push/{site.key}/config.json", headers={"Origin": ORIGIN})
    seen = client.get(poll)
    assert "Snippet seen" in seen.content.decode()
    assert 'id="step-2" hx-swap-oob="true"' in seen.content.decode()
    poll = seen.context["poll"]
    assert client.get(poll).status_code == 204
    Browser(site).subscribe()
    done = client.get(poll).content.decode()
    assert "Your first subscriber is here" in done
    assert "hx-trigger" not in done
    assert "Your first subscriber is here" in client.get(url(site)).content.decode()


def test_steps_one_after_another(site: Site) -> None:
    assert installation.state(site).current == 1
    installation.seen(site, ORIGIN, "")
    assert installation.state(site).current == 3
    make_subscription(site)
    assert installation.state(site).current == 4


def test_foreign_origin_is_told_until_it_is_ours(site: Site, bob: User, as_user: AsUser) -> None:
    Browser(site, origin="https://staging.example").subscribe()
    assert "https://staging.example was refused" in as_user(bob).get(url(site)).content.decode()
    site.origins = [*site.origins, "https://staging.example"]
    site.save()
    assert "was refused" not in as_user(bob).get(url(site)).content.decode()


def test_what_a_foreign_origin_says_is_only_text(site: Site, bob: User, as_user: AsUser) -> None:
    installation.foreign(site, "<script>\x00alert(1)</script>" + "x" * 400)
    stored = Installation.objects.get(site=site).foreign_origin
    assert stored.startswith("<script>alert(1)")
    assert len(stored) == 255
    assert "<script>alert" not in as_user(bob).get(url(site)).content.decode()


def test_http_is_warned_about(bob: User, as_user: AsUser) -> None:
    from accounts.models import Membership

    local = make_site(name="Local", origins=["http://127.0.0.1:8001"])
    Membership.objects.create(site=local, user=bob, role="marketer")
    assert "Without https" in as_user(bob).get(url(local)).content.decode()


def test_sizes_are_those_of_the_files() -> None:
    assert 500 < installation.transfer_size("push/sw.js") < installation.file_size("push/sw.js")


def test_it_requires_access(site: Site, vera: User, charlie: User, as_user: AsUser) -> None:
    for rest in ("", "state/"):
        assert as_user(vera).get(url(site, rest)).status_code == 403
        assert as_user(charlie).get(url(site, rest)).status_code == 404
