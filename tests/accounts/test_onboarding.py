from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts import onboarding
from accounts.models import AuditEvent, Invitation, User
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db
OWNER = {"email": "marit@example.com", "name": "Marit", "password": PASSWORD}


def link() -> str:
    path = onboarding.first_owner_link()
    assert path is not None
    return path


def test_an_owner_is_made() -> None:
    user = onboarding.create_owner(" Marit@Example.com", PASSWORD)
    assert user.is_owner and user.email == "marit@example.com" and user.check_password(PASSWORD)
    assert AuditEvent.objects.get().action == "owner.created"


def test_everything_that_is_wrong_is_said() -> None:
    make_user("taken@example.com")
    with pytest.raises(ValidationError) as caught:
        onboarding.create_owner("nobody", "short")
    assert set(caught.value.message_dict) == {"email", "password"}
    with pytest.raises(ValidationError, match="account with this address already"):
        onboarding.create_owner("TAKEN@example.com", PASSWORD)
    assert not User.objects.filter(is_owner=True).exists()


def test_the_first_owner_signs_in_by_the_link(client: Client) -> None:
    path = link()
    assert "You are the first here" in client.get(path).content.decode()
    answer = client.post(path, OWNER)
    assert answer.headers["Location"] == "/sites/"
    user = User.objects.get()
    assert (user.email, user.name, user.is_owner) == ("marit@example.com", "Marit", True)
    assert client.session["_auth_user_id"] == str(user.pk)


def test_the_link_works_once(client: Client) -> None:
    path = link()
    client.post(path, OWNER)
    answer = Client().post(path, OWNER | {"email": "other@example.com"})
    assert answer.status_code == 404
    assert User.objects.count() == 1


def test_a_new_link_ends_the_one_before(client: Client) -> None:
    old, new = link(), link()
    assert client.get(old).status_code == 404
    assert client.get(new).status_code == 200


def test_the_link_lasts_a_day(client: Client) -> None:
    path = link()
    Invitation.objects.update(expires_at=timezone.now())
    assert client.get(path).status_code == 404
    assert timedelta(hours=24) == onboarding.LINK_LASTS


def test_there_is_no_link_where_an_owner_is(client: Client) -> None:
    path = link()
    onboarding.create_owner("marit@example.com", PASSWORD)
    assert onboarding.first_owner_link() is None
    assert client.get(path).status_code == 404


def test_an_owner_made_meanwhile_ends_the_link() -> None:
    path = link()
    invitation = Invitation.objects.get()
    onboarding.create_owner("marit@example.com", PASSWORD)
    with pytest.raises(ValidationError, match="has been used"):
        onboarding.become_first_owner(invitation, email="b@c.no", name="", password=PASSWORD)
    assert path


def test_a_failed_form_keeps_the_link_and_what_was_typed(client: Client) -> None:
    path = link()
    page = client.post(path, OWNER | {"password": "short"}).content.decode()
    assert "too short" in page and "marit@example.com" in page
    assert client.post(path, OWNER).status_code == 302


def test_the_link_itself_is_not_stored() -> None:
    token = link().split("/")[2]
    assert token.encode() not in bytes(Invitation.objects.get().token_hash)
    assert len(token) == 43


def test_a_password_is_set_by_link(client: Client) -> None:
    user = make_user("bob@example.com")
    other = Client()
    other.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    path = onboarding.password_link(user)
    assert "bob@example.com" in client.get(path).content.decode()
    assert "too short" in client.post(path, {"password": "short"}).content.decode()
    assert client.post(path, {"password": "a wholly new one"}).status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)
    assert other.get("/profile/").status_code == 302
    assert Client().get(path).status_code == 404
    user.refresh_from_db()
    assert user.check_password("a wholly new one")


def test_a_password_link_ends_with_the_account(client: Client) -> None:
    path = onboarding.password_link(make_user("bob@example.com"))
    User.objects.update(is_active=False)
    assert client.get(path).status_code == 404


def test_a_password_link_that_was_used_meanwhile_sets_nothing(client: Client) -> None:
    user = make_user("bob@example.com")
    onboarding.password_link(user)
    invitation = Invitation.objects.get()
    Invitation.objects.update(used_at=timezone.now())
    with pytest.raises(ValidationError, match="has been used"):
        onboarding.set_password_by_link(invitation, "a wholly new one")
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_two_that_use_a_link_at_once_are_told(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.links.use", lambda found: False)
    page = client.post(link(), OWNER).content.decode()
    assert "This link has been used. Sign in instead." in page
    path = onboarding.password_link(make_user("bob@example.com"))
    page = client.post(path, {"password": "a wholly new one"}).content.decode()
    assert "Ask for a new one" in page


def test_signinlink_prints_a_link(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("signinlink")
    assert capsys.readouterr().out.startswith("http://127.0.0.1:8000/signin/")
    user = onboarding.create_owner("marit@example.com", PASSWORD)
    call_command("signinlink", "Marit@example.com")
    path = capsys.readouterr().out.strip().removeprefix("http://127.0.0.1:8000")
    assert user.email in Client().get(path).content.decode()
    with pytest.raises(CommandError, match="There is an owner already"):
        call_command("signinlink")
    with pytest.raises(CommandError, match="Nobody signs in as x@example.com"):
        call_command("signinlink", "x@example.com")
