"""The rule builder: a rule as a form that may be half-finished, and back again.

`read` and `of_rule` make a Draft; `acting.act` changes its shape; `judging.judge` says what rule
it is and what is amiss at which input; `showing.show` gives what the template draws.
"""

from audiences.builder.acting import act
from audiences.builder.judging import Judgement, judge
from audiences.builder.showing import Shown, say, show
from audiences.builder.tree import Draft, Item, of_rule, read

__all__ = ["Draft", "Item", "Judgement", "Shown", "act", "judge", "of_rule", "read", "say", "show"]
