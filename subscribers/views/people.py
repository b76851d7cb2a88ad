"""The list of people and its export."""

from urllib.parse import urlencode

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from accounts import audit
from accounts.access import SiteRequest, member
from accounts.models import Role
from subscribers import exporting, people
from subscribers.models import Subscription


def _filter(request: SiteRequest) -> dict[str, str]:
    """What the list is filtered by; an unknown state counts as none."""
    state = request.GET.get("state", "")
    text = " ".join(request.GET.get("q", "")[: people.MAX_QUERY].replace("\x00", "").split())
    return {"q": text, "state": state if state in people.STATES else ""}


def _address(chosen: dict[str, str], **more: str) -> str:
    return "?" + urlencode({name: value for name, value in (chosen | more).items() if value})


@member(Role.VIEWER)
@require_safe
def people_list(request: SiteRequest) -> HttpResponse:
    """Everybody, newest first, by state and search."""
    chosen = _filter(request)
    found = people.search(request.site, text=chosen["q"], state=chosen["state"])
    count = people.count(found)
    found = people.few(found, count) if chosen["q"] else found
    page = people.page(found, people.Cursor.parse(request.GET.get("page", "")))
    states = [("", ""), *((value, label) for value, label in Subscription.State.choices)]
    context = {
        "nav": "people",
        "page": page,
        "count": count,
        "bound": people.COUNT_BOUND,
        "q": chosen["q"],
        "state": chosen["state"],
        "state_label": dict(states)[chosen["state"]],
        "tabs": [(value, label, _address(chosen, state=value)) for value, label in states],
        "newer": _address(chosen, page=page.newer) if page.newer else "",
        "older": _address(chosen, page=page.older) if page.older else "",
        "export": _address(chosen),
        "may_export": request.role.includes(Role.ADMIN),
    }
    return render(request, "subscribers/people.html", context)


@member(Role.ADMIN)
@require_safe
def people_export(request: SiteRequest) -> StreamingHttpResponse:
    """The filtered list as CSV."""
    chosen = _filter(request)
    found = people.search(request.site, text=chosen["q"], state=chosen["state"])
    audit.record("people.exported", site=request.site, actor=request.user, **chosen)
    name = f"{slugify(request.site.name) or 'site'}-people-{timezone.now():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        exporting.lines(found),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
