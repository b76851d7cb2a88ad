"""The list of named audiences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from accounts.access import SiteRequest, member
from accounts.models import Role, Site
from audiences import references, rules, saving, sentences, uses
from audiences.models import Audience, AudienceSize
from audiences.rules import RuleError
from audiences.saving import Change
from audiences.uses import Uses

PAGE = 25
MAX_QUERY = 100
SORTS = {
    "changed": gettext_lazy("Last changed"),
    "name": gettext_lazy("Name"),
    "size": gettext_lazy("Size"),
}
DAYS = 30
# The line of sizes is drawn on so many units.
WIDE, HIGH = 64, 18


@dataclass(frozen=True)
class Row:
    """What the list says of one audience."""

    audience: Audience
    sentence: str
    # Its rule is not understood any more.
    broken: bool
    sizes: list[AudienceSize]
    uses: Uses
    change: Change

    @property
    def size(self) -> AudienceSize | None:
        """The newest."""
        return self.sizes[-1] if self.sizes else None

    @property
    def change_of_size(self) -> float | None:
        """By which share the people became more, from the first of the days to the last."""
        if len(self.sizes) < 2 or not self.sizes[0].people:
            return None
        return self.sizes[-1].people / self.sizes[0].people - 1

    @property
    def changed_by(self) -> str:
        """Whom the audit log names, else who made it if nobody changed it since."""
        return self.change.by or str(self.audience.created_by or "")

    @property
    def line(self) -> str:
        """The sizes as points of a line, the days at their places; "" for fewer than three."""
        if len(self.sizes) < 3:
            return ""
        first = self.sizes[0].day
        days = (self.sizes[-1].day - first).days
        low = min(size.people for size in self.sizes)
        span = max(size.people for size in self.sizes) - low
        return " ".join(
            f"{(size.day - first).days / days * WIDE:.1f},"
            f"{HIGH - 2 - ((size.people - low) / span if span else 0.5) * (HIGH - 4):.1f}"
            for size in self.sizes
        )


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
        "rows": rows(request.site, list(page.object_list)),
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


def rows(site: Site, audiences: list[Audience]) -> list[Row]:
    """What a page says, in a number of statements that does not grow with it."""
    parsed = {audience.pk: _parsed(audience) for audience in audiences}
    understood = [rule for rule in parsed.values() if isinstance(rule, rules.Rule)]
    names = references.names_of(understood, site)
    sizes = _sizes(site, audiences)
    used = uses.of(site, [audience.pk for audience in audiences])
    changes = saving.last_changes(site, audiences)
    found = []
    for audience in audiences:
        pk, rule = audience.pk, parsed[audience.pk]
        if isinstance(rule, RuleError):
            said, broken = rule.sentence, True
        else:
            said, broken = sentences.sentence(rule, site, names), False
        found.append(Row(audience, said, broken, sizes.get(pk, []), used[pk], changes[pk]))
    return found


def _parsed(audience: Audience) -> rules.Rule | RuleError:
    try:
        return rules.parse(audience.rule)
    except RuleError as error:
        return error


def _sizes(site: Site, audiences: list[Audience]) -> dict[UUID, list[AudienceSize]]:
    """Their sizes of the last days, the oldest first."""
    since: date = timezone.now().astimezone(site.zone).date() - timedelta(days=DAYS)
    found: dict[UUID, list[AudienceSize]] = {}
    of_days = AudienceSize.objects.filter(audience__in=audiences, day__gte=since)
    for size in of_days.order_by("day"):
        found.setdefault(size.audience_id, []).append(size)
    return found


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
    """Delete it, unless it is used by now; pressed twice it is gone once."""
    audience = Audience.objects.filter(site=request.site, pk=audience_id).exclude(name="").first()
    try:
        if audience is not None and saving.delete(audience, by=request.user):
            messages.success(request, _("“%(name)s” is deleted.") % {"name": audience.name})
    except saving.InUse as refusal:
        messages.error(request, refusal.sentence)
    return redirect("audiences:index", request.site.pk)
