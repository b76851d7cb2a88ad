"""Keys for apps: the right file taken and kept encrypted, any other one told by its name."""

from __future__ import annotations

import json
import plistlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from django.utils import timezone
from pytest_django import Settings

from accounts import audit, crypto
from accounts.models import AuditEvent, Site, User
from subscribers import app_advice, app_credentials, app_files, app_tokens, vapid
from subscribers.app_credentials import Refused
from subscribers.models import Channel, Credential, Subscription
from subscribers.transports import addresses, classify
from tests.factories import make_site, make_subscription
from tests.subscribers.apps import (
    BUNDLE,
    KEY_ID,
    PROJECT,
    TEAM,
    account,
    make_apns,
    make_fcm,
    p8,
    public_pem,
    rsa_pem,
)


def file_of(**fields: Any) -> bytes:
    return json.dumps(account(**fields)).encode()


def pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8, password: bytes = b"") -> bytes:
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    found: bytes = key.private_bytes(Encoding.PEM, form, lock)
    return found


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def certificate() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key, name = p256(), x509.Name([])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    made = made.public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    made = made.not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
    return key, made.sign(key, hashes.SHA256())


def cer() -> bytes:
    return certificate()[1].public_bytes(Encoding.DER)


def p12() -> bytes:
    key, made = certificate()
    return pkcs12.serialize_key_and_certificates(b"push", key, made, None, NoEncryption())


def profile() -> bytes:
    return b"\x30\x82\x10\x00" + b"\x06\x09" + plistlib.dumps({"TeamIdentifier": [TEAM]})


SHORT = 1024  # bits
GOOGLE_SERVICES = b'{"project_info": {"project_id": "x"}, "client": []}'


@pytest.fixture
def by(adam: User) -> User:
    return adam


# Firebase


def test_a_service_account_is_kept_encrypted(site: Site, by: User) -> None:
    made = app_credentials.add_fcm(site, file_of(token_uri="https://evil.example"), by)
    made.refresh_from_db()
    assert (made.channel, made.name, made.retired_at) == (Channel.FCM, PROJECT, None)
    assert made.details == {
        "client_email": account()["client_email"],
        "key_id": account()["private_key_id"],
    }
    stored = bytes(made.private_key)
    assert b"PRIVATE KEY" not in stored
    kept = json.loads(crypto.decrypt(stored))
    assert kept["private_key"] == rsa_pem() and "evil" not in json.dumps(kept)
    assert app_credentials.current(site, Channel.FCM) == made
    event = AuditEvent.objects.get(site=site, action="app_key.added")
    assert event.actor == by and "PRIVATE" not in json.dumps(event.detail)
    assert audit.label(event.action) == "Added a key for mobile apps"


@pytest.mark.parametrize(
    ("upload", "expected"),
    [
        (b" \n", "empty"),
        (b"{" + b" " * 70_000 + b"}", "too large"),
        (GOOGLE_SERVICES, "google-services.json"),
        (b'{"apiKey": "x", "projectId": "y"}', "web app"),
        (b"const firebaseConfig = { apiKey: 'x' };", "web app"),
        (b'{"installed": {"client_id": "x"}}', "OAuth client"),
        (b'{"type": "authorized_user"}', "credentials of a person"),
        (b'{"type": "external_account"}', "workload identity"),
        (b'{"hosting": {}}', "firebase.json"),
        (b"{}", "its “type” is not"),
        (b"[]", "its “type” is not"),
        (b"7", "its “type” is not"),
        (plistlib.dumps({"API_KEY": "x"}), "GoogleService-Info.plist"),
        (plistlib.dumps({"A": 1}, fmt=plistlib.FMT_BINARY), "GoogleService-Info.plist"),
        (p8(), "belongs on the page for Apple"),
        (rsa_pem().encode(), "bare key"),
        (cer(), "certificate or profile of Apple"),
        (b"AAAAabc_def:" + b"A" * 140, "legacy server key"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"[" * 9000, "no JSON"),
        (b"GIF89a", "no JSON"),
    ],
    ids=range(21),
)
def test_another_file_than_a_service_account_is_named(
    site: Site, by: User, upload: bytes, expected: str
) -> None:
    with pytest.raises(Refused) as refusal:
        app_credentials.add_fcm(site, upload, by)
    assert refusal.value.field == "file"
    assert expected in refusal.value.sentence
    if expected not in ("empty", "too large"):
        assert "Project settings, Service accounts" in refusal.value.sentence
    assert app_credentials.current(site, Channel.FCM) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"project_id": None}, "no “project_id”"),
        ({"project_id": "../../x"}, "no id of a Firebase project"),
        ({"client_email": 7}, "no “client_email”"),
        ({"client_email": "a b@c"}, "no e-mail"),
        ({"private_key": ["x"]}, "no “private_key”"),
        ({"private_key": ""}, "damaged"),
        ({"private_key": rsa_pem()[:400]}, "damaged"),
        ({"private_key": "x" * 60_000}, "damaged"),
        ({"private_key": p8().decode()}, "damaged"),
        ({"private_key": pem(rsa.generate_private_key(65537, SHORT)).decode()}, "damaged"),
        ({"private_key_id": "<b>"}, "no id of a key"),
        ({"private_key_id": None}, "no “private_key_id”"),
    ],
    ids=range(12),
)
def test_a_damaged_service_account_is_refused(
    site: Site, by: User, fields: dict[str, Any], expected: str
) -> None:
    with pytest.raises(Refused, match=expected):
        app_credentials.add_fcm(site, file_of(**fields), by)


