"""POST /push/events/: where devices report. Public and hostile: no session, no cookies."""

import json

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from campaigns import tracking

MAX_BODY = 1_024
# What apps call a click.
NAMES = {"opened": "clicked"}


@require_POST
@csrf_exempt
@login_not_required
def events(request: HttpRequest) -> HttpResponse:
    """204 for every well-formed receipt, whether it was new, repeated or forged; else 400."""
    try:
        if int(request.headers.get("Content-Length") or 0) > MAX_BODY:
            raise ValueError
        body = json.loads(request.body)
        token, receipt = body["t"], tracking.Receipt(NAMES.get(body["e"], body["e"]))
        if not isinstance(token, str):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        return JsonResponse(
            {
                "error": "malformed",
                "detail": 'Expected {"t": token, "e": EVENT}; EVENT is "displayed", "clicked" '
                '("opened" by apps) or "dismissed".',
            },
            status=400,
        )
    tracking.receive(token, receipt)
    return HttpResponse(status=204, headers={"Access-Control-Allow-Origin": "*"})
