"""Sending to the servers of these tests, and reading what came of it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from subscribers.transports.client import PushClient
from subscribers.transports.messages import Outcome, Request

from .servers import Server

PATIENCE = 30.0
HEADERS = (("TTL", "60"), ("Urgency", "normal"))


def request_to(origin: str, path: str = "/d/1", body: bytes = b"x" * 300) -> Request:
    return Request(url=origin + path, headers=HEADERS, body=body)


def send(client: PushClient, server: Server, count: int = 1) -> list[Outcome]:
    requests = [request_to(server.origin, f"/d/{number}") for number in range(count)]
    return send_all(client, requests, extra_origins=server.extra)


def send_all(
    client: PushClient, requests: Sequence[Request], *, extra_origins: frozenset[str]
) -> list[Outcome]:
    """One outcome for each request, in their order: none may be missing, none come twice."""
    for ticket, request in enumerate(requests):
        client.start(ticket, request, extra_origins=extra_origins)
    return ended(client, len(requests))


def ended(client: PushClient, count: int) -> list[Outcome]:
    """The outcomes of tickets 0 to `count`, by stepping until nothing is pending."""
    outcomes: dict[int, Outcome] = {}
    give_up = time.monotonic() + PATIENCE
    while client.pending:
        assert time.monotonic() < give_up, f"{client.pending} never ended"
        for ticket, outcome in client.step(1.0):
            assert ticket not in outcomes
            outcomes[ticket] = outcome
    return [outcomes[ticket] for ticket in range(count)]


def paths(server: Server) -> list[str]:
    return [request.split()[1].decode() for request in server.requests]


def short(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(str(outcome.kind), outcome.reason) for outcome in outcomes]