# Apple


def test_a_key_of_apple_is_kept_encrypted(site: Site, by: User) -> None:
    made = app_credentials.add_apns(
        site, b"\n" + p8(), " key1234567 ", "team123456", [BUNDLE, f" {BUNDLE}", "", "b.c"], by
    )
    made.refresh_from_db()
    assert (made.channel, made.name) == (Channel.APNS, TEAM)
    assert made.details == {"key_id": KEY_ID, "bundle_ids": [BUNDLE, "b.c"]}
    assert crypto.decrypt(made.private_key) == p8()


OTHERS: list[tuple[Callable[[], bytes], str]] = [
    (p12, ".p12"),
    (cer, ".cer"),
    (lambda: certificate()[1].public_bytes(Encoding.PEM), "certificate, without a key"),
    (profile, "provisioning profile"),
    (lambda: rsa_pem().encode(), "RSA key"),
    (lambda: pem(ec.generate_private_key(ec.SECP384R1())), "not made by Apple"),
    (lambda: pem(p256(), PrivateFormat.TraditionalOpenSSL), "not made by Apple"),
    (lambda: pem(p256(), password=b"x"), "has a password"),
    (lambda: p8()[:90], "damaged"),
    (lambda: public_pem().encode(), "public key"),
    (file_of, "page for Firebase"),
    (lambda: plistlib.dumps({"A": 1}), "property list"),
    (lambda: b"\x30\x82 nonsense", ".p12"),
    (lambda: b"hello", "no key"),
    (lambda: b"-----BEGIN CERTIFICATE REQUEST-----", "request for a certificate"),
]


@pytest.mark.parametrize(("upload", "expected"), OTHERS, ids=range(len(OTHERS)))
def test_another_file_than_a_p8_is_named(
    site: Site, by: User, upload: Callable[[], bytes], expected: str
) -> None:
    with pytest.raises(Refused) as refusal:
        app_credentials.add_apns(site, upload(), KEY_ID, TEAM, [BUNDLE], by)
    assert list(refusal.value.errors) == ["file"]
    assert expected in refusal.value.sentence and "Keys." in refusal.value.sentence


def test_all_that_is_wrong_is_said_at_once(site: Site, by: User) -> None:
    with pytest.raises(Refused) as refusal:
        app_credentials.add_apns(site, b"x" * 70_000, "short", "TEAM-12345", [], by)
    assert set(refusal.value.errors) == {"file", "key_id", "team_id", "bundle_ids"}
    assert app_credentials.held(site) == []


@pytest.mark.parametrize(
    ("bundles", "expected"),
    [
        (["example.*"], "with a \\*"),
        (["ABCDE12345.com.example.app"], "Leave out the team id"),
        (["no bundle"], "“no bundle” is no bundle id"),
        (["-x"], "no bundle id"),
        ([f"a.b{number}" for number in range(51)], "At most 50"),
        ([" "], "at least one"),
    ],
    ids=range(6),
)
def test_bundle_ids_are_checked(site: Site, by: User, bundles: list[str], expected: str) -> None:
    with pytest.raises(Refused, match=expected):
        app_credentials.add_apns(site, p8(), KEY_ID, TEAM, bundles, by)


def test_bundle_ids_change_without_the_file_that_apple_gives_once(site: Site, by: User) -> None:
    made = app_credentials.add_apns(site, p8(), KEY_ID, TEAM, [BUNDLE], by)
    app_tokens.renew(made)
    app_credentials.add_apns(site, b"", KEY_ID, TEAM, [BUNDLE, "another.app"], by)
    again = Credential.objects.get(pk=made.pk)
    assert again.details["bundle_ids"] == [BUNDLE, "another.app"]
    # Apple refuses tokens that change too often, and this one is as good as another.
    assert again.token == made.token != b""
    for key_id, team in (("OTHER12345", TEAM), (KEY_ID, "OTHER12345")):
        with pytest.raises(Refused, match=r"Choose the .p8 file"):
            app_credentials.add_apns(site, b"", key_id, team, [BUNDLE], by)


def test_an_unreadable_key_is_to_be_chosen_again(site: Site, by: User, settings: Settings) -> None:
    made = app_credentials.add_apns(site, p8(), KEY_ID, TEAM, [BUNDLE], by)
    settings.ENCRYPTION_KEYS = ["QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="]
    with pytest.raises(Refused, match="can't be decrypted"):
        app_credentials.add_apns(site, b"", KEY_ID, TEAM, [BUNDLE], by)
    again = app_credentials.add_apns(site, p8(), KEY_ID, TEAM, [BUNDLE], by)
    assert again == made and crypto.decrypt(again.private_key) == p8()


