"""The card of prompt.js: answers that are remembered, keyboard and focus, size, colour, iOS."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FloatRect, expect

from tests.browser.shop import PROMPT, Shop
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.chromium

AXE = Path(__file__).resolve().parents[1] / "vendor" / "axe.min.js"
DAY = 86_400_000
ANSWERS = ("Not now", "Yes, tell me")
IPHONE = """delete window.PushManager;
Object.defineProperty(navigator, "standalone", {value: STANDALONE});"""


def opened(visitor: Visitor) -> Visitor:
    visitor.arrive(path="/?beckon=ask")
    expect(visitor.card).to_be_visible()
    return visitor


def box(visitor: Visitor, name: str | None = None) -> FloatRect:
    """Where the card is, or one of its buttons."""
    part = visitor.card
    if name:
        part = visitor.card.locator(".answers").get_by_role("button", name=name)
    part.evaluate("node => Promise.all(node.getAnimations().map(one => one.finished))")
    found = part.bounding_box()
    assert found
    return found


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast of two ``rgb(…)`` colours."""

    def light(color: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def style(visitor: Visitor, selector: str, name: str) -> str:
    value: str = visitor.card.locator(selector).evaluate(
        "(node, name) => getComputedStyle(node)[name]", name
    )
    return value


@pytest.mark.parametrize("way", ["Not now", "cross", "Escape"])
def test_no_is_remembered_for_30_days(visitor: Visitor, way: str) -> None:
    visitor.arrive()
    visitor.touch()
    expect(visitor.card).to_be_visible()
    if way == "Escape":
        visitor.page.keyboard.press("Escape")
    else:
        at = 0 if way == "cross" else 1
        visitor.card.get_by_role("button", name="Not now").nth(at).click()
    visitor.expect_no_card()
    assert visitor.memory()["no"] == 1
    assert visitor.memory()["until"] == pytest.approx(time.time() * 1000 + 30 * DAY, abs=60_000)
    assert visitor.stub_calls() == []
    visitor.arrive()
    visitor.touch()
    visitor.expect_no_card()


def test_asking_pauses_30_then_60_days_then_ends(visitor: Visitor) -> None:
    visitor.arrive()
    pauses = []
    for _ in range(3):
        visitor.say("prompt")
        visitor.card.get_by_role("button", name="Not now").last.click()
        visitor.expect_no_card()
        pauses.append(round((visitor.memory()["until"] - time.time() * 1000) / DAY))
    assert pauses[:2] == [30, 60]
    assert pauses[2] > 365_000


def test_card_comes_back_when_the_pause_is_over(visitor: Visitor) -> None:
    visitor.arrive()
    visitor.page.evaluate("localStorage.beckon = JSON.stringify({no: 1, until: Date.now() - 1})")
    visitor.arrive()
    visitor.touch()
    expect(visitor.card).to_be_visible()


def test_focus_moves_only_for_those_who_asked_and_returns(visitor: Visitor) -> None:
    visitor.arrive()
    visitor.page.evaluate("bell.addEventListener('click', () => beckon('prompt'))")
    bell = visitor.page.locator("#bell")
    bell.focus()
    visitor.page.keyboard.press("Enter")
    expect(visitor.card.locator(".no")).to_be_focused()
    visitor.page.keyboard.press("Tab")
    expect(visitor.card.locator(".yes")).to_be_focused()
    visitor.page.keyboard.press("Escape")
    visitor.expect_no_card()
    expect(bell).to_be_focused()


def test_answered_card_stays_closed(visitor: Visitor) -> None:
    visitor.arrive()
    visitor.touch()
    visitor.card.get_by_role("button", name="Not now").last.click()
    visitor.page.get_by_label("Search").press_sequentially("boots")
    visitor.page.evaluate("() => new Promise(done => setTimeout(done, 200))")
    visitor.expect_no_card()
    assert visitor.memory()["no"] == 1


def test_card_opens_once(visitor: Visitor) -> None:
    opened(visitor)
    visitor.say("prompt")
    visitor.touch()
    visitor.page.evaluate("() => new Promise(done => setTimeout(done, 0))")
    expect(visitor.card).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("color", [PROMPT["color"], "#ffd400", "#ff5a36", "#101010", "red;}"])
def test_words_can_be_read_in_any_colour(
    visitor: Visitor, shop: Shop, scheme: Any, color: str
) -> None:
    shop.config["prompt"] |= {"color": color}
    visitor.page.emulate_media(color_scheme=scheme)
    opened(visitor)
    fill = style(visitor, ".yes", "backgroundColor")
    assert contrast(style(visitor, ".yes", "color"), fill) >= 4.5
    assert contrast(style(visitor, ".yes", "borderTopColor"), ground(visitor)) >= 3
    assert contrast(style(visitor, ".no", "color"), ground(visitor)) >= 4.5
    assert contrast(style(visitor, ".no", "borderTopColor"), ground(visitor)) >= 3


def ground(visitor: Visitor) -> str:
    color: str = visitor.card.evaluate("node => getComputedStyle(node).backgroundColor")
    return color


@pytest.mark.parametrize("width", [1440, 390, 320])
def test_both_answers_are_equally_easy(visitor: Visitor, width: int) -> None:
    visitor.page.set_viewport_size({"width": width, "height": 844})
    opened(visitor)
    no, yes = (box(visitor, name) for name in ANSWERS)
    assert no["width"] == pytest.approx(yes["width"], abs=12)
    assert no["height"] == yes["height"] >= 44
    card = box(visitor)
    assert card["width"] == (380 if width == 1440 else width - 16)
    assert card["y"] + card["height"] <= 844
    assert visitor.page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing(visitor: Visitor, width: int, scheme: Any) -> None:
    visitor.page.set_viewport_size({"width": width, "height": 844})
    visitor.page.emulate_media(color_scheme=scheme)
    opened(visitor)
    box(visitor)
    visitor.cdp.send("Runtime.evaluate", {"expression": AXE.read_text()})
    found = visitor.page.evaluate(
        "() => axe.run('beckon-prompt').then(({violations}) =>"
        " violations.map(({id, nodes}) => [id, nodes[0].html]))"
    )
    assert found == []


def test_still_under_reduced_motion(visitor: Visitor) -> None:
    visitor.page.emulate_media(reduced_motion="reduce")
    opened(visitor)
    assert visitor.card.evaluate("node => getComputedStyle(node).animationName") == "none"


def test_right_to_left(visitor: Visitor, shop: Shop) -> None:
    shop.config["language"] = "ar"
    shop.config["prompt"] |= {"yes": "نعم", "no": "ليس الآن"}
    visitor.page.set_viewport_size({"width": 1440, "height": 900})
    opened(visitor)
    assert box(visitor)["x"] == 24
    assert box(visitor, "نعم")["x"] < box(visitor, "ليس الآن")["x"]
    expect(visitor.card).not_to_contain_text("Your browser asks next.")
    expect(visitor.card).to_have_attribute("lang", "ar")


def test_words_are_text_and_never_markup(visitor: Visitor, shop: Shop) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    shop.config["site"] = hostile
    shop.config["prompt"] |= dict.fromkeys(["title", "body", "yes", "no", "note"], hostile)
    opened(visitor)
    expect(visitor.card.get_by_role("heading")).to_have_text(hostile)
    expect(visitor.card.locator("img")).to_have_count(0)


def test_icon_that_cannot_be_loaded_becomes_initials(visitor: Visitor, shop: Shop) -> None:
    shop.config["icon"] = shop.beckon + "/static/push/none.png"
    visitor.page.route("**/none.png", lambda route: route.abort())
    opened(visitor)
    expect(visitor.card.locator("div.tile")).to_have_text("FF")


def test_page_styles_do_not_reach_the_card(visitor: Visitor) -> None:
    opened(visitor)
    before = box(visitor)
    visitor.page.evaluate(
        """() => { const sheet = new CSSStyleSheet();
        sheet.replaceSync("*{display:none!important;font-size:40px}"
          + "body,html,beckon-prompt{display:block!important}");
        document.adoptedStyleSheets = [sheet]; }"""
    )
    assert box(visitor)["height"] == before["height"]


def test_iphone_is_shown_the_home_screen(visitor: Visitor, shop: Shop) -> None:
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    visitor.page.add_init_script(IPHONE.replace("STANDALONE", "false"))
    visitor.arrive("install")
    visitor.touch()
    expect(visitor.card).to_contain_text("Tap Share")
    expect(visitor.card).to_contain_text("Choose “Add to Home Screen”")
    visitor.card.get_by_role("button", name="Got it").click()
    visitor.expect_no_card()
    assert visitor.memory()["no"] == 1
    assert shop.matching("/subscriptions/") == []


def test_iphone_words_come_from_the_site(visitor: Visitor, shop: Shop) -> None:
    shop.config["prompt"] |= {"install_title": "Legg til", "install_yes": "Greit"}
    visitor.page.add_init_script(IPHONE.replace("STANDALONE", "false"))
    visitor.arrive("install", "/?beckon=ask")
    expect(visitor.card.get_by_role("heading")).to_have_text("Legg til")
    expect(visitor.card.get_by_role("button", name="Greit")).to_be_visible()


@pytest.mark.parametrize("standalone", ["true", "undefined"])
def test_browsers_without_push_are_left_alone(visitor: Visitor, standalone: str) -> None:
    visitor.page.add_init_script(IPHONE.replace("STANDALONE", standalone))
    visitor.arrive("unsupported")
    visitor.touch()
    visitor.say("prompt")
    visitor.say("subscribe")
    visitor.expect_no_card()
    assert json.dumps(visitor.memory()) == '{"views": 1}'
