"""The published tables of errors of Firebase and Apple, one case for each line of theirs.

firebase.google.com/docs/cloud-messaging/error-codes (HTTP v1), and developer.apple.com,
"Handling notification responses from APNs". Bodies as those services send them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from subscribers.transports.classify import ROWS, classify, row_for
from subscribers.transports.messages import OutcomeKind, Service
from subscribers.transports.reading import read

from .test_classify_properties import check_bounds

FCM, APNS = Service.FCM_APPS, Service.APNS
ACCEPTED, REFUSED, GONE = OutcomeKind.ACCEPTED, OutcomeKind.REFUSED, OutcomeKind.GONE
RETRY, CONFIG, UNKNOWN = OutcomeKind.RETRY, OutcomeKind.CONFIG, OutcomeKind.UNKNOWN
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
APNS_ERROR = "type.googleapis.com/google.firebase.fcm.v1.ApnsError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
PAGE = b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>"
NOT_FOUND = "Requested entity was not found."
BAD_TOKEN = "The registration token is not a valid FCM registration token"
INVALID = "Request contains an invalid argument."


def fcm(message: object, status: str, *details: object) -> bytes:
    error = {"code": 0, "message": message, "status": status, "details": list(details)}
    return json.dumps({"error": error}).encode()


def code(name: object) -> dict[str, object]:
    return {"@type": FCM_ERROR, "errorCode": name}


def fields(*names: object) -> dict[str, object]:
    violations = [{"field": name, "description": "Invalid"} for name in names]
    return {"@type": BAD_REQUEST, "fieldViolations": violations}


def of_apple(status: object, reason: str) -> dict[str, object]:
    return {"@type": APNS_ERROR, "statusCode": status, "reason": reason}


def invalid(message: str, *details: object) -> bytes:
    return fcm(message, "INVALID_ARGUMENT", *details)


def apns(reason: object, **more: object) -> bytes:
    return json.dumps({"reason": reason, **more}).encode()


Case = tuple[int, bytes, OutcomeKind, str, float | None]
THIRD_PARTY = "Auth error from APNS or Web Push Service"
QUOTA = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []}
SENDER = "SenderId mismatch"
BAD_VALUE = "Invalid value at 'message.data[0].value' (TYPE_STRING), 12"
FCM_CASES: list[Case] = [
    # UNREGISTERED, and a 404 without the code: the project or the address is wrong.
    (404, fcm(NOT_FOUND, "NOT_FOUND", code("UNREGISTERED")), GONE, "fcm_unregistered", None),
    (404, fcm(NOT_FOUND, "NOT_FOUND"), CONFIG, "fcm_not_found", None),
    (404, fcm(NOT_FOUND, "UNREGISTERED"), CONFIG, "fcm_not_found", None),
    (404, PAGE, CONFIG, "fcm_not_found", None),
    (404, b"", CONFIG, "fcm_not_found", None),
    (410, b"", REFUSED, "410", None),
    # INVALID_ARGUMENT of the token ...
    (400, invalid(BAD_TOKEN, code("INVALID_ARGUMENT")), GONE, "fcm_bad_token", None),
    (
        400,
        invalid(INVALID, code("INVALID_ARGUMENT"), fields("message.token")),
        GONE,
        "fcm_bad_token",
        None,
    ),
    (
        400,
        invalid(INVALID, fields("message.fid"), code("INVALID_ARGUMENT")),
        GONE,
        "fcm_bad_token",
        None,
    ),
    (
        400,
        invalid(
            "APNs device token is disabled.",
            code("INVALID_ARGUMENT"),
            of_apple(410, "Unregistered"),
        ),
        GONE,
        "fcm_bad_token",
        None,
    ),
    # ... and of the message, or of both, or of who knows what.
    (
        400,
        invalid(BAD_VALUE, fields("message.data[0].value")),
        REFUSED,
        "fcm_invalid_argument",
        None,
    ),
    (400, invalid(BAD_TOKEN, fields("message.token")), REFUSED, "fcm_invalid_argument", None),
    (400, invalid(BAD_TOKEN), REFUSED, "fcm_invalid_argument", None),
    (400, invalid(INVALID), REFUSED, "fcm_invalid_argument", None),
    (400, invalid(INVALID, code("INVALID_ARGUMENT")), REFUSED, "fcm_invalid_argument", None),
    (
        400,
        invalid("Android message is too big", code("INVALID_ARGUMENT")),
        REFUSED,
        "fcm_invalid_argument",
        None,
    ),
    (
        400,
        invalid(
            "Recipient of the message is not set.", code("INVALID_ARGUMENT"), fields("message")
        ),
        REFUSED,
        "fcm_invalid_argument",
        None,
    ),
    (
        400,
        invalid(BAD_TOKEN, code("INVALID_ARGUMENT"), fields("message.token", "message.android")),
        REFUSED,
        "fcm_invalid_argument",
        None,
    ),
    (
        400,
        invalid(BAD_TOKEN, code("INVALID_ARGUMENT"), fields()),
        REFUSED,
        "fcm_invalid_argument",
        None,
    ),
    (
        400,
        invalid(INVALID, code("INVALID_ARGUMENT"), of_apple(400, "BadDeviceToken")),
        REFUSED,
        "fcm_invalid_argument",
        None,
    ),
    (400, PAGE, REFUSED, "fcm_invalid_argument", None),
    # Who we are.
    (
        403,
        fcm(SENDER, "PERMISSION_DENIED", code("SENDER_ID_MISMATCH")),
        CONFIG,
        "fcm_sender_mismatch",
        None,
    ),
    (
        401,
        fcm(THIRD_PARTY, "UNAUTHENTICATED", code("THIRD_PARTY_AUTH_ERROR")),
        CONFIG,
        "fcm_third_party_auth",
        None,
    ),
    # Its former name.
    (401, fcm("", "", code("APNS_AUTH_ERROR")), CONFIG, "fcm_third_party_auth", None),
    (401, fcm("Request had invalid credentials.", "UNAUTHENTICATED"), CONFIG, "fcm_auth", None),
    (403, fcm("The API is disabled.", "PERMISSION_DENIED"), CONFIG, "fcm_auth", None),
    (403, PAGE, CONFIG, "fcm_auth", None),
    # Later.
    (
        429,
        fcm("Quota exceeded.", "RESOURCE_EXHAUSTED", QUOTA, code("QUOTA_EXCEEDED")),
        RETRY,
        "fcm_quota",
        60,
    ),
    (429, b"", RETRY, "fcm_quota", 60),
    (
        503,
        fcm("The service is currently unavailable.", "UNAVAILABLE", code("UNAVAILABLE")),
        RETRY,
        "fcm_unavailable",
        10,
    ),
    # Google would have it sent again; but nobody knows whether it was taken.
    (500, fcm("Internal error encountered.", "INTERNAL", code("INTERNAL")), UNKNOWN, "500", None),
    (502, PAGE, UNKNOWN, "502", None),
    (504, fcm("Deadline exceeded.", "DEADLINE_EXCEEDED"), UNKNOWN, "504", None),
    (400, fcm("", "", code("UNSPECIFIED_ERROR")), REFUSED, "fcm_invalid_argument", None),
    (413, PAGE, REFUSED, "payload_too_large", None),
    (405, PAGE, REFUSED, "405", None),
    (302, PAGE, REFUSED, "redirect", None),
]
APNS_CASES: list[Case] = [
    (400, apns("BadCollapseId"), REFUSED, "apns_bad_collapse_id", None),
    (400, apns("BadDeviceToken"), CONFIG, "apns_bad_device_token", None),
    (400, apns("BadExpirationDate"), REFUSED, "apns_bad_expiration_date", None),
    (400, apns("BadMessageId"), REFUSED, "apns_bad_message_id", None),
    (400, apns("BadPriority"), REFUSED, "apns_bad_priority", None),
    (400, apns("BadTopic"), CONFIG, "apns_bad_topic", None),
    (400, apns("DeviceTokenNotForTopic"), CONFIG, "apns_device_token_not_for_topic", None),
    (400, apns("DuplicateHeaders"), REFUSED, "apns_duplicate_headers", None),
    (400, apns("IdleTimeout"), RETRY, "apns_idle_timeout", 10),
    (400, apns("InvalidPushType"), REFUSED, "apns_invalid_push_type", None),
    (400, apns("MissingDeviceToken"), REFUSED, "apns_missing_device_token", None),
    (400, apns("MissingTopic"), CONFIG, "apns_missing_topic", None),
    (400, apns("PayloadEmpty"), REFUSED, "apns_payload_empty", None),
    (400, apns("TopicDisallowed"), CONFIG, "apns_topic_disallowed", None),
    (403, apns("BadCertificate"), CONFIG, "apns_bad_certificate", None),
    (403, apns("BadCertificateEnvironment"), CONFIG, "apns_bad_certificate_environment", None),
    (403, apns("ExpiredProviderToken"), CONFIG, "apns_expired_provider_token", None),
    (403, apns("Forbidden"), CONFIG, "apns_forbidden", None),
    (403, apns("InvalidProviderToken"), CONFIG, "apns_invalid_provider_token", None),
    (403, apns("MissingProviderToken"), CONFIG, "apns_missing_provider_token", None),
    (403, apns("UnrelatedKeyIdInToken"), CONFIG, "apns_unrelated_key_id_in_token", None),
    (403, apns("BadEnvironmentKeyIdInToken"), CONFIG, "apns_bad_environment_key_id_in_token", None),
    # So its servers spell it.
    (403, apns("BadEnvironmentKeyInToken"), CONFIG, "apns_bad_environment_key_in_token", None),
    (404, apns("BadPath"), REFUSED, "apns_bad_path", None),
    (405, apns("MethodNotAllowed"), REFUSED, "apns_method_not_allowed", None),
    (410, apns("ExpiredToken"), GONE, "apns_expired_token", None),
    (410, apns("Unregistered", timestamp=1454948015990), GONE, "apns_unregistered", None),
    (413, apns("PayloadTooLarge"), REFUSED, "payload_too_large", None),
    (
        429,
        apns("TooManyProviderTokenUpdates"),
        RETRY,
        "apns_too_many_provider_token_updates",
        1200,
    ),
    (429, apns("TooManyRequests"), RETRY, "apns_too_many_requests", 60),
    (500, apns("InternalServerError"), UNKNOWN, "500", None),
    (503, apns("ServiceUnavailable"), RETRY, "apns_service_unavailable", 900),
    (503, apns("Shutdown"), RETRY, "apns_shutdown", 10),
    # What is not in it: only Apple's own word closes a device.
    (410, b"", REFUSED, "410", None),
    (410, PAGE, REFUSED, "410", None),
    (410, apns("SomethingNew"), REFUSED, "apns_something_new", None),
    (404, b"", REFUSED, "404", None),
    (404, apns("Unregistered"), REFUSED, "apns_unregistered", None),
    (400, apns("Unregistered"), REFUSED, "apns_unregistered", None),
    (400, b"", REFUSED, "400", None),
    (401, b"", CONFIG, "apns_auth", None),
    (403, PAGE, CONFIG, "apns_auth", None),
    (403, apns("SomethingNew"), CONFIG, "apns_something_new", None),
    (403, apns("S" * 34), CONFIG, "apns_" + "s" * 34, None),
    (403, apns("aB" * 17), CONFIG, "apns_" + ("a_b" * 17)[:35], None),
    (403, apns("x" * 35), CONFIG, "apns_auth", None),
    (429, b"", RETRY, "429", 60),
    (503, b"", RETRY, "503", 10),
    (502, b"", UNKNOWN, "502", None),
]
CASES = [(FCM, *case) for case in FCM_CASES] + [(APNS, *case) for case in APNS_CASES]


@pytest.mark.parametrize(("service", "status", "body", "kind", "reason", "wait"), CASES)
def test_what_each_answer_means(
    service: Service, status: int, body: bytes, kind: OutcomeKind, reason: str, wait: float | None
) -> None:
    outcome = classify(service, status, {}, body)
    assert (outcome.kind, outcome.reason, outcome.status_code) == (kind, reason, status)
    assert outcome.retry_after == wait
    check_bounds(outcome)


def test_every_row_decides_something() -> None:
    """A row behind one that always comes first would be a mistake."""
    seen = {
        row_for(service, status, read(service, {}, body))
        for service, status, body, _kind, _reason, _wait in CASES
    }
    assert [row for row in ROWS if row.service in (FCM, APNS) and row not in seen] == []


@pytest.mark.parametrize("service", [FCM, APNS])
@pytest.mark.parametrize("status", [429, 503])
def test_the_service_says_how_long(service: Service, status: int) -> None:
    assert classify(service, status, {"retry-after": "17"}, b"").retry_after == 17
    assert classify(service, status, {"retry-after": "9" * 50}, b"").retry_after == 3600


def test_what_it_is_called_there() -> None:
    name = "projects/shop/messages/0:1500415314455276%31bd1c9631bd1c96"
    taken = classify(FCM, 200, {"location": "/no"}, json.dumps({"name": name}).encode())
    assert (taken.kind, taken.reason, taken.message_location) == (ACCEPTED, "200", name)
    said = {"apns-id": "eabeae54-14a8-11e5-b60b-1697f925ec7b"}
    taken = classify(APNS, 200, said, b"")
    assert (taken.kind, taken.message_location) == (ACCEPTED, said["apns-id"])


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"name":7}', b'{"name":"a\\u0000"}', b'{"name":"\\ud800"}', PAGE],
    ids=["empty", "cut", "list", "number", "control", "surrogate", "page"],
)  # fmt: skip
def test_taken_without_a_name_that_can_be_kept(body: bytes) -> None:
    taken = classify(FCM, 200, {}, body)
    assert (taken.kind, taken.message_location) == (ACCEPTED, "")
    long = json.dumps({"name": "x" * 501}).encode()
    assert classify(FCM, 200, {}, long).message_location == ""


def test_an_administrator_reads_googles_sentence() -> None:
    said = fcm("See https://console.example/secret\nfor it.", "PERMISSION_DENIED")
    assert classify(FCM, 403, {}, said).detail == "See … for it."
    assert classify(FCM, 403, {}, b"plain words").detail == "plain words"
    assert classify(APNS, 403, {}, apns("Forbidden")).detail == '{"reason": "Forbidden"}'


@pytest.mark.parametrize("reason", ["Unregistered", "ExpiredToken"])
def test_since_when_a_device_is_gone(reason: str) -> None:
    since = NOW - timedelta(days=3, milliseconds=10)
    milliseconds = int(since.timestamp() * 1000)
    with time_machine.travel(NOW, tick=False):
        outcome = classify(APNS, 410, {}, apns(reason, timestamp=milliseconds))
    assert outcome.since is not None
    assert abs(outcome.since - since) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "timestamp",
    [
        "null", "true", '"1454948015990"', "1454948015990.5", "[1]", "{}", "NaN", "Infinity", "0",
        "-1", "1454948015", "1e400", "9" * 20, "9" * 400, "-" + "9" * 400, "1795500000000",
    ],
)  # fmt: skip
def test_a_time_that_can_not_be_is_none(timestamp: str) -> None:
    body = b'{"reason": "Unregistered", "timestamp": %b}' % timestamp.encode()
    with time_machine.travel(NOW, tick=False):
        outcome = classify(APNS, 410, {}, body)
    assert (outcome.kind, outcome.since) == (GONE, None)


def test_only_who_is_gone_has_a_time() -> None:
    said = apns("BadDeviceToken", timestamp=1454948015990)
    assert classify(APNS, 400, {}, said).since is None
