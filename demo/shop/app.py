"""The shop's little web server: pages, its pictures, and the push worker that it hosts itself."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Middleware

from demo.shop import account, pages
from demo.shop.account import Account
from demo.shop.products import BY_SLUG, COLLECTIONS, PRODUCTS

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
WORKER = PROJECT / "static" / "push" / "sw.js"
FONTS = PROJECT / "static" / "vendor" / "inter"
MANIFEST = {
    "name": "Fjell & Fjord",
    "short_name": "Fjell",
    "start_url": "/",
    "display": "standalone",
    "background_color": "#fbfbf8",
    "theme_color": "#2f4a43",
    "icons": [
        {"src": "/static/icon-192.png", "sizes": "192x192", "type": "image/png"},
        {"src": "/static/icon-512.png", "sizes": "512x512", "type": "image/png"},
        {"src": "/static/art/mark.svg", "sizes": "any", "type": "image/svg+xml"},
    ],
}


class Shop:
    """`beckon` is the origin of the campaign server; the site key comes from `site_key`, or from
    a file that may appear later and is read again for every page."""

    def __init__(
        self,
        *,
        beckon: str,
        site_key: str = "",
        site_key_file: Path | None = None,
        token_secret_file: Path | None = None,
    ):
        self.beckon = beckon.rstrip("/")
        self.account = Account(token_secret_file)
        self._key = site_key
        self._file = site_key_file

    def key(self) -> str:
        if self._key or self._file is None:
            return self._key
        try:
            return self._file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def render(self, title: str, body: str, *, here: str = "", status: int = 200) -> web.Response:
        how = f"write it to {self._file}" if self._file else "start it with --site-key KEY"
        hint = f"The shop has no site key yet: {how}. Beckon shows the key on its Install page."
        text = pages.layout(
            title, body, beckon=self.beckon, site_key=self.key(), hint=hint, here=here
        )
        headers = {"Content-Security-Policy": self._policy(), "Cache-Control": "no-cache"}
        return web.Response(text=text, content_type="text/html", status=status, headers=headers)

    def _policy(self) -> str:
        """What a careful customer would send: only the campaign server beside the own origin."""
        return (
            f"default-src 'self'; script-src 'self' {self.beckon}; connect-src 'self' "
            f"{self.beckon}; img-src 'self' data: {self.beckon}; base-uri 'none'; "
            "object-src 'none'; frame-ancestors 'none'"
        )


def build(shop: Shop) -> web.Application:
    """All routes of the shop."""
    app = web.Application(middlewares=[_missing(shop)])
    route = app.router
    route.add_get("/", _fixed(shop, "Fjell & Fjord", pages.home()))
    for slug, (name, _) in COLLECTIONS.items():
        route.add_get(f"/{slug}", _fixed(shop, name, pages.collection(slug), slug))
    for slug, item in BY_SLUG.items():
        handler = _fixed(shop, item.name, pages.product(item), item.collection)
        route.add_get(f"/products/{slug}", handler)
    for path, title in (("cart", "Your cart"), ("thanks", "Thank you")):
        route.add_get(f"/{path}", _fixed(shop, title, pages.page(path)))
    route.add_get("/account", _account(shop))
    route.add_post("/account", account.change)
    route.add_get("/account/token", _token(shop))
    route.add_get("/products.json", _products)
    route.add_get("/manifest.webmanifest", _manifest)
    route.add_get("/push/beckon/sw.js", _worker)
    route.add_get("/healthz", _healthz)
    route.add_static("/static/", HERE / "static")
    if FONTS.is_dir():
        route.add_static("/fonts/", FONTS)
    return app


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _fixed(shop: Shop, title: str, body: str, here: str = "") -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return shop.render(title, body, here=here)

    return handler


def _account(shop: Shop) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return shop.render("Your account", account.body(account.customer_of(request)))

    return handler


def _token(shop: Shop) -> Handler:
    """Who is signed in, as the inbox asks for it: 204 for nobody."""

    async def handler(request: web.Request) -> web.StreamResponse:
        customer = account.customer_of(request)
        token = shop.account.token(customer, shop.key()) if customer else ""
        headers = {"Cache-Control": "no-store"}
        return web.Response(text=token, headers=headers, status=200 if token else 204)

    return handler


def _missing(shop: Shop) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPNotFound:
            return shop.render("Not found", pages.page("missing"), status=404)

    return middleware


async def _worker(request: web.Request) -> web.StreamResponse:
    """The worker file, as a customer would host it: on the own origin, in its own narrow scope."""
    headers = {"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "no-cache"}
    return web.FileResponse(WORKER, headers=headers)


async def _products(request: web.Request) -> web.Response:
    found = {p.slug: {"name": p.name, "price": p.price, "art": p.art} for p in PRODUCTS}
    return web.json_response(found)


async def _manifest(request: web.Request) -> web.Response:
    return web.Response(text=json.dumps(MANIFEST), content_type="application/manifest+json")


async def _healthz(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})
