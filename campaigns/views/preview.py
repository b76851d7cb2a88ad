"""Beside the composer's form: the message as a real person sees it, and who does not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import SiteRequest, member
from accounts.models import Role
from audiences import languages
from audiences.rules import RuleError
from campaigns import cells, lacking, payload, previewing, tokens
from campaigns.cells import Cell
from campaigns.channels import LABELS
from campaigns.forms import MessageForm, RevisionForm
from campaigns.lacking import Spoken
from campaigns.models import Campaign, Message
from campaigns.personal.choosing import direction
from campaigns.previewing import Person, Preview
from campaigns.readiness import Standing
from campaigns.views.compose import campaign_of
from subscribers import people
from subscribers.models import Channel, Subscriber

MOST_PEOPLE = 8
FIRST_VARIABLES = ("subscriber.first_name", "cart.first_item.name", "coupon.percent", "coupon.code")


def uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def seen_as(request: SiteRequest) -> Person | None:
    """The person whom the page's previews are for."""
    given = request.POST if request.method == "POST" else request.GET
    return previewing.person_of(request.site, uuid(given.get("see") or given.get("as", "")))


def found(request: SiteRequest, text: str) -> list[Subscriber]:
    """People with a device that can be reached, by the beginning of a name or id."""
    q = " ".join(text.replace("\x00", "").split())[: people.MAX_QUERY]
    if not q:
        return []
    asked = people.search(request.site, text=q, state=people.State.ACTIVE)
    return people.page(asked, None, size=MOST_PEOPLE).people


def shown_of(form: MessageForm) -> Message:
    """The message with what is valid in a form; as it is stored where its cell is gone."""
    if not form.is_bound:
        return form.message
    form.is_valid()
    try:
        return form.shown()
    except ValidationError:
        return form.message


def beside(request: SiteRequest, form: MessageForm) -> dict[str, Any]:
    """The context of the previews, of the insert buttons and of who is looked at."""
    message = shown_of(form)
    preview = previewing.preview(message, request.site, form.cell, seen_as(request))
    by_name = {one.name: one for one in preview.examples}
    first = [by_name[name] for name in FIRST_VARIABLES if name in by_name]
    q = request.GET.get("q", "")
    return {
        "preview": preview,
        "insert_first": first,
        "found": found(request, q) if q else [],
        "q": q,
        "composer": facts(request, form, message),
        "app_channels": form.app_channels,
        "meters": meters(preview, form.app_channels),
    }


def facts(request: SiteRequest, form: MessageForm, message: Message) -> dict[str, Any]:
    """What the page's script needs to draw previews and to count bytes as the server does."""
    site = request.site
    plain = cells.applied(message, {"utm_term": "", "utm_content": ""})
    return {
        "language": site.language,
        "dir": direction(site.language),
        "icon": site.icon_url,
        "receipts": payload.receipts_url(),
        "token": tokens.LENGTH,
        # Whether the form's words are all there is: else the server says what each system shows.
        "alone": form.cell == cells.FIRST
        and not form.app_channels
        and cells.count(plain) == 1
        and not cells.languages(plain)
        and not message.overrides,
    }


@dataclass(frozen=True)
class Meter:
    """How much of what a channel takes a message fills, in bytes."""

    channel: str
    label: str
    size: int
    limit: int


def meters(seen: Preview, app_channels: list[str]) -> list[Meter]:
    """Of browsers, and of the channels by which the site's apps are reached."""
    return [
        Meter(channel, str(LABELS[channel]), seen.sizes[channel], payload.limit(channel))
        for channel in (Channel.WEB.value, *app_channels)
    ]


@member(Role.VIEWER)
@require_http_methods(["GET", "POST"])
def preview(request: SiteRequest, campaign_id: UUID) -> JsonResponse:
    """What each system shows of what stands in the form (POST, nothing is stored) or is stored."""
    campaign = campaign_of(request.site, campaign_id)
    message = Standing(campaign).message
    if request.method == "POST":
        made = MessageForm if campaign.state in Campaign.EDITABLE else RevisionForm
        form = made(campaign, message, request.POST)
    else:
        form = MessageForm(
            campaign, message, cell=cells.parse(request.GET.get("cell", ""), message)
        )
    seen = previewing.preview(shown_of(form), request.site, form.cell, seen_as(request))
    return JsonResponse(answer(seen))


def answer(seen: Preview) -> dict[str, Any]:
    """{"cards": {system: Card}, "sizes": {channel: bytes}, "opens": address, "nothing": sentence}.

    Also of systems and channels that the page does not show.
    """
    return {
        "cards": {system: asdict(card) for system, card in {**seen.cards, **seen.apps}.items()},
        "sizes": seen.sizes,
        "opens": seen.opens,
        "nothing": nothing(seen),
    }


def nothing(seen: Preview) -> str:
    """ "This person gets nothing: no price"; "" if they get it."""
    return _("This person gets nothing: %(why)s") % {"why": seen.nothing} if seen.nothing else ""


@member(Role.VIEWER)
@require_GET
def persons(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """People to look at it as, by `q`; a part of the page."""
    campaign = campaign_of(request.site, campaign_id)
    q = request.GET.get("q", "")
    given = {"campaign": campaign, "found": found(request, q), "q": q}
    given["may_write"] = request.role.includes(Role.MARKETER)
    return render(request, "campaigns/compose_people.html", given)


@member(Role.VIEWER)
@require_GET
def offered(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Languages that devices of the audience are set to and that nothing is written in yet."""
    campaign = campaign_of(request.site, campaign_id)
    given = {"campaign": campaign, **language_offers(Standing(campaign))}
    return render(request, "campaigns/compose_languages.html", given)


def language_offers(standing: Standing) -> dict[str, Any]:
    spoken = _spoken(standing)
    site = standing.campaign.site
    besides = [site.language, *cells.languages(standing.message)]
    offers = lacking.languages_of(spoken, besides)[:8] if spoken else []
    return {
        "offers": [(tag, languages.label(tag), devices) for tag, devices in offers],
        "offers_about": bool(spoken and spoken.about),
        "offers_failed": spoken is None,
    }


def _spoken(standing: Standing) -> Spoken | None:
    try:
        return lacking.spoken(standing.campaign.site, standing.rule)
    except RuleError:
        return None


@member(Role.VIEWER)
@require_GET
def findings(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Who reads another language or a default, with how many they are; a part of the page."""
    campaign = campaign_of(request.site, campaign_id)
    standing = Standing(campaign)
    variant = cells.parse(request.GET.get("cell", ""), standing.message).variant
    given = {"campaign": campaign, **counted(standing, variant)}
    return render(request, "campaigns/compose_findings.html", given)


def counted(standing: Standing, variant: int) -> dict[str, Any]:
    """The findings: translations that are missing, and people who lack what the texts name."""
    message, site = standing.message, standing.campaign.site
    holes = [cell for cell in cells.missing(message) if cell.variant == variant]
    spoken = _spoken(standing) if holes else None
    reading = spoken.reading(cells.languages(message), site.language) if spoken else {}
    try:
        people_without = lacking.lacking(message, site, standing.rule)
    except RuleError:
        people_without = []
    return {
        "holes": [_hole(message, cell, reading.get(cell.language)) for cell in holes],
        "about": bool(spoken and spoken.about),
        "lacking": people_without,
        "base_language": languages.label(site.language),
    }


def _hole(message: Message, cell: Cell, devices: int | None) -> dict[str, Any]:
    return {
        "cell": cell,
        "language": languages.label(cell.language),
        "empty": not cells.content(message, cell),
        "several": cells.count(message) > 1,
        "devices": devices,
    }
