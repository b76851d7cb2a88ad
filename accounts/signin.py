"""The answer to somebody who tried too often."""

import math
import time
from datetime import timedelta
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone


def locked_out(
    request: HttpRequest, original: HttpResponse | None, credentials: dict[str, Any] | None
) -> HttpResponse:
    """A page that says when to try again. Called by django-axes' middleware."""
    ends_at = AxesProxyHandler.get_implementation().ends_at(request, credentials)
    seconds = max(1, math.ceil(ends_at - time.time()))
    context = {
        "minutes": math.ceil(seconds / 60),
        "until": timezone.now() + timedelta(seconds=seconds),
    }
    response = render(request, "accounts/locked_out.html", context, status=429)
    response["Retry-After"] = str(seconds)
    return response
