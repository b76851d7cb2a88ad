"""How many messages a minute a site, or one of its campaigns, may send at most."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.formats import number_format
from django.utils.translation import gettext as _

# One every ten seconds, and far more than any push service takes from one sender.
LEAST = 6
MOST = 6_000_000


def refusal() -> str:
    """The sentence for a number that is no such rate."""
    return _(
        "Write a number from %(least)d to %(most)s, or leave it empty: as fast as the push "
        "services take it."
    ) % {"least": LEAST, "most": number_format(MOST, use_l10n=True, force_grouping=True)}


def checked(value: Any) -> int | None:
    """Messages a minute, or None for no limit; ValidationError for everything else."""
    if value is None:
        return None
    # True is a number to Python and to nobody else.
    if not isinstance(value, int) or isinstance(value, bool) or not LEAST <= value <= MOST:
        raise ValidationError(refusal())
    return value
