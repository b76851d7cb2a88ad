"""How large named audiences were, day by day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef

from audiences import counting, rules
from audiences.counting import Reach, TooLong
from audiences.models import Audience, AudienceSize
from audiences.rules import RuleError

# A size that is older is dropped.
KEPT_DAYS = 400
SHOWN_DAYS = 30
PATIENCE_MS = 2_000


def next_due(now: datetime) -> tuple[Audience, date] | None:
    """An audience without a size of today, and which day that is at its site; None: no more."""
    for zone in _zones():
        today = now.astimezone(ZoneInfo(zone)).date()
        kept = AudienceSize.objects.filter(audience=OuterRef("pk"), day=today)
        named = Audience.objects.filter(~Exists(kept), site__time_zone=zone).exclude(name="")
        audience = named.select_related("site").order_by("pk").first()
        if audience is not None:
            return audience, today
    return None


def keep_next(now: datetime) -> Audience | None:
    """Keep today's size of one audience that has none yet: called again and again.

    None when all have theirs. What takes too long is estimated. A rule that is broken (it names
    what is gone) has nobody; an audience that can't even be estimated keeps its last size.
    """
    if (due := next_due(now)) is None:
        return None
    audience, today = due
    _keep(audience, today, _counted_somehow(audience))
    return audience


def _counted_somehow(audience: Audience) -> Reach:
    try:
        return _counted(audience)
    except RuleError:
        return Reach()
    except TooLong:
        last = audience.sizes.order_by("-day").first()
        return Reach(last.people, last.devices) if last else Reach()


def _zones() -> Iterable[str]:
    named = Audience.objects.exclude(name="").order_by()
    return named.values_list("site__time_zone", flat=True).distinct()


def keep(audience: Audience, now: datetime) -> Reach:
    """Keep an audience's size of today, in place of what was counted before. RuleError, TooLong."""
    reach = _counted(audience)
    _keep(audience, now.astimezone(audience.site.zone).date(), reach)
    return reach


def _counted(audience: Audience) -> Reach:
    """Exact, or estimated."""
    return counting.count(audience.site, rules.parse(audience.rule), milliseconds=PATIENCE_MS)


def _keep(audience: Audience, day: date, reach: Reach) -> None:
    AudienceSize.objects.update_or_create(
        audience=audience,
        day=day,
        defaults={"people": reach.people, "devices": reach.devices},
    )


def drop_old(now: datetime) -> int:
    """Drop the sizes of days that are no longer kept; how many."""
    oldest = now.date() - timedelta(days=KEPT_DAYS)
    return AudienceSize.objects.filter(day__lt=oldest).delete()[0]


def lately(audience: Audience, now: datetime) -> list[tuple[date, int | None]]:
    """People on each of the last SHOWN_DAYS days; None where nothing was counted."""
    today = now.astimezone(audience.site.zone).date()
    days = [today - timedelta(days=back) for back in range(SHOWN_DAYS - 1, -1, -1)]
    kept = dict(audience.sizes.filter(day__gte=days[0]).values_list("day", "people"))
    return [(day, kept.get(day)) for day in days]
