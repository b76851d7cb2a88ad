"""Put the stand-in together."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from aiohttp import web

from demo.appservice import doors
from demo.appservice.registering import Suggestions
from demo.appservice.service import Service
from demo.appservice.web import build
from demo.serving import Build, StartError, in_thread


def builder(
    data: Path,
    *,
    rate: float = 300.0,
    built: Callable[[Service], None] = lambda service: None,
    suggestions: Suggestions | None = None,
) -> Build:
    """What makes the application once its origin is known. `rate`: the most reports a second.
    StartError if the data folder cannot be used."""

    def make(origin: str) -> web.Application:
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            service = Service(origin=origin, data=data)
        except (OSError, sqlite3.Error) as error:
            raise StartError(f"The data folder {data} cannot be used: {error}.") from None
        built(service)
        return build(service, rate=rate, suggestions=suggestions)

    return make


@contextlib.contextmanager
def running(data: Path, *, port: int = 0, rate: float = 300.0) -> Iterator[Service]:
    """The stand-in in a thread of this process, for tests; it stops when the block ends.

    Read-only looks at the yielded service are fine; change it over HTTP."""
    services: list[Service] = []
    with in_thread(builder(data, rate=rate, built=services.append), port=port, start=doors.start):
        yield services[0]
