import pytest
from django.db import IntegrityError

from accounts.models import Invitation, Membership, Role, Site, User
from tests.factories import make_user


def test_roles_include_those_below() -> None:
    assert [role for role in Role if Role.MARKETER.includes(role)] == [Role.MARKETER, Role.VIEWER]
    assert Role.OWNER.includes(Role.OWNER)
    assert not Role.VIEWER.includes(Role.MARKETER)


def test_an_address_is_one_in_any_case(db: None) -> None:
    user = make_user("Marit@Example.com", name="Marit Berg")
    assert User.objects.get_by_natural_key(" MARIT@example.com") == user
    with pytest.raises(IntegrityError):
        User.objects.bulk_create([User(email="MARIT@example.com")])


def test_how_people_and_sites_are_shown(site: Site, alice: User) -> None:
    assert (str(alice), alice.initials) == ("alice@example.com", "A")
    assert User(name="Marit Berg Olsen").initials == "MB"
    assert (str(site), site.initials, site.host) == ("Fjell & Fjord", "FF", "shop.example")
    assert str(site.zone) == "UTC"
    assert Site(origins=[]).host == ""
    assert str(Membership(user=alice, role=Role.OWNER)) == "alice@example.com · Owner"
    assert str(Invitation()) == "first owner"
