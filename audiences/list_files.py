"""Files that name people: decoded, split into rows, one value of each. Never whole in memory."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from django.conf import settings
from django.utils.translation import gettext as _

from audiences.models import ListUpload
from subscribers.emails import read_hash
from subscribers.incoming import MAX_EXTERNAL_ID

if TYPE_CHECKING:  # only a type checker knows it
    from _typeshed import WriteableBuffer

MOST_ROWS: Final = 2_000_000
LONGEST_LINE: Final = 65_536  # characters
LONGEST_SHOWN: Final = 200  # ListProblem.value
Names = ListUpload.Names

# What the first line may call the column, the surest first.
HEADERS: Final = {
    Names.EXTERNAL_ID: ("external_id", "externalid", "customer_id", "user_id", "id"),
    Names.EMAIL_HASH: ("email_sha256", "email_hash", "hashed_email", "sha256", "hash"),
}
_DELIMITERS: Final = ";\t,"  # a comma may be one of numbers
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_QUOTED = re.compile(r'"[^"]*"')
# Only what is surely known from its first bytes is decoded as something other than UTF-8.
_MARKS: Final = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_PACKED: Final = (
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"7z\xbc\xaf",
    b"\x28\xb5\x2f\xfd",
)
_BLOCK: Final = 65_536  # bytes


class Refused(Exception):
    """Nothing changes. The sentence is for the person who asked."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Row(NamedTuple):
    """One row of a file: its line, counted from 1, and what it names."""

    line: int
    # As it is looked up; "" for a malformed row.
    value: str
    # As a report may show it.
    shown: str


class Readable(Protocol):
    """An open binary file, as far as it is needed."""

    def read(self, size: int, /) -> bytes: ...


def rows(file: Readable, names: str, column: str = "") -> Iterator[Row]:
    """The rows of a CSV file, without its header and without empty lines.

    The value is in the column that is named, else in the one that the first line calls by a usual
    name, else in the first. Refused for what is no such file, also in the middle of it.
    """
    found = _records(file)
    first = next(found, None)
    if first is None:
        return
    at, is_header = _column(first[1], Names(names), column)
    records = found if is_header else chain([first], found)
    width = len(first[1])
    for number, (line, cells) in enumerate(records, 1):
        if number > MOST_ROWS:
            raise Refused(
                _(
                    "The file has more than %(most)s rows. Upload it in parts, with “Add to the "
                    "list”."
                )
                % {"most": f"{MOST_ROWS:,}"}
            )
        yield _row(line, cells, at, width, names)


def _row(line: int, cells: list[str], at: int, width: int, names: str) -> Row:
    if len(cells) > width and any(cells[width:]):
        return Row(line, "", shown(", ".join(cells)))
    text = cells[at].strip() if at < len(cells) else ""
    value = read_hash(text) if names == Names.EMAIL_HASH else text
    if len(value) > MAX_EXTERNAL_ID or _CONTROL.search(value):
        value = ""
    return Row(line, value, shown(text))


def shown(text: str) -> str:
    """A value as a report may keep it: printable, short, and no e-mail address."""
    if text.rfind("@") > 0:
        return f"{_printable(text[0])}…@…"
    if len(text) > MAX_EXTERNAL_ID:
        text = f"{text[: LONGEST_SHOWN - 1]}…"
    return _printable(text)


def _printable(text: str) -> str:
    return _CONTROL.sub(lambda found: chr(0x2400 + min(ord(found[0]), 0x21)), text)


def fault(value: str, names: str) -> str:
    """Why a row is malformed, from what a report shows of it."""
    if not value:
        return _("Empty")
    if names == Names.EMAIL_HASH and value.endswith("@…"):
        return _("An e-mail address: upload its SHA-256 instead")
    if value.endswith("…") and not value.endswith("@…"):
        return _("Longer than %(most)d characters") % {"most": MAX_EXTERNAL_ID}
    if any("\u2400" <= one <= "\u2421" for one in value):
        return _("Has control characters")
    if names == Names.EMAIL_HASH:
        return _("Not the 64 hexadecimal digits of a SHA-256")
    return _("Has more cells than the first line")


