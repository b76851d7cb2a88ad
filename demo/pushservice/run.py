"""Serve the sandbox: until a signal, or in a thread beside a test."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from aiohttp import web

from demo.pushservice.service import Service
from demo.pushservice.virtual import Reporter
from demo.pushservice.web import build, hosts_of

STOP_SECONDS = 0.5
"""How long requests that are under way may go on after the signal."""


class StartError(Exception):
    """It cannot start; the text is one clear sentence."""


async def start(
    *, port: int, data: Path, bind: str = "127.0.0.1", url: str = "", rate: float = 300.0
) -> tuple[web.AppRunner, Service]:
    """Listen and serve. Port 0 takes a free one; `url` is the own origin if it is another than
    http://BIND:PORT. StartError if the port is taken or the folder cannot be written."""
    listener = _listen(bind, port)
    port = listener.getsockname()[1]
    host = f"[{bind}]" if ":" in bind else bind
    origin = url.rstrip("/") or f"http://{host}:{port}"
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        service = Service(origin=origin, data=data)
    except (OSError, sqlite3.Error) as error:
        listener.close()
        raise StartError(f"The data folder {data} cannot be used: {error}.") from None
    app = build(service, Reporter(service, rate=rate), hosts_of(origin, bind))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    await web.SockSite(runner, listener, backlog=1024).start()
    return runner, service


def _listen(bind: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in bind else socket.AF_INET
        return socket.create_server((bind, port), family=family, backlog=1024)
    except OSError as error:
        reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error}"
        raise StartError(f"The port {port} on {bind} {reason}.") from None


async def serve(*, port: int, data: Path, bind: str, url: str, rate: float) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner, service = await start(port=port, data=data, bind=bind, url=url, rate=rate)
    sys.stdout.write(f"Sandbox push service on {service.origin}\n")
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()


@contextlib.contextmanager
def running(data: Path, *, port: int = 0, rate: float = 300.0) -> Iterator[Service]:
    """The service in a thread of this process, for tests; it stops when the block ends.

    Read-only looks at the yielded service are fine; change it over HTTP."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        started = start(port=port, data=data, rate=rate)
        runner, service = asyncio.run_coroutine_threadsafe(started, loop).result(10)
        try:
            yield service
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
