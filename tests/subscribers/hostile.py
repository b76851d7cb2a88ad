"""Texts that strangers send in the hope of running as script."""

from html.parser import HTMLParser
from typing import Protocol

XSS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{ 7|add:7 }}{% load x %}",
    "--><script>alert(1)</script>",
    '"onmouseover=alert(1) x="',
    "\u202e<b>right to left</b>",
]
HANDLERS = ("onerror", "onload", "onmouseover", "onclick", "onfocus")


class Answered(Protocol):
    @property
    def status_code(self) -> int: ...
    @property
    def content(self) -> bytes: ...


class _Looker(HTMLParser):
    """Fails on what a page of ours never has."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        assert not names & set(HANDLERS), (tag, attrs)
        assert "style" not in names, (tag, attrs)
        if tag == "script":
            assert "src" in names, attrs
        if tag == "b":
            assert "right to left" not in str(attrs)
        for name, value in attrs:
            if name in {"href", "src", "action", "hx-get"}:
                assert not (value or "").strip().lower().startswith("javascript:"), attrs


def assert_harmless(response: Answered) -> None:
    """The page is there and has no script, handler or address that somebody smuggled in."""
    assert response.status_code == 200
    page = response.content.decode()
    _Looker().feed(page)
    assert "<script>alert" not in page
    assert "<b>right" not in page
