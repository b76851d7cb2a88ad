import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from accounts.origins import is_loopback, parse_origin, parse_origins


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        (" https://Shop.Example/ ", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("https://ål.example", "https://xn--l-1fa.example"),
        ("http://localhost:8001", "http://localhost:8001"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:8001", "http://[::1]:8001"),
        ("http://shop.localhost:8001", "http://shop.localhost:8001"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
    ],
)
def test_an_origin_is_stored_as_browsers_send_it(text: str, origin: str) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shop.example", "not an origin"),
        ("ftp://shop.example", "not an origin"),
        ("https://", "not an origin"),
        ("https://shop .example", "not an origin"),
        ("https://shop_.exa,mple", "not an origin"),
        ("https://*.example", "not an origin"),
        ("https://shop.example:99999", "not an origin"),
        ("https://shop.example:x", "not an origin"),
        ("https://[::1", "not an origin"),
        ("https://" + "a." * 130 + "example", "not an origin"),
        ("https://a..example", "not an origin"),
        ("https://me:secret@shop.example", "user name"),
        ("https://shop.example/sale", "Leave out"),
        ("https://shop.example/?a=b", "Leave out"),
        ("https://shop.example#top", "Leave out"),
        ("http://shop.example", "https://shop.example"),
        ("http://localhost.example", "https only"),
    ],
)
def test_what_is_no_origin_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        parse_origin(text)


def test_the_line_that_is_wrong_is_named() -> None:
    with pytest.raises(ValidationError) as caught:
        parse_origins(["https://a.example", "", "http://b.example"])
    assert caught.value.messages == [
        "Line 3, “http://b.example”: Browsers allow notifications on https only. "
        "Write https://b.example."
    ]


def test_repetitions_fall_away() -> None:
    lines = ["https://a.example", "https://A.example/", "https://b.example"]
    assert parse_origins(lines) == ["https://a.example", "https://b.example"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "at least one"),
        ([" "], "at least one"),
        ([f"https://{n}.example" for n in range(21)], "20"),
    ],
)
def test_not_none_and_not_too_many(lines: list[str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        parse_origins(lines)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("127.9.9.9", True), ("::1", True), ("10.0.0.1", False), ("a.b", False)],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@given(st.text(max_size=60))
def test_any_text_gives_an_origin_or_a_sentence(text: str) -> None:
    try:
        origin = parse_origin(text)
    except ValidationError as error:
        assert error.messages[0]
    else:
        assert parse_origin(origin) == origin
