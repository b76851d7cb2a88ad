"""The whole road as a person walks it in Firefox: from `up` to a campaign that goes out."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.browser.firefox import Firefox
from tests.running import ROOT, Up


def manage(up: Up, *command: str) -> dict[str, Any]:
    """What a script gets from `manage.py` beside a running `up`."""
    answer = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=up.env,
        check=True,
        capture_output=True,
        text=True,
    )
    result: dict[str, Any] = json.loads(answer.stdout)
    return result


def press(firefox: Firefox, words: str) -> None:
    """Click the button or link with these words, as a person finds it."""
    firefox.wait(
        """const words = arguments[0];
           const fits = one => one.textContent.includes(words) && one.getClientRects().length;
           const found = [...document.querySelectorAll("button, a")].find(fits);
           document.querySelector("[data-test-here]")?.removeAttribute("data-test-here");
           found?.setAttribute("data-test-here", "");
           return Boolean(found);""",
        words,
    )
    firefox.click("[data-test-here]")


def make_the_demo_site(firefox: Firefox, link: str) -> str:
    """Begin with the printed link; the id of the demo shop's site."""
    firefox.open(link)
    firefox.type("[name=email]", "marit@example.com")
    firefox.type("[name=name]", "Marit Kvam")
    passwords = "return [...document.querySelectorAll('[type=password]')].map(one => one.name)"
    for field in firefox.run(passwords):
        firefox.type(f"[name={field}]", "correct horse battery")
    firefox.click("form .btn-primary")
    firefox.wait("return location.pathname === '/sites/new/'")
    press(firefox, "Set up the demo shop")
    return str(firefox.wait(r"return /([0-9a-f-]{36})\/install/.exec(location.pathname)?.[1]"))


def say_yes_twice(firefox: Firefox, shop: str) -> None:
    """Answer the shop's own prompt, then the browser's."""
    firefox.open(f"{shop}/?beckon=ask")
    firefox.click_inside("beckon-prompt", ".yes")
    firefox.answer_prompt("allow")
    firefox.wait("return window.beckon.state === 'subscribed'")


def compose_and_send(firefox: Firefox, site: str, *, title: str, text: str, opens: str) -> str:
    """Through all four steps, to everyone; the campaign's id."""
    firefox.open(f"{site}campaigns/new/")
    firefox.wait("return location.pathname.endsWith('/message/')")
    campaign_id = str(firefox.run("return location.pathname.split('/')[4]"))
    for name, words in (("title", title), ("body", text), ("url", opens)):
        firefox.type(f"[name={name}]", words)
    for words in ("Next: audience", "Next: schedule", "Next: review", "Send now"):
        press(firefox, words)
    return campaign_id
