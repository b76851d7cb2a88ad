"""The control API and the pages of the sandbox. JSON in, JSON out; see docs/sandbox.md."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from demo.pushservice.faults import FaultError, parse
from demo.pushservice.model import Device, Kind, Message, State, subscription
from demo.pushservice.register import RegisterError, Suggestions, register
from demo.pushservice.service import Service
from demo.pushservice.vapid import normal_key
from demo.pushservice.virtual import EVENTS, Habits, Reporter, make_device, make_devices
from demo.pushservice.virtual import notification as shown
from demo.pushservice.websocket import Browsers

STATIC = Path(__file__).parent / "static"
FONTS = Path(__file__).parent.parent.parent / "static" / "vendor" / "inter"
BULK = Habits(displayed=0.92, clicked=0.04)
MAX_DEVICES = 200_000
# The push protocol has its own checks, and these files say nothing.
OPEN = ("/wpush/", "/trap", "/static/", "/fonts/", "/healthz")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
    "img-src * data:; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BadRequest(Exception):
    """The request cannot be understood; the text says what to change."""


class Api:
    """Everything but the push protocols themselves."""

    def __init__(self, service: Service, reporter: Reporter, hosts: set[str]) -> None:
        self.service = service
        self.reporter = reporter
        self.hosts = hosts
        self.listeners: set[asyncio.Queue[dict[str, Any]]] = set()
        reporter.seen = self._seen

    # Guard

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Keep pages of other origins out: this is on loopback, where any page can send."""
        if request.path == "/" or request.path.startswith(OPEN):
            return await handler(request)
        if _hostname(request.host) not in self.hosts:
            return _error(421, "This address is not one of the sandbox's own.")
        reading = request.method in {hdrs.METH_GET, hdrs.METH_HEAD}
        if not reading and request.body_exists and request.content_type != "application/json":
            return _error(415, "Send JSON, with Content-Type: application/json.")
        if not reading and request.headers.get("Sec-Fetch-Site", "none") not in {
            "none",
            "same-origin",
        }:
            return _error(403, "Only the sandbox's own page may do this.")
        try:
            return await handler(request)
        except BadRequest as error:
            return _error(400, str(error))

    # Devices

    async def create(self, request: web.Request) -> web.Response:
        """`POST /devices`"""
        data = await _body(request)
        key = _key(data.get("applicationServerKey"))
        count = data.get("count", 1)
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_DEVICES:
            raise BadRequest(f"count must be 1 to {MAX_DEVICES}")
        habits = _habits(data, Habits() if count == 1 else BULK)
        devices = await make_devices(count, key, habits)
        if count == 1:
            devices[0].name = str(data.get("name") or "Virtual browser")[:60]
        self._add(devices)
        return web.json_response(
            {"devices": [subscription(device, self.service.origin) for device in devices]},
            status=201,
        )

    def _add(self, devices: list[Device]) -> None:
        self.service.devices.update((device.token, device) for device in devices)
        self.service.store.save_devices(devices)
        self._tell({"kind": "devices"})

    async def devices(self, request: web.Request) -> web.Response:
        """`GET /devices?kind=named|bulk|browser&offset=&limit=`: newest first."""
        kind = request.query.get("kind", "")
        chosen = [d for d in self.service.devices.values() if not d.gone and kind in ("", _kind(d))]
        offset, limit = _number(request, "offset", 0), _number(request, "limit", 100)
        chosen.reverse()
        part = [self._device(device) for device in chosen[offset : offset + min(limit, 10_000)]]
        return web.json_response({"count": len(chosen), "devices": part})

    def _device(self, device: Device) -> dict[str, Any]:
        return {
            "token": device.token,
            "kind": _kind(device),
            "name": device.name,
            "agent": device.agent,
            "origin": device.origin,
            "id": device.subscription_id,
            "online": device.online,
            "gone": device.gone,
            "waiting": len(self.service.waiting.get(device.token, ())),
            "created_at": device.created_at,
        }

    def _find(self, request: web.Request) -> Device:
        device = self.service.devices.get(request.match_info["token"])
        if device is None:
            raise web.HTTPNotFound(text="no such device")
        return device

    async def device(self, request: web.Request) -> web.Response:
        """`GET /devices/<token>`: with its newest messages, decrypted now if need be."""
        device = self._find(request)
        messages = self.service.store.latest(device.token, _number(request, "limit", 50))
        return web.json_response(
            self._device(device) | {"messages": [self._message(device, m) for m in messages]}
        )

    def _message(self, device: Device, message: Message) -> dict[str, Any]:
        if device.kind is Kind.VIRTUAL and message.state is State.ARRIVED:
            self.reporter.read(device, message)
        return {
            "id": message.id,
            "token": device.token,
            "state": message.state.value,
            "accepted_at": message.accepted_at,
            "topic": message.topic,
            "ttl": message.ttl,
            "urgency": message.urgency,
            "size": len(message.body),
            "ack": message.ack,
            "error": message.error,
            "payload": message.payload,
            "events": message.events,
            "notification": shown(message) if message.payload else None,
        }

    async def change(self, request: web.Request) -> web.Response:
        """`PATCH /devices/<token>` {"online": bool}"""
        device, data = self._find(request), await _body(request)
        if not isinstance(data.get("online"), bool):
            raise BadRequest("online must be true or false")
        device.online = data["online"]
        self.service.store.save_devices([device])
        if device.online:
            self.service.deliver_waiting(device)
        self._tell({"kind": "devices"})
        return web.json_response(self._device(device))

    async def remove(self, request: web.Request) -> web.Response:
        """`DELETE /devices/<token>`: the browser is uninstalled; 410 from now on."""
        self.service.forget([self._find(request)])
        self._tell({"kind": "devices"})
        return web.Response(status=204)

    async def event(self, request: web.Request) -> web.Response:
        """`POST /messages/<id>/<event>`: a person clicked or dismissed a notification."""
        event = request.match_info["event"]
        message = self.service.store.message(request.match_info["id"])
        device = self.service.devices.get(message.token) if message else None
        if message is None or device is None or event not in EVENTS:
            raise web.HTTPNotFound(text="no such message or event")
        self.reporter.read(device, message)
        taken = await self.reporter.report(device, message, event)
        return web.json_response(self._message(device, message) | {"receipt_taken": taken})

    async def browser(self, request: web.Request) -> web.Response:
        """`POST /browsers`: make a virtual browser and subscribe it at a Beckon, as its snippet
        would: {"beckon", "site_key", "origin", "name"?, "agent"?, "language"?, "timezone"?}"""
        data = await _body(request)
        fields = {name: str(data.get(name, "")).strip() for name in REGISTER_FIELDS}
        try:
            device = await register(self.service.origin, make_device, **fields)
        except RegisterError as error:
            return web.json_response(
                {"error": "not_registered", "detail": str(error), "field": error.field}, status=422
            )
        self._add([device])
        return web.json_response(
            self._device(device) | {"subscription": subscription(device, self.service.origin)},
            status=201,
        )

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
        rules = [rule.as_json() for rule in self.service.faults.rules]
        return web.json_response({"rules": rules})

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

    async def healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "origin": self.service.origin})


