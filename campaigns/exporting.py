"""The ledger of a run as CSV, streamed by keyset. Never an endpoint: that is a capability."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime

from campaigns import entries, reasons
from campaigns.models import Delivery, Run
from subscribers.exporting import guarded

CHUNK = 1_000
COLUMNS = (
    *("device", "person", "external_id", "name"),
    *("channel", "browser", "platform", "app_version", "language"),
    *(
        "state",
        "what_happened",
        "reason",
        "status_code",
        "took_ms",
        "version",
        "variant",
        "attempts",
    ),
    *("resends", "sent_at", "not_before", "settled_at"),
    *("displayed_at", "clicked_at", "dismissed_at"),
)


def lines(run: Run | None, wanted: entries.Wanted = entries.EVERYTHING) -> Iterator[str]:
    """A line of names, then one for each device that is wanted, oldest first."""
    yield _line(COLUMNS)
    after = 0
    while run:
        page = entries.page(run, wanted, after=after, size=CHUNK)
        yield from (_line(_cells(entry)) for entry in page.entries)
        if not page.next:
            return
        after = page.next


def _cells(entry: entries.Entry) -> list[str]:
    row, device = entry.delivery, entry.device
    person = device.subscriber if device else None
    return [
        str(device.public_id) if device else "",
        str(person.pk) if person else "",
        person.external_id if person else "",
        person.label if person else "",
        device.channel if device else "",
        device.browser if device else "",
        device.platform if device else "",
        device.app_version if device else "",
        device.language if device else "",
        Delivery.State(row.state).name.lower(),
        reasons.words(row.state, row.reason, row.status_code),
        row.reason,
        str(row.status_code or ""),
        "" if row.took_ms is None else str(row.took_ms),
        str(row.version or ""),
        row.letter,
        str(row.attempts),
        str(row.resends),
        *map(_time, (row.sent_at, row.not_before, row.settled_at)),
        *map(_time, (row.displayed_at, row.clicked_at, row.dismissed_at)),
    ]


def _time(moment: datetime | None) -> str:
    return moment.isoformat(timespec="milliseconds") if moment else ""


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([guarded(cell) for cell in cells])
    return text.getvalue()
