"""The people behind a dry run's figures, and one person looked up."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from accounts import audit
from accounts.access import SiteRequest, member
from accounts.models import Role, Site
from audiences import bounded
from audiences.rules import RuleError
from campaigns import asking, fates, forecasting, planning
from campaigns.models import Campaign, DryRun
from campaigns.outlook import Outlook
from campaigns.refusals import Refused
from campaigns.views.compose import campaign_of, started
from campaigns.views.ledger import whole
from subscribers import people

PAGE = 50
# Seconds that looking for a page of people may take.
PATIENCE = 2.0
MAX_CODE = 90


@member(Role.VIEWER)
@require_GET
def index(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Everybody whom the dry run gives an outcome, a page at a time."""
    campaign = campaign_of(request.site, campaign_id)
    if elsewhere := started(request, campaign):
        return elsewhere
    run, code = forecasting.current(campaign), code_of(request)
    context: dict[str, Any] = {"nav": "campaigns", "campaign": campaign, "run": run}
    if run is not None:
        context |= page(request, run, code)
    return render(request, "campaigns/dry_run_people.html", context)


def code_of(request: SiteRequest) -> str:
    """The outcome that the address names."""
    return request.GET.get("code", "send")[:MAX_CODE].replace("\x00", "")


def page(request: SiteRequest, run: DryRun, code: str) -> dict[str, Any]:
    """One page of an outcome, with what the others are called."""
    outlook, after = Outlook(run.campaign, run), whole(request.GET.get("after", ""))
    row = next((row for row in outlook.rows if row.code == code), None)
    end = time.monotonic() + PATIENCE
    rows, following = forecasting.people(run, code, after, PAGE, lambda: time.monotonic() > end)
    forecast = forecasting.forecast_of(run)
    shown: dict[str, Any] = {
        "code": code,
        "outcome": row,
        "outcomes": outlook.rows,
        "fates": fates.of(forecast, rows),
        "first": not after,
        "on": urlencode({"code": code, "after": following}) if following else "",
        "may_export": request.role.includes(Role.ADMIN),
        "with_variants": bool(forecast.terms.weights),
    }
    if following and len(rows) < PAGE:
        shown |= looked(run, following)
    return shown


def looked(run: DryRun, through: int) -> dict[str, int]:
    """How far a search came that was stopped."""
    campaign = run.campaign
    return {
        "looked": planning.taking_part(campaign, 0, through).count(),
        "of": planning.taking_part(campaign, 0, run.last_subscription).count(),
    }


@member(Role.ADMIN)
@require_GET
def export(request: SiteRequest, campaign_id: UUID) -> HttpResponseBase:
    """Everybody with an outcome, as CSV."""
    campaign = campaign_of(request.site, campaign_id)
    if elsewhere := started(request, campaign):
        return elsewhere
    run, code = forecasting.current(campaign), code_of(request)
    if run is None:
        return redirect("campaigns:dry_run_people", campaign.site_id, campaign.pk)
    audit.record(
        "campaign.exported",
        site=request.site,
        actor=request.user,
        target=campaign.name,
        outcome=code,
    )
    parts = (slugify(campaign.name) or "campaign", "dry-run", slugify(code))
    name = "-".join(filter(None, parts))
    return StreamingHttpResponse(
        fates.lines(run, code),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


@member(Role.VIEWER)
@require_GET
def person(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """What would become of one person: `person` by id, or `who` by what is searched for. A part of
    the review page; a page of its own without a script."""
    campaign = campaign_of(request.site, campaign_id)
    if elsewhere := started(request, campaign):
        return elsewhere
    whole_page = "HX-Request" not in request.headers
    context = {"nav": "campaigns", "campaign": campaign} | answer(request, campaign)
    name = "dry_run_person_page" if whole_page else "dry_run_person"
    return render(request, f"campaigns/{name}.html", context)


def answer(request: SiteRequest, campaign: Campaign) -> dict[str, Any]:
    """Who was found, and what becomes of them."""
    who = " ".join(request.GET.get("who", "").replace("\x00", "").split())[: people.MAX_QUERY]
    key, shown = uuid(request.GET.get("person", "") or who), {"who": who}
    try:
        found = found_by(campaign.site, key, who)
        if len(found) != 1:
            return shown | {"found": found}
        forecast = forecasting.as_of_now(campaign)
        return shown | {"answer": asking.about(forecast, found[0])}
    except bounded.TooLong:
        return shown | {"too_long": True}
    except Refused as refusal:
        return shown | {"refusal": refusal.sentence}
    except RuleError as error:
        return shown | {"refusal": error.sentence}


def found_by(site: Site, key: UUID | None, who: str) -> list[Any]:
    if key is not None:
        found = asking.person_of(site, key)
        return [found] if found else []
    return asking.search(site, who) if who else []


def uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
