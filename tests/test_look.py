"""The design system: tokens with their contrast, tags, bars that add up."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.paginator import Paginator
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import timezone, translation

from accounts.bars import NARROWEST, ORDER, Part, in_order, segments
from accounts.look import look
from accounts.templatetags import beckon

CSS = Path(__file__).resolve().parent.parent / "static/css"
NOW = datetime(2026, 11, 24, 17, 31, tzinfo=UTC)


def render(source: str, **context: Any) -> str:
    return Template("{% load beckon %}" + source).render(Context(context))


# Tokens


def tokens(selector: str) -> dict[str, str]:
    text = (CSS / "tokens.css").read_text()
    block = text[text.index(selector) :].split("}", 1)[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


LIGHT = tokens(':root,\n[data-bs-theme="light"]')
DARK = tokens('[data-bs-theme="dark"] {')


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TEXT = [
    *[(ink, on) for ink in ("ink", "ink-2", "ink-3") for on in ("paper", "surface", "sunken")],
    *[
        (word, on)
        for word in ("accent", "ok", "info", "warn", "bad")
        for on in ("paper", "surface")
    ],
    *[(state, f"{state}-soft") for state in ("ok", "info", "warn", "bad", "accent")],
    *[("ink", f"{state}-soft") for state in ("ok", "info", "warn", "bad", "mute")],
    ("ink-3", "mute-soft"),
    ("on-accent", "accent"),
    ("on-accent", "accent-h"),
    ("paper", "ink"),
]
SHAPES = [(edge, "surface") for edge in ("ctl", "focus", "c1", "c2", "c3", "c4", "c5")]


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast(theme: dict[str, str]) -> None:
    for ink, ground in TEXT:
        assert contrast(theme[ink], theme[ground]) >= 4.5, f"{ink} on {ground}"
    for shape, ground in SHAPES:
        assert contrast(theme[shape], theme[ground]) >= 3, f"{shape} on {ground}"


def test_both_themes_have_every_token() -> None:
    assert LIGHT.keys() == DARK.keys()


def test_styles_use_tokens_only() -> None:
    declared = set(re.findall(r"--([\w-]+):", "".join(p.read_text() for p in CSS.glob("*.css"))))
    for path in CSS.glob("*.css"):
        text = path.read_text()
        assert len(text.splitlines()) <= 400, f"{path.name} is too long"
        used = set(re.findall(r"var\(--([\w-]+)", text))
        assert used <= declared, f"{path.name} uses {used - declared}"
        # Previews imitate other systems and shops, in colours of theirs, but as properties too.
        bare = re.sub(r"--[\w-]+:[^;]+;", "", text)
        colours = set(re.findall(r"#[0-9a-fA-F]{3,8}\b", bare))
        assert not colours, f"{path.name} has colours of its own: {colours}"


def test_styles_name_files_that_exist() -> None:
    for path in CSS.glob("*.css"):
        for url in re.findall(r"""url\(["']?([^"')]+)""", path.read_text()):
            assert (CSS / url).is_file(), f"{path.name} names {url}"


# Icons, numbers, times


def test_icon() -> None:
    assert 'aria-hidden="true"' in beckon.icon("send")
    assert "sprite.svg#send" in beckon.icon("send")
    spoken = beckon.icon("check", label="Done", large=True)
    assert 'role="img"' in spoken and 'aria-label="Done"' in spoken and "icon-lg" in spoken


def test_unknown_icon_raises() -> None:
    with pytest.raises(ValueError, match="no icon 'sned'"):
        beckon.icon("sned")


@pytest.mark.parametrize(
    ("value", "text"), [(412_380, "412,380"), (0, "0"), (3.25, "3.2"), (12.0, "12"), (None, "·")]
)
def test_number(value: float | None, text: str) -> None:
    assert beckon.number(value) == text


def test_number_in_another_locale() -> None:
    with translation.override("de"):
        assert beckon.number(412_380) == "412.380"
        assert beckon.percent(0.661) in {"66,1%", "66,1\N{NO-BREAK SPACE}%"}


def test_percent() -> None:
    assert beckon.percent(0.6612) == "66.1%"
    assert beckon.percent(0.03251, 2) == "3.25%"
    assert beckon.percent(None) == "·"
    assert beckon.percent_of(214, 1000) == "21.4%"
    assert beckon.percent_of(27, 9077) == "0.3%"
    assert (beckon.percent(0.99994), beckon.percent(1), beckon.percent(0)) == (
        "99.9%",
        "100.0%",
        "0.0%",
    )
    assert beckon.percent_of(1, 0) == "·"
    assert beckon.percent_of(None, 5) == "·"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1, "1 byte"),
        (1184, "1,184 bytes"),
        (11_600, "11.6 KB"),
        (2_000_000, "2 MB"),
        (None, "·"),
    ],
)
def test_bytes(size: int | None, text: str) -> None:
    assert beckon.in_bytes(size) == text


