"""Comparisons that no value can make fail, and ranges that no text can make long.

What a site sends as "250" compares as the number that it reads as; what can't be compared is
neither more nor less.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from liquid import RenderContext
from liquid.builtin.expressions import logical
from liquid.builtin.expressions.primitive import Blank, Empty, RangeLiteral
from liquid.exceptions import LiquidValueError
from liquid.expression import Expression
from liquid.undefined import is_undefined

from campaigns.personal.filters import number_in
from campaigns.personal.values import shown

LONGEST_RANGE = 100


def _like(left: Any, right: Any) -> tuple[Any, Any]:
    left, right = (None if is_undefined(value) else value for value in (left, right))
    left, right = (shown(v) if isinstance(v, datetime) else v for v in (left, right))
    if isinstance(left, int | float) and not isinstance(left, bool) and isinstance(right, str):
        right = number_in(right)
    elif isinstance(right, int | float) and not isinstance(right, bool) and isinstance(left, str):
        left = number_in(left)
    return left, right


def equal(left: Any, right: Any) -> bool:
    left, right = _like(left, right)
    if left is None and isinstance(right, Empty | Blank):
        return True
    return bool(logical._eq(left, right))


def before(left: Any, right: Any, *, or_equal: bool) -> bool:
    left, right = _like(left, right)
    if left is None or right is None:
        return False
    try:
        return bool(left <= right if or_equal else left < right)
    except TypeError:
        return False


def contains(left: Any, right: Any) -> bool:
    if is_undefined(left) or is_undefined(right) or right is None:
        return False
    if isinstance(left, str):
        return shown(right) in left
    if isinstance(left, Mapping) and not isinstance(right, str):
        return False
    return isinstance(left, list | tuple | Mapping) and right in left


class Equal(logical.EqExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        return equal(self.left.evaluate(context), self.right.evaluate(context))


class Unequal(logical.NeExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        return not equal(self.left.evaluate(context), self.right.evaluate(context))


class Less(logical.LtExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        return before(self.left.evaluate(context), self.right.evaluate(context), or_equal=False)


class AtMost(logical.LeExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        return before(self.left.evaluate(context), self.right.evaluate(context), or_equal=True)


class More(logical.GtExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        return before(self.right.evaluate(context), self.left.evaluate(context), or_equal=False)


class AtLeast(logical.GeExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        return before(self.right.evaluate(context), self.left.evaluate(context), or_equal=True)


class Contains(logical.ContainsExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        return contains(self.left.evaluate(context), self.right.evaluate(context))


class ShortRange(RangeLiteral):
    """python-liquid makes a list of a range that is gone through in reverse, however long."""

    __slots__ = ()

    def _make_range(self, start: Any, stop: Any) -> range:
        made = super()._make_range(start, stop)
        if made.stop - made.start > LONGEST_RANGE:
            sentence = _("A range has at most %(most)d numbers.") % {"most": LONGEST_RANGE}
            raise LiquidValueError(sentence, token=self.token)
        return made


# A parsed expression takes the class that stands here for its own; they hold the same.
SAFER: dict[type[Expression], type[Expression]] = {
    kind.__mro__[1]: kind
    for kind in (Equal, Unequal, Less, AtMost, More, AtLeast, Contains, ShortRange)
}
