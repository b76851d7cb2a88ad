"""The control API and the pages of the stand-in. JSON in, JSON out; see docs/sandbox.md."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from demo.appservice.faults import SERVICES, FaultError, parse, reasons_of
from demo.appservice.model import Device, Message
from demo.appservice.phones import EVENTS, PhoneError, Phones, as_json
from demo.appservice.registering import Suggestions, phone_of
from demo.appservice.service import Service
from demo.appservice.showing import shown
from demo.pushservice.web import FONTS, POLICY, hosts_of
from demo.pushservice.web import STATIC as SHARED

SERVICE = web.AppKey("service", Service)
STATIC = Path(__file__).parent / "static"
MAX_DEVICES = 200_000
MAX_BODY = 16 << 20
OPEN = ("/static/", "/phones/", "/fonts/", "/healthz")
PLATFORMS = ("Android", "iOS")
BULK = {"displayed": 0.92, "clicked": 0.04, "dismissed": 0.0}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BadRequest(Exception):
    """The request cannot be understood; the text says what to change."""


class Missing(Exception):
    """There is no such phone or message."""


class Api:
    """Everything but Google's and Apple's own addresses."""

    def __init__(self, service: Service, phones: Phones) -> None:
        self.service = service
        self.phones = phones
        self.hosts = hosts_of(service.origin)
        self.listeners: set[asyncio.Queue[dict[str, Any]]] = set()
        phones.seen = self._seen

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Keep pages of other origins out: this is on loopback, where any page can send."""
        if request.path == "/" or request.path.startswith(OPEN):
            return await handler(request)
        if (urlsplit(f"//{request.host}").hostname or "") not in self.hosts:
            return _error(421, "This address is not one of the sandbox's own.")
        reading = request.method in {hdrs.METH_GET, hdrs.METH_HEAD}
        if not reading and request.body_exists and request.content_type != "application/json":
            return _error(415, "Send JSON, with Content-Type: application/json.")
        site = request.headers.get("Sec-Fetch-Site", "none")
        if not reading and site not in {"none", "same-origin"}:
            return _error(403, "Only the sandbox's own page may do this.")
        try:
            return await handler(request)
        except BadRequest as error:
            return _error(400, str(error))
        except Missing as error:
            return _error(404, str(error))
        except PhoneError as error:
            body = {"error": "not_registered", "detail": str(error), "field": error.field}
            return web.json_response(body, status=422)

    # Phones

    async def create(self, request: web.Request) -> web.Response:
        """`POST /devices` {"count", "service", "app"?, "platform"?, "displayed"?, "clicked"?,
        "dismissed"?}: phones whose tokens are all that there is of them."""
        data = await _body(request)
        count, service = data.get("count", 1), data.get("service", "fcm")
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_DEVICES:
            raise BadRequest(f"count must be 1 to {MAX_DEVICES}")
        if service not in SERVICES[:3]:
            raise BadRequest(f"service must be one of {', '.join(SERVICES[:3])}")
        platform = data.get("platform", "")
        if platform not in ("", *PLATFORMS):
            raise BadRequest(f"platform must be one of {', '.join(PLATFORMS)}")
        app = str(data.get("app", ""))
        made = self.service.add(count, service, app, platform=platform, **_habits(data))
        self._tell({"kind": "devices"})
        devices = [{"token": one.token, "install": one.install, "app": one.app} for one in made]
        return web.json_response({"devices": devices}, status=201)

    async def devices(self, request: web.Request) -> web.Response:
        """`GET /devices`: those that a person made, newest first."""
        chosen = [d for d in self.service.devices.values() if d.watched and not d.gone]
        chosen.reverse()
        devices = [as_json(device) for device in chosen[: _number(request, "limit", 100)]]
        bulk = sum(not (d.watched or d.gone) for d in self.service.devices.values())
        return web.json_response({"count": len(chosen), "bulk": bulk, "devices": devices})

    async def device(self, request: web.Request) -> web.Response:
        """`GET /devices/<token>`: with its newest messages."""
        device = self._find(request)
        latest = self.service.store.latest(device.install, _number(request, "limit", 50))
        messages = [self._message(device, message) for message in latest]
        return web.json_response(as_json(device) | {"messages": messages})

    async def phone(self, request: web.Request) -> web.Response:
        """`POST /phones`: make one and register it at a Beckon, as its app would."""
        device = phone_of(await _body(request))
        await self.phones.install(device)
        self._tell({"kind": "devices"})
        return web.json_response(as_json(device), status=201)

    async def change(self, request: web.Request) -> web.Response:
        """`PATCH /devices/<token>` {"online"?: bool, "allowed"?: bool}"""
        device, data = self._find(request), await _body(request)
        if not data or not all(isinstance(data.get(n), bool) for n in data):
            raise BadRequest("online and allowed must be true or false")
        if "online" in data:
            device.online = data["online"]
            self.service.store.save_devices([device])
            self.service.deliver_waiting(device)
        if "allowed" in data:
            await self.phones.allow(device, allowed=data["allowed"])
        self._tell({"kind": "devices"})
        return web.json_response(as_json(device))

    async def rotate(self, request: web.Request) -> web.Response:
        """`POST /devices/<token>/rotate`: the app gets another token and says so."""
        fresh = await self.phones.rotate(self._find(request))
        self._tell({"kind": "devices"})
        return web.json_response(as_json(fresh))

    async def remove(self, request: web.Request) -> web.Response:
        """`DELETE /devices/<token>`: the app is uninstalled; its token ends now."""
        self.phones.uninstall(self._find(request))
        self._tell({"kind": "devices"})
        return web.Response(status=204)

    async def report(self, request: web.Request) -> web.Response:
        """`POST /receipts` {"id", "event"}: a person opened or dismissed a notification."""
        data = await _body(request)
        message = self.service.store.message(str(data.get("id", "")))
        device = self.service.devices.get(message.token) if message else None
        if message is None or device is None or data.get("event") not in EVENTS:
            raise Missing("There is no such message or event.")
        taken = await self.phones.report(device, message, data["event"])
        return web.json_response(self._message(device, message) | {"receipt_taken": taken})

    def _find(self, request: web.Request) -> Device:
        device = self.service.devices.get(request.match_info["token"])
        if device is None:
            raise Missing("There is no such phone.")
        return device

    def _message(self, device: Device, message: Message) -> dict[str, Any]:
        return {
            "id": message.id,
            "token": message.token,
            "install": message.install,
            "accepted_at": message.accepted_at,
            "state": message.state.value,
            "shown": message.shown,
            "events": message.events,
            "notification": shown(device, message),
            "raw": message.body,
        }

    # Log, counters, faults

    async def log(self, request: web.Request) -> web.Response:
        """`GET /log?since=N&limit=M`: the acceptances numbered above N."""
        since, limit = _number(request, "since", 0), _number(request, "limit", 10_000)
        entries = self.service.log.read(since=since, limit=min(limit, 100_000))
        last = entries[-1]["n"] if entries else since
        return web.json_response({"entries": entries, "next": last, "count": len(self.service.log)})

    async def counters(self, request: web.Request) -> web.Response:
        return web.json_response(self.service.figures())

    async def faults(self, request: web.Request) -> web.Response:
        rules = [rule.as_json() for rule in self.service.rules]
        reasons = {service: reasons_of(service) for service in SERVICES}
        return web.json_response({"rules": rules, "reasons": reasons})

    async def misbehave(self, request: web.Request) -> web.Response:
        """`PUT /misbehave`: replace the rules."""
        try:
            rules = parse(await _body(request))
        except FaultError as error:
            raise BadRequest(str(error)) from None
        self.service.misbehave(rules)
        self._tell({"kind": "faults"})
        return await self.faults(request)

    async def behave(self, request: web.Request) -> web.Response:
        """`DELETE /misbehave`: answer properly again."""
        self.service.misbehave([])
        self._tell({"kind": "faults"})
        return web.Response(status=204)

    # The page

    def _seen(self, device: Device, message: Message) -> None:
        self._tell({"kind": "message", "message": self._message(device, message)})

    def _tell(self, event: dict[str, Any]) -> None:
        for queue in self.listeners:
            if queue.qsize() < 1000:
                queue.put_nowait(event)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """`GET /events`: server-sent events, with the counters every half second if changed."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.listeners.add(queue)
        figures: dict[str, Any] = {}
        try:
            while True:
                if figures != (figures := self.service.figures()):
                    await _send(response, {"kind": "counters", "counters": figures})
                try:
                    async with asyncio.timeout(0.5):
                        await _send(response, await queue.get())
                except TimeoutError:
                    await response.write(b":\n\n")
        except ConnectionError:
            pass  # The page was closed.
        finally:
            self.listeners.discard(queue)
        return response

    async def keys(self, request: web.Request) -> web.Response:
        """`GET /keys`: all that a customer gets from Google and Apple."""
        apple = self.service.apple.key()._asdict()
        google = json.loads(self.service.google.account())
        return web.json_response({"google": google, "apple": apple | {"p8": apple["p8"].decode()}})

    async def account(self, request: web.Request) -> web.Response:
        """`GET /keys/service-account.json`: what Firebase would let one download."""
        return _download(self.service.google.account(), "service-account.json")

    async def key(self, request: web.Request) -> web.Response:
        """`GET /keys/AuthKey.p8`: what Apple would let one download, named by its key id."""
        key = self.service.apple.key()
        return _download(key.p8, f"AuthKey_{key.key_id}.p8")

    async def healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "origin": self.service.origin})


def build(
    service: Service, *, rate: float = 300.0, suggestions: Suggestions | None = None
) -> web.Application:
    """The whole application; its background tasks run while it is served. `rate`: reports a
    second."""
    phones = Phones(service, rate=rate)
    api = Api(service, phones)
    known = suggestions or Suggestions()

    async def home(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
        return web.FileResponse(STATIC / "index.html", headers=headers)

    async def suggested(request: web.Request) -> web.Response:
        """`GET /suggestions`: what the form for a virtual phone is filled with."""
        key = service.apple.key()
        apple = {"team_id": key.team_id, "key_id": key.key_id, "bundle_id": key.bundle_ids[0]}
        return web.json_response(known.now() | {"apple": apple})

    app = web.Application(middlewares=[api.guard], client_max_size=MAX_BODY)
    app[SERVICE] = service
    app.add_routes(
        [
            web.get("/", home),
            web.post("/devices", api.create),
            web.get("/devices", api.devices),
            web.get("/devices/{token}", api.device),
            web.patch("/devices/{token}", api.change),
            web.delete("/devices/{token}", api.remove),
            web.post("/devices/{token}/rotate", api.rotate),
            web.post("/phones", api.phone),
            web.post("/receipts", api.report),
            web.get("/suggestions", suggested),
            web.get("/keys", api.keys),
            web.get("/keys/service-account.json", api.account),
            web.get("/keys/AuthKey.p8", api.key),
            web.get("/log", api.log),
            web.get("/counters", api.counters),
            web.get("/misbehave", api.faults),
            web.put("/misbehave", api.misbehave),
            web.delete("/misbehave", api.behave),
            web.get("/events", api.events),
            web.get("/healthz", api.healthz),
            # The looks are those of the sandbox's other page.
            web.static("/static/", SHARED),
            web.static("/phones/", STATIC),
        ]
    )
    if FONTS.is_dir():
        app.router.add_static("/fonts/", FONTS)
    app.cleanup_ctx.append(_background(service, phones))
    return app


def _background(
    service: Service, phones: Phones
) -> Callable[[web.Application], AsyncIterator[None]]:
    async def tasks(app: web.Application) -> AsyncIterator[None]:
        running = [
            asyncio.create_task(service.keep_house()),
            asyncio.create_task(phones.run()),
        ]
        yield
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        service.close()

    return tasks


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        data = json.loads(await request.read() or b"{}")
    except ValueError:
        raise BadRequest("The body is not JSON.") from None
    if not isinstance(data, dict):
        raise BadRequest("Send a JSON object.")
    return data


def _habits(data: dict[str, Any]) -> dict[str, float]:
    """`reports` false switches all of it off."""
    if data.get("reports", True) is False:
        return {}
    shares = {}
    for name, default in BULK.items():
        share = data.get(name, default)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise BadRequest(f"{name} must be 0 to 1")
        shares[name] = float(share)
    return shares


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise BadRequest(f"{name} must be a number")
    return int(text)


def _download(data: bytes, name: str) -> web.Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return web.Response(body=data, content_type="application/octet-stream", headers=headers)


async def _send(response: web.StreamResponse, event: dict[str, Any]) -> None:
    await response.write(f"data: {json.dumps(event)}\n\n".encode())


def _error(status: int, detail: str) -> web.Response:
    return web.json_response({"error": "refused", "detail": detail}, status=status)
