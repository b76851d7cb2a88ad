from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from subscribers.transports.client import PushClient
from subscribers.transports.gates import Gates

from .gating import Clock
from .servers import make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ssl.SSLContext]:
    """A certificate's file, and a context that serves HTTP/1.1 with it."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def http2_context(certificate: tuple[str, ssl.SSLContext]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[0])
    context.set_alpn_protocols(["h2"])
    return context


@pytest.fixture
def client(certificate: tuple[str, ssl.SSLContext]) -> Iterator[PushClient]:
    """Trusts the test certificate. Its deadline is long: a test that meets it has failed."""
    push_client = PushClient(ca_file=certificate[0])
    yield push_client
    push_client.close()


@pytest.fixture
def hasty_client(certificate: tuple[str, ssl.SSLContext]) -> Iterator[PushClient]:
    """For services that hang: gives up after 0.4 s."""
    push_client = PushClient(timeout=0.4, connect_timeout=0.3, ca_file=certificate[0])
    yield push_client
    push_client.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gates(clock: Clock) -> Gates:
    return Gates(most_in_flight=500, clock=clock)
