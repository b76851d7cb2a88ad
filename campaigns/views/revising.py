"""The message of a campaign that is going out: what is saved here goes to the rest.

Nothing saves itself here. Half a sentence would be on its way to people the moment after.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import SiteRequest, member
from accounts.models import Role
from campaigns import cells, drafting, payload, reports, starting
from campaigns.forms import MessageForm, RevisionForm
from campaigns.models import Campaign, Message
from campaigns.readiness import Standing
from campaigns.refusals import Refused
from campaigns.views.cells import Unknown, wanted
from campaigns.views.compose import campaign_of, started
from campaigns.views.message import held, look_at_one, parts


@member(Role.MARKETER)
@require_http_methods(["GET", "POST"])
def revise(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Write the next version of a running campaign's message, and use it for the rest."""
    campaign = campaign_of(request.site, campaign_id)
    if campaign.state in Campaign.EDITABLE:
        return redirect("campaigns:message", campaign.site_id, campaign.pk)
    posted = request.POST if request.method == "POST" else None
    if campaign.state not in Campaign.OPEN and (elsewhere := started(request, campaign)):
        return elsewhere
    standing = Standing(campaign)
    current = standing.message
    cell = cells.parse(request.GET.get("cell", ""), current)
    look_at_one(request, standing)
    posted = request.POST if posted is not None else None
    form = RevisionForm(campaign, current, posted, cell=cell)
    seen = request.POST.get("seen", "") if posted is not None else str(current.version)
    if posted is not None and {"go", "do", "language", "see", "find"} & set(posted):
        return page(request, standing, other(form), seen)
    if posted is not None and (used := use(request, form, seen)):
        said = (
            _("Nothing was changed.")
            if used == current
            else _("Version %(number)d goes to the rest from now on.") % {"number": used.version}
        )
        messages.success(request, said)
        return redirect("campaigns:report", campaign.site_id, campaign.pk)
    return page(request, standing, form, seen)


def other(form: RevisionForm) -> MessageForm:
    """The form of another cell, which stores nothing; or the same one with what was wrong."""
    try:
        want = wanted(form, form.data)
    except Unknown as error:
        form.add_error(None, str(error))
        return form
    return (held(form, want) if want else None) or form


def use(request: SiteRequest, form: RevisionForm, seen: str) -> Message | None:
    """Make it the version for the rest; None with the errors on the form, and nothing changed."""
    if not form.is_valid():
        return None
    # What is no number is no version that anybody has seen.
    version = int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 9 else 0
    try:
        return drafting.revise(form.campaign, form.change, by=request.user, seen=version)
    except ValidationError as error:
        form.add_refusal(error.message_dict)
    except Refused as refusal:
        form.add_error(None, refusal.sentence)
        form.campaign.refresh_from_db(fields=["state"])
    return None


def page(request: SiteRequest, standing: Standing, form: MessageForm, seen: str) -> HttpResponse:
    campaign, message = standing.campaign, standing.message
    run = starting.run_of(campaign)
    counts = reports.run_counts(run)
    given = {
        "nav": "campaigns",
        "campaign": campaign,
        "standing": standing,
        "message": message,
        "form": form,
        "seen": seen,
        "opens": payload.opens(message) if message.url else "",
        "may_write": True,
        "settled": counts["audience"] - counts["pending"],
        "rest": counts["pending"],
        "counting": run is not None and run.planned_at is None,
        "window": settings.SEND_WINDOW,
        **parts(request, standing, form),
    }
    return render(request, "campaigns/compose_revise.html", given)
