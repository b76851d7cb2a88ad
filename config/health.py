"""GET /healthz: does this process answer, and can it reach its database and its queue?"""

from collections.abc import Callable

import django_rq
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError


def database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def queue() -> None:
    django_rq.get_connection("send").ping()


CHECKS: dict[str, Callable[[], None]] = {"database": database, "queue": queue}


@require_safe
@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when all answer, else 503; either way each part by name."""
    answers = {"web": "ok"}
    for name, check in CHECKS.items():
        try:
            check()
            answers[name] = "ok"
        except (DatabaseError, RedisError, OSError):
            answers[name] = "does not answer"
    healthy = set(answers.values()) == {"ok"}
    return JsonResponse(answers, status=200 if healthy else 503)
