"""What every test may rely on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import redis
from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.contract import conformance

# A busy machine is no defect: how long an example takes is the benchmarks' business.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def queue_server() -> Iterator[redis.Redis]:
    """The Redis database of this test process alone."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


@pytest.fixture(autouse=True)
def empty_queues_and_caches(queue_server: redis.Redis) -> None:
    """Jobs, throttles and caches of another test are gone, and how far its database had come."""
    queue_server.flushdb()
    Path(settings.VAR_DIR, "epoch").unlink(missing_ok=True)


@pytest.fixture(autouse=True, scope="session")
def api_answers_are_what_the_schema_says() -> Iterator[None]:
    """Whatever test calls the REST API: its answer is checked against the schema."""
    original = APIView.finalize_response

    def finalize_response(
        view: APIView, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        final = original(view, request, response, *args, **kwargs)
        conformance.check(request, final)
        return final

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(APIView, "finalize_response", finalize_response)
        yield
