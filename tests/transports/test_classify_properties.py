"""What no answer whatever may do, and how long it may make us wait."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from subscribers.transports.classify import classify, service_of
from subscribers.transports.messages import Outcome, OutcomeKind
from subscribers.transports.reading import retry_after

from .test_classify import APPLE, FCM, HOSTS, MOZILLA, WNS, apple, mozilla

WORDS = (
    b"Domain Blocked",
    b"UnauthorizedRegistration",
    b"do not correspond to the credentials",
    b"404 page not found",
    b"Unregistered",
    b"gone",
    b"{",
)
REASONS = ("Unregistered", "ExpiredToken", "BadJwtToken", "VapidPkHashMismatch", "BadTtl")

bodies = st.one_of(
    st.binary(),
    st.lists(st.sampled_from(WORDS)).map(b" ".join),
    st.one_of(st.integers(0, 999), st.none(), st.text()).map(mozilla),
    st.tuples(st.sampled_from([103, 109, 901, 903]), st.text()).map(lambda pair: mozilla(*pair)),
    st.one_of(st.sampled_from(REASONS), st.text(), st.integers()).map(apple),
    st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode()),
)
header_values = st.text() | st.datetimes().map(format_datetime) | st.integers().map(str)
headers = st.dictionaries(
    st.sampled_from(
        [
            "content-type",
            "location",
            "retry-after",
            "ttl",
            "x-wns-error-description",
            "x-wns-status",
        ]
    ),
    header_values | st.sampled_from(["text/html", "Domain Blocked", "dropped"]),
)
hosts = st.sampled_from(HOSTS)


def proves_that_nothing_was_accepted(host: str, status: int, body: bytes) -> bool:
    if status in (429, 503):
        return True
    if host == MOZILLA and status == 502:
        answer = json.loads(body)
        return isinstance(answer, dict) and answer["errno"] in (901, 902)
    return host == WNS and status == 406


@given(hosts, st.integers(200, 999), headers, bodies)
def test_what_no_answer_may_do(host: str, status: int, said: dict[str, str], body: bytes) -> None:
    outcome = classify(service_of(host), status, said, body)
    if outcome.kind is OutcomeKind.GONE:
        assert status in (404, 410)
    if outcome.kind is OutcomeKind.RETRY:
        assert proves_that_nothing_was_accepted(host, status, body)
    if outcome.kind is OutcomeKind.CONFIG:
        assert status in (400, 401, 403) or (host == WNS and status in (404, 410))
    assert (outcome.kind is OutcomeKind.ACCEPTED) == (status in (200, 201, 202))
    check_bounds(outcome)


@given(hosts, st.sampled_from([200, 201, 404, 410, 429, 502, 503]), headers, bodies)
def test_the_answers_that_matter_most_are_bounded(
    host: str, status: int, said: dict[str, str], body: bytes
) -> None:
    check_bounds(classify(service_of(host), status, said, body))


def check_bounds(outcome: Outcome) -> None:
    assert len(outcome.message_location) <= 500
    assert len(outcome.detail) <= 200
    assert outcome.detail.isprintable()
    assert (outcome.retry_after is not None) == (outcome.kind is OutcomeKind.RETRY)
    assert 0 <= (outcome.retry_after or 0) <= 3600
    assert 0 < len(outcome.reason) <= 40  # as the ledger has it
    assert outcome.reason.isascii()


@given(hosts, st.integers(100, 999).filter(lambda status: status not in (404, 410)), bodies)
def test_no_other_status_closes_a_subscription(host: str, status: int, body: bytes) -> None:
    assert classify(service_of(host), status, {}, body).kind is not OutcomeKind.GONE


@given(st.binary(max_size=8192))
def test_deep_json_does_not_crash_it(body: bytes) -> None:
    nested = b"[" * 8000 + body
    assert classify(service_of(APPLE), 400, {}, nested).reason == "400"


@pytest.fixture
def local_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the time zone of the machine, until the test ends."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("10", 10),
        (" 120 ", 120),
        ("1.5", 1.5),
        ("+5", 5),
        ("-5", 0),
        ("-0.0", 0),
        ("-" + "9" * 400, 0),
        ("3600", 3600),
        ("3601", 3600),
        ("31536000", 3600),
        ("9" * 400, 3600),
        # No number and no date: what we would have waited without it.
        ("", 7),
        ("soon", 7),
        ("inf", 7),
        ("-inf", 7),
        ("nan", 7),
        ("1e9", 7),
        ("0x10", 7),
        ("5s", 7),
        ("--5", 7),
        ("10, 20", 7),
        ("٣", 7),
        ("\x00", 7),
        ("Sun, 22 Nov 2026 12:02:00 GMT", 120),
        ("Sunday, 22-Nov-26 12:02:00 GMT", 120),
        ("Sun Nov 22 12:02:00 2026", 120),
        ("Sun, 22 Nov 2026 12:02:00", 120),
        ("Sun, 22 Nov 2026 12:02:00 -0000", 120),
        ("Sun, 22 Nov 2026 14:02:00 +0200", 120),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Sun, 22 Nov 2099 11:00:00 GMT", 3600),
        ("Sun, 99 Nov 2026 99:00:00 GMT", 7),
        ("Sun, 22 Nov 99999999999 11:00:00 GMT", 7),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland"])
def test_retry_after(
    text: str, seconds: float, zone: str, local_zone: Callable[[str], None]
) -> None:
    local_zone(zone)
    with time_machine.travel(datetime(2026, 11, 22, 12, tzinfo=UTC), tick=False):
        assert retry_after({"retry-after": text}, default=7) == seconds


@given(header_values)
def test_no_retry_after_leaves_its_bounds(text: str) -> None:
    assert 0 <= retry_after({"retry-after": text}, default=7) <= 3600


def test_retry_after_of_our_own_is_never_under_ten_seconds() -> None:
    assert classify(service_of(FCM), 429, {}, b"").retry_after == 60
    assert classify(service_of(FCM), 503, {}, b"").retry_after == 10
    assert classify(service_of(WNS), 406, {}, b"").retry_after == 60
    assert classify(service_of(MOZILLA), 503, {"retry-after": "120"}, b"").retry_after == 120
    assert classify(service_of(MOZILLA), 502, {}, mozilla(901)).retry_after == 10
    # Only a proven refusal carries one.
    assert classify(service_of(FCM), 500, {"retry-after": "5"}, b"").retry_after is None
    assert classify(service_of(FCM), 404, {"retry-after": "5"}, b"").retry_after is None
