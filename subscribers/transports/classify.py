"""What an answer of a push service means for the message, the subscription and our keys.

The table below is the whole of it: one row for each answer that a service is known to give, then
the rows for everybody. The first that fits decides. Services disagree in their details: Chrome's,
Firebase's, Apple's and Windows' documents, and the source of Mozilla's autopush, are where the rows
come from.

Three rules stand above the rows. RETRY, the only kind that is sent again, needs a proof that the
message was not accepted. GONE, the only kind that closes a subscription, needs an answer that is
about this subscription and not about a route, a key or us. And an answer that nobody has defined
is UNKNOWN where it may have been a success.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from .endpoints import APPLE_SUFFIX, MOZILLA_SUFFIX, PUSH_HOSTS, WNS_SUFFIX
from .messages import Outcome, OutcomeKind, Service
from .reading import Said, echoed_ttl, excerpt, explained, location, read, retry_after

THROTTLED_SECONDS = 60.0  # 429 without Retry-After
UNAVAILABLE_SECONDS = 10.0  # 503 without one; FCM asks never to repeat within 10 s
APNS_UNAVAILABLE_SECONDS = 15 * 60.0  # "After 15 minutes, you can retry"
APNS_TOKEN_SECONDS = 20 * 60.0  # how often a provider token may change
_WNS_NOT_DELIVERED = frozenset({"dropped", "channelthrottled"})

_CONFIG, _GONE = OutcomeKind.CONFIG, OutcomeKind.GONE
_REFUSED, _RETRY, _UNKNOWN = OutcomeKind.REFUSED, OutcomeKind.RETRY, OutcomeKind.UNKNOWN


Condition = Callable[[Said], bool]


def _always(_said: Said) -> bool:
    return True


def _text(part: bytes) -> Condition:
    return lambda said: part in said.text


def _errno(*numbers: int) -> Condition:
    return lambda said: said.errno in numbers


def _any_errno(said: Said) -> bool:
    return said.errno > 0


def _mismatch(said: Said) -> bool:
    return said.errno == 109 and "mismatch" in said.message


def _reason(*names: str) -> Condition:
    return lambda said: said.reason in names


def _any_reason(said: Said) -> bool:
    return said.reason != ""


def _about_token(said: Said) -> bool:
    return said.about_token


def _page(said: Said) -> bool:
    return said.page


class Row(NamedTuple):
    """`service` and one of `statuses` and `condition` mean `kind`, with `reason` on the ledger.

    `wait`: seconds until a RETRY, where the service names none.
    """

    service: Service
    statuses: range | tuple[int, ...]
    condition: Condition
    kind: OutcomeKind
    reason: str
    wait: float = 0.0


F, M, A, W, ANY = Service.FCM, Service.MOZILLA, Service.APPLE, Service.WNS, Service.ANY
FA, P = Service.FCM_APPS, Service.APNS

ROWS = (
    # FCM. The same text for a wrong key in its old and its new words. 404 comes by design for a
    # browser that was not seen for 270 days, and has been seen to recover: GONE is reversible.
    Row(F, (400,), _text(b"unauthorizedregistration"), _CONFIG, "vapid_rejected"),
    Row(F, (400, 401, 403), _text(b"correspond to the"), _CONFIG, "vapid_mismatch"),
    Row(F, (404, 410), _always, _GONE, "{status}"),
    # Mozilla (autopush-rs, autoendpoint/src/error.rs). 109 is every fault of VAPID. 404 without
    # one of its numbers is a balancer's. 901 and 902: its bridge could not sign in or connect, so
    # nothing was passed on; 903 is a bridge that did not answer, which may have passed it on.
    Row(M, (401,), _mismatch, _CONFIG, "vapid_mismatch"),
    Row(M, (401,), _errno(109), _CONFIG, "vapid_rejected"),
    Row(M, (404, 410), _errno(102, 103, 105, 106), _GONE, "{status}"),
    Row(M, (410,), _always, _GONE, "410"),
    Row(M, (404,), _any_errno, _REFUSED, "mozilla_{errno}"),
    Row(M, (404,), _always, _REFUSED, "404"),
    Row(M, (413,), _always, _REFUSED, "payload_too_large"),
    Row(M, (502,), _errno(901, 902), _RETRY, "mozilla_{errno}", UNAVAILABLE_SECONDS),
    Row(M, (502,), _any_errno, _UNKNOWN, "mozilla_{errno}"),
    Row(M, (400,), _any_errno, _REFUSED, "mozilla_{errno}"),
    # Apple. 410 is a token that has expired; its 404 (BadPath) is about the form of the address.
    Row(A, (400, 403), _reason("VapidPkHashMismatch"), _CONFIG, "vapid_mismatch"),
    Row(
        A,
        (400, 403),
        _reason("BadAuthorizationHeader", "BadJwtToken", "BadVapidPublicKey", "ExpiredJwtToken"),
        _CONFIG,
        "vapid_rejected",
    ),
    Row(A, (410,), _always, _GONE, "410"),
    Row(A, (413,), _always, _REFUSED, "payload_too_large"),
    Row(A, (400, 404, 405), _any_reason, _REFUSED, "apple_{reason}"),
    Row(A, (404,), _always, _REFUSED, "404"),
    # Windows. Its documents say of 404 and 410: do not send to this channel again. But 410 with
    # these words is about us.
    Row(W, (404, 410), _text(b"domain blocked"), _CONFIG, "wns_domain_blocked"),
    Row(W, (404, 410), _always, _GONE, "{status}"),
    Row(W, (406,), _always, _RETRY, "406", THROTTLED_SECONDS),
    # Apps through Firebase (firebase.google.com/docs/cloud-messaging/error-codes). Its 404 without
    # the code is about the project or the address. Of the many invalid arguments only the token's
    # is about the device. An access token that has ended, an API that is switched off, a project
    # that is somebody else's: all 401 and 403.
    Row(FA, (404,), _reason("UNREGISTERED"), _GONE, "fcm_unregistered"),
    Row(FA, (404,), _always, _CONFIG, "fcm_not_found"),
    Row(FA, (400,), _about_token, _GONE, "fcm_bad_token"),
    Row(FA, (400,), _always, _REFUSED, "fcm_invalid_argument"),
    Row(FA, (401, 403), _reason("SENDER_ID_MISMATCH"), _CONFIG, "fcm_sender_mismatch"),
    Row(
        FA,
        (401, 403),
        _reason("THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR"),
        _CONFIG,
        "fcm_third_party_auth",
    ),
    Row(FA, (401, 403), _always, _CONFIG, "fcm_auth"),
    Row(FA, (410,), _always, _REFUSED, "410"),
    Row(FA, (429,), _always, _RETRY, "fcm_quota", THROTTLED_SECONDS),
    Row(FA, (503,), _always, _RETRY, "fcm_unavailable", UNAVAILABLE_SECONDS),
    # Apps through Apple (developer.apple.com/documentation/usernotifications,
    # "Handling notification responses from APNs"). A device token that it does not know may be of
    # its other environment or of another app, so that only those of the 410 are about the device.
    Row(P, (410,), _reason("Unregistered", "ExpiredToken"), _GONE, "apns_{code}"),
    Row(P, (404, 410), _any_reason, _REFUSED, "apns_{code}"),
    Row(P, (404, 410), _always, _REFUSED, "{status}"),
    Row(P, (400,), _reason("BadDeviceToken", "DeviceTokenNotForTopic"), _CONFIG, "apns_{code}"),
    Row(
        P,
        (400,),
        _reason("BadTopic", "MissingTopic", "TopicDisallowed", "MissingProviderToken"),
        _CONFIG,
        "apns_{code}",
    ),
    Row(P, (400,), _reason("IdleTimeout"), _RETRY, "apns_{code}", UNAVAILABLE_SECONDS),
    Row(P, (400, 405), _any_reason, _REFUSED, "apns_{code}"),
    Row(P, (401, 403), _any_reason, _CONFIG, "apns_{code}"),
    Row(P, (401, 403), _always, _CONFIG, "apns_auth"),
    Row(
        P,
        (429,),
        _reason("TooManyProviderTokenUpdates"),
        _RETRY,
        "apns_{code}",
        APNS_TOKEN_SECONDS,
    ),
    Row(P, (429,), _any_reason, _RETRY, "apns_{code}", THROTTLED_SECONDS),
    Row(P, (503,), _reason("Shutdown"), _RETRY, "apns_{code}", UNAVAILABLE_SECONDS),
    Row(P, (503,), _any_reason, _RETRY, "apns_{code}", APNS_UNAVAILABLE_SECONDS),
    # Everybody. RFC 8030 section 7.3 has 404 for a subscription that has ended, but a proxy in
    # front of a service of the operator's says 404 of everything while its route is missing. What
    # a proxy says is a page.
    Row(ANY, range(200, 300), _always, _UNKNOWN, "{status}"),
    Row(ANY, range(300, 400), _always, _REFUSED, "redirect"),
    Row(ANY, (401, 403), _always, _CONFIG, "vapid_rejected"),
    Row(ANY, (404,), _page, _REFUSED, "404"),
    Row(ANY, (404, 410), _always, _GONE, "{status}"),
    Row(ANY, (408,), _always, _UNKNOWN, "408"),
    Row(ANY, (413,), _always, _REFUSED, "payload_too_large"),
    Row(ANY, (429,), _always, _RETRY, "429", THROTTLED_SECONDS),
    Row(ANY, range(400, 500), _always, _REFUSED, "{status}"),
    Row(ANY, (503,), _always, _RETRY, "503", UNAVAILABLE_SECONDS),
)
# 500, 502, 504 and whatever else there is.
_OTHERWISE = Row(ANY, (), _always, _UNKNOWN, "{status}")


def classify(service: Service, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """The outcome of one answer.

    `service`: whose rules the request followed; `headers`: names in lower case; `body`: what was
    read. Never raises: whatever stands in an answer was written by a stranger.
    """
    if status in (200, 201, 202):
        return _accepted(service, status, headers, body)
    said = read(service, headers, body)
    row = row_for(service, status, said)
    return Outcome(
        kind=row.kind,
        status_code=status,
        reason=_named(row.reason, status, said),
        retry_after=retry_after(headers, default=row.wait) if row.kind is _RETRY else None,
        detail=_detail(headers, body, said),
        since=said.since if row.kind is _GONE else None,
    )


def misplaced(service: Service, sentence: str) -> Outcome:
    """Nothing may be sent to where our own settings say that a service for apps is."""
    reason = "fcm_origin" if service is Service.FCM_APPS else "apns_origin"
    return Outcome(_CONFIG, None, reason, detail=sentence)


def _named(reason: str, status: int, said: Said) -> str:
    return reason.format(
        status=status, errno=said.errno, reason=said.reason.lower(), code=said.code
    )


def _detail(headers: Mapping[str, str], body: bytes, said: Said) -> str:
    words = said.detail.encode("utf-8", "replace") or body
    return excerpt(words) or excerpt(explained(headers).encode("utf-8", "replace"))


def service_of(host: str) -> Service:
    """Whose rules the host of an endpoint follows."""
    if host in PUSH_HOSTS:
        return Service.FCM
    if host.endswith(MOZILLA_SUFFIX):
        return Service.MOZILLA
    if host.endswith(APPLE_SUFFIX):
        return Service.APPLE
    return Service.WNS if host.endswith(WNS_SUFFIX) else Service.ANY


def row_for(service: Service, status: int, said: Said) -> Row:
    """The row that decides about an answer that is no plain success."""
    for row in ROWS:
        if row.service in (service, ANY) and status in row.statuses and row.condition(said):
            return row
    return _OTHERWISE


def _accepted(service: Service, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    reason = str(status)
    if service is Service.WNS:
        wns_status = headers.get("x-wns-status", "").strip().lower()
        # Taken, so never sent again, but Windows says at once that it will not show it.
        if wns_status in _WNS_NOT_DELIVERED:
            reason = f"wns_{wns_status}"
    return Outcome(
        kind=OutcomeKind.ACCEPTED,
        status_code=status,
        reason=reason,
        message_location=location(service, headers, body),
        ttl=echoed_ttl(headers),
    )
