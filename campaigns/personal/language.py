"""Liquid as our texts speak it: few tags and filters, nothing that loads, bounded in every way.

python-liquid parses and renders; what it leaves unbounded is bounded here and in `scanning`:
ranges, the iterations of loops one after another, and what filters make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TextIO
from urllib.parse import quote

from django.utils.translation import gettext as _
from liquid import Environment, RenderContext, Token
from liquid.ast import Node
from liquid.builtin import content, illegal, output
from liquid.builtin.output import OutputNode
from liquid.builtin.tags import (
    assign_tag,
    capture_tag,
    case_tag,
    comment_tag,
    for_tag,
    if_tag,
    unless_tag,
)
from liquid.exceptions import LiquidError, LiquidSyntaxError, LoopIterationLimitError
from liquid.expression import Expression
from liquid.output import LimitedStringIO
from liquid.stream import TokenStream
from liquid.tag import Tag
from liquid.template import BoundTemplate
from liquid.token import TOKEN_EOF, TOKEN_STRING, TOKEN_TAG
from liquid.undefined import UNDEFINED

from campaigns.personal import faults, scanning, values
from campaigns.personal.comparing import SAFER
from campaigns.personal.faults import ABORTED, LONGEST_REASON, Aborted
from campaigns.personal.filters import FILTERS, Encoded
from campaigns.personal.missing import Missing

MOST_ITERATIONS = 60  # of all loops of a text together
MOST_FILTERINGS = 500  # uses of a filter, each round of a loop anew
MOST_OUTPUT = 20_000  # bytes

# What rendering may raise besides LiquidError, from filters and odd values.
FAILURES = (LiquidError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError)


class Context(RenderContext):
    """What a text is filled in from, and what came of it."""

    # Of dates.
    language: str = "en"
    # What is put in is percent-encoded, except where an address begins.
    encodes: bool = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.missed: set[str] = set()
        self.iterations = 0
        self.filterings = 0

    def get(
        self, path: list[object], *, token: Token | None, default: object = UNDEFINED
    ) -> object:
        """What a name stands for, a Missing that knows its name where nothing does."""
        try:
            value: object = self.scope[path[0]]  # type: ignore[index]
            for key in path[1:]:
                value = self.get_item(value, key)
        except (KeyError, TypeError, IndexError):
            return Missing(".".join(map(str, path)), token=token, seen=self.missed)
        return value

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Called for each loop that is entered, also for those within others."""
        self.iterations += length
        if self.iterations > MOST_ITERATIONS:
            sentence = _("At most %(most)d rounds of loops.") % {"most": MOST_ITERATIONS}
            raise LoopIterationLimitError(sentence, token=None)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        """Called for each use of a filter."""
        self.filterings += 1
        if self.filterings > MOST_FILTERINGS:
            sentence = _("Filters are used more than %(most)d times.") % {"most": MOST_FILTERINGS}
            raise LoopIterationLimitError(sentence, token=token)
        return super().filter(name, token)


class PutIn(OutputNode):
    """`{{ … }}`"""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        value = self.expression.evaluate(context)
        text = values.shown(value)
        at_the_start = not buffer.tell()
        if getattr(context, "encodes", False) and not at_the_start:
            text = text if isinstance(value, Encoded) else quote(text, safe="")
        return buffer.write(text)


class Output(output.Output):
    node_class = PutIn


class AbortNode(Node):
    """`{% abort "no price" %}`"""

    def __init__(self, token: Token, reason: str) -> None:
        super().__init__(token)
        self.reason = reason
        # Else a block that does nothing else were passed over.
        self.blank = False

    def __str__(self) -> str:
        return f'{{% abort "{self.reason}" %}}'

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        raise Aborted(f"{ABORTED}{self.reason}")


class Abort(Tag):
    """Says that a person gets nothing, and why. The reason is written out, so that a report has few
    of them."""

    block = False
    name = "abort"

    def parse(self, stream: TokenStream) -> Node:
        token = stream.eat(TOKEN_TAG)
        sentence = _('Say why in quotes: {% abort "no price" %}.')
        try:
            inner = stream.into_inner(tag=token, eat=False)
            said = inner.eat(TOKEN_STRING)
            inner.eat(TOKEN_EOF)
        except LiquidSyntaxError as error:
            raise LiquidSyntaxError(sentence, token=token) from error
        reason = values.line(said.value)
        if not reason:
            raise LiquidSyntaxError(sentence, token=said)
        if len(reason) > LONGEST_REASON:
            most = _("A reason has at most %(most)d characters.") % {"most": LONGEST_REASON}
            raise LiquidSyntaxError(most, token=said)
        return AbortNode(token, reason)


