"""What a dry run says of single devices and people, in words: who, when, and why not."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext as _

from campaigns import cells, forecasting, places, policies, reasons
from campaigns.foretelling import HOLDOUT, SENT, Forecast, Foretold
from campaigns.models import DryRun
from campaigns.personal import Aborted, Content, readers
from campaigns.places import Full
from subscribers.exporting import guarded
from subscribers.models import Subscription

CHUNK = 1_000
COLUMNS = (
    *("device", "person", "external_id", "name", "browser", "platform", "language", "time_zone"),
    *("outcome", "why", "local_time", "at", "variant", "next_place"),
)


@dataclass(frozen=True)
class Fate:
    """One device and what would become of it. `device` None: it is gone since."""

    forecast: Forecast
    row: Foretold
    device: Subscription | None
    full: Full | None = None

    @property
    def sent(self) -> bool:
        return self.row.code in SENT

    @cached_property
    def zone(self) -> ZoneInfo:
        """Its own time zone, or the site's where it is not known."""
        known = self.row.time_zone and self.forecast.terms.knows(self.row.time_zone)
        return ZoneInfo(self.row.time_zone) if known else self.forecast.campaign.site.zone

    @property
    def own_zone(self) -> bool:
        return self.zone.key == self.row.time_zone

    @property
    def at(self) -> datetime | None:
        """When it would be its turn; None for who has none."""
        never = self.row.at is None and self.row.code in ("no_zone", "zone_past", "quiet_hours")
        return None if never else self.row.at or self.forecast.starts_at

    @property
    def at_once(self) -> bool:
        """Whether that is whenever somebody sends it."""
        return self.row.at is None and self.forecast.campaign.scheduled_wall is None

    @property
    def local(self) -> datetime | None:
        return timezone.localtime(self.at, self.zone) if self.at else None

    @property
    def letter(self) -> str:
        """Of its variant; "" where there is one only, or where the winner is waited for."""
        return "" if self.row.variant is None else cells.LETTERS[self.row.variant]

    @property
    def awaits(self) -> bool:
        return self.row.variant is None and self.forecast.terms.decide_at is not None

    @property
    def title(self) -> str:
        """The outcome in some words."""
        if self.row.code == "later":
            return _("Gets it when the quiet hours end there")
        return _("Gets it") if self.sent else reasons.skipped(self.row.code)

    @property
    def sentence(self) -> str:
        """Why not, as far as it is known; "" for who gets it."""
        if self.full is not None:
            return self.full.sentence(self.zone)
        if self.row.code == "quiet_hours" and (quiet := policies.quiet_of(self.forecast.campaign)):
            hours = quiet[0]
            words = _("Quiet hours where they are: from %(start)s to %(end)s.")
            return words % {
                "start": time_format(hours.start, "H:i"),
                "end": time_format(hours.end, "H:i"),
            }
        return "" if self.sent else f"{self.title}."

    @cached_property
    def content(self) -> Content | None:
        """What they would read; None where the text can't be made for them."""
        forecast = self.forecast
        found = readers(
            forecast.campaign.site,
            [self.row.subscription_id],
            forecast.renderer.needs,
            forecast.starts_at,
        )
        try:
            reader = found.get(self.row.subscription_id)
            return forecast.renderer.content(reader, self.row.variant)
        except Aborted:
            return None

    @property
    def kept_back(self) -> bool:
        return self.row.code == HOLDOUT


def of(forecast: Forecast, rows: Sequence[Foretold]) -> list[Fate]:
    """With their devices and people, and what stands in their way; a fixed number of queries."""
    ids = [row.subscription_id for row in rows]
    devices = Subscription.objects.select_related("subscriber").in_bulk(ids)
    stopped = {row.subscription_id: full for row, full in _full(forecast, rows)}
    return [
        Fate(forecast, row, devices.get(row.subscription_id), stopped.get(row.subscription_id))
        for row in rows
    ]


def _full(forecast: Forecast, rows: Iterable[Foretold]) -> Iterator[tuple[Foretold, Full | None]]:
    """What holds the places of those who are capped."""
    capped = [row for row in rows if row.code in places.CODES]
    if not capped or forecast.limits is None:
        return
    people = forecast.places({row.subscriber_id for row in capped}, [row.at for row in capped])
    names = places.names_of(people.values())
    for row in capped:
        if row.subscriber_id in people:
            at = row.at or forecast.starts_at
            yield row, places.explain(forecast.limits, people[row.subscriber_id], at, names)


def lines(dry_run: DryRun, code: str) -> Iterator[str]:
    """Everybody with an outcome as CSV, streamed. Never an endpoint: that is a capability."""
    yield _line(COLUMNS)
    forecast, after = forecasting.forecast_of(dry_run), 0
    while True:
        rows, following = forecasting.people(dry_run, code, after, CHUNK)
        yield from (_line(_cells(fate)) for fate in of(forecast, rows))
        if following is None:
            return
        after = following


def _cells(fate: Fate) -> list[str]:
    device, local, full = fate.device, fate.local, fate.full
    person = device.subscriber if device else None
    return [
        str(device.public_id) if device else "",
        str(fate.row.subscriber_id),
        person.external_id if person else "",
        person.label if person else "",
        device.browser if device else "",
        device.platform if device else "",
        device.language if device else "",
        fate.row.time_zone,
        fate.row.code,
        fate.sentence or fate.title,
        local.isoformat(timespec="minutes") if local else "",
        _iso(fate.at),
        fate.letter,
        _iso(full.free_at if full else None),
    ]


def _iso(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z") if moment else ""


def _line(texts: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([guarded(cell) for cell in texts])
    return text.getvalue()
