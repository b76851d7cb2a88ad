"""Who is signed in at the shop, and how its server vouches for them towards Beckon.

Anybody may sign in as anybody here: it is a demonstration, and listens on loopback.
"""

from __future__ import annotations

import time
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote

import jwt
from aiohttp import web

from demo.shop import pages

COOKIE = "customer"
LIFETIME = 900  # seconds
LONGEST = 128


class Account:
    """`secret` is a file with the site's token secret, which may appear later."""

    def __init__(self, secret: Path | None = None) -> None:
        self._file = secret

    def token(self, customer: str, site_key: str) -> str:
        """A signed identity (docs/inbox.md); "" while the shop has no secret or no site."""
        try:
            secret = self._file.read_text("ascii").strip() if self._file else ""
        except (OSError, UnicodeDecodeError):
            secret = ""
        if not (secret and site_key):
            return ""
        now = int(time.time())
        claims = {"sub": customer, "aud": site_key, "iat": now, "exp": now + LIFETIME}
        return jwt.encode(claims, secret, "HS256")


def customer_of(request: web.Request) -> str:
    """Who is signed in; "" for nobody."""
    return unquote(request.cookies.get(COOKIE, ""))[:LONGEST]


def body(customer: str) -> str:
    """The account page: a form to sign in, or who one is and a way out."""
    if customer:
        return pages.page("account", customer=escape(customer))
    return pages.page("sign_in")


async def change(request: web.Request) -> web.StreamResponse:
    """POST /account: sign in as `customer`, or out without one."""
    customer = str((await request.post()).get("customer", "")).strip()[:LONGEST]
    answer = web.Response(status=303, headers={"Location": "/account"})
    if customer.isprintable() and customer:
        answer.set_cookie(COOKIE, quote(customer), httponly=True, samesite="Lax")
    else:
        answer.del_cookie(COOKIE)
    return answer
