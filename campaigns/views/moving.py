"""One entry of the calendar: what it clashes with, moving it, and leaving it out."""

from __future__ import annotations

import json
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import SiteRequest, member, require
from accounts.models import Role
from campaigns import calendar, grids, moments, rescheduling, summaries
from campaigns.calendar import Entry
from campaigns.forms.calendar import MoveForm
from campaigns.models import Campaign
from campaigns.refusals import Refused
from campaigns.rescheduling import Moved
from campaigns.views.calendar import UNDO, address, by_script, shown
from campaigns.views.compose import campaign_of

# "day=2026-11-26" is kept in the session, and not whatever was posted.
LONGEST_BACK = 40


@member(Role.VIEWER)
@require_http_methods(["GET", "POST"])
def entry(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """What one entry is and clashes with; its marketers move it from here."""
    campaign = campaign_of(request.site, campaign_id)
    if request.method == "POST":
        require(request.role, Role.MARKETER)
        return moved(request, campaign)
    asked = MoveForm(request.GET)
    asked.is_valid()
    found = calendar.find(request.site, campaign, asked.cleaned_data.get("occurrence"))
    if found is None:
        return redirect("campaigns:report", request.site.pk, campaign.pk)
    return details(request, found, None, request.GET.get("back", ""))


def moved(request: SiteRequest, campaign: Campaign) -> HttpResponse:
    """Move it, or leave it out of its series, as the form says; or say why not."""
    form = MoveForm(request.POST)
    refusal = ""
    try:
        if "skip" in request.POST:
            return skipped(request, campaign, form)
        if form.is_valid():
            cleaned = form.cleaned_data
            done = rescheduling.move(
                request.site,
                campaign.pk,
                form.target,
                seen=cleaned.get("seen"),
                occurrence=cleaned.get("occurrence"),
                by=request.user,
            )
            return said(request, sentence(done), undo_of(done, request.POST.get("back", "")))
        refusal = " ".join(str(error) for errors in form.errors.values() for error in errors)
    except Refused as refused:
        refusal = refused.sentence
        form.add_error(None, refusal)
    return refused_page(request, campaign, form, refusal)


def skipped(request: SiteRequest, campaign: Campaign, form: MoveForm) -> HttpResponse:
    form.is_valid()
    occurrence = form.cleaned_data.get("occurrence")
    if occurrence is None:
        raise Refused(_("It does not repeat."))
    rescheduling.skip(request.site, campaign.pk, occurrence, by=request.user)
    words = _("%(day)s is left out. The series goes on after it.")
    return said(request, words % {"day": date_format(occurrence, "D j M")}, None)


def refused_page(
    request: SiteRequest, campaign: Campaign, form: MoveForm, refusal: str
) -> HttpResponse:
    """The form with the sentence, or the calendar as it is: what was dragged is where it was."""
    back = request.POST.get("back", "")
    if by_script(request) and request.headers.get("HX-Target") == "calendar":
        context = shown(request, QueryDict(back)) | {"refusal": refusal}
        return render(request, "campaigns/calendar_part.html", context)
    found = calendar.find(request.site, campaign, form.cleaned_data.get("occurrence"))
    if found is None:
        messages.error(request, refusal)
        return leave(request, address(request.site, back))
    return details(request, found, form, back)


def details(request: SiteRequest, found: Entry, form: MoveForm | None, back: str) -> HttpResponse:
    """A page about one entry, or what a dialog shows of it."""
    card = grids.card(request.site, found)
    initial = {
        "day": card.local.date(),
        "clock": card.local.time(),
        "seen": found.seen.isoformat() if found.seen else "",
        "occurrence": found.occurrence.isoformat() if found.occurrence else "",
    }
    campaign = campaign_of(request.site, found.campaign)
    context = {
        "nav": "campaigns",
        "card": card,
        "entry": found,
        "campaign": campaign,
        "sentence": summaries.Summary(campaign, None, {}).sentence,
        "form": form or MoveForm(initial=initial),
        "back": back,
        "by_hour": "week" in QueryDict(back),
        "may_write": request.role.includes(Role.MARKETER),
    }
    part = "calendar_entry" if by_script(request) else "calendar_entry_page"
    return render(request, f"campaigns/{part}.html", context)


def said(request: SiteRequest, words: str, undo: dict[str, str] | None) -> HttpResponse:
    """The calendar after a change, with how to take that back."""
    back = request.POST.get("back", "")
    if not by_script(request):
        if undo:
            request.session[UNDO] = undo | {"words": words}
        else:
            messages.success(request, words)
        return redirect(address(request.site, back))
    context = shown(request, QueryDict(back)) | {"undo": undo, "quiet": True}
    answer = render(request, "campaigns/calendar_part.html", context)
    toast = {"text": words}
    if undo:
        toast |= {"form": "calendar-undo", "action": _("Undo")}
    answer["HX-Retarget"], answer["HX-Reswap"] = "#calendar", "outerHTML"
    answer["HX-Trigger"] = json.dumps({"beckon:toast": toast})
    return answer


def leave(request: SiteRequest, to: str) -> HttpResponse:
    """Another page, also where a script asked for a part of this one."""
    if not by_script(request):
        return redirect(to)
    answer = HttpResponse()
    answer["HX-Redirect"] = to
    return answer


def sentence(done: Moved) -> str:
    """Where it is now, by the site's clock."""
    campaign = done.campaign
    local = moments.wall_of(campaign)
    if campaign.timing != Campaign.Timing.LOCAL:
        local = timezone.localtime(campaign.scheduled_for, campaign.site.zone)
    when = date_format(local, "D j M H:i") if local else ""
    return _("“%(name)s” is moved to %(when)s.") % {"name": campaign.name, "when": when}


def undo_of(done: Moved, back: str) -> dict[str, str]:
    """The form that moves it back to where it was."""
    campaign = done.campaign
    assert campaign.scheduled_for is not None  # noqa: S101 - it is scheduled
    return {
        "action": reverse("campaigns:calendar_entry", args=[campaign.site_id, campaign.pk]),
        "wall": done.before.isoformat(),
        "seen": campaign.scheduled_for.isoformat(),
        "entry": str(campaign.pk),
        "back": back[:LONGEST_BACK],
    }
