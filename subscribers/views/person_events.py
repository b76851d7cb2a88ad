"""What a person did, for their page."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from accounts.access import SiteRequest, member
from accounts.models import Role
from subscribers import events
from subscribers.models import Event, Subscriber

PAGE = 10
FACTS = 5  # properties that are shown of an event
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@member(Role.VIEWER)
@require_safe
def person_events(request: SiteRequest, subscriber_id: UUID) -> HttpResponse:
    """A page of it, newest first, as a part of the person's page."""
    person = get_object_or_404(Subscriber, pk=subscriber_id, site=request.site)
    before = position(request.GET.get("before", ""))
    found = events.latest(person, before=before, size=PAGE + 1)
    shown = found[:PAGE]
    context = {
        "person": person,
        "events": [(event, facts(event.properties)) for event in shown],
        "older": cursor(shown[-1]) if len(found) > PAGE else "",
        "paged": "before" in request.GET,
    }
    return render(request, "subscribers/person_events.html", context)


def cursor(event: Event) -> str:
    """The place after an event, for an address."""
    return f"{(event.at - BEGINNING) // MICROSECOND}.{event.number}"


def position(text: str) -> tuple[datetime, int] | None:
    """(moment, number) of a cursor; None for what is none."""
    at, _dot, number = text.partition(".")
    if not (at.isdecimal() and number.isdecimal() and text.isascii() and len(text) < 38):
        return None
    try:
        return BEGINNING + timedelta(microseconds=int(at)), min(int(number), 2**63 - 1)
    except OverflowError:
        return None


def facts(properties: dict[str, Any]) -> list[tuple[str, str]]:
    """A few properties as (name, text). Of a list or an object only how much is in it."""
    named = ((name, _text(value)) for name, value in properties.items() if value is not None)
    return [fact for fact, _n in zip(named, range(FACTS), strict=False)]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list | dict):
        return ngettext("%(count)d entry", "%(count)d entries", len(value)) % {"count": len(value)}
    return str(value)
