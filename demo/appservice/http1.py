"""HTTP/1.1 on an asyncio connection, as Google's libraries still speak it; one request at a time.

Apple's service refuses it. Here, too, nothing but Google's addresses is meant to be asked this way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import h11

from demo.appservice.http import Answer, Handle, Request
from demo.appservice.http2 import MOST_BODY, drop


class Http1(asyncio.Protocol):
    """One connection, and the stream of the request that it is at."""

    def __init__(self, handle: Handle, lost: Callable[[], None]) -> None:
        self._handle = handle
        self._lost = lost
        self._http = h11.Connection(h11.SERVER)
        self._asked: h11.Request | None = None
        self._body = b""
        self._notes: dict[str, Any] = {"version": "1.1"}
        self._room = asyncio.Event()
        self._room.set()
        self._transport: asyncio.Transport
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._http.receive_data(data)
            self._read()
        except h11.RemoteProtocolError:
            self._transport.close()

    def eof_received(self) -> None:
        """Let asyncio close it."""

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._room.set()
        self._lost()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def _read(self) -> None:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._asked, self._body = event, b""
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > MOST_BODY:
                    self._transport.close()
                    return
            elif isinstance(event, h11.EndOfMessage):
                self._handle(self._request(), self)
            else:
                # NEED_DATA, PAUSED or the end of the connection.
                return

    def _request(self) -> Request:
        asked = self._asked
        assert asked is not None  # noqa: S101 - h11 says how it begins before it says how it ends
        headers = {name.decode(): value.decode("latin-1") for name, value in asked.headers}
        target, method = asked.target.decode(), asked.method.decode()
        host = headers.get("host", "")
        return Request(method, target, host, headers, self._body, "", self._notes)

    # The stream

    def answer(self, answer: Answer) -> None:
        if self.closed:
            return
        headers = [*answer.headers, ("content-length", str(len(answer.body)))]
        self._say(h11.Response(status_code=answer.status, headers=headers))
        if answer.body:
            self._say(h11.Data(data=answer.body))
        self._finish()

    def begin(self, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        self._say(h11.Response(status_code=status, headers=list(headers)))

    async def write(self, data: bytes) -> None:
        await self._room.wait()
        if self.closed:
            raise ConnectionResetError
        self._say(h11.Data(data=data))

    def end(self) -> None:
        if not self.closed:
            self._finish()

    def refuse(self) -> None:
        # This version has no word for it.
        self.reset()

    def go_away(self, *, taken: bool) -> None:
        self._transport.close()

    def reset(self) -> None:
        drop(self._transport)

    def _say(self, event: h11.Event) -> None:
        if data := self._http.send(event):
            self._transport.write(data)

    def _finish(self) -> None:
        self._say(h11.EndOfMessage())
        if self._http.our_state is h11.MUST_CLOSE:
            self._transport.close()
            return
        self._http.start_next_cycle()
        asyncio.get_running_loop().call_soon(self._again)

    def _again(self) -> None:
        """What came while the last request was answered."""
        try:
            self._read()
        except h11.RemoteProtocolError:
            self._transport.close()
