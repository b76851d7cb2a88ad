"""The control API and the pages of the stand-in. JSON in, JSON out; see docs/sandbox.md."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from demo.appservice.service import Service

SERVICE = web.AppKey("service", Service)


def build(service: Service) -> web.Application:
    """The whole application; its background tasks run while it is served."""
    app = web.Application(client_max_size=1 << 20)
    app[SERVICE] = service
    app.cleanup_ctx.append(_background(service))
    return app


def _background(service: Service) -> Callable[[web.Application], AsyncIterator[None]]:
    async def tasks(app: web.Application) -> AsyncIterator[None]:
        running = asyncio.create_task(service.keep_house())
        yield
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        service.close()

    return tasks
