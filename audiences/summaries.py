"""What lists of audiences say of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from django.utils import timezone

from accounts.models import Site
from audiences import references, rules, saving, sentences, uses
from audiences.models import Audience, AudienceSize
from audiences.rules import Rule, RuleError
from audiences.saving import Change
from audiences.uses import Uses

DAYS = 30
# The line of sizes is drawn on so many units.
WIDE, HIGH = 64, 18


@dataclass(frozen=True)
class Summary:
    """What the list says of one audience."""

    audience: Audience
    sentence: str
    # Its rule is not understood any more.
    broken: bool
    sizes: list[AudienceSize]
    uses: Uses
    change: Change

    @property
    def size(self) -> AudienceSize | None:
        """The newest."""
        return self.sizes[-1] if self.sizes else None

    @property
    def change_of_size(self) -> float | None:
        """By which share the people became more, from the first of the days to the last."""
        if len(self.sizes) < 2 or not self.sizes[0].people:
            return None
        return self.sizes[-1].people / self.sizes[0].people - 1

    @property
    def changed_by(self) -> str:
        """Whom the audit log names, else who made it if nobody changed it since."""
        return self.change.by or str(self.audience.created_by or "")

    @property
    def line(self) -> str:
        """The sizes as points of a line, the days at their places; "" for fewer than three."""
        if len(self.sizes) < 3:
            return ""
        first = self.sizes[0].day
        days = (self.sizes[-1].day - first).days
        low = min(size.people for size in self.sizes)
        span = max(size.people for size in self.sizes) - low
        return " ".join(
            f"{(size.day - first).days / days * WIDE:.1f},"
            f"{HIGH - 2 - ((size.people - low) / span if span else 0.5) * (HIGH - 4):.1f}"
            for size in self.sizes
        )


def of(site: Site, audiences: list[Audience]) -> list[Summary]:
    """What a page says, in a number of statements that does not grow with it."""
    parsed = {audience.pk: _parsed(audience) for audience in audiences}
    understood = [rule for rule in parsed.values() if isinstance(rule, Rule)]
    names = references.names_of(understood, site)
    sizes = _sizes(site, audiences)
    used = uses.of(site, [audience.pk for audience in audiences])
    changes = saving.last_changes(site, audiences)
    found = []
    for audience in audiences:
        pk, rule = audience.pk, parsed[audience.pk]
        if isinstance(rule, RuleError):
            said, broken = rule.sentence, True
        else:
            said, broken = sentences.sentence(rule, site, names), False
        found.append(Summary(audience, said, broken, sizes.get(pk, []), used[pk], changes[pk]))
    return found


def _parsed(audience: Audience) -> Rule | RuleError:
    try:
        return rules.parse(audience.rule)
    except RuleError as error:
        return error


def _sizes(site: Site, audiences: list[Audience]) -> dict[UUID, list[AudienceSize]]:
    """Their sizes of the last days, the oldest first."""
    since: date = timezone.now().astimezone(site.zone).date() - timedelta(days=DAYS)
    found: dict[UUID, list[AudienceSize]] = {}
    of_days = AudienceSize.objects.filter(audience__in=audiences, day__gte=since)
    for size in of_days.order_by("day"):
        found.setdefault(size.audience_id, []).append(size)
    return found
