"""One reader's texts: filled in, cleaned, and their addresses checked."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from campaigns.personal import addresses, language, scanning, values, wire
from campaigns.personal.choosing import Texts
from campaigns.personal.faults import Aborted
from campaigns.personal.people import Reader
from campaigns.personal.scanning import has_liquid
from campaigns.personal.wire import Content

logger = logging.getLogger(__name__)

# What a text may be once it is filled in; longer ones end in "…".
LONGEST_TITLE, LONGEST_BODY, LONGEST_ACTION = 200, 1_000, 50
LONGEST_ADDRESS = 2_000


@dataclass(frozen=True)
class Edition:
    """One variant in one language on one platform, ready to be filled in."""

    texts: Texts
    # What is the same for all who get it.
    shared: Mapping[str, Any]
    utm: Mapping[str, str]
    # Whether it names anything that is not.
    personal: bool
    # Addresses that are the same for all, with their parameters.
    _led: dict[str, str] = field(default_factory=dict)

    def with_parameters(self, url: str) -> str:
        if url not in self._led:
            self._led[url] = wire.with_parameters(url, self.utm)
        return self._led[url]


class Filling:
    """Fills in one edition for one reader, once."""

    def __init__(self, edition: Edition, reader: Reader | None, hosts: frozenset[str]) -> None:
        self._edition = edition
        self._hosts = hosts
        self._scope = {**edition.shared, **(reader.context if reader else {})}
        self._missed: set[str] = set()

    def content(self) -> tuple[Content, frozenset[str]]:
        """What they see, and the variables that were missing. Aborted."""
        texts = self._edition.texts
        title = self._line(texts.title, LONGEST_TITLE)
        if not title:
            raise Aborted("no_title")
        content = Content(
            title=title,
            body=self._lines(texts.body),
            url=self._address(texts.url),
            icon=texts.icon,
            image=self._image(texts.image),
            badge=texts.badge,
            actions=tuple(filter(None, (self._action(*action) for action in texts.actions))),
            language=texts.language,
        )
        return content, self.missed

    def _line(self, source: str, longest: int) -> str:
        """What was checked when it was saved stays as it is."""
        return values.line(self._said(source), longest) if has_liquid(source) else source

    def _lines(self, source: str) -> str:
        return values.lines(self._said(source), LONGEST_BODY) if has_liquid(source) else source

    def _said(self, source: str, *, encodes: bool = False) -> str:
        """A text with Liquid, filled in."""
        spoken = self._edition.texts.language
        try:
            parsed = language.parse(source)
            text, missed = parsed.render(self._scope, language=spoken, encodes=encodes)
        except (scanning.Unreadable, *language.FAILURES) as error:
            # Not the sentence: it may hold what a person is called.
            logger.info("A text could not be filled in: %s", type(error).__name__)
            raise Aborted("render_failed") from error
        self._missed |= missed
        return text

    def _address(self, source: str) -> str:
        """Where a click leads."""
        if not has_liquid(source):
            return self._edition.with_parameters(source)
        return self._checked(source, self._said(source, encodes=True).strip())

    @property
    def missed(self) -> frozenset[str]:
        """The variables that were missing so far."""
        return frozenset(self._missed)

    def link(self, source: str) -> str:
        """Where an app is led, "" for where a browser is. Aborted."""
        if not has_liquid(source):
            return source if addresses.leads_into_app(source) else self._address(source)
        to = self._said(source, encodes=True).strip()
        if not to or self._leads_into_app(source, to):
            return to
        return self._checked(source, to)

    def _leads_into_app(self, source: str, to: str) -> bool:
        if len(to) > LONGEST_ADDRESS or not addresses.leads_into_app(to):
            return False
        return addresses.scheme(to) in addresses.written_schemes(source)

    def _checked(self, source: str, url: str) -> str:
        if not self._is_safe(source, url):
            raise Aborted("bad_address")
        return wire.with_parameters(url, self._edition.utm)

    def _is_safe(self, source: str, url: str) -> bool:
        if len(url) > LONGEST_ADDRESS:
            return False
        if anchor := addresses.anchor(source):
            return addresses.keeps(url, anchor)
        return addresses.leads_to(url, self._hosts | addresses.written_hosts(source))

    def _image(self, source: str) -> str:
        """A picture may lie anywhere; one that has no address is left out."""
        if not has_liquid(source):
            return source
        url = self._said(source, encodes=True).strip()
        if anchor := addresses.anchor(source):
            return url if addresses.keeps(url, anchor) else ""
        return url if len(url) <= LONGEST_ADDRESS and addresses.leads_anywhere(url) else ""

    def _action(self, title: str, url: str) -> tuple[str, str] | None:
        """A button; None for one that has no words, or nowhere to go."""
        words = self._line(title, LONGEST_ACTION)
        if not has_liquid(url):
            return (words, self._address(url)) if words else None
        to = self._said(url, encodes=True).strip()
        return (words, self._checked(url, to)) if words and to else None
