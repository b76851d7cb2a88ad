"""What each message to a person's devices came to, for the page of that person."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from accounts.access import SiteRequest, member
from accounts.models import Role
from campaigns import entries
from campaigns.models import Run
from subscribers.models import Subscriber

PAGE = 10


@member(Role.VIEWER)
@require_GET
def messages(request: SiteRequest, subscriber_id: UUID) -> HttpResponse:
    """A page of them, newest first, as a part of the person's page."""
    person = get_object_or_404(Subscriber, pk=subscriber_id, site=request.site)
    devices = list(person.subscriptions.values_list("pk", flat=True))
    found = entries.of_devices(devices, before=cursor(request.GET.get("before", "")), size=PAGE)
    shown = found[:PAGE]
    runs = Run.objects.select_related("campaign").in_bulk([row.run_id for row in shown])
    context = {
        "person": person,
        "entries": [(entry, runs[entry.delivery.run_id]) for entry in entries.with_devices(shown)],
        "older": f"{shown[-1].run_id}.{shown[-1].subscription_id}" if len(found) > PAGE else "",
        "paged": "before" in request.GET,
    }
    return render(request, "campaigns/person_messages.html", context)


def cursor(text: str) -> tuple[int, int] | None:
    """(run, subscription) of an address; None for what is none."""
    run, _dot, device = text.partition(".")
    if not (run.isdecimal() and device.isdecimal() and text.isascii() and len(text) < 38):
        return None
    return int(run), int(device)
