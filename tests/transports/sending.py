"""Sending to the servers of these tests, and reading what came of it."""

from __future__ import annotations

from subscribers.transports.client import PushClient
from subscribers.transports.messages import Outcome, Request

from .servers import Server

HEADERS = (("TTL", "60"), ("Urgency", "normal"))


def request_to(origin: str, path: str = "/d/1", body: bytes = b"x" * 300) -> Request:
    return Request(url=origin + path, headers=HEADERS, body=body)


def send(client: PushClient, server: Server, count: int = 1) -> list[Outcome]:
    requests = [request_to(server.origin, f"/d/{number}") for number in range(count)]
    return client.send_many(requests, extra_origins=server.extra)


def paths(server: Server) -> list[str]:
    return [request.split()[1].decode() for request in server.requests]


def short(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(str(outcome.kind), outcome.reason) for outcome in outcomes]
