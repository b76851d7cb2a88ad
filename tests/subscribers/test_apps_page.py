"""/sites/<id>/apps/ and what can be done there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import AuditEvent, Role, Site, User
from subscribers import app_credentials, app_registration, vapid
from subscribers.models import Channel, Credential
from subscribers.transports import addresses
from tests.factories import make_member, make_site, make_subscription
from tests.subscribers.apps import (
    BUNDLE,
    KEY_ID,
    PROJECT,
    TEAM,
    Script,
    account,
    answering,
    make_apns,
    make_fcm,
    p8,
    public_pem,
    rsa_pem,
)
from tests.subscribers.conftest import AsUser
from tests.subscribers.test_app_credentials import pem


def url(site: Site, rest: str = "") -> str:
    return f"/sites/{site.pk}/apps/{rest}"


@pytest.fixture
def admin(adam: User, as_user: AsUser) -> Client:
    return as_user(adam)


@pytest.fixture(autouse=True)
def service(settings: Settings) -> Iterator[Script]:
    """Google's token service, Firebase and Apple in one."""
    cache.clear()
    with answering() as script:
        settings.EXTRA_PUSH_ORIGINS = frozenset({script.url})
        settings.FCM_ORIGIN = settings.APNS_ORIGIN = settings.APNS_SANDBOX_ORIGIN = script.url
        settings.FCM_TOKEN_URI = f"{script.url}/token"
        script.say(400, {"reason": "BadDeviceToken"})
        yield script


def post(client: Client, path: str, data: dict[str, Any] | None = None) -> str:
    """The page that follows."""
    response = client.post(path, data, follow=True)
    assert response.redirect_chain, response.content.decode()
    return response.content.decode()


