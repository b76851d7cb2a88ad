"""Mozilla's push protocol over a websocket: what a real Firefox speaks to `dom.push.serverURL`.

Frames are JSON: hello, register, unregister, ack, nack and the ping `{}` from the browser;
notification to it. An ack with code 100 says decrypted and handed to the worker, 101 could not be
decrypted; a worker that then throws sends a nack (301, 302).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from typing import Any

from aiohttp import WSMsgType, web

from demo.pushservice.model import Device, Kind, Message, encode
from demo.pushservice.service import Service
from demo.pushservice.vapid import normal_key


class Connection:
    """One browser that is connected. Channels are its names for its subscriptions."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.uaid = ""
        self.tokens: dict[str, str] = {}
        self.sent: set[str] = set()
        """Messages that this browser has been given and not acknowledged."""
        self._socket = socket
        self._frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def send(self, frame: dict[str, Any]) -> None:
        self._frames.put_nowait(frame)

    async def write(self) -> None:
        """Send what is queued, in order, until cancelled."""
        while True:
            frame = await self._frames.get()
            with contextlib.suppress(ConnectionError):
                await self._socket.send_json(frame)


class Browsers:
    """All browsers that are connected, by the identifier that they were given ("uaid")."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.known = service.store.clients()
        self.connected: dict[str, Connection] = {}
        service.to_browser = self.notify

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """The websocket at `/`, subprotocol push-notification."""
        socket = web.WebSocketResponse(protocols=("push-notification",))
        await socket.prepare(request)
        connection = Connection(socket)
        writer = asyncio.create_task(connection.write())
        try:
            async for frame in socket:
                if frame.type is not WSMsgType.TEXT or not self._frame(connection, frame):
                    break
        finally:
            writer.cancel()
            if self.connected.get(connection.uaid) is connection:
                del self.connected[connection.uaid]
        return socket

    def notify(self, device: Device, message: Message) -> bool:
        """Hand a message to the browser of `device`; False if it is not connected."""
        connection = self.connected.get(device.uaid)
        if connection is None:
            return False
        if message.id in connection.sent:
            return True
        connection.sent.add(message.id)
        frame: dict[str, Any] = {
            "messageType": "notification",
            "channelID": device.channel,
            "version": message.id,
        }
        if message.body:
            frame |= {"data": encode(message.body), "headers": {"encoding": "aes128gcm"}}
        connection.send(frame)
        return True

    def _frame(self, connection: Connection, frame: Any) -> bool:
        """Answer one frame; False ends the connection (not of this protocol)."""
        try:
            data = frame.json()
        except ValueError:
            return False
        if not isinstance(data, dict):
            return False
        kind = data.get("messageType")
        if not data or kind == "ping":
            connection.send({})
        elif kind == "hello":
            self._hello(connection, str(data.get("uaid") or ""))
        elif not connection.uaid:
            return False
        elif kind == "register":
            self._register(connection, data)
        elif kind == "unregister":
            self._unregister(connection, str(data.get("channelID")))
        elif kind == "ack":
            self._ack(connection, data.get("updates"))
        elif kind == "nack":
            self.service.counters[f"nack {data.get('code')}"] += 1
        return True

    def _hello(self, connection: Connection, uaid: str) -> None:
        if uaid not in self.known:
            # With a new name the browser drops its subscriptions and asks its pages anew.
            uaid = secrets.token_hex(16)
            self.known.add(uaid)
            self.service.store.add_client(uaid)
        connection.uaid = uaid
        connection.tokens = {
            d.channel: d.token
            for d in self.service.devices.values()
            if d.uaid == uaid and not d.gone
        }
        self.connected[uaid] = connection
        connection.send(
            {"messageType": "hello", "status": 200, "uaid": uaid, "use_webpush": True}
            | {"broadcasts": {}}
        )
        for token in connection.tokens.values():
            self.service.deliver_waiting(self.service.devices[token])

    def _register(self, connection: Connection, data: dict[str, Any]) -> None:
        channel = str(data.get("channelID"))
        answer: dict[str, Any] = {"messageType": "register", "channelID": channel}
        try:
            key = normal_key(data["key"]) if data.get("key") else ""
        except ValueError as error:
            connection.send(answer | {"status": 400, "error": str(error)})
            return
        token = connection.tokens.get(channel)
        if token is None:
            token = secrets.token_urlsafe(32)
            device = Device(
                token, Kind.BROWSER, key, time.time(), uaid=connection.uaid, channel=channel
            )
            self.service.devices[token] = device
            self.service.store.save_devices([device])
            connection.tokens[channel] = token
        endpoint = f"{self.service.origin}/wpush/v2/{token}"
        connection.send(answer | {"status": 200, "pushEndpoint": endpoint})

    def _unregister(self, connection: Connection, channel: str) -> None:
        if token := connection.tokens.pop(channel, None):
            self.service.forget([self.service.devices[token]])
        connection.send({"messageType": "unregister", "status": 200, "channelID": channel})

    def _ack(self, connection: Connection, updates: object) -> None:
        for update in updates if isinstance(updates, list) else []:
            if not isinstance(update, dict):
                continue
            token = connection.tokens.get(str(update.get("channelID")), "")
            version, code = str(update.get("version")), int(update.get("code", 100))
            connection.sent.discard(version)
            self.service.acknowledge(token, version, code)
