"""docs/answers.md shows the table of answers as it is in the code."""

from __future__ import annotations

from pathlib import Path

from subscribers.transports.classify import ROWS, Row
from subscribers.transports.messages import Service

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "answers.md"
NAMES = {
    Service.FCM: "FCM",
    Service.MOZILLA: "Mozilla",
    Service.APPLE: "Apple",
    Service.WNS: "Windows",
    Service.FCM_APPS: "Firebase",
    Service.APNS: "APNs",
    Service.ANY: "any",
}


def shown(row: Row) -> tuple[str, str, str, str]:
    statuses = row.statuses
    if isinstance(statuses, range):
        status = f"{statuses.start}–{statuses.stop - 1}"  # noqa: RUF001 - as the document has it
    else:
        status = ", ".join(map(str, statuses))
    return NAMES[row.service], status, row.kind.value, f"`{row.reason}`"


def test_the_document_has_every_row_in_order() -> None:
    lines = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rows = [(service, status, kind, code) for service, status, _condition, kind, code in cells]
    assert rows[0] == ("service", "status", "state", "code")
    assert rows[-1] == ("any", "everything else", "unknown", "`{status}`")
    assert rows[1:-1] == [shown(row) for row in ROWS]
