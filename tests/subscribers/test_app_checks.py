"""Testing a key for apps: accepted, refused for a reason that is said, or not reached."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from accounts.models import Site
from subscribers import app_advice, app_checks, app_tokens
from subscribers.models import Credential
from tests.subscribers.apps import BUNDLE, PROJECT, Script, answering, make_apns, make_fcm

NO_TOKEN = {
    "error": {
        "code": 400,
        "message": "The registration token is not a valid FCM registration token",
        "status": "INVALID_ARGUMENT",
        "details": [
            {
                "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
                "errorCode": "INVALID_ARGUMENT",
            }
        ],
    }
}
FORBIDDEN = {"error": {"code": 403, "message": "Permission denied", "status": "PERMISSION_DENIED"}}


@pytest.fixture
def service(settings: Settings) -> Iterator[Script]:
    """Firebase and Apple in one."""
    with answering() as script:
        settings.EXTRA_PUSH_ORIGINS = frozenset({script.url})
        settings.FCM_ORIGIN = settings.APNS_ORIGIN = settings.APNS_SANDBOX_ORIGIN = script.url
        yield script


@pytest.fixture
def google(service: Script, settings: Settings) -> Iterator[Script]:
    with answering() as script:
        settings.EXTRA_PUSH_ORIGINS = frozenset({script.url, service.url})
        settings.FCM_TOKEN_URI = f"{script.url}/token"
        script.gives()
        yield script


def checked(credential: Credential) -> str:
    """What a check says, which is also kept."""
    said = app_checks.check(credential)
    kept = Credential.objects.get(pk=credential.pk)
    assert kept.problem == credential.problem == said and kept.checked_at is not None
    return said


@pytest.mark.parametrize("status", [200, 400], ids=["accepted", "the token is unknown"])
def test_firebase_is_asked_to_validate_only(
    site: Site, service: Script, google: Script, status: int
) -> None:
    service.say(status, {"name": "x"} if status == 200 else NO_TOKEN)
    assert checked(make_fcm(site, problem="It was wrong.")) == ""
    [(path, headers, body)] = service.asked
    assert path == f"/v1/projects/{PROJECT}/messages:send"
    assert headers["authorization"] == "Bearer ya29.token"
    sent = json.loads(body)
    assert sent["validate_only"] is True and set(sent["message"]) == {"token", "notification"}


def test_a_check_asks_google_even_with_a_token_that_works(
    site: Site, service: Script, google: Script
) -> None:
    credential = make_fcm(site)
    app_tokens.renew(credential)
    google.say(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
    assert "does not know this key any more" in checked(credential)
    google.say(503, b"")
    assert "answered 503" in checked(credential)
    assert service.asked == []


def test_what_firebase_has_against_the_account_is_said(
    site: Site, service: Script, google: Script
) -> None:
    service.say(403, FORBIDDEN)
    assert checked(make_fcm(site)) == f"{PROJECT}: {app_advice.advice('fcm_auth')}"


def test_apple_is_asked_for_each_app(site: Site, service: Script) -> None:
    service.say(400, {"reason": "BadDeviceToken"})
    credential = make_apns(site, details={"key_id": "KEY1234567", "bundle_ids": [BUNDLE, "b.c"]})
    assert checked(credential) == ""
    assert {headers["apns-topic"] for _path, headers, _body in service.asked} == {BUNDLE, "b.c"}
    assert {path for path, _headers, _body in service.asked} == {"/3/device/" + "0" * 64}


@pytest.mark.parametrize(
    ("status", "reason", "advice"),
    [
        (403, "InvalidProviderToken", "apns_invalid_provider_token"),
        (403, "ExpiredProviderToken", "apns_expired_provider_token"),
        (400, "TopicDisallowed", "apns_topic_disallowed"),
        (400, "DeviceTokenNotForTopic", "apns_device_token_not_for_topic"),
        (403, "BadEnvironmentKeyIdInToken", "apns_bad_environment_key_id_in_token"),
        (429, "TooManyProviderTokenUpdates", "apns_too_many_provider_token_updates"),
    ],
    ids=range(6),
)
def test_what_apple_has_against_the_key_is_said(
    site: Site, service: Script, status: int, reason: str, advice: str
) -> None:
    service.say(status, {"reason": reason})
    assert checked(make_apns(site)) == f"{BUNDLE}: {app_advice.advice(advice)}"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_trouble_of_the_service_is_not_the_keys(site: Site, service: Script, status: int) -> None:
    service.say(status, b"")
    assert f"trouble of its own ({status})" in checked(make_apns(site))


def test_without_an_answer_it_says_why(site: Site, settings: Settings) -> None:
    settings.APNS_ORIGIN = "http://127.0.0.1:1"
    assert "must stand in EXTRA_PUSH_ORIGINS" in checked(make_apns(site))
    settings.EXTRA_PUSH_ORIGINS = frozenset({"http://127.0.0.1:1"})
    credential = Credential.objects.get(site=site, channel="apns")
    app_tokens.forget(credential.pk)
    assert "could not be reached: connect." in checked(credential)


def test_a_key_that_was_replaced_meanwhile_has_no_verdict(
    site: Site, service: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = make_apns(site)

    def replaced(_credential: Credential) -> None:
        Credential.objects.filter(pk=credential.pk).update(private_key=b"another")

    monkeypatch.setattr(app_tokens, "key_of", replaced)
    assert "Test it again" in app_checks.check(credential)
    credential.refresh_from_db()
    assert (credential.problem, credential.checked_at) == ("", None)
