"""The list of campaigns."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.access import SiteRequest, member
from accounts.models import Role
from campaigns import approvals, overview, pace, summaries
from campaigns.models import Campaign, Message
from campaigns.summaries import Summary

PAGE = 25
MAX_QUERY = 100
TABS = (
    Campaign.State.DRAFT,
    Campaign.State.SCHEDULED,
    Campaign.State.RUNNING,
    Campaign.State.PAUSED,
    Campaign.State.FINISHED,
    Campaign.State.CANCELLED,
)


def paginator(found: QuerySet[Campaign], count: int) -> Paginator[Campaign]:
    """A paginator that is told the count, which the tabs show anyway."""
    paged = Paginator(found, PAGE)
    vars(paged)["count"] = count  # where its cached_property looks first
    return paged


@member(Role.VIEWER)
@require_GET
def index(request: SiteRequest) -> HttpResponse:
    """Campaigns by state and search, newest first; an empty site learns what to do."""
    context = listed(request)
    if not context["everything"] and not context["q"]:
        return render(request, "campaigns/list_empty.html", context | empty(request))
    return render(request, "campaigns/list.html", context)


@member(Role.VIEWER)
@require_GET
def live(request: SiteRequest) -> HttpResponse:
    """The same rows again, asked for while something runs."""
    return render(request, "campaigns/list_rows.html", listed(request))


def listed(request: SiteRequest) -> dict[str, Any]:
    """The tabs with their counts and one page of rows."""
    text = " ".join(request.GET.get("q", "")[:MAX_QUERY].replace("\x00", "").split())
    state = request.GET.get("state", "")
    state = state if state in Campaign.State.values else ""
    found = searched(request, text)
    counts = dict(found.order_by().values_list("state").annotate(Count("pk")))
    if state:
        found = found.filter(state=state)
    total = counts.get(state, 0) if state else sum(counts.values())
    page = paginator(found.select_related("audience"), total).get_page(request.GET.get("page"))
    rows = summaries.of(list(page.object_list))
    for row in rows:
        row.campaign.site = request.site
    waits = approvals.open_among([row.campaign for row in rows])
    return {
        "nav": "campaigns",
        "page": page,
        "rows": rows,
        "waits": waits,
        "q": text,
        "state": state,
        "state_label": Campaign.State(state).label if state else "",
        "everything": sum(counts.values()),
        "tabs": [("", _("All"), sum(counts.values()), address(text, ""))]
        + [(one, tab_label(one), counts.get(one, 0), address(text, one)) for one in TABS],
        "may_write": request.role.includes(Role.MARKETER),
    } | running(request, rows)


def searched(request: SiteRequest, text: str) -> QuerySet[Campaign]:
    """The site's campaigns whose name, or whose message's title, contains a text."""
    found = Campaign.objects.filter(site=request.site).order_by("-created_at", "pk")
    if not text:
        return found
    titled = Message.objects.filter(campaign=OuterRef("pk"), title__icontains=text)
    return found.filter(Q(name__icontains=text) | Exists(titled))


def running(request: SiteRequest, rows: list[Summary]) -> dict[str, Any]:
    """How fast the running rows go, if any does."""
    going = [row for row in rows if row.running and row.run]
    if not going:
        return {"lines": [(row, "") for row in rows]}
    settled = {row.run.pk: row.settled for row in going if row.run}
    measured = pace.measure(request.GET.get("samples", ""), timezone.now().timestamp(), settled)
    return {
        "polls": True,
        "samples": measured.carry,
        "lines": [
            (row, measured.left(row.run.pk, row.pending) if row.run and not row.planning else "")
            for row in rows
        ],
    }


def address(text: str, state: str) -> str:
    return "?" + urlencode({k: v for k, v in (("state", state), ("q", text)) if v})


def tab_label(state: str) -> str:
    return _("Drafts") if state == Campaign.State.DRAFT else str(Campaign.State(state).label)


def empty(request: SiteRequest) -> dict[str, Any]:
    """What is in place already for a first campaign."""
    people, devices = overview.now_reachable(request.site)
    begun = overview.beginning(request.site, people)
    return {"begun": begun, "people": people, "devices": devices}
