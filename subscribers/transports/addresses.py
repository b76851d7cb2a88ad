"""How an app on a device is named: one text for each, as web push has its endpoint.

    fcm://PROJECT/token/REGISTRATION_TOKEN
    fcm://PROJECT/fid/INSTALLATION_ID
    apns://BUNDLE_ID/DEVICE_TOKEN
    apns+sandbox://BUNDLE_ID/DEVICE_TOKEN

Up to the third slash is its origin: whose quota and throttle it shares, who trips the breaker
together with it. None of these is ever opened as an address.
"""

from __future__ import annotations

import re
from typing import NamedTuple

FCM, APNS, APNS_SANDBOX = "fcm", "apns", "apns+sandbox"
_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{2,58}[a-z0-9]", re.ASCII)
_BUNDLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,154}", re.ASCII)
# Registration tokens have about 160 characters and no documented limit; installation ids have 22.
_FCM_VALUE = {
    "token": re.compile(r"[A-Za-z0-9_:-]{20,1024}", re.ASCII),
    "fid": re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII),
}
# "Variable length" says Apple; 32 bytes so far, at most 100.
_APNS_TOKEN = re.compile(r"([0-9a-f]{2}){8,100}", re.ASCII)


class BadAddress(ValueError):
    """No address of an app. `part`: "project", "bundle", "token" or "kind"."""

    def __init__(self, part: str, sentence: str) -> None:
        super().__init__(sentence)
        self.part = part
        self.sentence = sentence


class AppAddress(NamedTuple):
    """`service`: FCM, APNS or APNS_SANDBOX; `app`: project or bundle id; `kind`: "token" or
    "fid"."""

    service: str
    app: str
    kind: str
    value: str

    def __str__(self) -> str:
        """What `parse` reads."""
        kind = f"{self.kind}/" if self.service == FCM else ""
        return f"{self.service}://{self.app}/{kind}{self.value}"


def fcm(project: str, value: str, *, kind: str = "token") -> str:
    """The address of an app at Firebase; BadAddress."""
    if not _PROJECT.fullmatch(project):
        raise BadAddress("project", "This is no id of a Firebase project.")
    if kind not in _FCM_VALUE:
        raise BadAddress("kind", "The kind must be “token” or “fid”.")
    if not _FCM_VALUE[kind].fullmatch(value):
        raise BadAddress("token", "This is no FCM registration token or installation id.")
    return f"{FCM}://{project}/{kind}/{value}"


def apns(bundle: str, token: str, *, sandbox: bool = False) -> str:
    """The address of an app at Apple, its token in lower case; BadAddress."""
    if not _BUNDLE.fullmatch(bundle):
        raise BadAddress("bundle", "This is no bundle id.")
    token = token.lower()
    if not _APNS_TOKEN.fullmatch(token):
        raise BadAddress("token", "An APNs device token is hexadecimal, most have 64 digits.")
    return f"{APNS_SANDBOX if sandbox else APNS}://{bundle}/{token}"


def parse(address: str) -> AppAddress:
    """What `fcm` or `apns` made; BadAddress for anything else."""
    service, _colon, rest = address.partition("://")
    app, _slash, value = rest.partition("/")
    if service == FCM:
        kind, _slash, value = value.partition("/")
        fcm(app, value, kind=kind)
        return AppAddress(service, app, kind, value)
    if service in (APNS, APNS_SANDBOX):
        apns(app, value)
        return AppAddress(service, app, "token", value)
    raise BadAddress("kind", "This is no address of an app.")
