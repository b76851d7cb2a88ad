"""The first page of a site: what runs, whom it can reach, what comes next, and if it sends."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.access import SiteRequest, member
from accounts.bars import Part, in_order
from accounts.models import Role
from campaigns import approvals, overview, pace, summaries, watching
from campaigns.models import Campaign
from campaigns.views import charts


@member(Role.VIEWER)
@require_GET
def index(request: SiteRequest) -> HttpResponse:
    """Everything at a glance; a new site sees the three steps that make it useful."""
    site = request.site
    now = timezone.now()
    reach = overview.reach(site, period(request.GET.get("days", "")))
    begun = overview.beginning(site, reach.people)
    context = {
        "nav": "overview",
        "now": now,
        "may_write": request.role.includes(Role.MARKETER),
        "may_look": request.role.includes(Role.ADMIN),
        "reach": reach,
        "begun": begun,
        "health": overview.health(now),
        "days": len(reach.days),
        "periods": overview.PERIODS,
        "campaigns": Campaign.objects.filter(site=site).count(),
        "waiting": approvals.open_for(site, request.user),
    }
    context |= going(request) | charts.reach(reach)
    if not begun.done and not context["rows"]:
        return render(request, "campaigns/overview_new.html", context)
    coming = overview.coming(site)
    for campaign in coming:
        campaign.site = site
    last = summaries.of(overview.last(site))
    # The legend names every outcome that a bar shows, and no other.
    keys = {part.key for row in last for part in row.parts if part.count}
    legend = in_order(Part(key) for key in keys)
    context |= {"last": last, "legend": legend, "coming": coming}
    return render(request, "campaigns/overview.html", context)


@member(Role.VIEWER)
@require_GET
def running(request: SiteRequest) -> HttpResponse:
    """What runs now, asked for again while somebody looks."""
    context = going(request) | {"may_write": request.role.includes(Role.MARKETER)}
    return render(request, "campaigns/overview_running.html", context)


def going(request: SiteRequest) -> dict[str, Any]:
    """What runs or is paused, with its pace."""
    rows = summaries.of(overview.running(request.site))
    settled = {row.run.pk: row.settled for row in rows if row.running and row.run}
    measured = pace.measure(request.GET.get("samples", ""), timezone.now().timestamp(), settled)
    stalls = watching.stalls([row.run for row in rows if row.run], timezone.now())
    lines = []
    for row in rows:
        words = measured.words(row.run.pk, row.pending) if row.run else ""
        lines.append((row, words, stalls.get(row.run.pk) if row.run else None))
    return {"rows": lines, "polls": bool(settled), "samples": measured.carry}


def period(text: str) -> int:
    """Days of the chart; the shortest for what is none of them."""
    days = int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 0
    return days if days in overview.PERIODS else overview.PERIODS[0]
