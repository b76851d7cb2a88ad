"""The tokens of Firebase and Apple: made, shared, renewed in time, and never a wrong one used."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts import crypto
from accounts.models import Site
from subscribers import app_tokens, google_tokens, vapid
from subscribers.app_tokens import TokenRefused, TokenUnavailable
from subscribers.models import Credential, Subscription
from subscribers.transports import addresses
from tests.factories import make_site, make_subscription
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
    rsa_pem,
)

MINUTE = timedelta(minutes=1)


@pytest.fixture
def google(settings: Settings) -> Iterator[Script]:
    """A stand-in for Google's token service."""
    with answering() as script:
        settings.FCM_TOKEN_URI = f"{script.url}/token"
        settings.EXTRA_PUSH_ORIGINS = frozenset({script.url})
        script.gives()
        yield script


def token_of(credential: Credential) -> str:
    credential.refresh_from_db()
    assert credential.token is not None
    return crypto.decrypt(credential.token).decode()


def aged(credential: Credential, minutes: float, works: float = 60) -> Credential:
    """With a token that was made so many minutes ago."""
    credential.token = crypto.encrypt(b"old")
    credential.token_at = timezone.now() - minutes * MINUTE
    credential.token_until = credential.token_at + works * MINUTE
    credential.save(update_fields=["token", "token_at", "token_until"])
    app_tokens.forget(credential.pk)
    return credential


def device(site: Site, credential: Credential, number: int = 1) -> Subscription:
    if credential.channel == "apns":
        endpoint = addresses.apns(BUNDLE, f"{number:064x}")
    else:
        endpoint = addresses.fcm(PROJECT, f"{number:0152d}")
    return make_subscription(
        site, channel=credential.channel, credential=credential, endpoint=endpoint
    )


def refused(credential: Credential) -> str:
    with pytest.raises(TokenRefused) as refusal:
        app_tokens.renew(credential)
    return refusal.value.sentence


def unavailable(credential: Credential) -> str:
    with pytest.raises(TokenUnavailable) as failure:
        app_tokens.renew(credential)
    return failure.value.sentence


# Apple


def test_apples_token_is_signed_with_the_key(site: Site, settings: Settings) -> None:
    settings.APNS_ORIGIN, settings.APNS_SANDBOX_ORIGIN = "https://a.example", "https://s.example"
    credential = make_apns(site)
    assert app_tokens.key_of(credential) is None
    before = int(timezone.now().timestamp())
    app_tokens.renew(credential)
    key = app_tokens.key_of(credential)
    assert key is not None and (key.base, key.sandbox) == ("https://a.example", "https://s.example")
    assert key.token not in repr(key)
    public = load_pem_private_key(p8(), None).public_key()
    claims = jwt.decode(key.token, public, algorithms=["ES256"])  # type: ignore[arg-type]
    assert claims["iss"] == TEAM and before <= claims["iat"] <= before + 60
    assert jwt.get_unverified_header(key.token)["kid"] == KEY_ID
    assert credential.token_at is not None and credential.token_until is not None
    assert credential.token_until - credential.token_at == 60 * MINUTE
    assert key.token.encode() not in bytes(credential.token or b"")


@pytest.mark.parametrize(
    ("minutes", "due"), [(0, False), (49.9, False), (50.1, True), (300, True), (-4, False)]
)
def test_apples_token_is_kept_for_50_minutes(site: Site, minutes: float, due: bool) -> None:
    credential = aged(make_apns(site), minutes)
    device(site, credential)
    assert app_tokens.stale(site.pk) == ([credential] if due else [])
    app_tokens.renew(credential)
    assert (token_of(credential) != "old") is due
    assert app_tokens.stale(site.pk) == []


