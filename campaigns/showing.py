"""What a message that belongs to no campaign yet looks like: on a card, and in a list of facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Site
from campaigns import drafting
from campaigns.models import Message
from campaigns.personal import Aborted, Renderer, example


@dataclass(frozen=True)
class Card:
    """A notification in small, as somebody reads it of whom everything is known."""

    title: str
    body: str
    image: str
    icon: str
    buttons: list[str]
    notes: list[str]


def card(contents: Mapping[str, Any], site: Site) -> Card:
    """Fields of a message as a card."""
    title, body, buttons = _said(contents, site)
    return Card(
        title=title,
        body=body,
        image=_address(contents.get("image")),
        icon=_address(contents.get("icon")) or site.icon_url,
        buttons=buttons,
        notes=_notes(contents),
    )


def _said(contents: Mapping[str, Any], site: Site) -> tuple[str, str, list[str]]:
    """Title, text and buttons with an example filled in; as they are written where it can't be."""
    fields = {name: contents[name] for name in drafting.CONTENT if name in contents}
    # Without a title or an address nothing is sent, but there is something to show.
    stand_ins = {
        "title": fields.get("title") or "·",
        "url": fields.get("url") or "https://a.example",
    }
    try:
        read = Renderer(Message(**fields | stand_ins), site).content(example(site))
    except Aborted:
        buttons = [str(action["title"]) for action in contents.get("actions") or []]
        return str(contents.get("title") or ""), str(contents.get("body") or ""), buttons
    title = read.title if contents.get("title") else ""
    return title, read.body, [said for said, _url in read.actions]


def _address(value: Any) -> str:
    """An address that can be shown here: one that differs by person can't."""
    text = str(value or "")
    return "" if "{" in text else text


def _notes(contents: Mapping[str, Any]) -> list[str]:
    """What the card does not show: other languages and variants, systems, apps, a code."""
    notes = []
    if languages := contents.get("translations"):
        notes.append(_("also in %(languages)s") % {"languages": ", ".join(sorted(languages))})
    if variants := len(contents.get("variants") or []):
        count = variants + 1
        notes.append(ngettext("%(count)s variant", "%(count)s variants", count) % {"count": count})
    if overrides := contents.get("overrides"):
        notes.append(_("other words on %(systems)s") % {"systems": ", ".join(sorted(overrides))})
    if contents.get("app"):
        notes.append(_("links or options for apps"))
    if code := (contents.get("coupon") or {}).get("code"):
        notes.append(_("code %(code)s") % {"code": code})
    return notes


def facts(contents: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(label, value) of what stands beside the words."""
    buttons = [f"{action['title']}: {action['url']}" for action in contents.get("actions") or []]
    utm = [str(contents.get(f"utm_{part}") or "") for part in ("source", "medium", "campaign")]
    told = [
        (_("Opens"), str(contents.get("url") or "") or _("the site's own address")),
        (_("Picture"), str(contents.get("image") or "")),
        (_("Icon"), str(contents.get("icon") or "")),
        (_("Buttons"), "\n".join(buttons)),
        (_("UTM values"), ", ".join(filter(None, utm))),
        (_("Beside that"), "; ".join(_notes(contents))),
    ]
    return [(label, value) for label, value in told if value]
