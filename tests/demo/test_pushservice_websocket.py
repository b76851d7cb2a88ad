"""Mozilla's websocket protocol, frame by frame. A real Firefox speaks it in tests/browser."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from demo.pushservice.service import Service
from tests.demo.sender import Sender

Socket = aiohttp.ClientWebSocketResponse
CHANNEL = "d2c8a2a1-1111-4222-8333-444455556666"
HELLO = {"messageType": "hello", "use_webpush": True, "uaid": ""}
REGISTER = {"messageType": "register", "channelID": CHANNEL}


def talk(service: Service, conversation: Callable[[Socket], Awaitable[None]]) -> None:
    async def main() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(service.origin, protocols=["push-notification"]) as socket,
        ):
            assert socket.protocol == "push-notification"
            await conversation(socket)

    asyncio.run(main())


async def say(socket: Socket, frame: dict[str, Any]) -> dict[str, Any]:
    await socket.send_json(frame)
    answer: dict[str, Any] = await socket.receive_json(timeout=5)
    return answer


async def post(sender: Sender, endpoint: str, **headers: str) -> int:
    answer = await asyncio.to_thread(sender.post_raw, endpoint, b"", **headers)
    return answer.status


def test_message_comes_until_it_is_acknowledged(service: Service, sender: Sender) -> None:
    seen: dict[str, Any] = {}

    async def first(socket: Socket) -> None:
        hello = await say(socket, HELLO)
        assert hello["status"] == 200
        seen["uaid"] = hello["uaid"]
        seen["registered"] = await say(socket, REGISTER | {"key": sender.key})
        # Asked again, it gives the same address.
        assert await say(socket, REGISTER | {"key": sender.key}) == seen["registered"]
        assert await post(sender, seen["registered"]["pushEndpoint"]) == 201
        seen["notification"] = await socket.receive_json(timeout=5)
        # Changed rules do not send it twice on one connection.
        await asyncio.to_thread(sender.control, "DELETE", "/misbehave")
        assert await say(socket, {}) == {}

    async def second(socket: Socket) -> None:
        hello = await say(socket, HELLO | {"uaid": seen["uaid"]})
        assert hello["uaid"] == seen["uaid"]
        again = await socket.receive_json(timeout=5)
        assert again == seen["notification"]
        update = {"channelID": CHANNEL, "version": again["version"], "code": 100}
        await socket.send_json({"messageType": "ack", "updates": ["odd", update]})
        await socket.send_json({"messageType": "nack", "version": "x", "code": 301})
        assert await say(socket, {"messageType": "ping"}) == {}

    talk(service, first)
    assert seen["notification"] == {
        "messageType": "notification",
        "channelID": CHANNEL,
        "version": service.log.read()[0]["id"],
    }
    assert service.figures()["waiting"] == 1
    talk(service, second)
    figures = service.figures()
    assert (figures["waiting"], figures["acknowledged_100"], figures["nack_301"]) == (0, 1, 1)


def test_ttl_0_is_for_those_connected(service: Service, sender: Sender) -> None:
    endpoints: list[str] = []

    async def conversation(socket: Socket) -> None:
        await say(socket, HELLO)
        endpoints.append((await say(socket, REGISTER | {"key": sender.key}))["pushEndpoint"])
        assert await post(sender, endpoints[0], TTL="0") == 201
        assert (await socket.receive_json(timeout=5))["messageType"] == "notification"

    talk(service, conversation)
    assert asyncio.run(post(sender, endpoints[0], TTL="0")) == 201
    assert service.figures()["waiting"] == 0


def test_unregistered_is_gone(service: Service, sender: Sender) -> None:
    async def conversation(socket: Socket) -> None:
        await say(socket, HELLO)
        endpoint = (await say(socket, REGISTER))["pushEndpoint"]
        # Subscribed without a key: no token is needed.
        assert await post(sender, endpoint, Authorization="none") == 201
        assert (await socket.receive_json(timeout=5))["messageType"] == "notification"
        for _ in range(2):
            answer = await say(socket, {"messageType": "unregister", "channelID": CHANNEL})
            assert answer == {"messageType": "unregister", "status": 200, "channelID": CHANNEL}
        assert await post(sender, endpoint) == 410

    talk(service, conversation)


def test_bad_key_is_refused(service: Service) -> None:
    async def conversation(socket: Socket) -> None:
        await say(socket, HELLO)
        assert (await say(socket, REGISTER | {"key": "AAAA"}))["status"] == 400

    talk(service, conversation)


def test_unknown_browser_gets_a_new_name(service: Service) -> None:
    async def conversation(socket: Socket) -> None:
        assert (await say(socket, HELLO | {"uaid": "made-up"}))["uaid"] != "made-up"

    talk(service, conversation)


@pytest.mark.parametrize("frame", ["no json", "[]", '{"messageType": "register"}'])
def test_other_frames_end_the_connection(service: Service, frame: str) -> None:
    async def conversation(socket: Socket) -> None:
        await socket.send_str(frame)
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE

    talk(service, conversation)


def test_binary_frames_end_the_connection(service: Service) -> None:
    async def conversation(socket: Socket) -> None:
        await socket.send_bytes(b"x")
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE

    talk(service, conversation)