def _column(first: list[str], names: Names, wanted: str) -> tuple[int, bool]:
    """Which column holds the values, and whether the first line is a header."""
    keys = [_key(cell) for cell in first]
    if wanted:
        if _key(wanted) not in keys:
            seen = ", ".join(f"“{shown(cell.strip())}”" for cell in first[:10])
            raise Refused(
                _("No column is called “%(wanted)s”. The first line has %(seen)s.")
                % {"wanted": wanted, "seen": seen}
            )
        return keys.index(_key(wanted)), True
    for known in HEADERS[names]:
        if known in keys:
            return keys.index(known), True
    for other, headers in HEADERS.items():
        if other != names and (named := [key for key in keys if key in headers]):
            raise Refused(
                _(
                    "The first line names the column “%(name)s”. If it is the one, choose "
                    "“%(other)s”."
                )
                % {"name": named[0], "other": other.label}
            )
    return 0, False


def _key(cell: str) -> str:
    return re.sub(r"[\s-]+", "_", cell.strip().lower())


def _records(file: Readable) -> Iterator[tuple[int, list[str]]]:
    """The lines on which records begin, and their cells."""
    lines = _lines(file)
    blank, first = 0, ""
    for first in lines:
        if first.strip():
            break
        blank += 1
    else:
        return
    unquoted = _QUOTED.sub("", first)
    found = [one for one in _DELIMITERS if one in unquoted]
    delimiter = max(found, key=unquoted.count, default=",")
    reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    begun = 0
    try:
        for cells in reader:
            if cells:
                yield blank + begun + 1, cells
            begun = reader.line_num
    except csv.Error:
        raise Refused(
            _("Line %(line)d can't be read: a quotation mark opens there and does not close.")
            % {"line": blank + begun + 1}
        ) from None


def _lines(file: Readable) -> Iterator[str]:
    head = file.read(_BLOCK)
    text = io.TextIOWrapper(
        io.BufferedReader(_Bounded(head, file), _BLOCK),
        encoding=_encoding(head),
        newline="",
    )
    number = 1
    try:
        while line := text.readline(LONGEST_LINE + 1):
            if len(line) > LONGEST_LINE:
                raise Refused(
                    _("Line %(line)d is longer than %(most)s characters. Is this a CSV file?")
                    % {"line": number, "most": f"{LONGEST_LINE:,}"}
                )
            yield line
            number += 1
    except UnicodeError:
        raise Refused(
            _("The file is not in UTF-8. Save it once more as “CSV UTF-8” and upload that.")
        ) from None


def _encoding(head: bytes) -> str:
    """What the first bytes say; Refused for what is no text."""
    if head.startswith(_PACKED):
        raise Refused(
            _("This is a packed file or a workbook. Save the table as CSV and upload that.")
        )
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if head.count(0) > len(head) // 4:
        raise Refused(_("This is no text in UTF-8. Save the table as “CSV UTF-8”."))
    return "utf-8-sig"


class _Bounded(io.RawIOBase):
    """A file whose head has been read, as Python's text layer wants it; Refused if too large."""

    def __init__(self, head: bytes, file: Readable) -> None:
        self.rest, self.file, self.size = head, file, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        block = self.rest or self.file.read(len(view))
        block, self.rest = block[: len(view)], block[len(view) :]
        view[: len(block)] = block
        self.size += len(block)
        if self.size > settings.LIST_UPLOAD_BYTES:
            raise Refused(too_large())
        return len(block)


def too_large() -> str:
    """What is said about a file beyond LIST_UPLOAD_BYTES."""
    return _("The file is larger than %(most)s MB. Upload it in parts, with “Add to the list”.") % {
        "most": f"{settings.LIST_UPLOAD_BYTES / 1_000_000:g}"
    }
