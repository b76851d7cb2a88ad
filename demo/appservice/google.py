"""Google's token service: an access token for a service account's signature (RFC 7523).

developers.google.com/identity/protocols/oauth2/service-account
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from demo.appservice.http import Answer, Request

PROJECT = "fjell-og-fjord"
REAL_URI = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# With any of these one may send; Firebase's own library asks for more beside them.
SCOPES = frozenset(
    {
        "https://www.googleapis.com/auth/firebase.messaging",
        "https://www.googleapis.com/auth/cloud-platform",
    }
)
LIFE = 3599
# Google lets clocks differ by this many seconds.
SLACK = 300
NO_ACCOUNT = ("invalid_grant", "Invalid grant: account not found")
NOT_NOW = (
    "invalid_grant",
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim.",
)
BAD_SIGNATURE = ("invalid_grant", "Invalid JWT Signature.")


class OauthError(Exception):
    """`code` of RFC 6749 section 5.2, and Google's words for it."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


class Google:
    """The service accounts that are known, and the tokens that were given to them.

    `own_uri`: where this service itself is asked, taken as `aud` beside Google's real one.
    """

    def __init__(self, folder: Path, own_uri: str) -> None:
        self.own_uri = own_uri
        self._folder = folder
        self._accounts: dict[str, tuple[str, Any]] = {}  # email: (project, public key)
        self._good: dict[str, tuple[float, str]] = {}  # token: (end, project)
        self._secret = kept(folder / "token_secret", secrets.token_hex(32).encode())
        for path in sorted(folder.glob("service-account-*.json")):
            self._know(json.loads(path.read_bytes()))

    def account(self, project: str = PROJECT, *, anew: bool = False) -> bytes:
        """The JSON file of a project's service account, as Firebase lets one download it.

        `anew`: another key of the same account; the former one counts no more.
        """
        path = self._folder / f"service-account-{project}.json"
        if anew:
            path.unlink(missing_ok=True)
        if not path.exists():
            kept(path, json.dumps(_new_account(project), indent=2).encode())
        data = path.read_bytes()
        self._know(json.loads(data))
        return data

    def forget(self, project: str) -> None:
        """The service account is deleted; its tokens go on until they end, as Google's do."""
        email = json.loads(self.account(project))["client_email"]
        (self._folder / f"service-account-{project}.json").unlink()
        del self._accounts[email]

    def _know(self, account: dict[str, str]) -> None:
        key = serialization.load_pem_private_key(account["private_key"].encode(), None)
        known = (account["project_id"], key.public_key())
        self._accounts[account["client_email"]] = known

    # Tokens

    def token(self, request: Request) -> Answer:
        """`POST /token`"""
        try:
            email = self._signed_by(request)
        except OauthError as error:
            return refusal(error.code, error.words)
        answer = {
            "access_token": self.give(self._accounts[email][0]),
            "expires_in": LIFE,
            "token_type": "Bearer",
        }
        return _json(200, answer)

    def _signed_by(self, request: Request) -> str:
        if request.headers.get("content-type", "").split(";")[0] != (
            "application/x-www-form-urlencoded"
        ):
            raise OauthError("invalid_request", "Required parameter is missing: grant_type")
        given = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if "grant_type" not in given:
            raise OauthError("invalid_request", "Required parameter is missing: grant_type")
        if given["grant_type"] != GRANT:
            words = f"Invalid grant_type: {given['grant_type']}"
            raise OauthError("unsupported_grant_type", words)
        if "assertion" not in given:
            raise OauthError("invalid_request", "Required parameter is missing: assertion")
        return self._check(given["assertion"])

    def _check(self, assertion: str) -> str:
        """The account's email, or OauthError."""
        try:
            claims = jwt.decode(assertion, options={"verify_signature": False})
            email = claims["iss"]
        except (jwt.PyJWTError, KeyError, ValueError):
            words = "Bad Request"
            raise OauthError("invalid_grant", words) from None
        if email not in self._accounts:
            raise OauthError(*NO_ACCOUNT)
        try:
            jwt.decode(
                assertion,
                self._accounts[email][1],
                algorithms=["RS256"],
                options={"verify_aud": False, "verify_iat": False, "verify_exp": False},
            )
        except jwt.PyJWTError:
            raise OauthError(*BAD_SIGNATURE) from None
        _check_times(claims)
        if claims.get("aud") not in {REAL_URI, self.own_uri}:
            raise OauthError("invalid_grant", "Invalid JWT: Failed audience check.")
        scopes = str(claims.get("scope", "")).split()
        if not scopes:
            raise OauthError("invalid_scope", "Empty or missing scope not allowed.")
        if not SCOPES.intersection(scopes):
            raise OauthError(
                "invalid_scope",
                "Invalid OAuth scope or ID token audience provided.",
            )
        return str(email)

    def give(self, project: str, *, seconds: float = LIFE) -> str:
        """An access token for a project. It counts after a restart, too."""
        text = json.dumps([project, time.time() + seconds, secrets.token_hex(8)])
        body = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        return f"ya29.c.{body}.{self._seal(body)}"

    def project_of(self, token: str) -> str | None:
        """Whose token it is; None if it is none of ours or has ended."""
        known = self._good.get(token)
        if known is None:
            body, _dot, seal = token.removeprefix("ya29.c.").partition(".")
            if not hmac.compare_digest(seal.encode(), self._seal(body).encode()):
                return None
            project, end, _ = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
            known = self._good[token] = (end, project)
        end, project = known
        return project if time.time() < end else None

    def _seal(self, body: str) -> str:
        return hmac.new(self._secret, body.encode(), hashlib.sha256).hexdigest()


def _check_times(claims: dict[str, Any]) -> None:
    now = time.time()
    iat, exp = claims.get("iat"), claims.get("exp")
    if not isinstance(iat, int) or not isinstance(exp, int):
        raise OauthError(*NOT_NOW)
    if not (now - 3600 - SLACK < iat < now + SLACK and now - SLACK < exp <= iat + 3600):
        raise OauthError(*NOT_NOW)


def refusal(code: str, words: str, status: int = 400) -> Answer:
    return _json(status, {"error": code, "error_description": words})


def _json(status: int, value: dict[str, Any]) -> Answer:
    headers = (("content-type", "application/json; charset=utf-8"), ("cache-control", "no-store"))
    return Answer(status, json.dumps(value).encode(), headers)


def _new_account(project: str) -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    email = f"firebase-adminsdk-sandbox@{project}.iam.gserviceaccount.com"
    certificates = "https://www.googleapis.com"
    metadata = f"{certificates}/robot/v1/metadata/x509"
    return {
        "type": "service_account",
        "project_id": project,
        "private_key_id": secrets.token_hex(20),
        "private_key": key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        "client_email": email,
        "client_id": str(secrets.randbelow(10**21)).zfill(21),
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": REAL_URI,
        "auth_provider_x509_cert_url": f"{certificates}/oauth2/v1/certs",
        "client_x509_cert_url": f"{metadata}/{email.replace('@', '%40')}",
        "universe_domain": "googleapis.com",
    }


def kept(path: Path, data: bytes) -> bytes:
    """What is in the file, which becomes `data` if there is none."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
    except FileExistsError:
        pass
    return path.read_bytes()
