"""The list of named audiences."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from accounts.access import SiteRequest, member
from accounts.models import Role, Site
from audiences import saving, summaries
from audiences.models import Audience, AudienceSize
from audiences.rules import RuleError

PAGE = 25
MAX_QUERY = 100
SORTS = {
    "changed": gettext_lazy("Last changed"),
    "name": gettext_lazy("Name"),
    "size": gettext_lazy("Size"),
}


@member(Role.VIEWER)
@require_GET
def index(request: SiteRequest) -> HttpResponse:
    """One page of audiences by search and order; an empty site is shown the ready-made ones."""
    text = " ".join(request.GET.get("q", "")[:MAX_QUERY].replace("\x00", "").split())
    sort = request.GET.get("sort", "")
    sort = sort if sort in SORTS else "changed"
    found = searched(request.site, text)
    page = Paginator(ordered(found, sort), PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "nav": "audiences",
        "page": page,
        "rows": summaries.of(request.site, list(page.object_list)),
        "q": text,
        "sort": sort,
        "sorts": [(key, label, address(text, key)) for key, label in SORTS.items()],
        "may_write": request.role.includes(Role.MARKETER),
        "empty": not page.paginator.count and not text,
    }
    return render(request, "audiences/index.html", context)


def searched(site: Site, text: str) -> QuerySet[Audience]:
    """The named audiences of a site whose name contains a text."""
    found = Audience.objects.filter(site=site).exclude(name="").select_related("created_by")
    return found.filter(name__icontains=text) if text else found


def ordered(found: QuerySet[Audience], sort: str) -> QuerySet[Audience]:
    """In one of the SORTS; what was never counted comes last."""
    if sort == "name":
        return found.order_by(Lower("name"), "pk")
    if sort == "size":
        sizes = AudienceSize.objects.filter(audience=OuterRef("pk")).order_by("-day")
        newest = Subquery(sizes.values("people")[:1])
        return found.annotate(newest=newest).order_by(F("newest").desc(nulls_last=True), "pk")
    return found.order_by("-updated_at", "pk")


def address(text: str, sort: str) -> str:
    """The query of this search in an order."""
    return "?" + urlencode({name: value for name, value in (("q", text), ("sort", sort)) if value})


def audience_of(request: SiteRequest, audience_id: UUID) -> Audience:
    """A named audience of the site, else 404."""
    named = Audience.objects.filter(site=request.site).exclude(name="").select_related("site")
    return get_object_or_404(named, pk=audience_id)


@member(Role.MARKETER)
@require_POST
def duplicate(request: SiteRequest, audience_id: UUID) -> HttpResponse:
    """A copy under a free name, opened for changing."""
    audience = audience_of(request, audience_id)
    name = saving.copy_name(request.site, audience.name)
    try:
        copy = saving.create(request.site, name, audience.rule, by=request.user)
    except (saving.Refused, RuleError) as refusal:
        messages.error(request, refusal.sentence)
        return redirect("audiences:index", request.site.pk)
    return redirect("audiences:edit", request.site.pk, copy.pk)


@member(Role.MARKETER)
@require_POST
def delete(request: SiteRequest, audience_id: UUID) -> HttpResponse:
    """Delete it, unless it is used by now."""
    audience = audience_of(request, audience_id)
    try:
        if saving.delete(audience, by=request.user):
            messages.success(request, _("“%(name)s” is deleted.") % {"name": audience.name})
    except saving.InUse as refusal:
        messages.error(request, refusal.sentence)
    return redirect("audiences:index", request.site.pk)
