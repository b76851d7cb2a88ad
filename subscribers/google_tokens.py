"""Access tokens from Google for a service account: one bounded POST (RFC 7523), never repeated.

firebase-admin's credentials sign and understand; what they would do by themselves is kept from
them: their own client, which follows redirects and proxies, their retries, and the address that the
uploaded file names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from subscribers.transports import fetching
from subscribers.transports.endpoints import EndpointRefused, origin_of

# The least that sending needs ("Authorize send requests", Firebase documentation).
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
SECONDS = 10.0
MAX_BODY = 16 * 1024
LONGEST = 24 * 3600  # seconds; Google's tokens live for one hour
_KNOWN = ("client_email", "private_key", "private_key_id")
# What goes into a header: RFC 6750 section 2.1.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,4096}", re.ASCII)
_CODE = re.compile(r"[a-z_]{1,40}", re.ASCII)


class TokenRefused(Exception):
    """There is no token until somebody mends the key. The sentence is for an admin."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class TokenUnavailable(Exception):
    """There is no token now; asking again later may help. The sentence is for an admin."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class _Answer:
    """As google-auth expects it of its transports."""

    data: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def fetch(account: bytes) -> tuple[str, int]:
    """(access token, seconds that it works) for a service account's JSON as it is stored.

    Takes `client_email`, `private_key` and `private_key_id` from it and nothing else; where to ask
    is settings.FCM_TOKEN_URI. At most 10 s. TokenRefused, TokenUnavailable.
    """
    # Imported late: it costs 0.3 s and 32 MB, and only those who send to apps need it.
    from firebase_admin.credentials import Certificate
    from google.auth.exceptions import GoogleAuthError

    given: list[tuple[str, int]] = []

    def ask(url: str, method: str, body: bytes, headers: Mapping[str, str], **_: Any) -> _Answer:
        # Whatever is no token leaves by an exception: google-auth would ask up to three times.
        answer = _post(url, body, headers)
        given.append(_understood(answer))
        token, seconds = given[-1]
        return _Answer(json.dumps({"access_token": token, "expires_in": seconds}).encode())

    try:
        kept = json.loads(account)
        info = {name: kept.get(name, "") for name in _KNOWN}
        info |= {"type": "service_account", "token_uri": settings.FCM_TOKEN_URI}
        signer: Any = Certificate(info).get_credential()
        signer.with_scopes([SCOPE]).refresh(ask)
    except (GoogleAuthError, ValueError):
        raise TokenRefused(gettext("The stored key can't sign. Upload it again.")) from None
    return given[0]


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> fetching.Answer:
    try:
        added = origin_of(url) in settings.EXTRA_PUSH_ORIGINS
    except EndpointRefused:
        raise TokenRefused(gettext("FCM_TOKEN_URI is no address.")) from None
    if not (added or url.startswith("https:")):
        raise TokenRefused(gettext("FCM_TOKEN_URI must begin with https://."))
    try:
        return fetching.post(
            url,
            body,
            headers,
            most_bytes=MAX_BODY,
            seconds=SECONDS,
            guarded=not added,
            ca_file=settings.PUSH_CA_FILE or None,
        )
    except fetching.NotReached as failure:
        raise TokenUnavailable(str(_NOT_REACHED[failure.why])) from None


_NOT_REACHED: dict[fetching.Why, Promise] = {
    fetching.Why.NO: _("Google's token service could not be reached from this server."),
    fetching.Why.SLOW: _("Google's token service did not answer within 10 seconds."),
    fetching.Why.CERTIFICATE: _(
        "The certificate of Google's token service could not be checked. Is PUSH_CA_FILE right?"
    ),
    fetching.Why.ROUND: _("Google's token service could not be reached from this server."),
}


def _understood(answer: fetching.Answer) -> tuple[str, int]:
    """Token and seconds of an answer; TokenRefused or TokenUnavailable for any other."""
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        said = None
    said = said if isinstance(said, dict) else {}
    if answer.status == 200:
        token, seconds = said.get("access_token"), said.get("expires_in")
        whole = isinstance(token, str) and _TOKEN.fullmatch(token)
        if whole and type(seconds) is int and seconds > 0:
            return whole[0], min(seconds, LONGEST)
        raise TokenUnavailable(gettext("Google's token service answered without a token."))
    code, words = said.get("error"), said.get("error_description")
    if 400 <= answer.status < 500 and answer.status != 429 and isinstance(code, str):
        raise TokenRefused(_refusal(code, words if isinstance(words, str) else ""))
    sentence = gettext("Google's token service answered %(status)s instead of a token.")
    raise TokenUnavailable(sentence % {"status": answer.status})


# By the code and what the description contains; the first that fits counts. Google's words.
_REFUSALS: tuple[tuple[str, str, Promise], ...] = (
    (
        "invalid_grant",
        r"timeframe|\biat\b|\bexp\b|short-lived",
        _("Google says that our signature is not of now: this server's clock is wrong. Set it."),
    ),
    (
        "invalid_grant",
        r"signature",
        _(
            "Google does not know this key any more: it was deleted. Make a new private key in"
            " Firebase, Project settings, Service accounts, and upload it."
        ),
    ),
    (
        "invalid_grant",
        r"not found|account",
        _(
            "Google does not know this service account any more, or it was disabled. Enable it in"
            " Google Cloud, IAM, Service accounts, or upload the key of another one."
        ),
    ),
    (
        "disabled_client|unauthorized_client|invalid_client|account_disabled",
        "",
        _(
            "This service account is disabled. Enable it in Google Cloud, IAM, Service accounts, or"
            " upload the key of another one."
        ),
    ),
)


def _refusal(code: str, words: str) -> str:
    for codes, sign, sentence in _REFUSALS:
        if re.fullmatch(codes, code) and re.search(sign, words, re.IGNORECASE):
            return str(sentence)
    sentence_for_others = gettext(
        "Google refuses this service account (%(code)s). Upload a new key of it."
    )
    return sentence_for_others % {"code": code if _CODE.fullmatch(code) else "?"}
