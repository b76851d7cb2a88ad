"""People as CSV, streamed. Never an endpoint or a key: those are capabilities."""

import csv
import io
import json
from collections.abc import Iterable, Iterator

from django.db.models import QuerySet

from subscribers.models import Subscriber, Subscription

CHUNK = 1000
COLUMNS = (
    *("id", "external_id", "name", "tags", "topics", "attributes"),
    *("active_devices", "devices", "channels", "app_versions"),
    *("languages", "time_zones", "since", "last_seen"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def guarded(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (push-reference 4.1, row 11)."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def lines(people: QuerySet[Subscriber]) -> Iterator[str]:
    """A line of names, then one line for each person, newest first. Memory stays flat."""
    ordered = people.order_by("-created_at", "id").prefetch_related("subscriptions")
    return lines_of(ordered.iterator(chunk_size=CHUNK))


def lines_of(people: Iterable[Subscriber]) -> Iterator[str]:
    """The same of people in the order in which they come. Load their `subscriptions` with them."""
    yield _line(COLUMNS)
    for person in people:
        yield _line(_cells(person))


def _cells(person: Subscriber) -> list[str]:
    devices = list(person.subscriptions.all())
    active = [device for device in devices if device.state == device.State.ACTIVE]
    return [
        str(person.pk),
        person.external_id,
        person.name,
        ", ".join(person.tags),
        ", ".join(person.topics),
        json.dumps(person.attributes, ensure_ascii=False) if person.attributes else "",
        str(len(active)),
        "; ".join(device.device for device in devices),
        *(_values(devices, name) for name in ("channel", "app_version", "language", "time_zone")),
        person.created_at.isoformat(timespec="seconds"),
        person.last_seen_at.isoformat(timespec="seconds"),
    ]


def _values(devices: Iterable[Subscription], name: str) -> str:
    """Of all devices, each once."""
    return ", ".join(sorted({getattr(device, name) for device in devices} - {""}))


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([guarded(cell) for cell in cells])
    return text.getvalue()