@pytest.mark.parametrize(
    ("name", "letters"), [("Marit K.", "MK"), ("Ingrid", "I"), ("Fjell & Fjord", "FF"), ("", "")]
)
def test_initials(name: str, letters: str) -> None:
    assert beckon.initials(name) == letters


@time_machine.travel(NOW, tick=False)
def test_when() -> None:
    shown = beckon.when(datetime(2026, 11, 26, 17, 0, tzinfo=UTC), "Europe/Oslo", show_zone=True)
    assert ">Thu 26 Nov 18:00 Oslo</time>" in shown
    assert 'datetime="2026-11-26T17:00:00Z"' in shown
    assert 'title="Thursday 26 November 2026 18:00:00 CET"' in shown
    assert beckon.when(None) == "·"


@time_machine.travel(NOW, tick=False)
def test_when_of_another_year_and_in_the_current_zone() -> None:
    with timezone.override(ZoneInfo("America/New_York")):
        shown = beckon.when(datetime(2024, 3, 14, 11, 2, tzinfo=UTC), show_zone=True)
    assert ">Thu 14 Mar 2024 07:02 New York</time>" in shown


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("before", "text"),
    [
        (timedelta(seconds=2), "a moment ago"),
        (timedelta(seconds=40), "40 seconds ago"),
        (timedelta(hours=2, minutes=9), "2\N{NO-BREAK SPACE}hours ago"),
        (timedelta(days=8), "Mon 16 Nov 17:31"),
        (timedelta(days=-1), "Wed 25 Nov 17:31"),
    ],
)
def test_ago(before: timedelta, text: str) -> None:
    assert f">{text}</time>" in beckon.ago(NOW - before)


def test_ago_of_never() -> None:
    assert beckon.ago(None) == "·"


# Parts


@pytest.mark.parametrize("state", beckon.STATES)
def test_chip_has_word_and_sign(state: str) -> None:
    html = render("{% chip state %}", state=state)
    assert str(beckon.STATES[state][2]) in html
    assert "<svg" in html or "dot" in html


def test_chip_rejects_an_unknown_state() -> None:
    with pytest.raises(KeyError):
        render('{% chip "sent" %}')


def test_chip_with_words_of_its_own() -> None:
    assert "Live on the shop" in render('{% chip "finished" label="Live on the shop" %}')


@pytest.mark.parametrize("kind", beckon.NOTE_ICONS)
def test_note(kind: str) -> None:
    html = render_to_string(
        "components/note.html",
        {"kind": kind, "text": "It <adds> up.", "href": "/x", "action": "Look"},
    )
    assert "It &lt;adds&gt; up." in html
    assert '<a href="/x">Look</a>' in html
    assert kind in html


def test_order_of_outcomes_is_fixed() -> None:
    shuffled = [(key, "", 1) for key in reversed(ORDER)]
    assert [part.key for part in in_order(shuffled)] == list(ORDER)


def test_unknown_outcome_and_negative_count_raise() -> None:
    with pytest.raises(ValueError, match="'delivered' is no outcome"):
        in_order([("delivered", "", 1)])
    with pytest.raises(ValueError, match="can't be negative"):
        in_order([("accepted", "", -1)])


def test_segments_fill_the_bar_and_the_smallest_is_seen() -> None:
    placed = segments(
        [Part("accepted", count=186_000), Part("gone"), Part("unknown", count=1)], whole=0
    )
    assert [segment.part.key for segment in placed] == ["accepted", "unknown"]
    assert placed[-1].width == NARROWEST
    assert placed[0].end == placed[1].start
    assert placed[-1].end == pytest.approx(100)


