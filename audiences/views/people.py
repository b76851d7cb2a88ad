"""People of named audiences: how many each day, all of them as a file; and one person's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import audit
from accounts.access import SiteRequest, member
from accounts.models import Role
from accounts.templatetags.beckon import number
from audiences import counting, explaining, references, rules, sampling, sizes
from audiences.counting import TooLong
from audiences.models import Audience
from audiences.rules import Rule, RuleError
from subscribers import exporting
from subscribers.models import Subscriber

# For all audiences of one person.
PATIENCE_MS = 2_000


def _named(request: SiteRequest, audience_id: UUID) -> Audience:
    named = Audience.objects.exclude(name="").select_related("site")
    return get_object_or_404(named, site=request.site, pk=audience_id)


@member(Role.VIEWER)
@require_safe
def size(request: SiteRequest, audience_id: UUID) -> HttpResponse:
    """The panel with its people over the last 30 days. Counts today's, once after each change."""
    audience, now = _named(request, audience_id), timezone.now()
    today = now.astimezone(request.site.zone).date()
    changed = audience.updated_at.astimezone(request.site.zone).date() == today
    if changed or not audience.sizes.filter(day=today).exists():
        # The days before are there without it.
        with contextlib.suppress(TooLong, RuleError):
            sizes.keep(audience, now)
    days = sizes.lately(audience, now)
    known = [(day, people) for day, people in days if people is not None]
    context: dict[str, Any] = {
        "audience": audience,
        "since": known[0][0] if known else None,
        "days": len(known),
        "may_export": request.role.includes(Role.ADMIN),
    }
    if len(known) > 1:
        context |= {"chart": _chart(days), "finding": _finding(known)}
    return render(request, "audiences/preview_sizes.html", context)


def _chart(days: list[tuple[Any, int | None]]) -> dict[str, Any]:
    return {
        "type": "line",
        "x": _("Day"),
        "labels": [date_format(day, "j M") for day, _people in days],
        "series": [
            {
                "label": _("People"),
                "values": [people for _day, people in days],
                "colour": "c1",
                "fill": True,
            }
        ],
        "from": "zero",
        "low": True,
    }


def _finding(known: list[tuple[Any, int]]) -> str:
    (first, before), (last, now) = known[0], known[-1]
    return _("%(before)s people on %(first)s, %(now)s on %(last)s.") % {
        "before": number(before),
        "first": date_format(first, "j M"),
        "now": number(now),
        "last": date_format(last, "j M"),
    }


@member(Role.ADMIN)
@require_safe
def export(request: SiteRequest, audience_id: UUID) -> StreamingHttpResponse:
    """The people that the audience reaches now, as CSV in the order of their ids."""
    audience = _named(request, audience_id)
    try:
        rule = references.resolve(rules.parse(audience.rule), request.site)
    except RuleError as error:
        raise Http404(error.sentence) from error
    audit.record("audience.exported", site=request.site, actor=request.user, target=audience.name)
    site, name = slugify(request.site.name) or "site", slugify(audience.name) or "audience"
    file = f"{site}-{name}-{timezone.now():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        exporting.lines_of(_people(request, rule)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


def _people(request: SiteRequest, rule: Rule) -> Iterator[Subscriber]:
    for ids in sampling.everybody(request.site, rule):
        people = Subscriber.objects.filter(pk__in=ids).order_by("pk")
        yield from people.prefetch_related("subscriptions")


@member(Role.VIEWER)
@require_safe
def of_person(request: SiteRequest, subscriber_id: UUID) -> HttpResponse:
    """The named audiences that a person is in."""
    person = get_object_or_404(Subscriber, site=request.site, pk=subscriber_id)
    most = explaining.MOST_AUDIENCES
    named = Audience.objects.filter(site=request.site).exclude(name="")
    bounded = named[: most + 1].count() > most
    context: dict[str, Any] = {"person": person, "most": most, "bounded": bounded}
    try:
        with counting.at_most(PATIENCE_MS):
            context["audiences"] = explaining.audiences_of(request.site, person)
    except TooLong:
        context["too_long"] = True
    return render(request, "audiences/person.html", context)
