from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.pushservice.run import running
from demo.pushservice.service import Service
from tests.demo.receiving import Receiver, receiving
from tests.demo.sender import Sender


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "push"


@pytest.fixture
def service(data: Path) -> Iterator[Service]:
    with running(data, rate=5000) as service:
        yield service


@pytest.fixture
def sender(service: Service) -> Sender:
    return Sender(service.origin)


@pytest.fixture
def device(sender: Sender) -> dict[str, Any]:
    """A virtual browser that was subscribed with the sender's key."""
    return sender.device(name="Marit's phone")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
