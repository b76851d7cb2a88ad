"""The library: messages that were saved, and ready-made ones, to begin campaigns with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SiteRequest, member, require
from accounts.models import Role, User
from campaigns import library, readymade, showing
from campaigns.forms.library import NameForm
from campaigns.models import SavedMessage
from campaigns.views.compose import campaign_of

PAGE = 24
MAX_QUERY = 100


@member(Role.VIEWER)
@require_GET
def index(request: SiteRequest) -> HttpResponse:
    """Saved messages by name, found by a text, and the ready-made ones."""
    text = " ".join(request.GET.get("q", "")[:MAX_QUERY].replace("\x00", "").split())
    page = Paginator(library.of_site(request.site, text), PAGE).get_page(request.GET.get("page"))
    context = {
        "nav": "campaigns",
        "q": text,
        "page": page,
        "cards": [(saved, showing.card(saved.content, request.site)) for saved in page],
        "ready": [
            (ready, showing.card(ready.content, request.site))
            for ready in readymade.offers()
            if text.lower() in f"{ready.name} {ready.why}".lower()
        ],
        "may_write": request.role.includes(Role.MARKETER),
    }
    return render(request, "campaigns/library.html", context)


def saved_of(request: SiteRequest, saved_id: int) -> SavedMessage:
    """A saved message of the site, else 404."""
    return get_object_or_404(library.of_site(request.site), pk=saved_id)


@member(Role.VIEWER)
@require_GET
def detail(request: SiteRequest, saved_id: int) -> HttpResponse:
    """All that a saved message says, with its acts."""
    return one(request, saved_of(request, saved_id))


def one(request: SiteRequest, saved: SavedMessage, form: NameForm | None = None) -> HttpResponse:
    form = form or NameForm(initial={"name": saved.name})
    return shown(request, saved.name, saved.content, {"saved": saved, "form": form})


@member(Role.VIEWER)
@require_http_methods(["GET", "POST"])
def ready(request: SiteRequest) -> HttpResponse:
    """All that the ready-made message with the key `key` says; a POST begins a campaign with it."""
    if request.method == "POST":
        require(request.role, Role.MARKETER)
    given = request.POST if request.method == "POST" else request.GET
    found = readymade.find(given.get("key", ""))
    if found is None:
        return redirect("campaigns:library", request.site.pk)
    if request.method == "POST":
        return begin(request, found.name, found.content)
    return shown(request, found.name, found.content, {"ready": found})


def shown(
    request: SiteRequest, name: str, contents: dict[str, Any], more: dict[str, Any]
) -> HttpResponse:
    context = {
        "nav": "campaigns",
        "name": name,
        "card": showing.card(contents, request.site),
        "facts": showing.facts(contents),
        "may_write": request.role.includes(Role.MARKETER),
    }
    return render(request, "campaigns/library_one.html", context | more)


@member(Role.MARKETER)
@require_POST
def start(request: SiteRequest, saved_id: int) -> HttpResponse:
    """A draft that says what a saved message says."""
    saved = saved_of(request, saved_id)
    return begin(request, saved.name, saved.content, wrote=[saved.created_by])


def begin(
    request: SiteRequest, name: str, contents: dict[str, Any], wrote: Iterable[User | None] = ()
) -> HttpResponse:
    try:
        campaign = library.start(request.site, name, contents, by=request.user, wrote=wrote)
    except ValidationError as error:
        why = " ".join(error.messages)
        messages.error(request, _("It can't be used as it is. %(why)s") % {"why": why})
        return redirect("campaigns:library", request.site.pk)
    return redirect("campaigns:message", request.site.pk, campaign.pk)


@member(Role.MARKETER)
@require_POST
def rename(request: SiteRequest, saved_id: int) -> HttpResponse:
    saved, form = saved_of(request, saved_id), NameForm(request.POST)
    if form.is_valid():
        try:
            library.change(saved, name=form.cleaned_data["name"], by=request.user)
        except ValidationError as error:
            form.add_error("name", error.message_dict["name"])
        else:
            messages.success(request, _("It has another name now."))
            return redirect("campaigns:library_one", request.site.pk, saved.pk)
    return one(request, saved_of(request, saved_id), form)


@member(Role.MARKETER)
@require_POST
def delete(request: SiteRequest, saved_id: int) -> HttpResponse:
    saved = saved_of(request, saved_id)
    library.delete(saved, by=request.user)
    messages.success(request, _("“%(name)s” is deleted.") % {"name": saved.name})
    return redirect("campaigns:library", request.site.pk)


@member(Role.MARKETER)
@require_http_methods(["GET", "POST"])
def save(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Keep what a campaign says under a name."""
    campaign = campaign_of(request.site, campaign_id)
    form = NameForm(request.POST or None, initial={"name": campaign.name})
    if request.method == "POST" and form.is_valid():
        name, contents = form.cleaned_data["name"], library.contents_of(campaign)
        try:
            saved = library.save(request.site, name, contents, by=request.user)
        except ValidationError as error:
            for field, sentences in error.message_dict.items():
                form.add_error(field if field in form.fields else None, sentences)
        else:
            messages.success(request, _("The message is in the library."))
            return redirect("campaigns:library_one", request.site.pk, saved.pk)
    card = showing.card(library.contents_of(campaign), request.site)
    context = {"nav": "campaigns", "campaign": campaign, "form": form, "card": card}
    return render(request, "campaigns/library_save.html", context)