REGISTER_FIELDS = ("beckon", "site_key", "origin", "name", "agent", "language", "timezone")


def build(
    service: Service, reporter: Reporter, hosts: set[str], suggestions: Suggestions
) -> web.Application:
    """The whole application; its background tasks run while it is served."""
    api, browsers = Api(service, reporter, hosts), Browsers(service)

    async def home(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await browsers.handle(request)
        return web.FileResponse(
            STATIC / "index.html",
            headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"},
        )

    async def suggested(request: web.Request) -> web.Response:
        """`GET /suggestions`: what the form for a virtual browser is filled with."""
        return web.json_response(suggestions.now())

    app = web.Application(middlewares=[api.guard], client_max_size=1 << 20)
    route = app.router
    route.add_post("/wpush/v2/{token}", service.post)
    route.add_get("/", home)
    route.add_delete("/m/{id}", service.withdraw)
    route.add_route("*", "/trap", service.trap)
    route.add_post("/devices", api.create)
    route.add_get("/devices", api.devices)
    route.add_get("/devices/{token}", api.device)
    route.add_patch("/devices/{token}", api.change)
    route.add_delete("/devices/{token}", api.remove)
    route.add_post("/messages/{id}/{event}", api.event)
    route.add_post("/browsers", api.browser)
    route.add_get("/suggestions", suggested)
    route.add_get("/log", api.log)
    route.add_get("/counters", api.counters)
    route.add_get("/misbehave", api.faults)
    route.add_put("/misbehave", api.misbehave)
    route.add_delete("/misbehave", api.behave)
    route.add_get("/events", api.events)
    route.add_get("/healthz", api.healthz)
    route.add_static("/static/", STATIC)
    if FONTS.is_dir():
        route.add_static("/fonts/", FONTS)
    app.cleanup_ctx.append(_background(service, reporter))
    return app


def _background(service: Service, reporter: Reporter) -> Callable[[web.Application], Any]:
    async def tasks(app: web.Application) -> Any:
        reporter.resume()
        running = [
            asyncio.create_task(service.keep_house()),
            asyncio.create_task(reporter.run()),
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


async def _send(response: web.StreamResponse, event: dict[str, Any]) -> None:
    await response.write(f"data: {json.dumps(event)}\n\n".encode())


def _error(status: int, detail: str) -> web.Response:
    return web.json_response({"error": "refused", "detail": detail}, status=status)


def _key(value: object) -> str:
    try:
        return normal_key(str(value))
    except ValueError:
        raise BadRequest("applicationServerKey must be a P-256 point in base64url") from None


def _habits(data: dict[str, Any], default: Habits) -> Habits:
    """`reports` false switches all of it off."""
    if data.get("reports", True) is False:
        return Habits(displayed=0.0)
    shares = {}
    for name in ("displayed", "clicked", "dismissed"):
        share = data.get(name, getattr(default, name))
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise BadRequest(f"{name} must be 0 to 1")
        shares[name] = float(share)
    return Habits(**shares)


def _kind(device: Device) -> str:
    if device.kind is Kind.BROWSER:
        return "browser"
    return "named" if device.name else "bulk"


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise BadRequest(f"{name} must be a number")
    return int(text)


def _hostname(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""


def hosts_of(origin: str) -> set[str]:
    """The names under which the sandbox answers."""
    return {"127.0.0.1", "localhost", "::1", urlsplit(origin).hostname or ""}
