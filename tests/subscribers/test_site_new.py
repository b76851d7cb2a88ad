"""/sites/new/"""

from accounts.models import AuditEvent, Membership, Site, User
from subscribers import vapid
from tests.factories import make_user
from tests.subscribers.conftest import AsUser

URL = "/sites/new/"
FIELDS = {
    "name": "Fjell & Fjord",
    "origins": "https://shop.example\nhttp://localhost:8001",
    "language": "nb",
    "time_zone": "Europe/Oslo",
    "icon_url": "",
    "default_url": "https://shop.example/",
}


def owner() -> User:
    return make_user("alice@example.com", is_owner=True)


def test_it_works(db: None, as_user: AsUser) -> None:
    alice = owner()
    assert as_user(alice).get(URL).status_code == 200
    response = as_user(alice).post(URL, FIELDS)
    site = Site.objects.get()
    assert response["Location"] == f"/sites/{site.pk}/install/"
    assert site.origins == ["https://shop.example", "http://localhost:8001"]
    assert (site.language, site.time_zone) == ("nb", "Europe/Oslo")
    assert vapid.current(site)
    assert Membership.objects.get().role == "owner"
    assert AuditEvent.objects.get(action="site.created").actor == alice


def test_it_rejects(db: None, as_user: AsUser) -> None:
    response = as_user(owner()).post(URL, FIELDS | {"origins": "shop.example"})
    assert response.status_code == 200
    page = response.content.decode()
    assert "This is not an origin." in page
    assert page.count('class="error-summary"') == 1
    assert not Site.objects.exists()


def test_it_requires_access(charlie: User, as_user: AsUser) -> None:
    assert as_user(charlie).get(URL).status_code == 403
    assert as_user(charlie).post(URL, FIELDS).status_code == 403
    assert not Site.objects.exists()
