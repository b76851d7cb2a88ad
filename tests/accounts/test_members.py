import re
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.http import Http404
from django.test import Client
from django.utils import timezone

from accounts import members
from accounts.models import AuditEvent, Invitation, Membership, Role, Site, User
from tests.factories import PASSWORD, make_member, make_site, make_user

SignedIn = Callable[[User], Client]


def member_id(site: Site, user: User) -> int:
    return Membership.objects.get(site=site, user=user).pk


def role_of(site: Site, user: User) -> str:
    return Membership.objects.get(site=site, user=user).role


def invited(site: Site, by: User, email: str = "new@example.com", role: Role = Role.VIEWER) -> str:
    return members.invite(site, email, role, by=by)


def test_an_invitation_is_a_link_shown_once(as_user: SignedIn, adam: User, site: Site) -> None:
    client, path = as_user(adam), f"/sites/{site.pk}/members/"
    assert client.post(path, {"email": "New@example.com", "role": "marketer"}).status_code == 302
    first, second = (client.get(path).content.decode() for _time in range(2))
    found = re.search(r"http://127\.0\.0\.1:8000(/invite/[\w-]{43}/)", first)
    assert found and "/invite/" not in second
    assert "new@example.com" in second
    assert "Join Fjell &amp; Fjord" in Client().get(found[1]).content.decode()


def test_somebody_new_joins(client: Client, alice: User, site: Site) -> None:
    path = invited(site, alice, role=Role.MARKETER)
    page = client.get(path).content.decode()
    assert "alice@example.com invited new@example.com with the role Marketer" in page
    answer = client.post(path, {"name": "Nora", "password": PASSWORD})
    assert answer.headers["Location"] == f"/sites/{site.pk}/"
    user = User.objects.get(email="new@example.com")
    assert (user.name, user.is_owner, role_of(site, user)) == ("Nora", False, "marketer")
    assert client.session["_auth_user_id"] == str(user.pk)
    assert AuditEvent.objects.filter(action="member.joined", actor=user, site=site).exists()
    assert Client().get(path).status_code == 404


def test_a_weak_password_does_not_use_the_invitation_up(
    client: Client, alice: User, site: Site
) -> None:
    path = invited(site, alice)
    assert "too short" in client.post(path, {"name": "N", "password": "x"}).content.decode()
    assert client.post(path, {"name": "N", "password": PASSWORD}).status_code == 302


def test_who_has_an_account_signs_in_first(
    client: Client, as_user: SignedIn, alice: User, charlie: User, site: Site
) -> None:
    path = invited(site, alice, charlie.email)
    answer = client.get(path)
    assert answer.headers["Location"] == f"/signin/?next={path.replace('/', '%2F')}"
    back = client.post("/signin/", {"username": charlie.email, "password": PASSWORD, "next": path})
    assert back.headers["Location"] == path
    assert "Join as charlie@example.com" in client.get(path).content.decode()
    assert client.post(path).headers["Location"] == f"/sites/{site.pk}/"
    assert role_of(site, charlie) == "viewer"


def test_an_invitation_is_for_one_address(
    as_user: SignedIn, alice: User, charlie: User, site: Site
) -> None:
    path = invited(site, alice)
    client = as_user(charlie)
    assert "Sign out, then open the link again" in client.get(path).content.decode()
    assert "This invitation is for new@example.com" in client.post(path).content.decode()
    assert not Membership.objects.filter(user=charlie).exists()


def test_an_invitation_expires(client: Client, alice: User, site: Site) -> None:
    path = invited(site, alice)
    assert Invitation.objects.get().expires_at > timezone.now() + timedelta(days=6)
    Invitation.objects.update(expires_at=timezone.now())
    answer = client.get(path)
    assert answer.status_code == 404
    assert "This link has ended" in answer.content.decode()


def test_an_invitation_can_be_withdrawn(
    as_user: SignedIn, client: Client, adam: User, alice: User, site: Site
) -> None:
    path = invited(site, alice)
    number = Invitation.objects.get().pk
    foreign = make_site()
    outsider = make_member(foreign, Role.OWNER)
    other = f"/sites/{foreign.pk}/invitations/{number}/revoke/"
    assert as_user(outsider).post(other).status_code == 404
    assert as_user(adam).post(f"/sites/{site.pk}/invitations/{number}/revoke/").status_code == 302
    assert client.get(path).status_code == 404


