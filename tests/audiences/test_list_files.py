"""audiences.list_files: which files are read, how, and what is never taken."""

import tracemalloc
import zlib
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from audiences import list_files
from audiences.list_files import Refused, rows

HASH = "0123456789abcdef" * 4
IDS, HASHES = "external_id", "email_hash"


class Stream:
    """A file that comes in parts. Whoever reads it whole is told off."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self.parts, self.rest = iter(parts), b""

    def read(self, size: int, /) -> bytes:
        assert 0 < size <= 1_000_000, "read whole"
        while not self.rest:
            part = next(self.parts, None)
            if part is None:
                return b""
            self.rest = part
        block, self.rest = self.rest[:size], self.rest[size:]
        return block


def read(data: bytes | str, names: str = IDS, column: str = "") -> list[tuple[int, str]]:
    parts = [data if isinstance(data, bytes) else data.encode()]
    return [(row.line, row.value) for row in rows(Stream(parts), names, column)]


@pytest.mark.parametrize(
    "text",
    [
        "a\nb\n",
        "a\nb",
        "a\r\nb\r\n",
        "a\rb\r",
        "\ufeffa\nb\n",
        '"a"\n"b"\n',
        " a \n\tb\n",
        "a,1\nb,2\n",
        "a;1,5\nb;2,5\n",
        "a\t1\nb\t2\n",
        '"a","1,2;3"\n"b","x\ty"\n',
        "a,,\nb\n",
        "a\nb,,\n",
    ],
)
def test_files_of_two(text: str) -> None:
    assert read(text) == [(1, "a"), (2, "b")]


@pytest.mark.parametrize(
    "text",
    [
        "external_id\na\nb\n",
        "\ufeffExternal ID\na\nb\n",
        "id\na\nb\n",
        "name,external-id,id\nAnn,a,1\nBo,b,2\n",
        'name;"user_id"\nAnn;a\n"Bo";b\n',
    ],
)
def test_a_header_says_which_column(text: str) -> None:
    assert read(text) == [(2, "a"), (3, "b")]


def test_a_column_may_be_named() -> None:
    text = "id,Customer No,x\n1,a,\n2,b,\n"
    assert read(text, column="customer no") == [(2, "a"), (3, "b")]
    assert read(text) == [(2, "1"), (3, "2")]
    with pytest.raises(Refused, match="No column is called “y”. The first line has “id”, “Custom"):
        read(text, column="y")


def test_lines_are_those_of_the_file() -> None:
    text = '\n\nid,note\na,"two\nlines"\n\nb,x\n'
    assert read(text) == [(4, "a"), (7, "b")]


def test_hashes() -> None:
    text = f"hash\n{HASH}\n{HASH.upper()}\n {HASH} \n{HASH[1:]}\n{HASH}0\n{HASH[1:]}g\n"
    assert [value for _line, value in read(text, HASHES)] == [HASH, HASH, HASH, "", "", ""]
    assert read(HASH, HASHES) == [(1, HASH)]


@pytest.mark.parametrize(("names", "header"), [(IDS, "sha256"), (HASHES, "external_id")])
def test_the_other_kind_of_file_is_noticed(names: str, header: str) -> None:
    with pytest.raises(Refused, match=f"names the column “{header}”"):
        read(f"{header}\na\n", names)


@pytest.mark.parametrize("row", ["\x00", "a\x00", "x" * 129, '""', '" "', "a,b,c", '"a\nb"'])
def test_malformed_rows(row: str) -> None:
    assert [value for _line, value in read(f"fine,x\n{row},\nlast,x\n")] == ["fine", "", "last"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_what_says_its_encoding_is_decoded(encoding: str) -> None:
    text = "id\nåse\n用户\n"
    data = text.encode(encoding)
    if encoding in ("utf-16", "utf-32"):  # they begin with a mark
        assert read(data) == [(2, "åse"), (3, "用户")]
    else:
        assert read(f"\ufeff{text}".encode(encoding)) == [(2, "åse"), (3, "用户")]
        with pytest.raises(Refused, match="no text in UTF-8"):
            read("id\nabc\ndef\n".encode(encoding))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("åse\n".encode("latin-1"), "not in UTF-8"),
        (b"\xff\xfea", "not in UTF-8"),  # half a character at the end
        (b"a\n" * 200_000 + b"\x80\n", "not in UTF-8"),
        (b"PK\x03\x04" + b"x" * 100, "packed file or a workbook"),
        (b"\x1f\x8b\x08" + b"x" * 100, "packed file or a workbook"),
        (b"\x00" * 1_000, "no text in UTF-8"),
        (b'id\na\n"b\nc\nd\n', "Line 3 can't be read"),
        (b'id\na\n"b"c\n', "Line 3 can't be read"),
        (b'id\n"' + b"a\n" * 200_000, "Line 2 can't be read"),
    ],
)
def test_what_is_no_such_file(data: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words):
        read(data)


def test_an_empty_file_has_no_rows() -> None:
    for data in ("", "\n", "\r\n\r\n", "  \n", "\ufeff", "\ufeff\n"):
        assert read(data) == []


def million(line: bytes) -> Iterator[bytes]:
    return (line * 1_000 for _ in range(1_000))


def test_a_million_rows_are_never_in_memory_at_once() -> None:
    tracemalloc.start()
    try:
        assert sum(1 for _ in rows(Stream(million(b"customer-123456\n")), IDS)) == 1_000_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("endless", [b"a", b'"', b"\x00a", b",", b'"a"', "å".encode()])
def test_a_line_without_an_end(endless: bytes) -> None:
    """A gigabyte is offered; little of it is read."""
    taken = 0

    def offered() -> Iterator[bytes]:
        nonlocal taken
        while taken < 1_000_000_000:
            taken += 65_536
            yield endless * (65_536 // len(endless))

    with pytest.raises(Refused):
        list(rows(Stream(offered()), IDS))
    assert taken < 1_000_000


def test_bounds(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LIST_UPLOAD_BYTES = 1_000
    assert len(read(b"a\n" * 500)) == 500
    with pytest.raises(Refused, match=r"larger than 0\.001 MB"):
        read(b"a\n" * 500 + b"a")
    monkeypatch.setattr(list_files, "MOST_ROWS", 3)
    assert len(read("id\na\nb\nc\n")) == 3
    with pytest.raises(Refused, match="more than 3 rows"):
        read("id\na\nb\nc\nd\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ann@example.com", "a…@…"),
        ("Ann <ann@example.com>", "A…@…"),
        ("@ann@example.social", "@…@…"),
        ("@handle", "@handle"),
        ("\x00@x", "␀…@…"),
        ("a\tb\x7f", "a␉b␡"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_what_a_report_shows(text: str, shown: str) -> None:
    assert list_files.shown(text) == shown


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = list(rows(Stream([data]), IDS))
    except Refused:
        return
    for row in found:
        assert len(row.value) <= 128 and len(row.shown) <= 200
        assert not {"\x00", "\t", "\n", "\r"} & {*row.value, *row.shown}


@given(st.text(max_size=200), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["utf-8", "utf-16"]))
def test_any_text_without_an_address_leaves_none(text: str, end: str, encoding: str) -> None:
    data = f"id{end}{text}{end}{text}@example.com{end}".encode(encoding, "replace")
    try:
        found = list(rows(Stream([data]), IDS))
    except Refused:
        return
    assert not any("@example" in row.shown for row in found if row.shown.find("@") > 0)


def test_a_packed_bomb_is_not_opened() -> None:
    bomb = zlib.compress(b"\x00" * 10_000_000, wbits=31)
    with pytest.raises(Refused, match="packed"):
        read(bomb)
