"""A sender to apps that is not Beckon, and who commands the stand-in over HTTP."""

from __future__ import annotations

import json
import ssl
import time
import uuid
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import httpx
import jwt

from demo.appservice.apns import BUNDLE, Key
from demo.appservice.google import GRANT, PROJECT, REAL_URI
from demo.appservice.model import Device
from demo.appservice.service import Service

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
ALERT = {"aps": {"alert": {"title": "Winter", "body": "Until Sunday"}}}
NOTIFICATION = {"notification": {"title": "Winter", "body": "Until Sunday"}}


class AppSender:
    """By HTTP/2, one connection for each origin, that trusts what PUSH_CA_FILE would name."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.key: Key = service.apple.key()
        self.account: dict[str, str] = json.loads(service.google.account())
        context = ssl.create_default_context(cafile=str(service.ca_file))
        self.http = httpx.Client(http2=True, verify=context, timeout=10, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    # Google

    def assertion(self, **changes: Any) -> str:
        """What google-auth signs; a claim of None is left out."""
        now = int(time.time())
        claims = {
            "iss": self.account["client_email"],
            "aud": REAL_URI,
            "scope": SCOPE,
            "iat": now,
            "exp": now + 3600,
        } | changes
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, self.account["private_key"], algorithm="RS256")

    def ask_token(self, assertion: str = "", **form: str) -> httpx.Response:
        given = {"grant_type": GRANT, "assertion": assertion or self.assertion()} | form
        return self.http.post(self.service.token_uri, data=given)

    def fcm(self, message: Any, *, token: str | None = None, **more: Any) -> httpx.Response:
        """`more`: fields beside `message`; or `project`, another one in the address."""
        bearer = self.service.google.give(PROJECT) if token is None else token
        url = f"{self.service.fcm_origin}/v1/projects/{more.pop('project', PROJECT)}/messages:send"
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        return self.http.post(url, json={"message": message, **more}, headers=headers)

    def to_android(self, device: Device, **fields: Any) -> httpx.Response:
        return self.fcm({"token": device.token, **NOTIFICATION, **fields})

    # Apple

    def provider_token(self, *, kid: str = "", **changes: Any) -> str:
        claims = {"iss": self.key.team_id, "iat": int(time.time()) - 5} | changes
        headers = {"kid": kid or self.key.key_id}
        return jwt.encode(claims, self.key.p8, algorithm="ES256", headers=headers)

    def to_iphone(
        self, device: Device | str, payload: Any = None, *, origin: str = "", **changes: str | None
    ) -> httpx.Response:
        """`changes`: headers with _ for -; None leaves one out."""
        token = device if isinstance(device, str) else device.token
        sandbox = isinstance(device, Device) and device.service == "apns+sandbox"
        base = self.service.apns_sandbox_origin if sandbox else self.service.apns_origin
        if "authorization" not in changes:
            changes["authorization"] = f"bearer {self._provider}"
        headers: dict[str, str | None] = {
            "apns-topic": BUNDLE,
            "apns-push-type": "alert",
            "apns-priority": "10",
            "apns-expiration": str(int(time.time()) + 3600),
            "apns-id": str(uuid.uuid4()),
        }
        headers |= {name.replace("_", "-"): value for name, value in changes.items()}
        kept = {name: value for name, value in headers.items() if value is not None}
        body = payload if isinstance(payload, bytes) else json.dumps(payload or ALERT).encode()
        url = f"{origin or base}/3/device/{token}"
        return self.http.post(url, content=body, headers=kept)

    @property
    def _provider(self) -> str:
        """One for all requests: Apple minds when it changes."""
        if not hasattr(self, "_kept"):
            self._kept = self.provider_token()
        return self._kept

    # Commands

    def control(self, method: str, path: str, data: Any = None) -> tuple[int, Any]:
        """(status, JSON or None)"""
        request = Request(  # noqa: S310
            self.service.origin + path,
            None if data is None else json.dumps(data).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urlopen(request, timeout=10) as answer:  # noqa: S310
                text, status = answer.read(), answer.status
        except HTTPError as error:
            with error:
                text, status = error.read(), error.code
        return status, json.loads(text) if text else None

    def misbehave(self, **rule: Any) -> None:
        assert self.control("PUT", "/misbehave", rule)[0] == 200


def reason(answer: httpx.Response) -> tuple[int, str]:
    """(status, APNs' reason)"""
    return answer.status_code, answer.json()["reason"]


def code(answer: httpx.Response) -> tuple[int, str, str]:
    """(status, Google's status in words, FCM's own code or "")"""
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    codes = [one["errorCode"] for one in error.get("details", []) if "errorCode" in one]
    return answer.status_code, error["status"], "".join(codes)
