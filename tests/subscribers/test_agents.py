"""Browser and platform from a User-Agent header."""

import pytest

from subscribers.agents import browser_and_platform

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4"
LINUX = "X11; Linux x86_64"
WINDOWS = "Windows NT 10.0; Win64; x64"
MAC = "Macintosh; Intel Mac OS X 10_15_7"
IPHONE = "iPhone; CPU iPhone OS 18_4 like Mac OS X"
ANDROID = "Linux; Android 10; K"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"Mozilla/5.0 ({LINUX}; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox Linux"),
        (f"Mozilla/5.0 ({ANDROID}) {CHROME} Mobile Safari/537.36", "Chrome Android"),
        (f"Mozilla/5.0 ({WINDOWS}) {CHROME} Safari/537.36 Edg/140.0.0.0", "Edge Windows"),
        (f"Mozilla/5.0 ({MAC}) {SAFARI} Safari/605.1.15", "Safari macOS"),
        (f"Mozilla/5.0 ({IPHONE}) {SAFARI} Mobile/15E148 Safari/604.1", "Safari iOS"),
        ("", " "),
        ("<script>alert(1)</script>", " "),
        ("x" * 100_000, " "),
    ],
)
def test_it_names_them(header: str, expected: str) -> None:
    assert " ".join(browser_and_platform(header)) == expected