# What takes whose place


def test_the_same_project_replaces_its_key_and_forgets_the_token(site: Site, by: User) -> None:
    first = make_fcm(
        site,
        token=crypto.encrypt(b"old"),
        token_at=timezone.now(),
        token_until=timezone.now() + timedelta(hours=1),
        problem="It was wrong.",
        checked_at=timezone.now(),
    )
    assert app_tokens.key_of(first) is not None
    second = app_credentials.add_fcm(site, file_of(private_key=rsa_pem(2)), by)
    second.refresh_from_db()
    assert second == first
    assert (second.token, second.problem, second.checked_at) == (None, "", None)
    assert AuditEvent.objects.filter(site=site, action="app_key.replaced").count() == 1


@pytest.mark.django_db(transaction=True)
def test_this_process_forgets_the_old_token_at_once() -> None:
    site = make_site()
    made = app_credentials.add_apns(site, p8(), KEY_ID, TEAM, [BUNDLE], None)
    app_tokens.renew(made)
    assert app_tokens.key_of(made) is not None
    app_credentials.add_apns(site, p8(2), KEY_ID, TEAM, [BUNDLE], None)
    assert app_tokens.key_of(made) is None


def test_another_team_retires_the_former_and_may_come_back(site: Site, by: User) -> None:
    first = app_credentials.add_apns(site, p8(), KEY_ID, TEAM, [BUNDLE], by)
    device = make_subscription(
        site,
        channel=Channel.APNS,
        credential=first,
        endpoint=addresses.apns(BUNDLE, "ab" * 32),
    )
    fcm = app_credentials.add_fcm(site, file_of(), by)
    second = app_credentials.add_apns(site, p8(2), KEY_ID, "OTHER12345", ["b.c"], by)
    device.refresh_from_db()
    first.refresh_from_db()
    assert device.credential == first and first.retired_at is not None
    assert app_credentials.current(site, Channel.APNS) == second
    assert [(one.key, one.devices) for one in app_credentials.held(site)] == [
        (fcm, 0),
        (second, 0),
        (first, 1),
    ]
    assert app_credentials.add_apns(site, p8(), KEY_ID, TEAM, [BUNDLE], by) == first
    second.refresh_from_db()
    assert app_credentials.current(site, Channel.APNS) == first
    assert second.retired_at is not None


def test_other_sites_and_the_web_are_left_alone(site: Site, by: User) -> None:
    other = app_credentials.add_fcm(make_site(), file_of(), None)
    mine = app_credentials.add_fcm(site, file_of(project_id="another-project"), by)
    other.refresh_from_db()
    assert other.retired_at is None and mine != other
    assert vapid.current(site).retired_at is None


def test_a_key_in_use_stays(site: Site, by: User) -> None:
    key = make_fcm(site)
    device = make_subscription(
        site,
        channel=Channel.FCM,
        credential=key,
        endpoint=addresses.fcm(PROJECT, "x" * 100),
        state=Subscription.State.GONE,
    )
    [held] = app_credentials.held(site)
    assert (held.active, held.lost, held.key_id) == (0, 1, "0123")
    with pytest.raises(Refused, match="1 device has this key"):
        app_credentials.remove(key, by=by)
    device.delete()
    app_credentials.remove(key, by=by)
    app_credentials.remove(key, by=by)
    assert app_credentials.held(site) == []
    assert AuditEvent.objects.filter(site=site, action="app_key.removed").count() == 1


def test_the_web_key_is_not_removed_here(site: Site, by: User) -> None:
    app_credentials.remove(vapid.current(site), by=by)
    assert vapid.current(site)


def test_googles_long_key_id_is_shown_in_short(site: Site) -> None:
    make_fcm(site, details={"key_id": "0123456789abcdef0123"})
    make_apns(site)
    assert [one.key_id for one in app_credentials.held(site)] == ["0123456789ab…", KEY_ID]


# What went wrong, in words


@pytest.mark.parametrize("reason", sorted(app_advice._ADVICE) + ["fcm_new", "apns_new"])
def test_advice_is_short_and_comes_where_the_lead_asks(reason: str) -> None:
    words = vapid.advice(reason, "<b>strange</b>")
    assert words == app_advice.advice(reason)
    assert 40 < len(words) <= 180 and "<b>" not in words


def test_every_fault_of_ours_that_apps_services_name_has_advice() -> None:
    rows = [row for row in classify.ROWS if row.reason.startswith("fcm_")]
    faults = {row.reason for row in rows if row.kind.value == "config"}
    assert faults and faults <= set(app_advice._ADVICE)


def test_files_are_bounded_before_they_are_read() -> None:
    for read in (app_files.service_account, app_files.apns_key):
        with pytest.raises(app_files.BadFile, match="too large"):
            read(b"x" * (app_files.MOST_BYTES + 1))
