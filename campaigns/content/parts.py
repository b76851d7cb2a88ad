"""The parts of a message: buttons, and what each language, platform and variant says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from audiences import languages
from campaigns.content.texts import Check, Names, a_plain_address, a_text, an_address
from campaigns.personal import choosing

MOST_ACTIONS = 2


def actions(
    value: Any, names: Names | None = None, *, partly: bool = False
) -> list[dict[str, str]]:
    """At most two buttons, each with a title and an address; `partly`: one of these may be ""."""
    if not isinstance(value, list) or len(value) > MOST_ACTIONS:
        raise ValidationError(_("At most two buttons."))
    return [_action(item, names or Names(), partly=partly) for item in value]


def _action(item: Any, names: Names, *, partly: bool) -> dict[str, str]:
    if not isinstance(item, dict) or set(item) != {"title", "url"}:
        raise ValidationError(_("A button has a title and a url."))
    if not isinstance(item["title"], str) or not isinstance(item["url"], str):
        raise ValidationError(_("A button has a title and a url."))
    title = a_text("action title")(item["title"], names)
    url = an_address("action url")(item["url"], names)
    if not (title and url) and not partly:
        raise ValidationError(_("A button needs both its words and an address to open."))
    return {"title": title, "url": url}


# What each variant has of its own, besides its translations and overrides.
WORDS: Mapping[str, Check] = {
    "title": a_text("title"),
    "body": a_text("body", lines=True),
    "url": an_address("url"),
    "icon": a_plain_address("icon"),
    "image": an_address("image"),
    "badge": a_plain_address("badge"),
    "actions": actions,
}

# What a language, or a platform, may say in its own way.
TRANSLATED = ("title", "body", "url", "image", "actions")
OVERRIDDEN = ("title", "body", "url", "image")
MOST_LANGUAGES = 40
MOST_VARIANTS = 4  # with A
MOST_WEIGHT = 100


def within(place: str, error: ValidationError) -> list[ValidationError]:
    """The same errors with the place they are at in front, which is their code too."""
    return [
        ValidationError(f"{place}: {sentence}", code=place.replace(", ", "."))
        for sentence in error.messages
    ]


def each(
    said: Mapping[str, Any], checks: Mapping[str, Check], names: Names, place: str
) -> tuple[dict[str, Any], list[ValidationError]]:
    """The fields of a part of a message, cleaned, and what is wrong with them."""
    clean: dict[str, Any] = {}
    errors: list[ValidationError] = []
    for name, value in said.items():
        try:
            if name not in checks:
                raise ValidationError(_("There is no such field."))
            clean[name] = checks[name](value, names)
        except ValidationError as error:
            errors += within(f"{place}, {name}", error)
    return clean, errors


def parted(
    value: Any, checks: Mapping[str, Check], names: Names
) -> tuple[dict[str, dict[str, Any]], list[ValidationError]]:
    """Parts of a message by their key, without what they leave empty."""
    if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
        raise ValidationError(_("Here must be an object of objects."))
    parts: dict[str, dict[str, Any]] = {}
    errors: list[ValidationError] = []
    for key, said in value.items():
        clean, wrong = each(said, checks, names, key)
        parts[key] = {name: one for name, one in clean.items() if one}
        errors += wrong
    return parts, errors


def translations(value: Any, names: Names) -> dict[str, dict[str, Any]]:
    """What each language says. One in which nothing is written yet is kept, empty."""
    checks = {name: WORDS[name] for name in TRANSLATED}
    checks["actions"] = lambda said, known: actions(said, known, partly=True)
    parts, errors = parted(value, checks, names)
    if len(parts) > MOST_LANGUAGES:
        sentence = _("At most %(most)d languages.") % {"most": MOST_LANGUAGES}
        errors.append(ValidationError(sentence))
    for key in parts:
        if not languages.TAG.fullmatch(key) or len(key) > 35:
            sentence = _("A language is a tag such as nb or pt-BR.")
            errors += within(key[:35], ValidationError(sentence))
    if errors:
        raise ValidationError(errors)
    return {tag(key): said for key, said in parts.items()}


def tag(language: str) -> str:
    """A language's tag as it is written: "pt-BR" for "PT-br", "zh-Hant" for "zh-hant"."""
    first, *rest = language.split("-")
    styles = {2: str.upper, 4: str.title}
    return "-".join((first.lower(), *(styles.get(len(one), str.lower)(one) for one in rest)))


def overrides(value: Any, names: Names) -> dict[str, dict[str, Any]]:
    """What each platform is told instead."""
    parts, errors = parted(value, {name: WORDS[name] for name in OVERRIDDEN}, names)
    for key in parts:
        if key not in choosing.PLATFORMS.values():
            known = ", ".join(dict.fromkeys(choosing.PLATFORMS.values()))
            errors += within(key[:35], ValidationError(_("A platform is one of: %s.") % known))
    if errors:
        raise ValidationError(errors)
    return {key: said for key, said in parts.items() if said}


def weight(value: Any, _names: Names | None = None) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_WEIGHT:
        most = {"most": MOST_WEIGHT}
        raise ValidationError(_("A weight is a whole number from 1 to %(most)d.") % most)
    return value


VARIED: Mapping[str, Check] = {
    **WORDS,
    "translations": translations,
    "overrides": overrides,
    "weight": weight,
}
_EMPTY: Mapping[str, Callable[[], Any]] = {
    **dict.fromkeys(WORDS, str),
    **{"actions": list, "translations": dict, "overrides": dict},
}


def variants(value: Any, names: Names) -> list[dict[str, Any]]:
    """The variants after A, each with all of VARIED."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValidationError(_("Variants are a list of objects."))
    if len(value) >= MOST_VARIANTS:
        raise ValidationError(_("At most %(most)d variants, with A.") % {"most": MOST_VARIANTS})
    made: list[dict[str, Any]] = []
    errors: list[ValidationError] = []
    for letter, said in zip(choosing.LETTERS[1:], value, strict=False):
        clean, wrong = each(said, VARIED, names, letter)
        errors += wrong
        if "weight" not in said:
            errors += within(f"{letter}, weight", ValidationError(_("This field is required.")))
        made.append({name: empty() for name, empty in _EMPTY.items()} | clean)
    if errors:
        raise ValidationError(errors)
    return made
