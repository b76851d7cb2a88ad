"""The two files that apps' services give an admin, told from all those that look like them.

Firebase: a service account's JSON (Project settings, Service accounts). Apple: a .p8 key
("Communicate with APNs using authentication tokens"). Whatever else comes is named, so that the
person knows which file they have in hand and where the right one is. Nothing here keeps anything,
and no sentence repeats what stood in a file.
"""

from __future__ import annotations

import json
import re
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from subscribers.transports import addresses

MOST_BYTES = 64 * 1024  # a service account's file has about 2 KB, a .p8 300 bytes
# Characters: RSA with 4,096 bits. Google's have 2,048; to load one of 8,192 takes seconds.
_MOST_KEY = 3500
_LEAST_BITS = 2048
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,100}@[A-Za-z0-9.-]{1,150}", re.ASCII)
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_LEGACY_KEY = re.compile(rb"\s*AAAA[\w-]{7}:[\w-]{100,200}\s*")
_SEQUENCES = (b"\x30\x80", b"\x30\x81", b"\x30\x82", b"\x30\x83")  # how files in DER begin


class BadFile(ValueError):
    """Not the file that was asked for. The sentence says what it is, and where the right one is."""

    def __init__(self, sentence: Promise | str) -> None:
        super().__init__(str(sentence))
        self.sentence = str(sentence)


_FIREBASE_PLACE = _(
    "The service account key is in the Firebase console at Project settings, Service accounts,"
    " “Generate new private key”."
)
_APPLE_PLACE = _(
    "The .p8 key is at developer.apple.com, Certificates, Identifiers & Profiles, Keys."
)


def service_account(data: bytes) -> dict[str, str]:
    """What Beckon needs of a service account's JSON, each value checked; BadFile.

    Keys: type, project_id, client_email, private_key, private_key_id ("" if the file has none).
    Its `token_uri` is left out: a file must not say where this server sends requests.
    """
    _check_size(data)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise _not_json(data) from None
    if not isinstance(found, dict) or found.get("type") != "service_account":
        raise _other_json(found)
    kept = {"type": "service_account"}
    for name in ("project_id", "client_email", "private_key", "private_key_id"):
        value = found.get(name, "" if name == "private_key_id" else None)
        if not isinstance(value, str):
            raise BadFile(_("The file has no “%(name)s”. Download it again.") % {"name": name})
        kept[name] = value
    _check_account(kept)
    return kept


def _check_account(kept: dict[str, str]) -> None:
    try:
        addresses.fcm(kept["project_id"], "x" * 20)
    except addresses.BadAddress:
        raise BadFile(_("Its “project_id” is no id of a Firebase project.")) from None
    if not _EMAIL.fullmatch(kept["client_email"]):
        raise BadFile(_("Its “client_email” is no e-mail address."))
    if kept["private_key_id"] and not _KEY_ID.fullmatch(kept["private_key_id"]):
        raise BadFile(_("Its “private_key_id” is no id of a key."))
    key = _private_key(kept["private_key"].encode(errors="replace"))
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < _LEAST_BITS:
        raise BadFile(_("Its “private_key” is damaged. Download the file again."))


def _private_key(pem: bytes) -> object:
    """A private key without a password, None for whatever is none."""
    if len(pem) > _MOST_KEY:
        return None
    try:
        return load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _check_size(data: bytes) -> None:
    if not data.strip():
        raise BadFile(_("The file is empty."))
    if len(data) > MOST_BYTES:
        raise BadFile(_("The file is too large to be a key: the right one has less than 64 KB."))


def _named(what: Promise, place: Promise) -> BadFile:
    return BadFile(f"{what} {place}")


def _other_json(found: Any) -> BadFile:
    """JSON, but no service account."""
    keys = found.keys() if isinstance(found, dict) else frozenset[str]()
    kind = found.get("type") if isinstance(found, dict) else None
    if {"project_info", "client"} <= keys:
        what = _("This is the app's google-services.json, which stands in the Android project.")
    elif "apiKey" in keys or "messagingSenderId" in keys:
        what = _("This is the configuration of a web app.")
    elif {"installed", "web"} & keys:
        what = _("This is an OAuth client, with which people sign in.")
    elif kind == "authorized_user":
        what = _("These are the credentials of a person, as gcloud keeps them.")
    elif kind in ("external_account", "impersonated_service_account"):
        what = _("These are credentials without a key of their own (workload identity).")
    elif {"hosting", "functions", "firestore"} & keys:
        what = _("This is firebase.json, which configures the Firebase tools.")
    else:
        what = _("This JSON is no service account key: its “type” is not “service_account”.")
    return _named(what, _FIREBASE_PLACE)


def _not_json(data: bytes) -> BadFile:
    """No JSON at all, where a service account was asked for."""
    if data.startswith(b"bplist") or b"<plist" in data[:1000]:
        what = _("This is the app's GoogleService-Info.plist, which stands in the Xcode project.")
    elif isinstance(_private_key(data), ec.EllipticCurvePrivateKey):
        what = _("This is a key of Apple (.p8). It belongs on the page for Apple.")
    elif b"-----BEGIN" in data:
        what = _("This is a bare key or certificate, without the account that it belongs to.")
    elif data.startswith(_SEQUENCES):
        what = _("This is a certificate or profile of Apple.")
    elif b"firebaseConfig" in data or b"apiKey" in data:
        what = _("This is the configuration of a web app.")
    elif _LEGACY_KEY.fullmatch(data):
        what = _("This is a legacy server key, which Google no longer takes.")
    else:
        what = _("This is no JSON file.")
    return _named(what, _FIREBASE_PLACE)


def apns_key(data: bytes) -> bytes:
    """The .p8 (PEM, PKCS #8, P-256, no password) without whatever stood around it; BadFile."""
    _check_size(data)
    key = _private_key(data)
    if b"-----BEGIN PRIVATE KEY-----" not in data or not (
        isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
    ):
        raise _named(_other_than_p8(data, key), _APPLE_PLACE)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _other_than_p8(data: bytes, key: object) -> Promise:
    if isinstance(key, rsa.RSAPrivateKey):
        return _("This is an RSA key, as it belongs to a certificate, not to Apple's .p8.")
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _("This key was not made by Apple: it has another form or curve.")
    if data.startswith(_SEQUENCES):
        return _der_kind(data)
    if data.lstrip().startswith(b"{"):
        return _("This is a JSON file, as Firebase has them. It belongs on the page for Firebase.")
    if data.startswith(b"bplist") or b"<plist" in data[:1000]:
        return _("This is a property list of an app.")
    for sign, what in _PEM_KINDS:
        if sign in data:
            return what
    return _("This is no key.")


_PEM_KINDS = (
    (b"-----BEGIN CERTIFICATE REQUEST-----", _("This is a request for a certificate.")),
    (b"-----BEGIN CERTIFICATE-----", _("This is a certificate, without a key.")),
    (b"-----BEGIN PUBLIC KEY-----", _("This is a public key.")),
    (b"ENCRYPTED", _("This key has a password, so Apple did not make it.")),
    (b"-----BEGIN PRIVATE KEY-----", _("This key is damaged.")),
)


def _der_kind(data: bytes) -> Promise:
    if b"<plist" in data:
        return _("This is a provisioning profile.")
    try:
        x509.load_der_x509_certificate(data)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        return _("This is a certificate with its key (.p12), the older way to reach Apple.")
    return _("This is a certificate (.cer), the older way to reach Apple.")
