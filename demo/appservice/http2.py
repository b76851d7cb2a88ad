"""HTTP/2 on an asyncio connection: requests in, answers out, and every way to break off."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

import h2.config
import h2.connection
import h2.events
import hpack.hpack
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hpack.huffman_table import decode_huffman

from demo.appservice.http import Answer, Handle, Request

# FCM takes 100 streams at once on a connection.
STREAMS = 100
WINDOW = 1 << 20
# What nobody sends: a message has 4,096 bytes.
MOST_BODY = 1 << 20
_CONFIG = h2.config.H2Configuration(
    client_side=False,
    header_encoding="utf-8",
    # Half of what a request costs, and no client's library sends what it would find.
    validate_inbound_headers=False,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
)

_decoded = lru_cache(maxsize=1024)(decode_huffman)
# A third of what a request costs is to decode the sender's token, always the same bytes.
vars(hpack.hpack)["decode_huffman"] = lambda data: _decoded(bytes(data or b""))


class Http2(asyncio.Protocol):
    """One connection. `handle` is called with each whole request, on the event loop; `lost` at the
    end."""

    def __init__(self, handle: Handle, lost: Callable[[], None]) -> None:
        self._handle = handle
        self._lost = lost
        self._http = h2.connection.H2Connection(_CONFIG)
        self._streams: dict[int, Stream2] = {}
        self._notes: dict[str, Any] = {}
        self._room = asyncio.Event()
        self._transport: asyncio.Transport
        self._writable = True
        self._reading = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._http.local_settings = h2.settings.Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS,
                SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: 16_384,
            },
        )
        self._http.initiate_connection()
        self._http.increment_flow_control_window(16 * WINDOW)
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._reading = True
        try:
            for event in self._http.receive_data(data):
                self._on(event)
        except ProtocolError:
            self._transport.close()
        finally:
            self._reading = False
            self._flush()

    def _on(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self._streams[event.stream_id] = Stream2(self, event.stream_id, event.headers)
        elif isinstance(event, h2.events.DataReceived):
            self._take(event)
        elif isinstance(event, h2.events.StreamEnded):
            if stream := self._streams.get(event.stream_id):
                self._handle(stream.request(self._notes), stream)
        elif isinstance(event, h2.events.StreamReset):
            self._forget(event.stream_id)
            self._room.set()
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            self._room.set()
        elif isinstance(event, h2.events.ConnectionTerminated):
            self._transport.close()

    def _take(self, event: h2.events.DataReceived) -> None:
        stream = self._streams.get(event.stream_id)
        if event.flow_controlled_length:
            # The stream's own window is larger than any message, so only the connection's counts.
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if stream is not None:
            stream.body += event.data
            if len(stream.body) > MOST_BODY:
                self._http.reset_stream(event.stream_id, ErrorCodes.ENHANCE_YOUR_CALM)
                self._forget(event.stream_id)

    def _forget(self, number: int) -> None:
        if stream := self._streams.pop(number, None):
            stream.closed = True

    def connection_lost(self, error: Exception | None) -> None:
        for number in list(self._streams):
            self._forget(number)
        self._room.set()
        self._lost()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._room.set()

    def eof_received(self) -> None:
        """Let asyncio close it."""

    def _flush(self) -> None:
        """Once for all that one packet brought."""
        if not self._reading and (data := self._http.data_to_send()):
            self._transport.write(data)

    # What streams do

    def send(self, number: int, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        self._http.send_headers(number, ((":status", str(status)), *headers))
        self._flush()

    def answer(self, number: int, answer: Answer) -> None:
        body, headers = answer.body, ((":status", str(answer.status)), *answer.headers)
        self._http.send_headers(number, headers, end_stream=not body)
        if body:
            self._http.send_data(number, body, end_stream=True)
        self._forget(number)
        self._flush()

    async def write(self, stream: Stream2, data: bytes) -> None:
        while data:
            room = 0
            if self._writable and not stream.closed:
                room = self._http.local_flow_control_window(stream.number)
            if stream.closed or self._transport.is_closing():
                raise ConnectionResetError
            part = data[: min(room, self._http.max_outbound_frame_size)]
            if part:
                self._http.send_data(stream.number, part)
                self._flush()
                data = data[len(part) :]
            else:
                self._room.clear()
                await self._room.wait()

    def end(self, number: int) -> None:
        self._http.end_stream(number)
        self._forget(number)
        self._flush()

    def refuse(self, number: int) -> None:
        self._http.reset_stream(number, ErrorCodes.REFUSED_STREAM)
        self._forget(number)
        self._flush()

    def go_away(self, number: int, *, taken: bool) -> None:
        # Streams above `last` were not processed, and may be sent again (RFC 9113 section 6.8).
        last = number if taken else max(number - 2, 0)
        self._http.close_connection(ErrorCodes.NO_ERROR, b'{"reason":"Shutdown"}', last)
        self._reading = False
        self._flush()
        self._transport.close()

    def reset(self) -> None:
        drop(self._transport)


def drop(transport: asyncio.Transport) -> None:
    """End the connection with RST."""
    raw: socket.socket | None = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Stream2:
    """One request on a connection (`demo.appservice.http.Stream`)."""

    def __init__(self, connection: Http2, number: int, headers: Any) -> None:
        self.number = number
        self.body = b""
        self.closed = False
        self._connection = connection
        self._headers: list[tuple[str, str]] = headers

    def request(self, notes: dict[str, Any]) -> Request:
        headers = dict(self._headers)
        repeated = ""
        if len(headers) < len(self._headers):
            names = [name for name, _ in self._headers]
            repeated = next(name for name in names if names.count(name) > 1)
        return Request(
            headers.get(":method", ""),
            headers.get(":path", ""),
            headers.get(":authority", ""),
            headers,
            self.body,
            repeated,
            notes,
        )

    def answer(self, answer: Answer) -> None:
        if not self.closed:
            self._connection.answer(self.number, answer)

    def begin(self, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        if not self.closed:
            self._connection.send(self.number, status, headers)

    async def write(self, data: bytes) -> None:
        await self._connection.write(self, data)

    def end(self) -> None:
        if not self.closed:
            self._connection.end(self.number)

    def refuse(self) -> None:
        if not self.closed:
            self._connection.refuse(self.number)

    def go_away(self, *, taken: bool) -> None:
        if not self.closed:
            self._connection.go_away(self.number, taken=taken)

    def reset(self) -> None:
        if not self.closed:
            self._connection.reset()