def test_a_token_of_a_clock_that_was_wrong_is_replaced(site: Site) -> None:
    credential = aged(make_apns(site), -6)
    app_tokens.renew(credential)
    assert token_of(credential) != "old"


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_of_apples() -> None:
    credential = make_apns(make_site())
    ready, tokens = threading.Barrier(2), list[bytes]()

    def renew() -> None:
        try:
            mine = Credential.objects.get(pk=credential.pk)
            ready.wait(timeout=10)
            app_tokens.renew(mine)
            tokens.append(bytes(mine.token or b""))
        finally:
            connection.close()

    threads = [threading.Thread(target=renew) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 2 and tokens[0] == tokens[1] != b""


# Google


def test_googles_token_is_asked_for_with_the_keys_signature(site: Site, google: Script) -> None:
    credential = make_fcm(site)
    app_tokens.renew(credential)
    [(path, headers, body)] = google.asked
    form = parse_qs(body.decode())
    assert path == "/token"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    public = load_pem_private_key(rsa_pem().encode(), None).public_key()
    claims = jwt.decode(
        form["assertion"][0],
        public,  # type: ignore[arg-type]
        algorithms=["RS256"],
        audience="https://oauth2.googleapis.com/token",
    )
    assert claims["iss"] == account()["client_email"]
    assert claims["scope"] == google_tokens.SCOPE
    key = app_tokens.key_of(credential)
    assert key is not None and key.token == "ya29.token"
    assert b"ya29.token" not in bytes(credential.token or b"")


@pytest.mark.parametrize(
    ("minutes", "works", "due"),
    [
        (0, 60, False),
        (49, 60, False),
        (51, 60, True),
        (61, 60, True),
        (1, 4, False),
        (3, 4, True),
        (0.1, 1.5, False),
        (0.6, 1.5, True),
    ],
)
def test_googles_is_renewed_10_minutes_ahead(
    site: Site, google: Script, minutes: float, works: float, due: bool
) -> None:
    credential = aged(make_fcm(site), minutes, works)
    device(site, credential)
    assert app_tokens.stale(site.pk) == ([credential] if due else [])
    app_tokens.renew(credential)
    assert len(google.asked) == due
    assert (token_of(credential) == "ya29.token") is due


def test_asked_anew_google_is_asked_even_so(site: Site, google: Script) -> None:
    credential = aged(make_fcm(site), 1)
    app_tokens.renew(credential, anew=True)
    assert token_of(credential) == "ya29.token"


def test_the_files_own_address_is_never_asked(site: Site, google: Script) -> None:
    with answering() as trap:
        trap.gives("trapped")
        key = json.dumps(account(token_uri=trap.url, universe_domain="evil.example")).encode()
        credential = make_fcm(site, private_key=crypto.encrypt(key))
        app_tokens.renew(credential)
        assert trap.asked == [] and len(google.asked) == 1


@pytest.mark.parametrize(
    ("status", "error", "words", "expected"),
    [
        (400, "invalid_grant", "Invalid JWT Signature.", "does not know this key any more"),
        (
            400,
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable"
            " timeframe. Check your iat and exp values in the JWT claim.",
            "clock is wrong",
        ),
        (400, "invalid_grant", "Invalid grant: account not found", "service account any more"),
        (401, "disabled_client", "The OAuth client was disabled.", "is disabled"),
        (400, "invalid_scope", "<b>no</b>", "(invalid_scope)"),
        (403, "<b>", None, "(?)"),
    ],
    ids=["deleted", "clock", "account", "disabled", "other", "hostile"],
)
def test_a_refusal_says_what_to_do(
    site: Site, google: Script, status: int, error: str, words: object, expected: str
) -> None:
    google.say(status, {"error": error, "error_description": words})
    credential = make_fcm(site)
    sentence = refused(credential)
    assert expected in sentence and "<b>" not in sentence
    credential.refresh_from_db()
    assert credential.problem == sentence and credential.checked_at is not None
    assert credential.token is None and app_tokens.key_of(credential) is None
    assert len(google.asked) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"error": "internal_failure"}),
        (503, b"<html>"),
        (429, {"error": "rate_limit"}),
        (404, b"not here"),
        (400, []),
        (200, b"{"),
        (200, b"[" * 5000),
        (200, []),
        (200, {"access_token": "x"}),
        (200, {"access_token": "x\r\nX: y", "expires_in": 3599}),
        (200, {"access_token": 7, "expires_in": 3599}),
        (200, {"access_token": "x", "expires_in": "3599"}),
        (200, {"access_token": "x", "expires_in": 0}),
        (200, b'{"access_token": "' + b"x" * 20_000 + b'", "expires_in": 3599}'),
    ],
    ids=range(14),
)
def test_anything_else_is_asked_again_later_and_never_at_once(
    site: Site, google: Script, status: int, body: object
) -> None:
    google.say(status, body)
    credential = make_fcm(site)
    assert "Google's token service" in unavailable(credential)
    assert len(google.asked) == 1
    credential.refresh_from_db()
    assert (credential.token, credential.problem) == (None, "")


def test_a_redirect_is_not_followed(site: Site, google: Script) -> None:
    with answering() as trap:
        google.say(307, b"", Location=f"{trap.url}/token")
        assert "answered 307" in unavailable(make_fcm(site))
        assert trap.asked == []


