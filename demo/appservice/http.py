"""One request and the ways to answer it, whichever version of HTTP it came by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol


class Answer(NamedTuple):
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Request:
    """`headers`: names in lower case; `repeated`: the first name that came twice, or "".
    `connection`: notes that outlive the request, for as long as its connection lives."""

    method: str
    path: str
    authority: str
    headers: Mapping[str, str]
    body: bytes
    repeated: str = ""
    connection: dict[str, Any] = field(default_factory=dict)


class Stream(Protocol):
    """Where the answer to one request goes. `closed`: nobody waits for it any more."""

    closed: bool

    def answer(self, answer: Answer) -> None: ...

    def begin(self, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        """The first half of an answer, whose body `write` brings."""

    async def write(self, data: bytes) -> None:
        """Wait for room, then write; ConnectionError if nobody waits any more."""

    def end(self) -> None: ...

    def refuse(self) -> None:
        """REFUSED_STREAM: proven not processed (RFC 9113 section 8.7)."""

    def go_away(self, *, taken: bool) -> None:
        """GOAWAY, and the end of the connection. `taken`: this request counts as processed."""

    def reset(self) -> None:
        """Drop the connection so that the sender sees a reset, not an orderly end."""


Handle = Callable[[Request, Stream], None]
