"""One port for both: pages for a browser that comes in plain, services for whoever comes by TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Coroutine
from typing import Any, cast

from aiohttp import web

from demo.appservice import certs
from demo.appservice.http1 import Http1
from demo.appservice.http2 import Http2
from demo.appservice.service import Service
from demo.appservice.web import SERVICE
from demo.serving import STOP_SECONDS, Build, listen, origin_of

HANDSHAKE = 0x16  # the first byte of a TLS connection (RFC 8446 section 5.1)
PATIENCE = 30.0  # seconds until the first byte


class Doors:
    """The listening socket, and what became of each connection."""

    def __init__(self, listener: socket.socket, runner: web.AppRunner, service: Service) -> None:
        self._listener = listener
        self._runner = runner
        self._service = service
        self._tls = certs.context(service.certificate)
        self._open: set[asyncio.Transport] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._start(self._accept())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError:
                await asyncio.sleep(0.1)  # too many are open: some will close
                continue
            self._start(self._let_in(connection))

    async def _let_in(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            async with asyncio.timeout(PATIENCE):
                first = await _first_byte(connection)
            if first is None:
                connection.close()
            elif first == HANDSHAKE:
                await loop.connect_accepted_socket(
                    lambda: _Negotiated(self), connection, ssl=self._tls
                )
            else:
                assert self._runner.server is not None  # noqa: S101 - it was set up
                await loop.connect_accepted_socket(self._runner.server, connection)
        except (OSError, TimeoutError):
            connection.close()

    async def cleanup(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listener.close()
        for transport in list(self._open):
            transport.abort()
        while self._open:
            await asyncio.sleep(0)
        await self._runner.cleanup()

    def opened(self, transport: asyncio.Transport) -> asyncio.Protocol:
        """The protocol that both ends have agreed on."""
        self._open.add(transport)
        chosen: ssl.SSLObject = transport.get_extra_info("ssl_object")
        speaks = Http2 if chosen.selected_alpn_protocol() == "h2" else Http1
        return speaks(self._service.handle, lambda: self._open.discard(transport))


class _Negotiated(asyncio.Protocol):
    """Gives way to HTTP/2 or HTTP/1.1 once TLS has said which."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        known = cast("asyncio.Transport", transport)
        made = self._doors.opened(known)
        known.set_protocol(made)
        made.connection_made(transport)


async def _first_byte(connection: socket.socket) -> int | None:
    """Without taking it; None if the other side has closed."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connection)
    data = connection.recv(1, socket.MSG_PEEK)
    return data[0] if data else None


async def start(build: Build, bind: str, port: int) -> tuple[Doors, str]:
    """Listen and serve (`demo.serving.start`); port 0 takes a free one."""
    listener = listen(bind, port)
    listener.setblocking(False)
    origin = origin_of(listener, bind)
    try:
        app = build(origin)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_SECONDS)
        await runner.setup()
        return Doors(listener, runner, app[SERVICE]), origin
    except BaseException:
        listener.close()
        raise
