"""create_site: everything that a site needs, or nothing."""

import pytest

from accounts.models import Membership, Role, Site
from subscribers import vapid
from subscribers.models import Credential, Installation, Prompt
from subscribers.onboarding import SiteRefused, create_site
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_it_works() -> None:
    alice = make_user("alice@example.com")
    site = create_site(
        name=" Fjell & Fjord ",
        origins=["https://Shop.Example/", "https://shop.example:443", "http://localhost:8001"],
        language="nb-NO",
        time_zone="Europe/Oslo",
        owner=alice,
    )
    site.refresh_from_db()
    assert site.name == "Fjell & Fjord"
    assert site.origins == ["https://shop.example", "http://localhost:8001"]
    assert len(site.key) == 22
    assert Membership.objects.get(site=site).role == Role.OWNER
    prompt = Prompt.objects.get(site=site)
    assert (prompt.version, prompt.enabled, prompt.trigger) == (1, True, "click")
    assert Installation.objects.get(site=site).snippet_seen_at is None
    assert len(bytes(vapid.current(site).public_key)) == 65


def test_two_sites_share_nothing() -> None:
    one = create_site(name="One", origins=["https://one.example"])
    two = create_site(name="Two", origins=["https://one.example"])
    assert one.key != two.key
    assert vapid.public_text(vapid.current(one)) != vapid.public_text(vapid.current(two))
    assert Membership.objects.count() == 0


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("name", {"name": "  "}),
        ("name", {"name": "x" * 81}),
        ("origins", {"origins": []}),
        ("origins", {"origins": ["shop.example"]}),
        ("origins", {"origins": [f"https://s{n}.example" for n in range(21)]}),
        ("language", {"language": "<b>"}),
        ("time_zone", {"time_zone": "Mars/Olympus"}),
    ],
)
def test_it_rejects(field: str, change: dict[str, object]) -> None:
    fields: dict[str, object] = {"name": "Shop", "origins": ["https://shop.example"]}
    with pytest.raises(SiteRefused) as caught:
        create_site(**(fields | change))  # type: ignore[arg-type]
    assert caught.value.field == field
    assert caught.value.sentence.endswith(".")
    assert not Site.objects.exists()
    assert not Credential.objects.exists()
