"""Serve an aiohttp application until a signal, or in a thread beside a test."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from aiohttp import web

STOP_SECONDS = 0.5
"""How long requests that are under way may go on after the signal."""

Build = Callable[[str], web.Application]
"""Makes the application, given its own origin (`http://127.0.0.1:8002`)."""


class StartError(Exception):
    """It cannot start; the text is one clear sentence."""


class Running(Protocol):
    """What is being served, until it is cleaned up."""

    async def cleanup(self) -> None: ...


class Start(Protocol):
    """Listens and serves; port 0 takes a free one. Returns what stops it, and the own origin."""

    async def __call__(self, build: Build, bind: str, port: int) -> tuple[Running, str]: ...


async def start(build: Build, bind: str, port: int) -> tuple[web.AppRunner, str]:
    """Listen and serve; port 0 takes a free one. Returns what stops it, and the own origin."""
    listener = listen(bind, port)
    origin = origin_of(listener, bind)
    try:
        runner = web.AppRunner(build(origin), access_log=None, shutdown_timeout=STOP_SECONDS)
    except BaseException:
        listener.close()
        raise
    await runner.setup()
    await web.SockSite(runner, listener, backlog=1024).start()
    return runner, origin


def origin_of(listener: socket.socket, bind: str) -> str:
    # 0.0.0.0 is a place to listen, not an address to send to.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"


def listen(bind: str, port: int) -> socket.socket:
    """A listening socket; StartError if the port is taken."""
    if not 0 <= port <= 65_535:
        raise StartError(f"There is no port {port}: give one from 1 to 65535.")
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    try:
        return socket.create_server((bind, port), family=family, backlog=1024)
    except OSError as error:
        reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error}"
        raise StartError(f"The port {port} on {bind} {reason}.") from None


async def serve(build: Build, name: str, bind: str, port: int, *, start: Start = start) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner, origin = await start(build, bind, port)
    sys.stdout.write(f"{name} on {origin}\n")
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()


@contextlib.contextmanager
def in_thread(build: Build, *, port: int = 0, start: Start = start) -> Iterator[str]:
    """Serve in a thread of this process, for tests; yields the origin, stops with the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        started = start(build, "127.0.0.1", port)
        runner, origin = asyncio.run_coroutine_threadsafe(started, loop).result(10)
        try:
            yield origin
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
