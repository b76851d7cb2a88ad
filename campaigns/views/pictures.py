"""The site's pictures: upload one, choose one for a message, delete what no message uses."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SiteRequest, member, require
from accounts.models import Role
from campaigns import drafting, frequency, looking, pictures
from campaigns.forms.library import PictureForm, too_large
from campaigns.models import Campaign, Picture
from campaigns.pictures import Facts
from campaigns.refusals import Refused
from campaigns.views.compose import campaign_of

PAGE = 24
# A minute, of one person.
MOST_UPLOADS = 30
MOST_LOOKS = 60


class Shown(NamedTuple):
    picture: Picture
    facts: Facts


@member(Role.VIEWER)
@require_http_methods(["GET", "POST"])
def index(request: SiteRequest) -> HttpResponse:
    """The pictures, and the form for another. A POST that accepts only JSON is the composer's."""
    if request.method == "GET":
        return page(request, PictureForm(initial={"kind": kind_of(request) or Picture.Kind.IMAGE}))
    require(request.role, Role.MARKETER)
    form = PictureForm(
        request.POST, request.FILES, large=too_large(request.META.get("CONTENT_LENGTH", ""))
    )
    made = take(request, form) if form.is_valid() else None
    if request.accepts("application/json") and not request.accepts("text/html"):
        return said(form, made)
    if made is None:
        return page(request, form)
    if campaign := campaign_for(request):
        return put(request, campaign, made)
    messages.success(request, _("The picture is here."))
    return redirect("campaigns:pictures", request.site.pk)


def take(request: SiteRequest, form: PictureForm) -> Picture | None:
    """Store what a valid form holds; what was refused is among the form's errors."""
    if not frequency.within("pictures", request.user.pk, MOST_UPLOADS):
        form.add_error("file", _("That was a lot at once. Go on in a minute."))
        return None
    file, kind = form.cleaned_data["file"], form.cleaned_data["kind"]
    try:
        return pictures.store(request.site, file, kind=kind, name=file.name, by=request.user)
    except ValidationError as error:
        form.add_error("file", error.message_dict["file"])
        return None


def said(form: PictureForm, made: Picture | None) -> JsonResponse:
    """What the composer's script is told: {"id", "name", "url", "width", ...} or {"errors"}."""
    if made is None:
        texts = [str(text) for sentences in form.errors.values() for text in sentences]
        return JsonResponse({"errors": texts}, status=400)
    told = pictures.facts([made])[made.pk]
    return JsonResponse({"id": str(made.pk), "name": made.name} | told._asdict(), status=201)


def kind_of(request: SiteRequest) -> str:
    """The kind that is asked for in the address, if it is one."""
    kind = request.GET.get("kind", "")
    return kind if kind in Picture.Kind.values else ""


def campaign_for(request: SiteRequest) -> Campaign | None:
    """The campaign that one is being chosen for, if any; Http404 for one of another site."""
    text = request.GET.get("for", "")
    try:
        return campaign_of(request.site, UUID(text)) if text else None
    except ValueError:
        return None


def page(request: SiteRequest, form: PictureForm) -> HttpResponse:
    context = chosen(request, kind_of(request)) | {
        "nav": "campaigns",
        "used": pictures.named(request.site),
        "form": form,
        "for": campaign_for(request),
        "kinds": [("", _("All")), *Picture.Kind.choices],
    }
    return render(request, "campaigns/library_pictures.html", context)


def chosen(request: SiteRequest, kind: str) -> dict[str, Any]:
    """One page of the pictures of a kind ("": of all), and what a message shows of each."""
    found: Page[Picture] = Paginator(pictures.of_site(request.site, kind), PAGE).get_page(
        request.GET.get("page")
    )
    shown = pictures.facts(list(found))
    return {
        "page": found,
        "rows": [Shown(one, shown[one.pk]) for one in found],
        "kind": kind,
        "may_write": request.role.includes(Role.MARKETER),
    }


@member(Role.MARKETER)
@require_GET
def choose(request: SiteRequest) -> HttpResponse:
    """The inside of the composer's dialog: a form for a file, and the pictures of one kind."""
    context = chosen(request, kind_of(request) or Picture.Kind.IMAGE)
    return render(request, "campaigns/picture_choice.html", context)


def picture_of(request: SiteRequest, picture_id: UUID) -> Picture:
    """A picture of the site, else 404."""
    mine = Picture.objects.filter(site=request.site).select_related("site")
    return get_object_or_404(mine, pk=picture_id)


@member(Role.MARKETER)
@require_POST
def use(request: SiteRequest, campaign_id: UUID, picture_id: UUID) -> HttpResponse:
    """Put it into a campaign's message: the way without a script."""
    return put(request, campaign_of(request.site, campaign_id), picture_of(request, picture_id))


def put(request: SiteRequest, campaign: Campaign, picture: Picture) -> HttpResponse:
    url = pictures.facts([picture])[picture.pk].url
    try:
        drafting.edit_message(campaign, {picture.kind: url}, request.user)
    except Refused as refusal:
        messages.error(request, refusal.sentence)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _("The picture is in the message."))
    return redirect("campaigns:message", request.site.pk, campaign.pk)


@member(Role.MARKETER)
@require_POST
def delete(request: SiteRequest, picture_id: UUID) -> HttpResponse:
    try:
        pictures.delete(picture_of(request, picture_id), by=request.user)
    except Refused as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, _("The picture is deleted."))
    return redirect("campaigns:pictures", request.site.pk)


@member(Role.MARKETER)
@require_POST
def look(request: SiteRequest) -> HttpResponse:
    """What is at an address: `url`, and `what`: "page" or a kind of picture."""
    url, what = request.POST.get("url", ""), request.POST.get("what", "page")
    if not frequency.within("look", request.user.pk, MOST_LOOKS):
        return JsonResponse({"ok": True, "sentence": "", "fix": ""}, status=429)
    kind = what if what in Picture.Kind.values else ""
    found = looking.picture(url, kind) if kind else looking.page(url)
    return JsonResponse({"ok": found.ok, "sentence": found.sentence, "fix": found.fix})
