"""Put the sandbox together."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from aiohttp import web

from demo.pushservice.register import Suggestions
from demo.pushservice.service import Service
from demo.pushservice.virtual import Reporter
from demo.pushservice.web import build, hosts_of
from demo.serving import StartError, in_thread


def builder(
    data: Path,
    *,
    url: str = "",
    rate: float = 300.0,
    built: Callable[[Service], None] = lambda service: None,
    suggestions: Suggestions | None = None,
) -> Callable[[str], web.Application]:
    """What makes the application once its origin is known. `url` replaces that origin, `rate` is
    the most reports a second. StartError if the data folder cannot be used."""

    def make(origin: str) -> web.Application:
        origin = url.rstrip("/") or origin
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            service = Service(origin=origin, data=data)
        except (OSError, sqlite3.Error) as error:
            raise StartError(f"The data folder {data} cannot be used: {error}.") from None
        built(service)
        reporter = Reporter(service, rate=rate)
        return build(service, reporter, hosts_of(origin), suggestions or Suggestions())

    return make


@contextlib.contextmanager
def running(data: Path, *, port: int = 0, rate: float = 300.0) -> Iterator[Service]:
    """The sandbox in a thread of this process, for tests; it stops when the block ends.

    Read-only looks at the yielded service are fine; change it over HTTP."""
    services: list[Service] = []
    with in_thread(builder(data, rate=rate, built=services.append), port=port):
        yield services[0]
