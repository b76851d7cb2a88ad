"""What a message may hold: plain text that reads as it looks, and addresses of web pages.

Both may have Liquid in them (campaigns.personal). What each variant, language and platform says is
checked as the message's own columns are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext as _

from accounts.models import Site
from audiences import languages
from campaigns import coupons
from campaigns.models import Message
from campaigns.personal import addresses, checking, choosing, scanning, variables
from campaigns.personal.faults import Fault
from campaigns.personal.rendering import UTM
from campaigns.personal.scanning import has_liquid
from campaigns.personal.values import is_invisible
from campaigns.personal.variables import Known

MOST_ACTIONS = 2
LONGEST = {
    "title": 200,
    "body": 1000,
    "url": 1000,
    "icon": 500,
    "image": 500,
    "badge": 500,
    "action title": 50,
    "action url": 1000,
    "utm": 100,
}
# With Liquid, what is stored is longer than what people see.
LONGEST_SOURCE = {**LONGEST, "title": 500, "body": scanning.MOST_SOURCE, "action title": 200}

_web_page = URLValidator(schemes=["http", "https"])


def text(value: str, *, longest: int, lines: bool = False) -> str:
    """Trimmed text; ValidationError for control characters, turning marks and excess length."""
    value = value.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").strip()
    if not lines:
        value = " ".join(value.split())
    for letter in value:
        if is_invisible(letter) and letter != "\n":
            raise ValidationError(
                _(
                    "This contains the invisible character U+%(code)s, which can make a text read "
                    "differently than it is. Remove it, or type the text anew."
                )
                % {"code": f"{ord(letter):04X}"}
            )
    if len(value) > longest:
        raise ValidationError(
            _("At most %(most)d characters; these are %(are)d.")
            % {"most": longest, "are": len(value)}
        )
    return value


def address(value: str, *, longest: int) -> str:
    """An http(s) address of a web page or picture, or ""; ValidationError for everything else."""
    value = value.strip()
    if not value:
        return ""
    if len(value) > longest:
        raise ValidationError(
            _("At most %(most)d characters; these are %(are)d.")
            % {"most": longest, "are": len(value)}
        )
    refused = ValidationError(
        _("Write a whole address that begins with https://, such as https://shop.example/sale.")
    )
    if not value.lower().startswith(("http://", "https://")) or any(map(is_invisible, value)):
        raise refused
    try:
        _web_page(value)
        parts = urlsplit(value)
    except (ValidationError, ValueError):
        raise refused from None
    if parts.username is not None or parts.password is not None:
        raise ValidationError(_("Leave the user name and password out of the address."))
    return value


class Names:
    """What texts may name: whatever, or what a site has. It is read once, and only if needed."""

    def __init__(self, site: Site | None = None) -> None:
        self._site = site
        self._known: Known | None = None

    def faults(self, source: str, *, utm: bool = False) -> list[Fault]:
        if self._site is None:
            return checking.check(source, utm=utm)
        found = checking.check(source, self._known or Known(), utm=utm)
        if found and self._known is None:
            self._known = variables.known(self._site)
            found = checking.check(source, self._known, utm=utm)
        return found


Check = Callable[[Any, Names], Any]


def _readable(source: str, names: Names, *, utm: bool = False) -> None:
    """ValidationError with each fault of a text, and where it is."""
    found = names.faults(source, utm=utm)
    where = _("Line %(line)d, column %(column)d: %(sentence)s")
    if found:
        raise ValidationError(
            [
                where % {"line": one.line, "column": one.column, "sentence": one.sentence}
                for one in found
            ]
        )


def _text(kind: str, *, lines: bool = False, utm: bool = False) -> Check:
    def check(value: Any, names: Names) -> str:
        # The places of faults are those in what was sent.
        source = str(value).replace("\r\n", "\n").replace("\r", "\n")
        if not has_liquid(source):
            return text(source, longest=LONGEST[kind], lines=lines)
        clean = text(source, longest=LONGEST_SOURCE[kind], lines=lines)
        _readable(source, names, utm=utm)
        return clean

    return check


def _address(kind: str) -> Check:
    def check(value: Any, names: Names) -> str:
        source = str(value).strip()
        if not has_liquid(source):
            return address(source, longest=LONGEST[kind])
        clean = text(source, longest=LONGEST_SOURCE[kind])
        _readable(source, names)
        _must_begin(clean)
        return clean

    return check


def _must_begin(source: str) -> None:
    """ValidationError for an address whose host could be made up of what is put in."""
    if addresses.anchor(source):
        address(addresses.filled(source, "x"), longest=scanning.MOST_SOURCE * 2)
    elif not addresses.begins_with_value(source):
        raise ValidationError(
            _(
                "Write the beginning of the address out, such as https://shop.example/, before the "
                "first variable; or begin with a variable that holds a whole address, such as "
                "{{ cart.first_item.url }}."
            )
        )


def _plain_address(kind: str) -> Check:
    def check(value: Any, _names: Names) -> str:
        return address(str(value), longest=LONGEST[kind])

    return check


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
    title = _text("action title")(item["title"], names)
    url = _address("action url")(item["url"], names)
    if not (title and url) and not partly:
        raise ValidationError(_("A button needs both its words and an address to open."))
    return {"title": title, "url": url}


def _ttl(value: Any, _names: Names) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValidationError(_("Here must be a whole number of seconds."))
    Message._meta.get_field("ttl").run_validators(value)
    return int(value)


def _urgency(value: Any, _names: Names) -> str:
    if value not in Message.Urgency.values:
        raise ValidationError(_("Urgency is one of: %s.") % ", ".join(Message.Urgency.values))
    return str(value)


# What each variant has of its own, besides its translations and overrides.
WORDS: Mapping[str, Check] = {
    "title": _text("title"),
    "body": _text("body", lines=True),
    "url": _address("url"),
    "icon": _plain_address("icon"),
    "image": _address("image"),
    "badge": _plain_address("badge"),
    "actions": actions,
}

# What a language, or a platform, may say in its own way.
TRANSLATED = ("title", "body", "url", "image", "actions")
OVERRIDDEN = ("title", "body", "url", "image")
MOST_LANGUAGES = 40
MOST_VARIANTS = 4  # with A
MOST_WEIGHT = 100


def _in(place: str, error: ValidationError) -> list[ValidationError]:
    """The same errors with the place they are at in front, which is their code too."""
    return [
        ValidationError(f"{place}: {sentence}", code=place.replace(", ", "."))
        for sentence in error.messages
    ]


def _each(
    said: Mapping[str, Any], checks: Mapping[str, Check], names: Names, place: str
) -> tuple[dict[str, Any], list[ValidationError]]:
    """The fields of a part of a message, cleaned, and what is wrong with them."""
    clean: dict[str, Any] = {}
    errors: list[ValidationError] = []
    for name, value in said.items():
        try:
            if name not in checks:
                raise ValidationError(_("There is no such field."))
            if name in LONGEST and not isinstance(value, str):
                raise ValidationError(_("Here must be a text."))
            clean[name] = checks[name](value, names)
        except ValidationError as error:
            errors += _in(f"{place}, {name}", error)
    return clean, errors


def _parts(
    value: Any, checks: Mapping[str, Check], names: Names
) -> tuple[dict[str, dict[str, Any]], list[ValidationError]]:
    """Parts of a message by their key, without what they leave empty."""
    if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
        raise ValidationError(_("Here must be an object of objects."))
    parts: dict[str, dict[str, Any]] = {}
    errors: list[ValidationError] = []
    for key, said in value.items():
        clean, wrong = _each(said, checks, names, key)
        parts[key] = {name: one for name, one in clean.items() if one}
        errors += wrong
    return parts, errors


def translations(value: Any, names: Names) -> dict[str, dict[str, Any]]:
    """What each language says. One in which nothing is written yet is kept, empty."""
    checks = {name: WORDS[name] for name in TRANSLATED}
    checks["actions"] = lambda said, known: actions(said, known, partly=True)
    parts, errors = _parts(value, checks, names)
    if len(parts) > MOST_LANGUAGES:
        sentence = _("At most %(most)d languages.") % {"most": MOST_LANGUAGES}
        errors.append(ValidationError(sentence))
    for key in parts:
        if not languages.TAG.fullmatch(key) or len(key) > 35:
            sentence = _("A language is a tag such as nb or pt-BR.")
            errors += _in(key[:35], ValidationError(sentence))
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
    parts, errors = _parts(value, {name: WORDS[name] for name in OVERRIDDEN}, names)
    for key in parts:
        if key not in choosing.PLATFORMS.values():
            known = ", ".join(dict.fromkeys(choosing.PLATFORMS.values()))
            errors += _in(key[:35], ValidationError(_("A platform is one of: %s.") % known))
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
        clean, wrong = _each(said, VARIED, names, letter)
        errors += wrong
        if "weight" not in said:
            errors += _in(f"{letter}, weight", ValidationError(_("This field is required.")))
        made.append({name: empty() for name, empty in _EMPTY.items()} | clean)
    if errors:
        raise ValidationError(errors)
    return made


CHECKS: Mapping[str, Check] = {
    **VARIED,
    "variants": variants,
    "coupon": lambda value, _names: coupons.checked(value),
    "ttl": _ttl,
    "urgency": _urgency,
    **{name: _text("utm", utm=True) for name in UTM},
}

_TEXTS = frozenset((*LONGEST, *UTM)) & frozenset(CHECKS)


def checked(fields: Mapping[str, Any], site: Site | None = None) -> dict[str, Any]:
    """Fields of a message, cleaned. ValidationError by field; ValueError for an unknown field.

    With `site`, texts may name the attributes that its people have, and no others. Errors of a part
    have its place as their code: "nb.title", "B.url", "B.translations".
    """
    if unknown := set(fields) - set(CHECKS):
        raise ValueError(f"Not a field of a message: {', '.join(sorted(unknown))}")
    names = Names(site)
    clean: dict[str, Any] = {}
    errors: dict[str, ValidationError] = {}
    for name, value in fields.items():
        try:
            if name in _TEXTS and not isinstance(value, str):
                raise ValidationError(_("Here must be a text."))
            clean[name] = CHECKS[name](value, names)
        except ValidationError as error:
            errors[name] = error
    if errors:
        raise ValidationError(errors)
    return clean