def test_no_proxy_of_the_environment_is_asked(
    site: Site, google: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering() as proxy:
        for name in ("http_proxy", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        app_tokens.renew(make_fcm(site))
        assert proxy.asked == [] and len(google.asked) == 1


def test_private_addresses_are_refused_unless_the_operator_added_them(
    site: Site, google: Script, settings: Settings
) -> None:
    settings.EXTRA_PUSH_ORIGINS = frozenset()
    assert "must begin with https://" in refused(make_fcm(site))
    settings.FCM_TOKEN_URI = google.url.replace("http:", "https:") + "/token"
    assert "could not be reached" in unavailable(make_fcm(make_site()))
    settings.FCM_TOKEN_URI = "no address"
    assert "no address" in refused(make_fcm(make_site()))
    assert google.asked == []


def test_a_server_that_is_silent_is_given_up(
    site: Site, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google_tokens, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings.FCM_TOKEN_URI = f"{url}/token"
        settings.EXTRA_PUSH_ORIGINS = frozenset({url})
        assert "did not answer" in unavailable(make_fcm(site))


def test_a_key_that_was_replaced_meanwhile_keeps_its_own_token(
    site: Site, google: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = make_fcm(site)
    fetch = google_tokens.fetch

    def fetch_while_replaced(info: bytes) -> tuple[str, int]:
        given = fetch(info)
        Credential.objects.filter(pk=credential.pk).update(private_key=b"another")
        return given

    monkeypatch.setattr(google_tokens, "fetch", fetch_while_replaced)
    app_tokens.renew(credential)
    credential.refresh_from_db()
    assert credential.token is None and app_tokens.key_of(credential) is None


# Both


def test_nothing_is_renewed_for_nobody(site: Site) -> None:
    credential = make_apns(site)
    one = device(site, credential)
    make_subscription(site, credential=vapid.current(site))
    assert app_tokens.stale(site.pk) == [credential]
    assert app_tokens.stale(make_site().pk) == []
    one.state = Subscription.State.GONE
    one.save(update_fields=["state"])
    assert app_tokens.stale(site.pk) == []


def test_a_retired_one_is_renewed_for_its_devices(site: Site) -> None:
    retired = make_apns(site, retired_at=timezone.now())
    device(site, retired)
    current = make_apns(site, name="OTHER12345")
    device(site, current, 2)
    assert app_tokens.stale(site.pk) == [retired, current]


def test_a_token_that_ends_is_not_used(site: Site) -> None:
    assert app_tokens.key_of(aged(make_apns(site), 58.9)) is not None
    assert app_tokens.key_of(aged(make_apns(make_site()), 59.1)) is None


def test_nobody_goes_on_with_an_old_token_for_more_than_a_second(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("subscribers.app_tokens.time.monotonic", lambda: now[0])
    credential = aged(make_apns(site), 1)
    held = app_tokens.key_of(credential)
    # As another process would: nobody tells this one.
    Credential.objects.filter(pk=credential.pk).update(token=None)
    now[0] += 0.9
    assert app_tokens.key_of(credential) == held is not None
    now[0] += 0.1
    assert app_tokens.key_of(credential) is None


def test_a_message_costs_no_query(site: Site, django_assert_num_queries: object) -> None:
    credential = aged(make_apns(site), 1)
    app_tokens.key_of(credential)
    with django_assert_num_queries(0):  # type: ignore[operator]
        app_tokens.key_of(credential)


@pytest.mark.parametrize("make", [make_fcm, make_apns], ids=["fcm", "apns"])
def test_a_key_that_is_gone_or_unreadable_is_refused(
    site: Site, settings: Settings, make: type
) -> None:
    credential = aged(make(site), 1)
    settings.ENCRYPTION_KEYS = ["QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="]
    app_tokens.forget(credential.pk)
    assert app_tokens.key_of(credential) is None
    assert "ENCRYPTION_KEYS" in refused(credential)
    Credential.objects.filter(pk=credential.pk).delete()
    assert "has been removed" in refused(credential)


def test_a_token_that_can_not_be_read_is_replaced(site: Site, settings: Settings) -> None:
    """It was encrypted with a key that was taken out again; the signing key was not."""
    key = make_apns(site)
    device(site, key)
    present = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = ["QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="]
    aged(key, 1)
    settings.ENCRYPTION_KEYS = present
    assert app_tokens.key_of(key) is None and app_tokens.stale(site.pk) == [key]
    app_tokens.renew(key)
    assert app_tokens.key_of(key) is not None


@pytest.mark.parametrize("key", [b"{}", b"no key"])
def test_a_stored_key_that_can_not_sign_is_refused(site: Site, google: Script, key: bytes) -> None:
    apns = make_apns(site, private_key=crypto.encrypt(key))
    assert "can't sign" in refused(apns)
    fcm = make_fcm(site, private_key=crypto.encrypt(key))
    assert "can't sign" in refused(fcm)


def test_tokens_survive_new_encryption_keys(site: Site, settings: Settings) -> None:
    credential = make_apns(site)
    app_tokens.renew(credential)
    settings.ENCRYPTION_KEYS = [
        "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
        *settings.ENCRYPTION_KEYS,
    ]
    app_tokens.forget(credential.pk)
    assert app_tokens.key_of(credential) is not None
