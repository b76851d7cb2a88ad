"""The report's panel of variants and holdout, and the choice of a winner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.access import SiteRequest, member
from accounts.models import Role
from audiences import bounded
from campaigns import experiments, runs
from campaigns.experiments import Group, Rate
from campaigns.models import LETTERS, Campaign, Message, Run
from campaigns.refusals import Refused
from campaigns.views.compose import campaign_of

WIDTH = 160.0


@dataclass(frozen=True)
class Row:
    """A group with its name and where its interval is drawn, in units of the drawing."""

    group: Group
    title: str
    rate: Rate
    low: float
    at: float
    high: float
    colour: str


@member(Role.VIEWER)
@require_GET
def variants(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """What each variant came to, and those who were kept back."""
    campaign = campaign_of(request.site, campaign_id)
    context: dict[str, Any] = {"campaign": campaign, "run": (run := runs.of(campaign))}
    if run is not None:
        context |= _figures(campaign, run, request.role)
    return render(request, "campaigns/report_variants.html", context)


def _figures(campaign: Campaign, run: Run, role: Role) -> dict[str, Any]:
    by = campaign.winner_by
    context: dict[str, Any] = {
        "awaits": run.decide_at is not None and run.winner is None and run.finished_at is None,
        "winner": None if run.winner is None else LETTERS[run.winner],
        "may_write": role.includes(Role.MARKETER),
        "letters": LETTERS[: len(run.message.variants) + 1],
    }
    try:
        groups = experiments.results(run)
    except bounded.TooLong:
        return context | {"too_long": True}
    best = experiments.leader(groups, by)
    return context | {
        "rows": rows(groups, run.message, by),
        "top": ceiling(groups, by),
        "leads": best.letter if best and experiments.is_clear(groups, by) else "",
        "lift": experiments.lift(groups),
        "by_conversion": by == Campaign.WinnerBy.CONVERSION,
    }


def ceiling(groups: list[Group], by: str) -> float:
    """The right end of the drawing's axis: what is above all intervals, rounded up."""
    most = max((group.rate(by).high for group in groups if group.people), default=0.01)
    return next((step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if step >= most), 1.0)


def rows(groups: list[Group], message: Message, by: str) -> list[Row]:
    """The groups as the table shows them."""
    top, shown = ceiling(groups, by), []
    for group in groups:
        rate = group.rate(by)
        low, at, high = (round(x / top * WIDTH, 1) for x in (rate.low, rate.share, rate.high))
        colour = "kept" if group.kept else f"v{group.variant or 0}"
        shown.append(Row(group, title_of(group, message), rate, low, at, high, colour))
    return shown


def title_of(group: Group, message: Message) -> str:
    """What the group was told."""
    if group.kept:
        return _("Control group")
    if not group.variant:
        return message.title
    others = message.variants
    return str(others[group.variant - 1]["title"]) if group.variant <= len(others) else ""


@member(Role.MARKETER)
@require_POST
def choose(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Send one variant to all who wait for the winner."""
    campaign = campaign_of(request.site, campaign_id)
    letter = request.POST.get("variant", "")
    try:
        if len(letter) != 1 or letter not in LETTERS:
            raise Refused(_("Choose one of its variants."))
        experiments.choose(campaign, LETTERS.index(letter), by=request.user)
        messages.success(request, _("Variant %s goes to all who waited.") % letter)
    except Refused as refusal:
        messages.error(request, refusal.sentence)
    return redirect("campaigns:report", campaign.site_id, campaign.pk)
