"""The composer's first step: what it says."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.access import SiteRequest, member, require
from accounts.models import Role
from audiences import sentences
from campaigns import drafting, payload, tokens
from campaigns.forms import MessageForm
from campaigns.models import Campaign
from campaigns.readiness import Standing, Step
from campaigns.refusals import Refused
from campaigns.steps import message_line
from campaigns.views.compose import campaign_of, onward, page, started


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
    posted = request.POST if request.method == "POST" else None
    form = MessageForm(campaign, standing.message, posted)

    if posted is not None:
        saved = save_message(request, form)
        if quietly:
            return JsonResponse(autosaved(form, saved=saved))
        if saved and form.is_valid():
            return onward(request, campaign, Step.MESSAGE)
        standing = Standing(campaign)
    context = {
        "form": form,
        "composer": facts(standing),
        "opens": payload.opens(standing.message) if standing.message.url else "",
        "audience_sentence": sentences.sentence(standing.rule, request.site),
    }
    return page(request, standing, Step.MESSAGE, context)


def save_message(request: SiteRequest, form: MessageForm) -> bool:
    """Store what is valid; whether anything was. What was refused is among the form's errors.

    What is scheduled goes out as it stands, so there it is all or nothing.
    """
    campaign = form.campaign
    if not form.is_valid() and campaign.state == Campaign.State.SCHEDULED:
        return False
    try:
        if "name" in form.cleaned_data and form.cleaned_data["name"] != campaign.name:
            drafting.rename(campaign, form.cleaned_data["name"])
        form.message = drafting.edit_message(campaign, form.fields_of_message(), request.user)
    except ValidationError as error:
        form.add_refusal(error.message_dict)
        return False
    except Refused as refusal:
        form.add_error(None, refusal.sentence)
        return False
    return True


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


def facts(standing: Standing) -> dict[str, Any]:
    """What the page's script needs to draw previews and to count bytes as the server does."""
    site = standing.campaign.site
    return {
        "language": site.language,
        "icon": site.icon_url,
        "receipts": payload.receipts_url(),
        "token": tokens.LENGTH,
        "limit": settings.PAYLOAD_LIMIT,
    }
