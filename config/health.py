"""GET /healthz for machines, and the health page for people.

The page's figures are those of the whole installation, so it is for admins of a site and above;
everybody else has the few lines at the end of the overview.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django_rq
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_safe
from redis.exceptions import RedisError

from accounts.access import SiteRequest, member
from accounts.models import Role
from accounts.templatetags.beckon import number
from campaigns import checkups, diagnosis, epochs, pace, verdict, vitals


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


@member(Role.ADMIN)
@require_GET
def page(request: SiteRequest) -> HttpResponse:
    """A sentence, then the evidence, then the checks with one act each."""
    context = everything(request)
    seen = context["vitals"]
    return render(request, "config/health.html", context | charts(request, seen))


@member(Role.ADMIN)
@require_GET
def live(request: SiteRequest) -> HttpResponse:
    """All but the charts, asked for again while somebody looks."""
    return render(request, "config/health_live.html", everything(request))


@member(Role.ADMIN)
@require_GET
def minutes(request: SiteRequest) -> HttpResponse:
    """The charts: they change once a minute."""
    seen = vitals.look(timezone.now())
    return render(request, "config/health_minutes.html", charts(request, seen))


@member(Role.ADMIN)
@require_GET
def file(request: SiteRequest) -> HttpResponse:
    """What is known, as JSON to pass on: no secrets, addresses, names or people."""
    known = everything(request)
    said = diagnosis.diagnosis(known["vitals"], known["copy"], known["checks"], known["verdict"])
    name = f"beckon-diagnosis-{known['vitals'].now:%Y-%m-%d-%H%M}.json"
    return JsonResponse(
        said,
        json_dumps_params={"indent": 2},
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def everything(request: SiteRequest) -> dict[str, Any]:
    """One look, and what to say about it."""
    seen = vitals.look(timezone.now())
    copy = epochs.standing()
    checks = checkups.checkups(seen, copy)
    return {
        "nav": "health",
        "vitals": seen,
        "copy": copy,
        "checks": checks,
        "halves": [checks[0::2], checks[1::2]],
        "verdict": verdict.verdict(seen, copy, checks, request.site.zone),
        "web": vitals.this_web(),
        "in_flight": settings.SEND_IN_FLIGHT,
        "queued": sum((seen.queues.jobs or {}).values()),
        "waited": pace.took(seen.queues.oldest),
    }


def charts(request: SiteRequest, seen: vitals.Vitals) -> dict[str, Any]:
    """The last hour as the data of components/chart.html, with the finding in words."""
    hour = vitals.hour(seen.now, seen.minutes)
    start = hour.start.astimezone(request.site.zone)
    steps = range(len(hour.rates))
    labels = [f"{start + timedelta(minutes=at):%H:%M}" for at in steps]
    shown = {"x": _("Time"), "labels": labels, "type": "line", "low": True}
    known = [count for count in hour.waiting if count is not None]
    return {
        "empty": hour.empty,
        "table": list(zip(labels, hour.rates, hour.waiting, strict=True))[::-1],
        "rates": shown
        | {"axis": False, "series": [series(_("Requests a second"), hour.rates, "c1")]},
        "waiting": shown | {"series": [series(_("Batches waiting"), hour.waiting, "c2")]},
        "rates_label": _("At most %(most)s requests a second, %(last)s in the last minute.")
        % {"most": number(max(hour.rates)), "last": number(hour.rates[-1])},
        "waiting_label": _("At most %(most)s batches waited.")
        % {"most": number(max(known, default=0))},
    }


def series(label: str, values: list[float] | list[int | None], colour: str) -> dict[str, Any]:
    return {"label": label, "values": values, "colour": colour, "fill": True}