class When(case_tag.MultiExpressionBlockNode):
    """`{% when 1, 1 %}` is said once: python-liquid says it for each value that fits."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return self.block.render(context, buffer) if any(self.expression.evaluate(context)) else -1


class Texts(Environment):
    """Knows only what it is told here."""

    block_nesting_limit = scanning.DEEPEST
    context_depth_limit = 20
    local_namespace_limit = 20_000
    output_stream_limit = MOST_OUTPUT

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        pseudo: tuple[type[Tag], ...] = (content.Literal, Output, illegal.Illegal)
        blocks: tuple[type[Tag], ...] = (
            *(if_tag.IfTag, unless_tag.UnlessTag, case_tag.CaseTag, comment_tag.CommentTag),
            *(for_tag.ForTag, for_tag.BreakTag, for_tag.ContinueTag),
            *(assign_tag.AssignTag, capture_tag.CaptureTag, Abort),
        )
        for tag in (*pseudo, *blocks):
            self.add_tag(tag)
        self.filters.update(FILTERS)

    def error(
        self,
        exc: type[LiquidError] | LiquidError,
        msg: str | None = None,
        token: Token | None = None,
    ) -> None:
        """Raise it; one of an expression's end, which has no place, where that expression is."""
        if isinstance(exc, LiquidError) and token and exc.token and exc.token.start_index < 0:
            exc.token = token
        super().error(exc, msg, token)


ENVIRONMENT = Texts(undefined=Missing)


@dataclass(frozen=True)
class Parsed:
    """A text that was parsed; it may be rendered by several threads at once."""

    source: str
    template: BoundTemplate
    # What it names that is not its own, as written: ("subscriber", "first_name").
    names: frozenset[tuple[str, ...]]

    def render(
        self, scope: Mapping[str, object], *, language: str = "en", encodes: bool = False
    ) -> tuple[str, set[str]]:
        """The text, and the names that nothing stood for. Aborted, or one of FAILURES."""
        context = Context(self.template, globals=scope)
        context.language, context.encodes = language, encodes
        buffer = LimitedStringIO(MOST_OUTPUT)
        self.template.render_with_context(context, buffer)
        return buffer.getvalue(), context.missed


@lru_cache(maxsize=512)
def parse(source: str) -> Parsed:
    """scanning.Unreadable with the place for what is no Liquid of ours."""
    scanning.scan(source)
    try:
        template = ENVIRONMENT.from_string(source)
    except LiquidError as error:
        raise scanning.Unreadable(fault_of(error, source)) from error
    for node in nodes(template):
        if type(node) is case_tag.MultiExpressionBlockNode:
            node.__class__ = When
    for expression in expressions(template):
        expression.__class__ = SAFER.get(type(expression), type(expression))
    found = template.analyze(include_partials=False).globals
    names = (variable.segments for root in found.values() for variable in root)
    return Parsed(source, template, frozenset(tuple(map(str, name)) for name in names))


def fault_of(error: LiquidError, source: str) -> faults.Fault:
    """What the parser or a filter has against a text, where it is."""
    token = error.token
    index = token.start_index if token and token.start_index >= 0 else 0
    return faults.at(source, index, _sentence(str(error.message or "")))


def _sentence(message: str) -> str:
    """The parser's words as people say it; our own sentences as they are."""
    if message.endswith("found '='"):
        return _("Write == to compare.")
    for beginning, sentence in (
        ("expected end of", _("This does not belong here. Filters come after |, values after :.")),
        ("expected a primitive", _("A name, a number or a text in quotes is missing.")),
        ("missing", _("A name, a number or a text in quotes is missing.")),
        ("disallowed not", _("There is no not here: use unless.")),
        ("disallowed paren", _("There are no parentheses here: put one if into another.")),
        ("unexpected ", _("%(what)s does not belong here.") % {"what": message[11:].strip()}),
    ):
        if message.startswith(beginning):
            return sentence
    # What is left are our own, which are whole sentences, and rare ones of the parser.
    return message if message.endswith(".") else _("This can't be read.")


def nodes(template: BoundTemplate) -> Iterator[Node]:
    """All of a text, also those within others."""
    unused = RenderContext(template)
    waiting = list(template.nodes)
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.children(unused, include_partials=False))


def expressions(template: BoundTemplate) -> Iterator[Expression]:
    """All of a text, also those within others."""
    for node in nodes(template):
        waiting = list(node.expressions())
        while waiting:
            expression = waiting.pop()
            yield expression
            waiting.extend(expression.children())