def test_segments_leave_what_an_audience_has_beyond() -> None:
    assert segments([Part("accepted", count=50)], whole=200)[0].end == pytest.approx(25)


def test_segments_of_nothing() -> None:
    assert segments([]) == []
    tiny = segments([Part("gone", count=1)], whole=100_000)
    assert tiny[0].width == NARROWEST


def test_bar_says_its_figures() -> None:
    html = render(
        "{% outcomes_bar parts %}", parts=[("gone", "", 1_312), ("accepted", "", 112_806)]
    )
    assert 'aria-label="112,806 Accepted, 1,312 Gone of 114,118"' in html
    assert html.index("seg-accepted") < html.index("seg-gone")
    assert "style" not in html
    assert 'aria-label="Nothing yet"' in render("{% outcomes_bar parts %}", parts=[])


def test_bar_is_never_localized() -> None:
    with translation.override("de"):
        html = render("{% outcomes_bar parts %}", parts=[("accepted", "", 2), ("expired", "", 1)])
    assert 'width="66.667%"' in html
    assert 'fill="url(#hatch-expired)"' in html


def test_equation_adds_up() -> None:
    html = render(
        "{% outcomes parts %}", parts=[Part("accepted", count=7), Part("unknown", "", 3, "/who")]
    )
    assert "<dd>10</dd>" in html
    assert '<a href="/who">Unknown</a>' in html
    assert "never be" not in html


def test_equation_that_does_not_add_up_says_so() -> None:
    html = render("{% outcomes parts audience=11 %}", parts=[Part("accepted", count=7)])
    assert "add up to 7, not to 11" in html


def test_legend() -> None:
    parts = [("accepted", "Taken", 8), ("skipped", "", 2)]
    assert "<b>8</b>" in render("{% outcomes_legend parts numbers=True %}", parts=parts)
    plain = render("{% outcomes_legend parts %}", parts=parts)
    assert "Taken" in plain and "Skipped" in plain and "<b>" not in plain


@pytest.mark.parametrize(
    ("value", "whole", "width"), [(1, 4, "25.000%"), (9, 4, "100.000%"), (1, 0, "0.000%")]
)
def test_meter(value: int, whole: int, width: str) -> None:
    html = render('{% meter value whole label="1 of 4" colour="c3" %}', value=value, whole=whole)
    assert f'width="{width}"' in html and 'aria-label="1 of 4"' in html and "seg-c3" in html


def test_empty_state() -> None:
    html = render_to_string(
        "components/empty.html",
        {
            "title": "Your first campaign",
            "checks": [("done", "Works.", "Yes"), ("todo", "Write", "now"), ("bad", "No", "key")],
            "href": "/new",
            "action": "New campaign",
        },
    )
    assert html.count("btn-primary") == 1
    assert 'aria-label="Done"' in html and 'aria-label="Not yet"' in html
    assert 'aria-label="Failed"' in html


def test_pager_keeps_the_filters() -> None:
    request = RequestFactory().get("/", {"state": "draft", "page": "2"})
    page = Paginator(range(30), 10).page(2)
    html = render_to_string("components/pager.html", {"page": page}, request)
    assert "11–20 of 30" in html
    assert 'href="?state=draft&amp;page=1"' in html
    assert 'href="?state=draft&amp;page=3"' in html


def test_pager_by_addresses() -> None:
    html = render_to_string("components/pager.html", {"text": "1–9 of 148", "older": "?after=x"})
    assert 'href="?after=x"' in html and "Newer" not in html


@time_machine.travel(NOW, tick=False)
def test_time_component() -> None:
    context = {"value": NOW - timedelta(hours=3), "zone": "Europe/Oslo"}
    assert "Tue 24 Nov 15:31" in render_to_string("components/time.html", context)
    assert "ago" in render_to_string("components/time.html", context | {"relative": True})


def test_components_page() -> None:
    response = look(RequestFactory().get("/look/"))
    html = response.content.decode()
    assert response.status_code == 200
    assert html.count("<h1") == 1
    assert "Needs you" in html and "186,440" in html