def test_a_new_invitation_replaces_the_old(client: Client, alice: User, site: Site) -> None:
    old, new = invited(site, alice), invited(site, alice)
    assert client.get(old).status_code == 404
    assert client.get(new).status_code == 200


def test_a_member_is_not_invited_again(
    as_user: SignedIn, alice: User, bob: User, site: Site
) -> None:
    data = {"email": bob.email, "role": "viewer"}
    page = as_user(alice).post(f"/sites/{site.pk}/members/", data).content.decode()
    assert "bob@example.com is a member already" in page


def test_who_joined_meanwhile_keeps_the_role(alice: User, bob: User, site: Site) -> None:
    Membership.objects.filter(user=bob).delete()
    invited(site, alice, bob.email)
    Membership.objects.create(site=site, user=bob, role=Role.MARKETER)
    members.join(Invitation.objects.get(), bob)
    assert role_of(site, bob) == "marketer"


def test_an_invitation_that_was_used_meanwhile_joins_nobody(
    alice: User, charlie: User, site: Site
) -> None:
    invited(site, alice, charlie.email)
    invitation = Invitation.objects.get()
    Invitation.objects.update(used_at=timezone.now())
    with pytest.raises(ValidationError, match="used or withdrawn"):
        members.join(invitation, charlie)


