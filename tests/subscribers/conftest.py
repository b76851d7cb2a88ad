"""For ingest: the test push service is known, and each test starts with fresh limits."""

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings as django_settings
from pytest_django import Settings

from tests.factories import PUSH_ORIGIN


@pytest.fixture(autouse=True)
def push_service(settings: Settings) -> None:
    settings.EXTRA_PUSH_ORIGINS = frozenset({PUSH_ORIGIN})


@pytest.fixture(autouse=True)
def fresh_limits() -> Iterator[None]:
    yield
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        names = list(client.scan_iter("beckon:ingest:*"))
        if names:
            client.delete(*names)
