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
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Lower
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.access import SiteRequest, member
from accounts.json_bodies import MAX_BODY
from accounts.models import Role
from audiences import (
    bounded,
    counting,
    countries,
    estimating,
    explaining,
    references,
    rules,
    sampling,
)
from audiences.counting import Ended, Reach, TooLong
from audiences.explaining import Explanation
from audiences.models import Audience
from audiences.overlap import Overlap, overlap
from audiences.rules import Rule, RuleError
from subscribers import people
from subscribers.models import Subscriber, Subscription

SAMPLE = 20
# Another audience is chosen from so many.
MOST_OTHERS = 500
# A search for a person shows so many.
MOST_PEOPLE = 8
KIND_LABELS = {"android": "Android", "windows": "Windows", "ios": "iOS", "macos": "macOS Safari"}


class Asked:
    """What a request sent: the rule, its other fields, and what its statements are called."""

    def __init__(self, request: SiteRequest, panel: str) -> None:
        fields = _fields(request)
        self.rule = rules.parse(fields.get("rule"))
        references.check(self.rule, request.site)
        self.fields = {key: value for key, value in fields.items() if isinstance(value, str)}
        whose = f"{request.user.pk} {request.site.pk} {panel} {self.fields.get('page', '')}"
        digest = hashlib.sha256(whose.encode(errors="replace")).hexdigest()
        # At most 63 bytes, or PostgreSQL cuts it.
        self.name = f"beckon preview {digest[:32]}"

    def field(self, name: str) -> str:
        return self.fields.get(name, "")


State = Subscription.State
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
    """400 with the place and the sentence. Our own pages get a note, and show it only with 200."""
    if "HX-Request" in request.headers:
        return render(request, "audiences/preview_refused.html", {"error": error})
    return JsonResponse({"error": error.sentence, "path": error.path}, status=400)


@preview("count")
def count(request: SiteRequest, asked: Asked) -> HttpResponse:
    """The panel "Matches now"."""
    reach: Reach | None
    try:
        reach = counting.count(request.site, asked.rule, name=asked.name)
    except TooLong:
        reach = None
    return render(request, "audiences/preview_count.html", figures(asked.rule, reach))


def figures(rule: Rule, reach: Reach | None) -> dict[str, Any]:
    """What the panel "Matches now" shows, also where a page has counted by itself."""
    return {
        "rule": rule,
        "reach": reach,
        "kinds": [] if reach is None else _kinds(reach),
        "limit": settings.AUDIENCE_TIMEOUT_MS / 1000,
        "now": timezone.now(),
    }


@preview("alone")
def alone(request: SiteRequest, asked: Asked) -> JsonResponse:
    """{path: {"devices": n, "about": bool}}; {} when counting them takes too long."""
    try:
        found = estimating.alone(request.site, asked.rule, name=asked.name)
    except TooLong:
        return JsonResponse({})
    return JsonResponse(
        {path: {"devices": n, "about": found.about} for path, n in found.devices.items()}
    )


@preview("sample")
def sample(request: SiteRequest, asked: Asked) -> HttpResponse:
    """Some of the people, at random, each with why."""
    ids, cut_short = sampling.at_random(request.site, asked.rule, SAMPLE, name=asked.name)
    found = {
        person.pk: person
        for person in Subscriber.objects.filter(pk__in=ids).prefetch_related("subscriptions")
    }
    # Erased a moment ago, somebody may be missing.
    chosen = [found[pk] for pk in ids if pk in found]
    chosen.sort(key=lambda person: person.last_seen_at, reverse=True)
    explained = explaining.explain_all(request.site, asked.rule, chosen)
    context = {
        "rows": [
            (person, _place(person), explaining.telling(why))
            for person, why in zip(chosen, explained, strict=True)
        ],
        "cut_short": cut_short,
        "more": len(chosen) >= SAMPLE,
    }
    return render(request, "audiences/preview_sample.html", context)


def _place(person: Subscriber) -> str:
    """Where somebody is: what the site said, else the country of the device seen last."""
    for name in ("city", "country"):
        if isinstance(said := person.attributes.get(name), str) and said:
            return said
    devices = sorted(person.subscriptions.all(), key=lambda device: device.last_seen_at)
    code = countries.country_of(devices[-1].time_zone) if devices else ""
    return countries.label(code) if code else ""


@preview("overlap")
def compare(request: SiteRequest, asked: Asked) -> HttpResponse:
    """The panel that compares with another audience, which the field `other` names."""
    named = Audience.objects.filter(site=request.site).exclude(name="")
    edited, chosen = _uuid(asked.field("page")), _uuid(asked.field("other"))
    named = (named.exclude(pk=edited) if edited else named).order_by(Lower("name"))
    other = named.filter(pk=chosen).first() if chosen else None
    found: Overlap | None = None
    refusal = ""
    if other is not None:
        try:
            theirs = rules.parse(other.rule)
            found = overlap(request.site, asked.rule, theirs, name=asked.name)
        except TooLong:
            refusal = _("Comparing them takes too long just now.")
    context = {
        "others": list(named[:MOST_OTHERS]),
        "other": other,
        "found": found,
        "refusal": refusal,
    }
    return render(request, "audiences/preview_overlap.html", context)


@preview("explain")
def explain(request: SiteRequest, asked: Asked) -> HttpResponse:
    """The panel that says of one person (field `person`) each condition; or finds one (`q`)."""
    pk = _uuid(asked.field("person") or _from_address(request))
    person = Subscriber.objects.filter(site=request.site, pk=pk).first() if pk else None
    why: Explanation | None = None
    if person is not None:
        why = explaining.explain(request.site, asked.rule, person)
    q = " ".join(asked.field("q").replace("\x00", "").split())[: people.MAX_QUERY]
    found: list[Subscriber] = []
    if q and person is None:
        found = people.page(people.search(request.site, text=q), None, size=MOST_PEOPLE).people
    context = {"why": why, "q": q, "found": found, "asked_for": pk, "active": State.ACTIVE}
    return render(request, "audiences/preview_explain.html", context)


def _from_address(request: SiteRequest) -> str:
    """The person in the address of the page that asks: a link from a person's page has one."""
    query = urlsplit(request.headers.get("HX-Current-URL", "")).query
    return parse_qs(query).get("person", [""])[0]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _kinds(reach: Reach) -> list[tuple[str, int]]:
    """Devices by what they show a notification with, the most first; the others last."""
    kinds = [(label, getattr(reach.platforms, kind)) for kind, label in KIND_LABELS.items()]
    # Most sites have no app.
    apps = {"android_app": _("Android app"), "ios_app": _("iOS app")}
    found = [(label, getattr(reach.platforms, kind)) for kind, label in apps.items()]
    kinds += [kind for kind in found if kind[1]]
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
