"""Keys of Firebase and Apple that are good for nothing, and a token service on a real socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from accounts import crypto
from accounts.models import Site
from subscribers.models import Channel, Credential

PROJECT = "fjell-and-fjord"
TEAM, KEY_ID, BUNDLE = "TEAM123456", "KEY1234567", "example.fjell.app"
HOST = "127.0.0.1"


@cache
def rsa_pem(number: int = 0) -> str:
    """A service account's private key, as Google writes it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@cache
def p8(number: int = 0) -> bytes:
    """A .p8 file of Apple."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(curve: ec.EllipticCurve | None = None) -> str:
    key = ec.generate_private_key(curve or ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def account(**fields: Any) -> dict[str, Any]:
    """A service account's file."""
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "0123456789abcdef0123456789abcdef01234567",
        "private_key": rsa_pem(),
        "client_email": f"push@{PROJECT}.iam.gserviceaccount.com",
        "client_id": "123456789012345678901",
        "token_uri": "https://oauth2.googleapis.com/token",
    } | fields


def make_fcm(site: Site, **fields: Any) -> Credential:
    fields.setdefault("name", PROJECT)
    fields.setdefault("private_key", crypto.encrypt(json.dumps(account()).encode()))
    fields.setdefault("details", {"client_email": account()["client_email"], "key_id": "0123"})
    return Credential.objects.create(site=site, channel=Channel.FCM, **fields)


def make_apns(site: Site, **fields: Any) -> Credential:
    fields.setdefault("name", TEAM)
    fields.setdefault("private_key", crypto.encrypt(p8()))
    fields.setdefault("details", {"key_id": KEY_ID, "bundle_ids": [BUNDLE]})
    return Credential.objects.create(site=site, channel=Channel.APNS, **fields)


@dataclass
class Script:
    """What the next requests are answered, and what was asked. The last answer stays."""

    answers: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def say(self, status: int, body: object, **headers: str) -> None:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers = [(status, text, headers)]

    def gives(self, token: str = "ya29.token", seconds: int = 3599) -> None:  # noqa: S107
        self.say(200, {"access_token": token, "expires_in": seconds, "token_type": "Bearer"})


@contextmanager
def answering() -> Iterator[Script]:
    """A server that answers as its script says."""
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            script.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status, text, headers = script.answers[0]
            if len(script.answers) > 1:
                script.answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        script.url = f"http://{HOST}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()
