"""The composer's first step: what it says."""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import SiteRequest, member, require
from accounts.models import Role
from audiences import sentences, suggestions
from audiences.rules import RuleError
from campaigns import cells, drafting, lacking, payload
from campaigns.cells import Cell
from campaigns.forms import MessageForm
from campaigns.models import Campaign, Message
from campaigns.readiness import Standing, Step
from campaigns.refusals import Refused
from campaigns.steps import message_line
from campaigns.views.cells import Unknown, Wanted, context, wanted
from campaigns.views.compose import campaign_of, onward, page, started
from campaigns.views.preview import beside, counted, language_offers


@member(Role.VIEWER)
@require_http_methods(["GET", "POST"])
def message(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """What it says. A POST that accepts JSON is the page's own saving as one types."""
    campaign = campaign_of(request.site, campaign_id)
    if request.method == "POST":
        require(request.role, Role.MARKETER)
    quietly = request.accepts("application/json") and not request.accepts("text/html")
    if quietly and campaign.state not in Campaign.EDITABLE:
        # Half a sentence that saved itself must not go out.
        return JsonResponse({"saved": False}, status=409)
    writes = request.role.includes(Role.MARKETER)
    if campaign.state in Campaign.OPEN and request.method == "GET" and writes:
        return redirect("campaigns:revise", campaign.site_id, campaign.pk)
    if elsewhere := started(request, campaign):
        return elsewhere
    standing = Standing(campaign)
    if request.method == "GET":
        cell = cells.parse(request.GET.get("cell", ""), standing.message)
        return shown(request, standing, MessageForm(campaign, standing.message, cell=cell))
    look_at_one(request, standing)
    form = MessageForm(campaign, standing.message, request.POST)
    if quietly:
        return JsonResponse(autosaved(form, saved=save_message(request, form)))
    return pressed(request, standing, form)


def look_at_one(request: SiteRequest, standing: Standing) -> None:
    """ "Show one" who lacks a variable is choosing whom the previews are for."""
    if not (name := request.POST.get("lacks", "")):
        return
    try:
        found = lacking.one(standing.message, request.site, standing.rule, name)
    except RuleError:
        found = None
    chosen = request.POST.copy()
    chosen["see"] = str(found or request.POST.get("as", ""))
    request.POST = chosen  # type: ignore[assignment]


def pressed(request: SiteRequest, standing: Standing, form: MessageForm) -> HttpResponse:
    """A button of the form: another cell, one more or less of them, or saving."""
    campaign = standing.campaign
    try:
        want = wanted(form, request.POST)
    except Unknown as error:
        save_message(request, form)
        form.add_error(None, str(error))
        return shown(request, Standing(campaign), form)
    if want is not None and campaign.state != Campaign.State.DRAFT:
        # What is scheduled goes out as it stands: looking at another cell stores nothing.
        return shown(request, standing, held(form, want) or form)
    saved = save_message(request, form, want)
    if saved and (form.is_valid() or (want and want.removes)):
        if want is None and "next" in request.POST:
            return onward(request, campaign, Step.MESSAGE)
        if want is None:
            messages.success(request, _("Saved."))
        return redirect(address(request, campaign, want.cell if want else form.cell))
    return shown(request, Standing(campaign), form)


def address(request: SiteRequest, campaign: Campaign, cell: Cell) -> str:
    """The step with a cell, and with the person that the previews are for."""
    query = {"cell": str(cell) if str(cell) != "A" else ""}
    query |= {"as": request.POST.get("see") or request.POST.get("as", "")}
    query |= {"q": request.POST.get("q", "") if "find" in request.POST else ""}
    kept = {name: value for name, value in query.items() if value}
    path = reverse("campaigns:message", args=[campaign.site_id, campaign.pk])
    return f"{path}?{urlencode(kept)}" if kept else path


def held(form: MessageForm, want: Wanted) -> MessageForm | None:
    """The form of another cell, with what was written so far in it; None if that was refused."""
    if not form.is_valid() and not want.removes:
        return None
    fields = form.change(form.stored) if form.is_valid() else form.held
    if want.act is not None:
        fields = fields | want.act(cells.applied(form.stored, fields))
    made = type(form)(form.campaign, form.stored, cell=want.cell, held=fields)
    kept = [name for name in ("name", *drafting.EXPERIMENT) if name in form.data]
    made.initial.update({name: form.data[name] for name in kept})
    return made


def save_message(request: SiteRequest, form: MessageForm, want: Wanted | None = None) -> bool:
    """Store what is valid; whether anything was. What was refused is among the form's errors.

    What is scheduled goes out as it stands, so there it is all or nothing.
    """
    campaign = form.campaign
    valid = form.is_valid()
    if form.wrong_cell or (not valid and campaign.state == Campaign.State.SCHEDULED):
        return False
    act = want.act if want else None
    if act is not None and not valid and want and not want.removes:
        return False
    try:
        if "name" in form.cleaned_data and form.cleaned_data["name"] != campaign.name:
            drafting.rename(campaign, form.cleaned_data["name"])
        drafting.set_experiment(campaign, request.user, **form.experiment())
        change = partial(changed, form, act)
        form.message = drafting.edit_message(campaign, change, request.user)
    except ValidationError as error:
        form.add_refusal(error.message_dict)
        return False
    except Refused as refusal:
        form.add_error(None, refusal.sentence)
        return False
    return True


def changed(form: MessageForm, act: Any, message: Message) -> dict[str, Any]:
    """What the form says, then one cell more or less."""
    fields = form.change(message)
    return fields if act is None else fields | act(cells.applied(message, fields))


def autosaved(form: MessageForm, *, saved: bool) -> dict[str, Any]:
    """What the page shows after saving by itself."""
    campaign = form.campaign
    return {
        "saved": saved,
        "at": campaign.updated_at.isoformat(),
        "name": campaign.name,
        "line": message_line(form.message),
        "opens": payload.opens(form.message) if form.message.url else "",
        "size": payload.size(form.message, campaign.site),
        "errors": {name: [str(text) for text in texts] for name, texts in form.errors.items()},
    }


def shown(request: SiteRequest, standing: Standing, form: MessageForm) -> HttpResponse:
    """The page with a form."""
    given = {
        "form": form,
        "opens": payload.opens(standing.message) if standing.message.url else "",
        "audience_sentence": sentences.sentence(standing.rule, request.site),
        **parts(request, standing, form),
    }
    return page(request, standing, Step.MESSAGE, given)


def parts(request: SiteRequest, standing: Standing, form: MessageForm) -> dict[str, Any]:
    """What a form of a message and its previews show, also while the campaign goes out."""
    given = {
        **context(form),
        **beside(request, form),
        "held": json.dumps(form.held) if form.held else "",
        "event_names": suggestions.values(request.site, "event"),
    }
    # What scripts load by themselves.
    if "languages" in request.GET:
        given |= language_offers(standing)
    if "count" in request.GET:
        given |= counted(standing, form.cell.variant)
    return given
