"""A customer's shop and the public side of Beckon as two origins on loopback, and a page on it.

The network is what is faked here: every call is kept, and every answer can be replaced.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

STATIC = Path(__file__).resolve().parents[2] / "static"
SITE_KEY = "s1te-key"
# Two real P-256 points: base64url of 65 bytes, as VAPID public keys are.
KEY = "BCvRbsVxU0l0MrvBh8NN3WuKPc4K_ar7L4RBSCBGTPqRSqcbsgm_rMZ7Mh65SrNFHykDiDTUX8-OlMQnMydqIlA"
NEW_KEY = "BMKraLGoTYpsEfHzy0Zkz53yY4lkUlAvdlnCV-NhrvKQhGNn7X6j-UaKvsJuPW-1zvgjY0InSrY93xmvdk9HpGA"
PROMPT = {
    "version": 7,
    "title": "Hear first about offers and trail news?",
    "body": "Two or three messages a week. You can stop at any time.",
    "yes": "Yes, tell me",
    "no": "Not now",
    "trigger": "click",
    "after": 0,
    "color": "#2c4a42",
}
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Fjell</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/shop.css">
<script src="/early.js"></script>
<script async src="{beckon}/static/push/snippet.js" data-site="{site}"
 data-worker="/push/beckon/sw.js"></script></head>
<body><h1>Warm all the way to the cabin</h1><input aria-label="Search">
<button id="bell">Notify me</button></body></html>"""
CSS = "body{font:16px/1.5 Inter,system-ui,sans-serif;margin:0;padding:32px;background:#fbfbf8}"


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass
class Shop:
    """What the two origins answer with; a test changes it as it likes."""

    shop: str = ""
    beckon: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    early: str = ""
    worker: str | None = None
    status: dict[str, int] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    heard: threading.Condition = field(default_factory=threading.Condition)

    def hear(self, call: Call) -> int:
        """Keep a call and give the status that it is answered with."""
        with self.heard:
            self.calls.append(call)
            self.heard.notify_all()
        return next((code for part, code in self.status.items() if part in call.path), 200)

    def matching(self, part: str) -> list[Call]:
        return [call for call in self.calls if part in call.path]

    def wait_for(self, part: str, count: int = 1) -> list[Call]:
        """The calls whose path holds ``part``, as soon as there are ``count`` of them.

        Blocks the thread that answers the native prompt: wait for the page's state before.
        """
        with self.heard:
            found = self.heard.wait_for(lambda: len(self.matching(part)) >= count, timeout=10)
        assert found, f"{count} × {part} expected, heard {[call.path for call in self.calls]}"
        return self.matching(part)


Answer = tuple[int, str, bytes]


def shop_answer(state: Shop, call: Call) -> Answer:
    path = call.path.split("?")[0]
    if path == "/early.js":
        return 200, "text/javascript", state.early.encode()
    if path == "/shop.css":
        return 200, "text/css", CSS.encode()
    if path.endswith("sw.js"):
        source = (STATIC / "push/sw.js").read_text() if state.worker is None else state.worker
        return (200, "text/javascript", source.encode()) if source else (404, "text/plain", b"")
    if path == "/favicon.ico":
        return 204, "image/x-icon", b""
    return 200, "text/html", PAGE.format(beckon=state.beckon, site=SITE_KEY).encode()


def beckon_answer(state: Shop, call: Call) -> Answer:
    status = state.hear(call)
    path = call.path.split("?")[0]
    if path.startswith("/static/"):
        return status, "text/javascript", (STATIC / path.removeprefix("/static/")).read_bytes()
    if status >= 400:
        return status, "application/json", b'{"error": "fake", "detail": "Refused by the test."}'
    if path.endswith("/config.json"):
        return 200, "application/json", json.dumps(state.config).encode()
    if path == "/push/events/" or "_method=DELETE" in call.path:
        return 204, "application/json", b""
    body = {"id": "5ub5cr1p-t10n", "key": state.config["key"]}
    return 201, "application/json", json.dumps(body).encode()


def handler(state: Shop, answer: Callable[[Shop, Call], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.command, self.path, json.loads(raw) if raw else {}, headers)
            status, kind, content = answer(state, call)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            if answer is beckon_answer:
                self.send_header("Access-Control-Allow-Origin", state.shop)
            else:
                self.send_header("Content-Security-Policy", customers_policy(state))
            self.end_headers()
            if status != 204:
                self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet."""

    return Handler


def customers_policy(state: Shop) -> str:
    """The policy that docs/snippet.md tells a strict customer to send, and nothing more."""
    return (
        "default-src 'none'; style-src 'self'; worker-src 'self';"
        f" script-src 'self' {state.beckon};"
        f" connect-src {state.beckon}; img-src 'self' {state.beckon}"
    )


@contextmanager
def serving(state: Shop, answer: Callable[[Shop, Call], Answer]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(state, answer))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def open_shop() -> Iterator[Shop]:
    state = Shop()
    state.config = {
        "site": "Fjell & Fjord",
        "icon": "",
        "key": KEY,
        "language": "en",
        "prompt": dict(PROMPT),
    }
    with serving(state, shop_answer) as state.shop, serving(state, beckon_answer) as state.beckon:
        yield state
