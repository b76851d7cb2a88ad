"""The calendar: a month, a week or a day of what goes out."""

from __future__ import annotations

import re
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.access import SiteRequest, member
from accounts.models import Role, Site
from campaigns import expecting, grids
from campaigns.grids import Grid

KINDS = ("month", "week", "day")
# Of one day so many entries on a page.
PAGE = 100
# Where the page after a move finds what undoes it, if no script has shown it at once.
UNDO = "calendar_undo"


@member(Role.VIEWER)
@require_GET
def index(request: SiteRequest) -> HttpResponse:
    """A month, a week or a day; this month without either."""
    context = shown(request, request.GET)
    context["undo"] = request.session.pop(UNDO, None)
    part = "calendar_part" if by_script(request) else "calendar"
    return render(request, f"campaigns/{part}.html", context)


def shown(request: SiteRequest, asked: QueryDict) -> dict[str, Any]:
    """What the calendar shows for a query."""
    grid = grid_of(request.site, asked)
    if "count" in asked and grid.calendar.uncounted:
        expecting.count(request.site, grid.calendar.uncounted)
        grid = grid_of(request.site, asked)
    context: dict[str, Any] = {
        "nav": "campaigns",
        "grid": grid,
        "back": f"{grid.kind}={grid.at}",
        "others": others(request.site, grid),
        "may_write": request.role.includes(Role.MARKETER),
    }
    if grid.kind == "day":
        page = Paginator(grid.days[0].cards, PAGE).get_page(asked.get("page"))
        context |= {"page": page, "day": grid.days[0]}
    return context


def others(site: Site, grid: Grid) -> dict[str, str]:
    """The addresses of the other views of the same time."""
    inside = [day for day in grid.days if not day.outside]
    today = timezone.localdate(timezone=site.zone)
    pick = next((day.date for day in inside if day.date == today), inside[0].date)
    if grid.kind == "week":
        pick = date.fromisocalendar(int(grid.at[:4]), int(grid.at[6:]), 1)
    return {"month": f"{pick:%Y-%m}", "week": grids.iso_week(pick)}


def grid_of(site: Site, asked: QueryDict) -> Grid:
    """What `?month=2026-11`, `?week=2026-W48` or `?day=2026-11-26` ask for; else this month."""
    for kind, read in (("week", week_of), ("day", day_of), ("month", month_of)):
        if kind in asked and (found := read(asked.get(kind, ""))):
            return {"week": grids.week, "day": grids.day, "month": grids.month}[kind](site, found)
    today = timezone.localdate(timezone=site.zone)
    if "week" in asked:
        return grids.week(site, date.fromisocalendar(*today.isocalendar()[:2], 1))
    return grids.month(site, today.replace(day=1))


def month_of(text: str) -> date | None:
    return day_of(f"{text}-01") if re.fullmatch(r"\d{4}-\d\d", text, re.ASCII) else None


def week_of(text: str) -> date | None:
    """The Monday of an ISO week."""
    if not re.fullmatch(r"\d{4}-W\d\d", text, re.ASCII):
        return None
    return day_of(f"{text}-1")


def day_of(text: str) -> date | None:
    """A day that a calendar of ours can show."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year < 2100 else None


def address(site: Site, back: str) -> str:
    """The calendar as it was looked at."""
    asked = [(name, value) for name, value in parse_qsl(back) if name in KINDS][:1]
    query = "&".join(f"{name}={value}" for name, value in asked if re.fullmatch(r"[\dW-]+", value))
    return reverse("campaigns:calendar", args=[site.pk]) + (f"?{query}" if query else "")


def by_script(request: HttpRequest) -> bool:
    """Whether htmx asks, for a part of the page."""
    return request.headers.get("HX-Request") == "true"
