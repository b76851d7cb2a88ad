from collections.abc import Callable

from django.test import Client

from accounts.models import AuditEvent, User
from tests.factories import PASSWORD

NEW = "a wholly new one"
SignedIn = Callable[[User], Client]


def test_a_name_is_saved(as_user: SignedIn, alice: User) -> None:
    client = as_user(alice)
    assert client.post("/profile/", {"name": "Alice Berg"}).status_code == 302
    alice.refresh_from_db()
    assert str(alice) == "Alice Berg"
    assert "Alice Berg" in client.get("/profile/").content.decode()


def test_a_name_that_is_too_long_is_refused(as_user: SignedIn, alice: User) -> None:
    page = as_user(alice).post("/profile/", {"name": "x" * 121})
    assert page.status_code == 200
    alice.refresh_from_db()
    assert alice.name == ""


def test_changing_the_password_ends_the_other_sessions(as_user: SignedIn, alice: User) -> None:
    here, there = as_user(alice), as_user(alice)
    before = here.session.session_key
    answer = here.post("/password/", {"current": PASSWORD, "password": NEW})
    assert answer.status_code == 302
    assert here.get("/profile/").status_code == 200
    assert here.session.session_key != before
    assert there.get("/profile/").status_code == 302
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert AuditEvent.objects.filter(action="user.password_changed", actor=alice).exists()


def test_the_current_password_is_asked_for(as_user: SignedIn, alice: User) -> None:
    client = as_user(alice)
    page = client.post("/password/", {"current": "wrong", "password": NEW}).content.decode()
    assert "This is not your current password." in page
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_a_weak_password_is_refused(as_user: SignedIn, alice: User) -> None:
    client = as_user(alice)
    for weak in ("short", "1234567890", "password123", "alice@example.com"):
        answer = client.post("/password/", {"current": PASSWORD, "password": weak})
        assert answer.status_code == 200, weak
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_the_password_page_is_part_of_the_profile(as_user: SignedIn, alice: User) -> None:
    assert as_user(alice).get("/password/").headers["Location"] == "/profile/"


def test_all_other_sessions_end_on_demand(as_user: SignedIn, alice: User, bob: User) -> None:
    here, there, others = as_user(alice), as_user(alice), as_user(bob)
    assert here.post("/profile/sessions/end/").status_code == 302
    assert here.get("/profile/").status_code == 200
    assert there.get("/profile/").status_code == 302
    assert others.get("/profile/").status_code == 200


def test_a_new_secret_key_signs_nobody_out(
    as_user: SignedIn, alice: User, settings: object
) -> None:
    client = as_user(alice)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]  # type: ignore[attr-defined]
    settings.SECRET_KEY = "another-" + "0123456789" * 5  # type: ignore[attr-defined]
    assert client.get("/profile/").status_code == 200


def test_one_leaves_from_the_profile(as_user: SignedIn, bob: User) -> None:
    client = as_user(bob)
    membership = bob.memberships.get()
    path = f"/sites/{membership.site_id}/members/{membership.pk}/remove/"
    assert path in client.get("/profile/").content.decode()
    assert client.post(path).headers["Location"] == "/profile/"
    assert "not a member of any site" in client.get("/profile/").content.decode()
