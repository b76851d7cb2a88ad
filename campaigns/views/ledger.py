"""The ledger of a campaign: a page of it, what it can be narrowed down to, and its export."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from accounts import audit
from accounts.access import SiteRequest, member
from accounts.models import Role
from audiences import bounded
from campaigns import entries, exporting, starting
from campaigns.entries import Wanted
from campaigns.models import Campaign, Run
from campaigns.views import charts
from campaigns.views.compose import campaign_of
from subscribers import people

MAX_REASON = 40


@member(Role.VIEWER)
@require_GET
def index(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """A page of rows: the part for htmx, the whole report without a script."""
    campaign = campaign_of(request.site, campaign_id)
    page = reverse("campaigns:report", args=[campaign.site_id, campaign.pk])
    if "HX-Request" not in request.headers:
        return redirect(f"{page}?{request.GET.urlencode()}#ledger")
    context = rows(request, campaign, starting.run_of(campaign))
    answer = render(request, "campaigns/report_ledger.html", context)
    if context["focus"]:  # a person has chosen: the address says what, to be sent to others
        answer["HX-Replace-Url"] = f"{page}?{context['query']['all']}".rstrip("?")
    return answer


@member(Role.VIEWER)
@require_GET
def reasons(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """The reasons that occur, for the menu that asks for them when it is opened."""
    campaign = campaign_of(request.site, campaign_id)
    run = starting.run_of(campaign)
    context = {
        "campaign": campaign,
        "reasons": entries.reasons_of(run) if run else None,
        "sample": entries.SAMPLE,
        "wanted": wanted_by(request),
    }
    return render(request, "campaigns/report_ledger_reasons.html", context)


def wanted_by(request: SiteRequest) -> Wanted:
    """What the address asks for; an unknown state counts as none."""
    state = request.GET.get("state", "")
    reason = request.GET.get("reason", "")[:MAX_REASON].replace("\x00", "")
    text = " ".join(request.GET.get("q", "")[: people.MAX_QUERY].replace("\x00", "").split())
    return Wanted(state if state in entries.FILTERS else "", reason, text)


def rows(request: SiteRequest, campaign: Campaign, run: Run | None) -> dict[str, Any]:
    """One page of the ledger as the address asks for it."""
    wanted = wanted_by(request)
    before, after = whole(request.GET.get("before", "")), whole(request.GET.get("after", ""))
    page = patiently(run, wanted, before=before, after=after) if run else entries.Page()
    live = campaign.state == Campaign.State.RUNNING and not (before or after or wanted.text)
    return {
        "campaign": campaign,
        "run": run,
        "page": page,
        "wanted": wanted,
        "filters": charts.filters(),
        "state_words": dict(charts.filters()).get(wanted.state, ""),
        "reason_words": reason_words(wanted),
        "query": query(wanted),
        "slowly": 10 if live and not page.too_long else 0,
        "now": timezone.now(),
        "focus": request.GET.get("focus", ""),
        "may_export": request.role.includes(Role.ADMIN),
    }


def patiently(run: Run, wanted: Wanted, *, before: int, after: int) -> entries.Page:
    """The page, or that looking for it takes too long."""
    try:
        with bounded.at_most(entries.PATIENCE_MS):
            return entries.page(run, wanted, before=before, after=after)
    except bounded.TooLong:
        return entries.Page(too_long=True)


def query(wanted: Wanted) -> dict[str, str]:
    """The address of what is wanted, and of it without one of its parts: for the crosses."""
    parts = {"q": wanted.text, "state": wanted.state, "reason": wanted.reason}

    def address(*left_out: str) -> str:
        return urlencode({k: v for k, v in parts.items() if v and k not in left_out})

    return {
        "all": address(),
        "but_state": address("state", "reason"),
        "but_reason": address("reason"),
        "but_text": address("q"),
    }


def reason_words(wanted: Wanted) -> str:
    """The reason that is wanted, as its menu names it."""
    if not wanted.reason:
        return ""
    return entries.reason_words(entries.state_of(wanted.state), wanted.reason)


def whole(text: str) -> int:
    """A cursor of an address; 0 for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


@member(Role.ADMIN)
@require_GET
def export(request: SiteRequest, campaign_id: UUID) -> HttpResponseBase:
    """The filtered ledger as CSV."""
    campaign = campaign_of(request.site, campaign_id)
    wanted = wanted_by(request)
    chosen = {"state": wanted.state, "reason": wanted.reason, "q": wanted.text}
    audit.record(
        "campaign.exported",
        site=request.site,
        actor=request.user,
        target=campaign.name,
        **{name: value for name, value in chosen.items() if value},
    )
    parts = (slugify(campaign.name) or "campaign", wanted.state, slugify(wanted.reason), "ledger")
    name = "-".join(filter(None, parts))
    return StreamingHttpResponse(
        exporting.lines(starting.run_of(campaign), wanted),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
