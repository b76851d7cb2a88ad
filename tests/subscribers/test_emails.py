"""The hash of a person's e-mail address, wherever attributes are stored."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Site
from subscribers import emails, identity
from subscribers.models import Subscriber
from tests.factories import make_site, make_subscriber
from tests.subscribers.browsers import Browser
from tests.subscribers.test_api import api, patch

KARI = hashlib.sha256(b"kari@example.com").hexdigest()
OLA = hashlib.sha256(b"ola@example.com").hexdigest()


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"email": "kari@example.com"}, KARI),
        ({"email": " Kari@Example.COM\n"}, KARI),
        ({"email_sha256": f" {KARI.upper()}"}, KARI),
        ({"email": "ola@example.com", "email_sha256": KARI}, KARI),
        ({"email": "ola@example.com", "email_sha256": "no hash"}, OLA),
        ({"email": "ola@example.com", "email_sha256": 7}, OLA),
        ({}, ""),
        ({"email": ""}, ""),
        ({"email": "kari"}, ""),
        ({"email": "kari@example"}, ""),
        ({"email": "kari @example.com"}, ""),
        ({"email": "a@b@example.com"}, ""),
        ({"email": "x" * 250 + "@example.com"}, ""),
        ({"email": ["kari@example.com"]}, ""),
        ({"email": True}, ""),
        ({"email_sha256": KARI[:-1]}, ""),
        ({"email_sha256": KARI[:-1] + "g"}, ""),
    ],
)
def test_hash_of(attributes: dict[str, object], expected: str) -> None:
    assert emails.hash_of(attributes) == expected


@given(st.text())
def test_any_text_has_a_hash_or_none(text: str) -> None:
    for found in (emails.hash_address(text), emails.read_hash(text)):
        assert found == "" or emails.read_hash(found) == found


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("before", "change", "expected"),
    [
        ({}, {"email": "kari@example.com"}, KARI),
        ({"email": "kari@example.com"}, {"email": "ola@example.com"}, OLA),
        ({"email": "kari@example.com"}, {"email": None}, ""),
        ({"email": "kari@example.com"}, {"email": "none"}, ""),
        ({"email": "kari@example.com"}, {"orders": 3}, KARI),
        ({"email": "kari@example.com", "email_sha256": OLA}, {"email_sha256": None}, KARI),
    ],
)
def test_it_follows_the_api_and_the_pages(
    before: dict[str, Any], change: dict[str, Any], expected: str
) -> None:
    site = make_site()
    person = make_subscriber(site)
    visitor = Browser(site)
    visitor.subscribe()
    for attributes in (before, change):
        assert patch(api(site), person, {"attributes": attributes})[0] == 200
        assert visitor.change(attributes=attributes).status_code == 200
    assert {one.email_hash for one in Subscriber.objects.all()} == {expected}


def sign_in(site: Site, attributes: dict[str, Any]) -> Subscriber:
    """The person "7", whose anonymous visit with these attributes is joined to them."""
    visitor = Browser(site)
    visitor.subscribe()
    visitor.change(attributes=attributes)
    assert visitor.change(external_id="7").status_code == 200
    return Subscriber.objects.get(external_id="7")


@pytest.mark.django_db
def test_it_follows_who_somebody_turns_out_to_be() -> None:
    site = make_site()
    assert sign_in(site, {"email": "kari@example.com"}).email_hash == KARI
    # What is known of a person counts more than what an anonymous visitor typed.
    assert sign_in(site, {"email": "ola@example.com"}).email_hash == KARI


@pytest.mark.django_db
def test_it_follows_what_is_joined() -> None:
    site = make_site()
    make_subscriber(site, external_id="7", attributes={"orders": 1})
    assert sign_in(site, {"email": "ola@example.com"}).email_hash == OLA


@pytest.mark.django_db
def test_a_hash_that_was_missing_is_made_up_for() -> None:
    person = make_subscriber(make_site(), attributes={"email": "kari@example.com"})
    identity.set_details(person, tags=[], attributes=dict(person.attributes))
    person.refresh_from_db()
    assert person.email_hash == KARI