def upload(name: str, data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def firebase_file(**fields: Any) -> dict[str, Any]:
    return {"file": upload("key.json", json.dumps(account(**fields)).encode())}


def apple_fields(**fields: Any) -> dict[str, Any]:
    return {"key_id": KEY_ID, "team_id": TEAM, "bundle_ids": BUNDLE} | fields


def test_it_says_what_is_needed(
    site: Site, admin: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    # Session, user, membership, devices by key, keys, the sites.
    with django_assert_max_num_queries(6):
        page = admin.get(url(site)).content.decode()
    for text in ("Reach your apps, too", "Connect Firebase", "Connect Apple directly", "Off"):
        assert text in page
    assert 'aria-current="page">Mobile apps' in page


def test_it_shows_the_keys_and_their_devices(
    site: Site, admin: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    key = make_fcm(site, checked_at=timezone.now())
    make_fcm(site, name="former-project", retired_at=timezone.now())
    make_apns(site, checked_at=timezone.now(), problem="Apple <b>minds</b>.")
    for number in range(3):
        make_subscription(
            site,
            channel=Channel.FCM,
            credential=key,
            endpoint=addresses.fcm(PROJECT, f"{number:0100d}"),
        )
    with django_assert_max_num_queries(6):
        page = admin.get(url(site)).content.decode()
    for text in (PROJECT, TEAM, BUNDLE, "former-project", "Accepted", "Not accepted", "Retired"):
        assert text in page
    assert "Apple &lt;b&gt;minds&lt;/b&gt;." in page and "not tested yet" in page
    assert "3 devices came with it" in page
    assert "PRIVATE KEY" not in page.replace("BEGIN PUBLIC KEY", "")


@pytest.mark.parametrize("role", [Role.MARKETER, Role.VIEWER])
def test_it_needs_an_admin(site: Site, as_user: AsUser, role: Role) -> None:
    client, key = as_user(make_member(site, role)), make_apns(site)
    for path in ("", "firebase/", "apple/"):
        assert client.get(url(site, path)).status_code == 403
    acts = ("firebase/", "apple/", "app-key/", "identity-key/", f"{key.pk}/test/")
    for path in (*acts, f"{key.pk}/remove/"):
        assert client.post(url(site, path)).status_code == 403
    site.refresh_from_db()
    assert site.app_key == "" and app_credentials.current(site, Channel.APNS) == key


def test_other_keys_are_out_of_reach(site: Site, admin: Client) -> None:
    foreign = make_apns(make_site(name="Other"))
    for key in (foreign.pk, vapid.current(site).pk, 10**30):
        for act in ("test", "remove"):
            assert admin.post(url(site, f"{key}/{act}/")).status_code == 404
    assert Credential.objects.filter(pk=foreign.pk, checked_at=None).exists()


def test_methods(site: Site, admin: Client) -> None:
    key = make_apns(site)
    assert admin.post(url(site)).status_code == 405
    for path in ("app-key/", "identity-key/", f"{key.pk}/test/", f"{key.pk}/remove/"):
        assert admin.get(url(site, path)).status_code == 405


# Firebase


def test_a_service_account_is_stored_and_tested(site: Site, admin: Client, service: Script) -> None:
    service.gives()
    page = post(admin, url(site, "firebase/"), firebase_file())
    assert "The key is stored, and it works." in page and PROJECT in page and "Accepted" in page
    assert [path for path, _headers, _body in service.asked] == [
        "/token",
        f"/v1/projects/{PROJECT}/messages:send",
    ]
    assert rsa_pem().splitlines()[1] not in page


def test_a_key_that_is_refused_is_stored_with_what_to_do(
    site: Site, admin: Client, service: Script
) -> None:
    service.say(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
    page = post(admin, url(site, "firebase/"), firebase_file())
    assert "The test says what is left to do." in page and "Not accepted" in page
    assert "does not know this key any more" in page


def test_a_wrong_file_is_named_beside_the_field(site: Site, admin: Client) -> None:
    data = {"file": upload("google-services.json", b'{"project_info": {}, "client": []}')}
    page = admin.post(url(site, "firebase/"), data).content.decode()
    assert "google-services.json, which stands in the Android project" in page
    page = admin.post(url(site, "firebase/"), {}).content.decode()
    assert "Choose the JSON file of the service account." in page
    assert app_credentials.held(site) == []


# Apple


def test_apples_key_is_stored_and_tested(site: Site, admin: Client, service: Script) -> None:
    data = apple_fields(file=upload("AuthKey_ABCDE12345.p8", p8()), key_id="")
    page = post(admin, url(site, "apple/"), data)
    assert "The key is stored, and it works." in page
    made = app_credentials.current(site, Channel.APNS)
    assert made is not None and made.details["key_id"] == "ABCDE12345"
    form = admin.get(url(site, "apple/")).content.decode()
    for text in (TEAM, "ABCDE12345", BUNDLE, "the present one is kept without it"):
        assert text in form
    assert p8().decode().splitlines()[1] not in form


def test_what_was_right_is_not_lost_when_another_is_wrong(site: Site, admin: Client) -> None:
    data = apple_fields(file=upload("AuthKey_ABCDE12345.p8", p8()), key_id="", team_id="no")
    page = admin.post(url(site, "apple/"), data).content.decode()
    assert "A team id has 10 letters and digits" in page
    assert "Your file is kept for ten minutes" in page
    assert "ABCDE12345" in page and BUNDLE in page and "no key" not in page
    again = apple_fields(key_id="ABCDE12345")
    assert "The key is stored, and it works." in post(admin, url(site, "apple/"), again)
    # Used up: it does not wait for the next form.
    other = apple_fields(key_id="FGHIJ12345")
    assert "Choose the .p8 file." in admin.post(url(site, "apple/"), other).content.decode()


def test_a_file_is_kept_whatever_is_wrong_with_the_rest(site: Site, admin: Client) -> None:
    data = apple_fields(file=upload("push.p8", p8()), bundle_ids="a\x00b")
    page = admin.post(url(site, "apple/"), data).content.decode()
    assert "Your file is kept" in page and "Null characters" in page
    page = admin.post(url(site, "apple/"), apple_fields(team_id="no")).content.decode()
    assert "Your file is kept" in page
    assert "The key is stored, and it works." in post(admin, url(site, "apple/"), apple_fields())


def test_everything_that_is_wrong_is_said(site: Site, admin: Client) -> None:
    data = {"file": upload("push.p8", rsa_pem().encode()), "key_id": "<b>", "bundle_ids": "a.*"}
    page = admin.post(url(site, "apple/"), data).content.decode()
    for text in ("RSA key", "A key id has", "A team id has", "with a * can", "&lt;b&gt;"):
        assert text in page
    assert "4 things need your attention" in page
    long = admin.post(url(site, "apple/"), {"bundle_ids": "x" * 9001}).content.decode()
    assert "at most 9000 characters" in long


# Tests, removal


def test_a_test_says_what_came_of_it_and_not_too_often(
    site: Site, admin: Client, service: Script
) -> None:
    key = make_apns(site, problem="It was wrong.")
    assert "The key works." in post(admin, url(site, f"{key.pk}/test/"))
    asked = len(service.asked)
    assert "It was tested just now." in post(admin, url(site, f"{key.pk}/test/"))
    assert len(service.asked) == asked == 1
    cache.clear()
    service.say(403, {"reason": "InvalidProviderToken"})
    page = post(admin, url(site, f"{key.pk}/test/"))
    assert "Apple does not accept key, key id and team id together" in page
    assert "The key works." not in page


def test_a_key_in_use_can_not_be_removed(site: Site, admin: Client) -> None:
    key = make_apns(site)
    device = make_subscription(
        site,
        channel=Channel.APNS,
        credential=key,
        endpoint=addresses.apns(BUNDLE, "ab" * 32),
    )
    assert url(site, f"{key.pk}/remove/") not in admin.get(url(site)).content.decode()
    assert "1 device has this key" in post(admin, url(site, f"{key.pk}/remove/"))
    device.delete()
    assert url(site, f"{key.pk}/remove/") in admin.get(url(site)).content.decode()
    assert "The key is removed." in post(admin, url(site, f"{key.pk}/remove/"))
    assert admin.post(url(site, f"{key.pk}/remove/")).status_code == 404


# How devices come in


def test_the_app_key_is_made_replaced_and_switched_off(site: Site, admin: Client) -> None:
    page = post(admin, url(site, "app-key/"))
    site.refresh_from_db()
    first = site.app_key
    assert first.startswith("app_") and len(first) == 36 and first in page
    assert f"/push/{site.key}/devices/" in page
    post(admin, url(site, "app-key/"))
    site.refresh_from_db()
    assert site.app_key not in ("", first)
    assert "any more" in post(admin, url(site, "app-key/"), {"act": "off"})
    site.refresh_from_db()
    assert site.app_key == ""
    events = AuditEvent.objects.filter(site=site, action="app_registration.changed")
    assert [event.detail for event in events.order_by("pk")] == [
        {"on": True},
        {"on": True},
        {"on": False},
    ]


def test_the_public_key_is_saved_without_what_stood_around_it(site: Site, admin: Client) -> None:
    text = public_pem()
    page = post(admin, url(site, "identity-key/"), {"public_key": f"\n{text}\n\n"})
    assert "The public key is saved." in page and text.splitlines()[1] in page
    site.refresh_from_db()
    assert site.identity_public_key == text
    post(admin, url(site, "identity-key/"), {"public_key": " "})
    site.refresh_from_db()
    assert site.identity_public_key == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", "no public key on the curve P-256"),
        ("-----BEGIN PUBLIC KEY-----\nQUJD\n-----END PUBLIC KEY-----", "no public key"),
        (p8().decode(), "private half"),
        (rsa_pem(), "private half"),
        ("-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----", "certificate"),
        ('{"kty": "EC", "crv": "P-256"}', "JWK"),
        ("ssh-ed25519 AAAA", "SSH key"),
        ("x" * 5000, "no public key"),
        ("x" * 20_001, "at most 20000 characters"),
    ],
    ids=range(9),
)
def test_another_key_is_refused_in_words(
    site: Site, admin: Client, text: str, expected: str
) -> None:
    answer = admin.post(url(site, "identity-key/"), {"public_key": text})
    assert answer.status_code == 200
    assert expected in answer.content.decode()
    site.refresh_from_db()
    assert site.identity_public_key == ""


@pytest.mark.parametrize("kind", ["rsa", "p384"])
def test_a_public_key_of_another_kind_is_refused(site: Site, adam: User, kind: str) -> None:
    text = public_pem(ec.SECP384R1())
    if kind == "rsa":
        key = load_pem_private_key(rsa_pem().encode(), None).public_key()
        text = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(app_registration.BadKey, match="P-256"):
        app_registration.set_identity_key(site, text, by=adam)


def test_a_private_half_is_not_shown_again(site: Site, admin: Client) -> None:
    text = pem(ec.generate_private_key(ec.SECP256R1())).decode()
    page = admin.post(url(site, "identity-key/"), {"public_key": text}).content.decode()
    assert "private half" in page and text.splitlines()[1] not in page