def test_an_account_made_meanwhile_is_not_taken_over(
    client: Client, alice: User, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = invited(site, alice)

    def refuse(*args: object, **kwargs: object) -> User:
        raise ValidationError({"email": ["There is an account with this address already."]})

    monkeypatch.setattr("accounts.members.join_as_new", refuse)
    page = client.post(path, {"name": "N", "password": PASSWORD}).content.decode()
    assert "There is an account" in page


def test_roles_change(as_user: SignedIn, adam: User, bob: User, site: Site) -> None:
    path = f"/sites/{site.pk}/members/{member_id(site, bob)}/role/"
    client = as_user(adam)
    assert client.post(path, {"role": "admin"}).status_code == 302
    assert role_of(site, bob) == "admin"
    event = AuditEvent.objects.get(action="member.role_changed")
    assert event.detail == {"before": "marketer", "role": "admin"}
    assert client.post(path, {"role": "emperor"}).status_code == 404


@pytest.mark.parametrize("role", [Role.OWNER])
def test_nobody_gives_more_than_their_own(adam: User, bob: User, site: Site, role: Role) -> None:
    with pytest.raises(PermissionDenied, match="can't give the role Owner"):
        members.change_role(site, member_id(site, bob), role, by=adam)
    with pytest.raises(PermissionDenied, match="can't give the role Owner"):
        members.invite(site, "new@example.com", role, by=adam)


def test_an_admin_does_not_touch_owners(
    as_user: SignedIn, alice: User, adam: User, site: Site
) -> None:
    make_member(site, Role.OWNER)
    number = member_id(site, alice)
    with pytest.raises(PermissionDenied, match="can't change somebody who is Owner"):
        members.change_role(site, number, Role.VIEWER, by=adam)
    answer = as_user(adam).post(f"/sites/{site.pk}/members/{number}/remove/")
    assert answer.status_code == 403
    assert "can&#x27;t change somebody who is Owner" in answer.content.decode()
    assert role_of(site, alice) == "owner"


def test_a_marketer_changes_nobody(bob: User, vera: User, site: Site) -> None:
    number = member_id(site, vera)
    for attempt in (
        lambda: members.change_role(site, number, Role.VIEWER, by=bob),
        lambda: members.remove(site, number, by=bob),
        lambda: members.invite(site, "new@example.com", Role.VIEWER, by=bob),
        lambda: members.revoke_invitation(site, 1, by=bob),
    ):
        with pytest.raises(PermissionDenied, match="needs the role Admin"):
            attempt()


def test_who_was_removed_meanwhile_does_nothing_more(adam: User, bob: User, site: Site) -> None:
    Membership.objects.filter(user=adam).delete()
    with pytest.raises(PermissionDenied, match="no longer a member"):
        members.remove(site, member_id(site, bob), by=adam)


def test_the_last_owner_stays(as_user: SignedIn, alice: User, adam: User, site: Site) -> None:
    number = member_id(site, alice)
    with pytest.raises(ValidationError, match="is the only owner"):
        members.change_role(site, number, Role.ADMIN, by=alice)
    client = as_user(alice)
    assert client.post(f"/sites/{site.pk}/members/{number}/remove/").status_code == 302
    client.post(f"/sites/{site.pk}/members/{number}/role/", {"role": "viewer"})
    assert "is the only owner" in client.get(f"/sites/{site.pk}/members/").content.decode()
    assert role_of(site, alice) == "owner"


def test_an_owner_may_go_when_another_stays(alice: User, adam: User, site: Site) -> None:
    members.change_role(site, member_id(site, adam), Role.OWNER, by=alice)
    members.remove(site, member_id(site, alice), by=alice)
    assert role_of(site, adam) == "owner"
    assert AuditEvent.objects.filter(action="member.left", actor=alice).exists()


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_demote_each_other_leave_one() -> None:
    site = make_site()
    one, two = make_member(site, Role.OWNER), make_member(site, Role.OWNER)
    start = threading.Barrier(2)
    refused: list[Exception] = []

    def demote(by: User, whom: int) -> None:
        start.wait()
        try:
            members.change_role(site, whom, Role.VIEWER, by=by)
        except (PermissionDenied, ValidationError) as error:
            refused.append(error)
        finally:
            connection.close()

    pairs = ((one, member_id(site, two)), (two, member_id(site, one)))
    threads = [threading.Thread(target=demote, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Membership.objects.filter(site=site, role=Role.OWNER).count() == 1
    assert len(refused) == 1


def test_a_member_is_removed_at_once(as_user: SignedIn, adam: User, bob: User, site: Site) -> None:
    there = as_user(bob)
    answer = as_user(adam).post(f"/sites/{site.pk}/members/{member_id(site, bob)}/remove/")
    assert answer.headers["Location"] == f"/sites/{site.pk}/members/"
    assert there.get(f"/sites/{site.pk}/settings/").status_code == 404


def test_who_goes_takes_the_open_invitations_along(
    client: Client, alice: User, adam: User, site: Site
) -> None:
    path = invited(site, adam, role=Role.ADMIN)
    kept = invited(site, alice, "kept@example.com")
    members.change_role(site, member_id(site, adam), Role.MARKETER, by=alice)
    assert client.get(path).status_code == 404
    assert client.get(kept).status_code == 200


def test_a_member_of_another_site_is_not_found(alice: User, site: Site) -> None:
    foreign = make_site()
    stranger = make_member(foreign, Role.VIEWER)
    with pytest.raises(Http404):
        members.remove(site, member_id(foreign, stranger), by=alice)


def test_the_installations_owner_makes_a_password_link(
    as_user: SignedIn, alice: User, bob: User, site: Site
) -> None:
    path = f"/sites/{site.pk}/members/{member_id(site, bob)}/link/"
    assert as_user(alice).post(path).status_code == 403
    User.objects.filter(pk=alice.pk).update(is_owner=True)
    client = as_user(alice)
    assert client.post(path).status_code == 302
    page = client.get(f"/sites/{site.pk}/members/").content.decode()
    found = re.search(r"http://127\.0\.0\.1:8000(/signin/[\w-]{43}/)", page)
    assert found and "bob@example.com" in Client().get(found[1]).content.decode()


def test_the_list_costs_the_same_for_many(
    as_user: SignedIn,
    alice: User,
    site: Site,
    django_assert_num_queries: Callable[[int], object],
) -> None:
    for _number in range(12):
        make_member(site, Role.VIEWER)
    client = as_user(alice)
    # Session, user, membership with site; members, invitations; the switcher's sites.
    with django_assert_num_queries(6):  # type: ignore[attr-defined]
        client.get(f"/sites/{site.pk}/members/")


def test_somebody_new_can_not_pick_another_address(client: Client, alice: User, site: Site) -> None:
    path = invited(site, alice)
    client.post(path, {"name": "N", "password": PASSWORD, "email": "evil@example.com"})
    assert not User.objects.filter(email="evil@example.com").exists()
    assert make_user("evil@example.com")
