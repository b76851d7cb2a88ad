"""What a rule means while it is being written: how many, who, and what each condition does.

Each takes the rule as JSON text in the form field `rule`, or in a JSON body {"rule": {…}}, and
answers a part of a page. `page` is any text that is the same for one open page: what still runs
for it is ended by its next request, and that one answers 204.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.access import SiteRequest, member
from accounts.json_bodies import MAX_BODY
from accounts.models import Role
from audiences import bounded, counting, estimating, rules
from audiences.counting import Ended, Reach, TooLong
from audiences.rules import RuleError

KIND_LABELS = {"android": "Android", "windows": "Windows", "ios": "iOS", "macos": "macOS Safari"}


class Asked:
    """What a request sent: the rule, its other fields, and what its statements are called."""

    def __init__(self, request: SiteRequest, panel: str) -> None:
        fields = _fields(request)
        self.rule = rules.parse(fields.get("rule"))
        self.fields = {key: value for key, value in fields.items() if isinstance(value, str)}
        whose = f"{request.user.pk} {request.site.pk} {panel} {self.fields.get('page', '')}"
        digest = hashlib.sha256(whose.encode(errors="replace")).hexdigest()
        # At most 63 bytes, or PostgreSQL cuts it.
        self.name = f"beckon preview {digest[:32]}"

    def field(self, name: str) -> str:
        return self.fields.get(name, "")


View = Callable[[SiteRequest, Asked], HttpResponseBase]


def preview(panel: str) -> Callable[[View], Callable[..., HttpResponseBase]]:
    """A view of a rule that somebody is writing: reads it, and ends what its page asked before."""

    def decorate(view: View) -> Callable[..., HttpResponseBase]:
        @member(Role.VIEWER)
        @require_POST
        @wraps(view)
        def asked(request: SiteRequest) -> HttpResponseBase:
            try:
                read = Asked(request, panel)
                bounded.end(read.name)
                return view(request, read)
            except RuleError as error:
                return refused(request, error)
            except Ended:
                return HttpResponse(status=204)

        return asked

    return decorate


def refused(request: SiteRequest, error: RuleError) -> HttpResponse:
    """400 with the place and the sentence; for our own page a note, which it shows only with 200."""
    if "HX-Request" in request.headers:
        return render(request, "audiences/preview_refused.html", {"error": error})
    return JsonResponse({"error": error.sentence, "path": error.path}, status=400)


@preview("count")
def count(request: SiteRequest, asked: Asked) -> HttpResponse:
    """The panel "Matches now"."""
    try:
        reach = counting.count(request.site, asked.rule, name=asked.name)
    except TooLong as error:
        if isinstance(error, Ended):
            raise
        reach = None
    context = {
        "rule": asked.rule,
        "reach": reach,
        "kinds": [] if reach is None else _kinds(reach),
        "limit": settings.AUDIENCE_TIMEOUT_MS / 1000,
        "now": timezone.now(),
    }
    return render(request, "audiences/preview_count.html", context)


@preview("alone")
def alone(request: SiteRequest, asked: Asked) -> JsonResponse:
    """{path: {"devices": n, "about": bool}}; {} when counting them takes too long."""
    try:
        found = estimating.alone(request.site, asked.rule, name=asked.name)
    except Ended:
        raise
    except TooLong:
        return JsonResponse({})
    return JsonResponse(
        {path: {"devices": n, "about": found.about} for path, n in found.devices.items()}
    )


def _kinds(reach: Reach) -> list[tuple[str, int]]:
    """Devices by what they show a notification with, the most first; the others last."""
    kinds = [(label, getattr(reach.platforms, kind)) for kind, label in KIND_LABELS.items()]
    return [*sorted(kinds, key=lambda kind: -kind[1]), (_("Others"), reach.platforms.other)]


def _fields(request: SiteRequest) -> Mapping[str, Any]:
    """The fields of a form with the rule read, or of a JSON body. RuleError for no JSON."""
    if request.content_type == "application/json":
        body = _json(request.body.decode(errors="replace"))
        if not isinstance(body, dict):
            raise RuleError("", _("The body must be an object."))
        return body
    return {**request.POST.dict(), "rule": _json(request.POST.get("rule", ""))}


def _json(text: str) -> Any:
    if len(text) > MAX_BODY:
        raise RuleError("", _("The rule is too long."))
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RuleError("", _("The rule is no JSON, or nested too deeply.")) from None
