"""One case for each answer that a push service is known to give, written from their documents."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from subscribers.transports.classify import ROWS, classify, row_for, service_of
from subscribers.transports.messages import OutcomeKind, Service
from subscribers.transports.reading import Said, excerpt, read

FCM = "fcm.googleapis.com"
MOZILLA = "updates.push.services.mozilla.com"
APPLE = "web.push.apple.com"
WNS = "wns2-par02p.notify.windows.com"
OTHER = "push.shop.example"
HOSTS = (FCM, "jmt17.google.com", MOZILLA, APPLE, WNS, OTHER)

ACCEPTED, REFUSED, GONE = OutcomeKind.ACCEPTED, OutcomeKind.REFUSED, OutcomeKind.GONE
RETRY, CONFIG, UNKNOWN = OutcomeKind.RETRY, OutcomeKind.CONFIG, OutcomeKind.UNKNOWN

FCM_MISMATCH = (
    b"the VAPID credentials in the authorization header do not correspond to the credentials "
    b"used to create the subscriptions."
)
FCM_OLD_MISMATCH = (
    b"the key in the authorization header does not correspond to the sender ID used to subscribe"
)


def mozilla(errno: object, message: str = "") -> bytes:
    return json.dumps({"code": 0, "errno": errno, "message": message}).encode()


def apple(reason: object) -> bytes:
    return json.dumps({"reason": reason}).encode()


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (200, ACCEPTED, "200"),
        (201, ACCEPTED, "201"),
        (202, ACCEPTED, "202"),
        (204, UNKNOWN, "204"),
        (226, UNKNOWN, "226"),
        (301, REFUSED, "redirect"),
        (302, REFUSED, "redirect"),
        (303, REFUSED, "redirect"),
        (304, REFUSED, "redirect"),
        (307, REFUSED, "redirect"),
        (308, REFUSED, "redirect"),
        (400, REFUSED, "400"),
        (401, CONFIG, "vapid_rejected"),
        (402, REFUSED, "402"),
        (403, CONFIG, "vapid_rejected"),
        (405, REFUSED, "405"),
        (408, UNKNOWN, "408"),
        (409, REFUSED, "409"),
        (410, GONE, "410"),
        (411, REFUSED, "411"),
        (413, REFUSED, "payload_too_large"),
        (415, REFUSED, "415"),
        (429, RETRY, "429"),
        (431, REFUSED, "431"),
        (500, UNKNOWN, "500"),
        (501, UNKNOWN, "501"),
        (502, UNKNOWN, "502"),
        (503, RETRY, "503"),
        (504, UNKNOWN, "504"),
        (507, UNKNOWN, "507"),
        (599, UNKNOWN, "599"),
        (999, UNKNOWN, "999"),
    ],
)
@pytest.mark.parametrize("host", HOSTS)
def test_answers_that_mean_the_same_everywhere(
    host: str, status: int, kind: OutcomeKind, reason: str
) -> None:
    outcome = classify(service_of(host), status, {}, b"")
    assert (outcome.kind, outcome.reason, outcome.status_code) == (kind, reason, status)


Case = tuple[str, int, bytes, OutcomeKind, str]
PAGE = b"<html><body>Not found</body></html>"
FCM_404 = b"A valid push subscription endpoint should be specified in the URL as such: "

FCM_CASES: list[Case] = [
    (FCM, 400, b"<TITLE>UnauthorizedRegistration</TITLE>", CONFIG, "vapid_rejected"),
    (FCM, 400, b"InvalidTokenFormat", REFUSED, "400"),
    (FCM, 401, b"Unauthorized", CONFIG, "vapid_rejected"),
    (FCM, 403, FCM_MISMATCH, CONFIG, "vapid_mismatch"),
    (FCM, 400, FCM_OLD_MISMATCH, CONFIG, "vapid_mismatch"),
    (FCM, 401, FCM_OLD_MISMATCH, CONFIG, "vapid_mismatch"),
    (FCM, 404, FCM_404, GONE, "404"),
    (FCM, 404, PAGE, GONE, "404"),
    (FCM, 410, b"push subscription has unsubscribed or expired.", GONE, "410"),
    ("jmt17.google.com", 403, FCM_MISMATCH, CONFIG, "vapid_mismatch"),
    ("jmt17.google.com", 404, FCM_404, GONE, "404"),
    ("android.googleapis.com", 410, b"NotRegistered", GONE, "410"),
]
MOZILLA_CASES: list[Case] = [
    *[
        (MOZILLA, 400, mozilla(errno), REFUSED, f"mozilla_{errno}")
        for errno in (101, 108, 110, 111, 113, 114)
    ],
    (MOZILLA, 401, mozilla(109, "Invalid JWT: expired"), CONFIG, "vapid_rejected"),
    (MOZILLA, 401, mozilla(109, "VAPID public key mismatch"), CONFIG, "vapid_mismatch"),
    (MOZILLA, 401, b"", CONFIG, "vapid_rejected"),
    (MOZILLA, 404, mozilla(102), GONE, "404"),
    # Not of autopush, or not about the subscription.
    (MOZILLA, 404, b"", REFUSED, "404"),
    (MOZILLA, 404, PAGE, REFUSED, "404"),
    (MOZILLA, 404, b"default backend - 404", REFUSED, "404"),
    (MOZILLA, 404, mozilla(999), REFUSED, "mozilla_999"),
    (MOZILLA, 410, mozilla(103), GONE, "410"),
    (MOZILLA, 410, mozilla(105), GONE, "410"),
    (MOZILLA, 410, mozilla(106), GONE, "410"),
    (MOZILLA, 410, b"", GONE, "410"),
    (MOZILLA, 413, mozilla(104), REFUSED, "payload_too_large"),
    (MOZILLA, 500, mozilla(999), UNKNOWN, "500"),
    (MOZILLA, 503, mozilla(201), RETRY, "503"),
    (MOZILLA, 503, b"", RETRY, "503"),
    (MOZILLA, 502, mozilla(901), RETRY, "mozilla_901"),
    (MOZILLA, 502, mozilla(902), RETRY, "mozilla_902"),
    (MOZILLA, 502, mozilla(903), UNKNOWN, "mozilla_903"),
    (MOZILLA, 502, mozilla(None), UNKNOWN, "502"),
    (MOZILLA, 502, mozilla(True), UNKNOWN, "502"),
    (MOZILLA, 502, mozilla("901"), UNKNOWN, "502"),
    (MOZILLA, 502, mozilla(10**30), UNKNOWN, "502"),
    (MOZILLA, 502, b"[901]", UNKNOWN, "502"),
    (MOZILLA, 502, b'{"errno": 901', UNKNOWN, "502"),
]
APPLE_CASES: list[Case] = [
    (APPLE, 400, apple("BadTtl"), REFUSED, "apple_badttl"),
    (APPLE, 400, apple("BadUrgency"), REFUSED, "apple_badurgency"),
    (APPLE, 400, apple("BadWebPushTopic"), REFUSED, "apple_badwebpushtopic"),
    (APPLE, 400, apple("BadWebPushRequest"), REFUSED, "apple_badwebpushrequest"),
    (APPLE, 400, apple("VapidPkHashMismatch"), CONFIG, "vapid_mismatch"),
    (APPLE, 403, apple("VapidPkHashMismatch"), CONFIG, "vapid_mismatch"),
    (APPLE, 400, apple("BadAuthorizationHeader"), CONFIG, "vapid_rejected"),
    (APPLE, 400, apple("BadVapidPublicKey"), CONFIG, "vapid_rejected"),
    (APPLE, 403, apple("BadVapidPublicKey"), CONFIG, "vapid_rejected"),
    (APPLE, 403, apple("BadJwtToken"), CONFIG, "vapid_rejected"),
    (APPLE, 403, apple("ExpiredJwtToken"), CONFIG, "vapid_rejected"),
    (APPLE, 403, apple("SomethingNew"), CONFIG, "vapid_rejected"),
    # The form of the address is at fault: nobody has left.
    (APPLE, 404, apple("BadPath"), REFUSED, "apple_badpath"),
    (APPLE, 404, b"", REFUSED, "404"),
    (APPLE, 405, apple("MethodNotAllowed"), REFUSED, "apple_methodnotallowed"),
    (APPLE, 410, apple("Unregistered"), GONE, "410"),
    (APPLE, 410, b"", GONE, "410"),
    (APPLE, 413, apple("PayloadTooLarge"), REFUSED, "payload_too_large"),
    (APPLE, 429, apple("TooManyRequests"), RETRY, "429"),
    (APPLE, 500, apple("InternalServerError"), UNKNOWN, "500"),
    (APPLE, 503, apple("ServiceUnavailable"), RETRY, "503"),
    (APPLE, 400, apple("a b <script>"), REFUSED, "400"),
    (APPLE, 400, apple("{status.__class__}"), REFUSED, "400"),
    (APPLE, 400, apple(7), REFUSED, "400"),
]
WNS_CASES: list[Case] = [
    (WNS, 400, b"", REFUSED, "400"),
    (WNS, 401, b"", CONFIG, "vapid_rejected"),
    (WNS, 403, b"", CONFIG, "vapid_rejected"),
    (WNS, 404, b"", GONE, "404"),
    (WNS, 406, b"", RETRY, "406"),
    (WNS, 410, b"The channel has expired", GONE, "410"),
    (WNS, 410, b"Domain Blocked", CONFIG, "wns_domain_blocked"),
    (WNS, 404, b"domain blocked", CONFIG, "wns_domain_blocked"),
    (WNS, 413, b"", REFUSED, "payload_too_large"),
    (WNS, 503, b"", RETRY, "503"),
]
# A service of the operator's, of which nothing more is known than RFC 8030.
OTHER_CASES: list[Case] = [
    (OTHER, 404, b"", GONE, "404"),
    (OTHER, 404, b'{"code": 404}', GONE, "404"),
    (OTHER, 404, b"404 page not found\n", REFUSED, "404"),
    (OTHER, 410, PAGE, GONE, "410"),
    # What the others say means nothing here.
    (OTHER, 410, b"Domain Blocked", GONE, "410"),
    (OTHER, 400, b"UnauthorizedRegistration", REFUSED, "400"),
    (OTHER, 502, mozilla(901), UNKNOWN, "502"),
    (OTHER, 406, b"", REFUSED, "406"),
    (FCM, 406, b"", REFUSED, "406"),
    (MOZILLA, 406, b"", REFUSED, "406"),
    (APPLE, 406, b"", REFUSED, "406"),
    (FCM, 502, mozilla(901), UNKNOWN, "502"),
    (FCM, 400, apple("BadJwtToken"), REFUSED, "400"),
    (APPLE, 400, b"UnauthorizedRegistration", REFUSED, "400"),
]
CASES = [*FCM_CASES, *MOZILLA_CASES, *APPLE_CASES, *WNS_CASES, *OTHER_CASES]


@pytest.mark.parametrize(("host", "status", "body", "kind", "reason"), CASES)
def test_what_each_service_says(
    host: str, status: int, body: bytes, kind: OutcomeKind, reason: str
) -> None:
    outcome = classify(service_of(host), status, {}, body)
    assert (outcome.kind, outcome.reason, outcome.status_code) == (kind, reason, status)


def test_every_row_of_the_table_decides_something() -> None:
    """A row behind one that always comes first would be a mistake."""
    seen = {
        row_for(service_of(host), status, read(service_of(host), {}, body))
        for host, status, body, _kind, _reason in CASES
    }
    seen |= {row_for(Service.ANY, status, Said()) for status in range(200, 600)}
    apps = (Service.FCM_APPS, Service.APNS)
    assert [row for row in ROWS if row not in seen and row.service not in apps] == []


def test_a_page_of_a_web_server_closes_no_subscription() -> None:
    """A proxy whose route is missing says 404 of everybody."""
    page = {"content-type": "text/html; charset=utf-8"}
    assert classify(service_of(OTHER), 404, page, PAGE).kind is REFUSED
    assert classify(service_of(OTHER), 404, {"content-type": "text/plain"}, b"").kind is GONE
    assert classify(service_of(FCM), 404, page, PAGE).kind is GONE


def test_windows_says_domain_blocked_in_a_header() -> None:
    headers = {"x-wns-error-description": "Domain Blocked"}
    outcome = classify(service_of(WNS), 410, headers, b"")
    assert (outcome.kind, outcome.reason) == (CONFIG, "wns_domain_blocked")
    assert outcome.detail == "Domain Blocked"


@pytest.mark.parametrize(
    ("wns_status", "reason"),
    [
        ("received", "201"),
        ("", "201"),
        ("dropped", "wns_dropped"),
        ("channelThrottled", "wns_channelthrottled"),
        ("channelthrottled", "wns_channelthrottled"),
    ],
)
def test_windows_may_accept_and_drop(wns_status: str, reason: str) -> None:
    outcome = classify(service_of(WNS), 201, {"x-wns-status": wns_status}, b"")
    assert (outcome.kind, outcome.reason) == (ACCEPTED, reason)
    assert classify(service_of(FCM), 201, {"x-wns-status": wns_status}, b"").reason == "201"


@pytest.mark.parametrize(
    ("headers", "location", "ttl"),
    [
        ({"location": "https://fcm.googleapis.com/0:12%34", "ttl": "60"}, "0:12%34", 60),
        ({"apns-id": "5F2B-33"}, "5F2B-33", None),
        ({"x-wns-msg-id": "4A1"}, "4A1", None),
        ({"location": "/m/1", "apns-id": "x"}, "/m/1", None),
        ({"location": "x" * 501}, "", None),
        ({"location": "/m/\x00"}, "", None),
        ({"location": "/m/\xe9"}, "", None),
        ({"ttl": "0"}, "", 0),
        ({"ttl": "-1"}, "", None),
        ({"ttl": "soon"}, "", None),
        ({"ttl": "²"}, "", None),
        ({"ttl": "9" * 5000}, "", None),
        ({"ttl": "9" * 12}, "", 10 * 365 * 86400),
    ],
)
def test_what_is_kept_of_an_acceptance(
    headers: Mapping[str, str], location: str, ttl: int | None
) -> None:
    outcome = classify(service_of(OTHER), 201, headers, b"ignored")
    assert outcome.message_location.endswith(location)
    assert bool(outcome.message_location) == bool(location)
    assert (outcome.ttl, outcome.detail, outcome.retry_after) == (ttl, "", None)


def test_a_redirect_is_not_a_message() -> None:
    assert (
        classify(
            service_of(OTHER), 307, {"location": "https://elsewhere.example/"}, b""
        ).message_location
        == ""
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", ""),
        (b"  a\r\n\tb\x00c\x1b[31m ", "a b c [31m"),
        (b"caf\xc3\xa9", "café"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"see https://fcm.googleapis.com/wp/secret for it", "see … for it"),
        (b"x" * 9000, "x" * 200),
        ("a\u202eb".encode(), "a b"),
    ],
)
def test_excerpt_is_short_printable_and_has_no_address(body: bytes, text: str) -> None:
    assert excerpt(body) == text
