"""Which of a message's texts a device gets: by variant, by language, by platform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.models import Message

LETTERS = "ABCD"
# Keys of Message.overrides, by what devices say (subscribers.agents).
PLATFORMS = {
    "Android": "android",
    "Windows": "windows",
    "macOS": "mac",
    "iOS": "ios",
    "iPadOS": "ios",
    "Linux": "linux",
}
# Both of a translation and of what a platform is told; translations have actions besides.
OVERRIDDEN = ("title", "body", "url", "image")
_PLAIN = ("title", "body", "url", "icon", "image", "badge")
_OTHERS = ("translations", "overrides")
_RIGHT_TO_LEFT = frozenset(
    ("ar", "arc", "ckb", "dv", "fa", "he", "iw", "ks", "nqo", "ps", "sd", "syr", "ug", "ur", "yi")
)
# Browsers say "no" for what translators call "nb".
_SAME = {"no": "nb", "iw": "he"}


def direction(language: str) -> str:
    """`dir` of a notification: "rtl" for what is written from right to left, else "auto"."""
    return "rtl" if _base(language) in _RIGHT_TO_LEFT else "auto"


def _parts(language: str) -> list[str]:
    first, *rest = language.replace("_", "-").lower().split("-")
    return [_SAME.get(first, first), *rest]


def _base(language: str) -> str:
    return _parts(language)[0]


def choose(languages: list[str], asked: str, own: str) -> str:
    """One of the languages, or "" for the message's own texts, which are in `own`.

    The device's language exactly, else its base ("pt" for "pt-BR"), else any of the same base.
    """
    if not asked or not languages:
        return ""
    wanted = _parts(asked)
    # The own text comes first among equals.
    offered = [("", _parts(own)), *((one, _parts(one)) for one in sorted(languages))]
    exactly = (one for one, parts in offered if parts == wanted)
    base = (one for one, parts in offered if parts == wanted[:1])
    alike = (one for one, parts in offered if parts[0] == wanted[0])
    return next(exactly, None) or next(base, None) or next(alike, "") or ""


@dataclass(frozen=True)
class Texts:
    """What one variant says in one language on one platform: sources, with their Liquid."""

    title: str
    body: str
    url: str
    icon: str
    image: str
    badge: str
    actions: tuple[tuple[str, str], ...]
    language: str
    letter: str

    @property
    def sources(self) -> tuple[str, ...]:
        """All that may hold Liquid."""
        return (self.title, self.body, self.url, self.image, *(s for a in self.actions for s in a))


Key = tuple[int, str, str]


class Editions:
    """A message's texts by variant, language and platform."""

    def __init__(self, message: Message, own: str) -> None:
        """`own` is the language of what the message's columns say."""
        first = {name: getattr(message, name) for name in (*_PLAIN, "actions", *_OTHERS)}
        self._variants: list[Mapping[str, Any]] = [first, *message.variants]
        self._own = own
        self._languages = [_written(one) for one in self._variants]
        self._chosen: dict[tuple[int, str], str] = {}

    @property
    def several(self) -> bool:
        """Whether not everybody gets the same texts."""
        platforms = any(one.get("overrides") for one in self._variants)
        return len(self._variants) > 1 or any(self._languages) or platforms

    def key(self, variant: int | None, language: str, platform: str) -> Key:
        """Which texts a device gets; variant None is A, an unknown one too."""
        number = variant if variant and 0 < variant < len(self._variants) else 0
        asked = (number, language)
        if asked not in self._chosen:
            self._chosen[asked] = choose(self._languages[number], language, self._own)
        kind = PLATFORMS.get(platform, "")
        overrides = self._variants[number].get("overrides") or {}
        return number, self._chosen[asked], kind if kind in overrides else ""

    def every(self) -> Iterator[Key]:
        """All that there are."""
        for number, variant in enumerate(self._variants):
            for language in ("", *self._languages[number]):
                for platform in ("", *(variant.get("overrides") or {})):
                    yield number, language, platform

    def texts(self, key: Key) -> Texts:
        number, language, platform = key
        base = dict(self._variants[number])
        said = (base.get("translations") or {}).get(language, {}) if language else {}
        fields: dict[str, str] = {name: base.get(name) or "" for name in _PLAIN}
        fields |= {name: said[name] for name in OVERRIDDEN if said.get(name)}
        actions = _actions(base.get("actions") or [], said.get("actions") or [])
        told = (base.get("overrides") or {}).get(platform, {}) if platform else {}
        fields |= {name: told[name] for name in OVERRIDDEN if told.get(name)}
        return Texts(
            **fields, actions=actions, language=language or self._own, letter=LETTERS[number]
        )


def _written(variant: Mapping[str, Any]) -> list[str]:
    """The languages in which anything was said."""
    said = variant.get("translations") or {}
    return sorted(tag for tag, texts in said.items() if any(texts.values()))


def _actions(base: list[Any], said: list[Any]) -> tuple[tuple[str, str], ...]:
    """A translated button keeps what it does not say from the one in its place."""
    if not said:
        return tuple((one["title"], one["url"]) for one in base)
    under = [*base, *[{}] * len(said)]
    return tuple(
        (one.get("title") or below.get("title", ""), one.get("url") or below.get("url", ""))
        for one, below in zip(said, under, strict=False)
    )
