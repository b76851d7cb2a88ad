"""Template tags and filters of the interface. Load with {% load beckon %}."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.forms import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.bars import Part, Segment, in_order, segments

register = template.Library()

Parts = Iterable[Part | tuple[Any, ...]]

SPRITE = "vendor/lucide/sprite.svg"

# An empty cell is a centred dot, never a zero that nobody counted.
NOTHING = "\N{MIDDLE DOT}"

# state: (class, icon, word). The icon of "running" is the ember dot.
STATES = {
    "draft": ("draft", "pencil-line", gettext_lazy("Draft")),
    "scheduled": ("scheduled", "clock", gettext_lazy("Scheduled")),
    "planning": ("running", "", gettext_lazy("Getting ready")),
    "running": ("running", "", gettext_lazy("Running")),
    "paused": ("paused", "pause", gettext_lazy("Paused")),
    "finished": ("finished", "check", gettext_lazy("Finished")),
    "cancelled": ("draft", "ban", gettext_lazy("Cancelled")),
    "attention": ("attention", "triangle-alert", gettext_lazy("Needs you")),
}

NOTE_ICONS = {
    "": "info",
    "info": "info",
    "ok": "circle-check",
    "warn": "triangle-alert",
    "bad": "circle-alert",
}

CHECKS = {
    "done": "circle-check",
    "todo": "circle-dashed",
    "warn": "triangle-alert",
    "bad": "circle-x",
}


@cache
def icon_names() -> frozenset[str]:
    """The names of the icons in the sprite."""
    text = Path(settings.BASE_DIR, "static", SPRITE).read_text()
    return frozenset(piece.split('"', 1)[0] for piece in text.split('<symbol id="')[1:])


@register.simple_tag
def icon(name: str, label: str = "", large: bool = False, css: str = "") -> SafeString:
    """A Lucide icon. With a label it speaks for itself, without one it stands beside a word."""
    if name not in icon_names():
        raise ValueError(f"There is no icon {name!r} in static/{SPRITE}.")
    classes = " ".join(filter(None, ["icon", "icon-lg" if large else "", css]))
    href = f"{static(SPRITE)}#{name}"
    if label:
        return format_html(
            '<svg class="{}" role="img" aria-label="{}"><use href="{}"/></svg>',
            classes,
            label,
            href,
        )
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"/></svg>', classes, href)


@register.filter
def number(value: float | None) -> str:
    """A grouped number: 412,380. None is a dot."""
    if value is None:
        return NOTHING
    places = 0 if isinstance(value, int) or float(value).is_integer() else 1
    # Rounded here: number_format only cuts.
    value = round(value, places)
    return number_format(value, decimal_pos=places, use_l10n=True, force_grouping=True)


def in_percent(ratio: float, places: int) -> str:
    """Rounded, but never up to 100%: that means all of them. number_format would only cut."""
    value = round(ratio * 100, places)
    if ratio < 1 <= value / 100:
        value -= 10**-places
    digits = number_format(value, decimal_pos=places, use_l10n=True, force_grouping=True)
    return _("%(number)s%%") % {"number": digits}


@register.filter
def percent(ratio: float | None, places: int = 1) -> str:
    """0.6612 is 66.1%. None is a dot."""
    return NOTHING if ratio is None else in_percent(ratio, places)


@register.filter
def percent_of(part: float | None, whole: float | None) -> str:
    """A part of a whole with one decimal: 214|percent_of:1000 is 21.4%. Of nothing it is a dot."""
    return NOTHING if part is None or not whole else in_percent(part / whole, 1)


@register.filter(name="bytes")
def in_bytes(size: int | None) -> str:
    """1,184 bytes; from 10,000 on 11.6 KB; from 1,000,000 on MB."""
    if size is None:
        return NOTHING
    if size < 10_000:
        return ngettext("%(number)s byte", "%(number)s bytes", size) % {"number": number(size)}
    if size < 1_000_000:
        return _("%(number)s KB") % {"number": number(round(size / 1000, 1))}
    return _("%(number)s MB") % {"number": number(round(size / 1_000_000, 1))}


@register.filter
def initials(name: str) -> str:
    """Two letters for an avatar."""
    words = [word for word in str(name).split() if word[0].isalnum()]
    return "".join(word[0] for word in [*words[:1], *words[1:][-1:]]).upper()


@register.inclusion_tag("components/chip.html")
def chip(state: str, label: str = "") -> dict[str, Any]:
    """A state in a word with its icon; `label` replaces the usual word."""
    css, icon_name, words = STATES[str(state)]
    return {"css": css, "icon_name": icon_name, "label": label or words}


@register.filter
def note_icon(kind: str) -> str:
    """The icon of a note of that kind."""
    return NOTE_ICONS[kind]


@register.filter
def check_icon(state: str) -> str:
    """The icon of a line in a checklist: done, todo, warn or bad."""
    return CHECKS[state]


def moment(value: datetime, zone: str | ZoneInfo | None) -> datetime:
    return timezone.localtime(value, ZoneInfo(zone) if isinstance(zone, str) else zone)


def time_element(value: datetime, local: datetime, text: str) -> SafeString:
    exact = f"{date_format(local, 'l j F Y H:i:s')} {local.tzname()}"
    iso = value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return format_html('<time datetime="{}" title="{}">{}</time>', iso, exact, text)


@register.simple_tag
def when(
    value: datetime | None, zone: str | ZoneInfo | None = None, show_zone: bool = False
) -> str:
    """Thu 26 Nov 18:00 in a zone (a name or ZoneInfo; the current one by default).

    The year appears when it is not this one; `show_zone` adds the zone's city: 18:00 Oslo.
    """
    if value is None:
        return NOTHING
    local = moment(value, zone)
    this_year = timezone.localtime(timezone=local.tzinfo).year == local.year
    text = date_format(local, "D j M H:i" if this_year else "D j M Y H:i")
    if show_zone:
        city = str(zone or timezone.get_current_timezone_name()).rsplit("/", 1)[-1]
        text = f"{text} {city.replace('_', ' ')}"
    return time_element(value, local, text)


@register.simple_tag
def ago(value: datetime | None, zone: str | ZoneInfo | None = None) -> str:
    """2 hours ago, for the last seven days; before that, and for what is to come, the date."""
    if value is None:
        return NOTHING
    past = timezone.now() - value
    if past < timedelta(0) or past >= timedelta(days=7):
        return when(value, zone)
    if past < timedelta(seconds=5):
        text = _("a moment ago")
    elif past < timedelta(minutes=1):
        text = ngettext("%(count)s second ago", "%(count)s seconds ago", past.seconds)
        text %= {"count": past.seconds}
    else:
        text = _("%(time)s ago") % {"time": timesince(value, depth=1)}
    return time_element(value, moment(value, zone), text)


def drawn(placed: list[Segment]) -> list[dict[str, str]]:
    """Attributes of the rectangles. Never localized: SVG knows only the point."""
    return [
        {
            "key": segment.part.key,
            "x": f"{segment.start:.3f}%",
            "width": f"{segment.width:.3f}%",
            "end": f"{segment.end:.3f}%" if segment.end < 99.99 else "",
        }
        for segment in placed
    ]


@register.inclusion_tag("components/outcomes_bar.html")
def outcomes_bar(parts: Parts, tall: bool = False, audience: int = 0) -> dict[str, Any]:
    """The bar alone. Parts are (key, label, count, href); what an audience has beyond is empty."""
    ordered = in_order(parts)
    whole = max(audience, sum(part.count for part in ordered))
    words = ", ".join(f"{number(part.count)} {part.words}" for part in ordered if part.count)
    return {
        "bars": drawn(segments(ordered, whole)),
        "tall": tall,
        "label": _("%(parts)s of %(whole)s") % {"parts": words, "whole": number(whole)}
        if words
        else _("Nothing yet"),
    }


@register.inclusion_tag("components/outcomes.html")
def outcomes(parts: Parts, audience: int | None = None) -> dict[str, Any]:
    """The bar with the equation below: audience = accepted + skipped + …

    Says openly when the parts do not add up to the audience that was given.
    """
    ordered = in_order(parts)
    total = sum(part.count for part in ordered)
    whole = total if audience is None else audience
    return {"parts": ordered, "whole": whole, "total": total, "adds_up": total == whole}


@register.inclusion_tag("components/outcomes_legend.html")
def outcomes_legend(parts: Parts, numbers: bool = False) -> dict[str, Any]:
    """What the colours of a bar mean, in its order."""
    return {"parts": in_order(parts), "numbers": numbers}


@register.inclusion_tag("components/meter.html")
def meter(value: float, whole: float, label: str, colour: str = "c1") -> dict[str, Any]:
    """A bar of one value of a whole. The label says it in words, for those who hear the page."""
    share = min(max(value / whole, 0), 1) if whole else 0
    return {"width": f"{share * 100:.3f}%", "label": label, "colour": colour}


def field_extras(field: BoundField) -> tuple[str, str]:
    """The hint and the counter that a form gives a field by data- attributes of its widget."""
    attrs = field.field.widget.attrs
    return str(attrs.get("data-hint", "")), str(attrs.get("data-counter", ""))


@register.inclusion_tag("components/field_hint.html")
def field_hint(field: BoundField) -> dict[str, Any]:
    """The right end of a label's line: a hint, or a counter kept by static/js/forms.js."""
    hint, limit = field_extras(field)
    about = str(field.field.widget.attrs.get("maxlength", "")) != limit
    pattern = _("{count} of about {limit}") if about else _("{count} of {limit}")
    value = field.value()
    count = len(value) if isinstance(value, str) else 0
    return {
        "id": f"{field.auto_id}_hint",
        "hint": hint,
        "limit": limit,
        "pattern": pattern,
        "text": pattern.format(count=count, limit=limit),
    }


@register.simple_tag
def control(field: BoundField, css: str) -> str:
    """A field's widget with its class, and with hint, help and errors tied by aria-describedby."""
    attrs = field.field.widget.attrs
    classes = [str(attrs.get("class", "")), css, "is-invalid" if field.errors else ""]
    described = [str(attrs.get("aria-describedby", ""))]
    if any(field_extras(field)):
        described.append(f"{field.auto_id}_hint")
    if field.help_text:
        described.append(f"{field.auto_id}_helptext")
    if field.errors:
        described.append(f"{field.auto_id}_error")
    extra: dict[str, str | bool] = {"class": " ".join(filter(None, classes))}
    if any(described):
        extra["aria-describedby"] = " ".join(filter(None, described))
    return field.as_widget(attrs=extra)
