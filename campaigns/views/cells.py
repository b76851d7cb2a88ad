"""The variants and languages above the composer's form: choosing, adding, removing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from audiences import languages
from campaigns import cells, content
from campaigns.cells import Cell
from campaigns.forms import MessageForm
from campaigns.models import Message

Act = Callable[[Message], dict[str, Any]]


class Unknown(ValueError):
    """A button that is not understood, with a sentence for people."""


@dataclass(frozen=True)
class Wanted:
    """The cell to show next, and what is done to the message before."""

    cell: Cell
    act: Act | None = None
    # Whether what the form says is kept, also where some of it was refused.
    removes: bool = False


def wanted(form: MessageForm, data: Mapping[str, str]) -> Wanted | None:
    """What the pressed button (`go` to a cell, or `do`) asks for; None for saving. Unknown."""
    if go := data.get("go"):
        return Wanted(cells.parse(go, form.message))
    if "see" in data or "find" in data:
        return Wanted(form.cell)
    do = "add-language" if "language" in data else data.get("do")
    if not do:
        return None
    cell, message = form.cell, form.message
    if do == "add-variant":
        if cells.count(message) == cells.MOST_VARIANTS:
            raise Unknown(_("There are four variants already, which is the most."))
        return Wanted(Cell(cells.count(message)), cells.with_variant)
    if do == "remove-variant" and cells.count(message) > 1:
        act = partial(cells.without_variant, variant=cell.variant)
        return Wanted(Cell(max(cell.variant - 1, 0), cell.language), act, removes=True)
    if do == "add-language":
        tag = language(form, data.get("language") or data.get("new_language", ""))
        return Wanted(Cell(cell.variant, tag), partial(cells.with_language, language=tag))
    if do == "remove-language" and cell.language:
        act = partial(cells.without_language, language=cell.language)
        return Wanted(Cell(cell.variant), act, removes=True)
    raise Unknown(_("That is not possible any more. Load the page again."))


def language(form: MessageForm, typed: str) -> str:
    """The tag of a language that somebody named. Unknown."""
    tag = content.tag(languages.code(typed[:60]))
    if not tag:
        sentence = _("“%(typed)s” is no language that is known here. Use its tag, such as pt-BR.")
        raise Unknown(sentence % {"typed": typed[:60]})
    if tag in cells.languages(form.message):
        raise Unknown(_("%(language)s is there already.") % {"language": languages.label(tag)})
    if tag == content.tag(form.site.language):
        raise Unknown(
            _("%(language)s is the site's own language: it is what the first pill says.")
            % {"language": languages.label(tag)}
        )
    return tag


@dataclass(frozen=True)
class Pill:
    """A language above the form: "base", "complete" or "missing"."""

    cell: Cell
    label: str
    state: str
    current: bool


def context(form: MessageForm) -> dict[str, Any]:
    """What the row of variants and the row of languages show."""
    message, cell, site = form.message, form.cell, form.site
    several = cells.count(message) > 1
    base = Cell(cell.variant)
    pills = [Pill(base, languages.label(site.language), "base", not cell.language)]
    for tag in cells.languages(message):
        one = Cell(cell.variant, tag)
        state = "complete" if cells.complete(message, one) else "missing"
        pills.append(Pill(one, languages.label(tag), state, one == cell))
    shares = cells.shares(message)
    variants = [Cell(number, cell.language) for number in range(len(shares))]
    return {
        "cell": cell,
        "several": several,
        "variants": variants,
        "pills": pills,
        "may_add": len(variants) < cells.MOST_VARIANTS,
        "shares_line": shares_line(form),
        "shares_bar": bar(shares) if several else [],
    }


def shares_line(form: MessageForm) -> str:
    """ "50 : 50, 2 % kept back"; "" where there is nothing to share out."""
    line = form.about_test()
    return line if cells.count(form.message) > 1 or form.campaign.holdout else ""


def bar(shares: list[float]) -> list[dict[str, str]]:
    """Where each variant's part of the bar begins and how wide it is, in percent."""
    found, begins = [], 0.0
    for letter, share in zip(cells.LETTERS, shares, strict=False):
        found.append({"letter": letter, "x": f"{begins:.2f}%", "width": f"{share:.2f}%"})
        begins += share
    return found
