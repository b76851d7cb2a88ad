"""Every code that can stand on the ledger has words for people."""

from __future__ import annotations

import pytest

from campaigns import reasons
from campaigns.models import Delivery
from subscribers.transports.classify import ROWS, Row
from subscribers.transports.messages import OutcomeKind

State = Delivery.State
STATES = {
    OutcomeKind.REFUSED: State.REFUSED,
    OutcomeKind.GONE: State.GONE,
    OutcomeKind.RETRY: State.PLANNED,
    OutcomeKind.UNKNOWN: State.UNKNOWN,
    OutcomeKind.CONFIG: State.REFUSED,
}
LITERAL = [row for row in ROWS if "{" not in row.reason]


@pytest.mark.parametrize(
    "row", LITERAL, ids=[f"{row.service.value}-{row.reason}" for row in LITERAL]
)
def test_every_row_of_the_table_of_answers(row: Row) -> None:
    status = row.statuses[0]
    said = reasons.words(STATES[row.kind], row.reason, status)
    assert said.startswith(f"{status}: ")
    assert row.reason not in said.removeprefix(str(status))
    assert "(" not in said


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        *[
            (State.REFUSED, f"endpoint_{code}")
            for code in (
                "characters",
                "fragment",
                "host",
                "length",
                "malformed",
                "path",
                "port",
                "scheme",
                "userinfo",
            )
        ],
        *[(State.REFUSED, f"mozilla_{errno}") for errno in (101, 108, 110, 111, 113, 114)],
        *[
            (State.REFUSED, f"apple_{name}")
            for name in ("badpath", "badttl", "badurgency", "badwebpushtopic", "badwebpushrequest")
        ],
        *[
            (State.REFUSED, reason)
            for reason in (
                "blocked_address",
                "internal_error",
                "not_encodable",
                "payload_empty",
                "topic",
                "ttl",
                "vapid_unusable",
            )
        ],
        *[
            (State.PLANNED, reason)
            for reason in (
                "connect",
                "connect_timeout",
                "dns",
                "mozilla_901",
                "mozilla_902",
                "refused_stream",
                "service_waits",
                "tls",
            )
        ],
        *[
            (State.UNKNOWN, reason)
            for reason in (
                "mozilla_903",
                "not_sent_again",
                "reset_after_request",
                "sender_died",
                "timeout_after_request",
            )
        ],
        (State.GONE, "endpoint_removed"),
        (State.EXPIRED, "retries_exhausted"),
        (State.ACCEPTED, "receipt"),
        (State.ACCEPTED, "wns_channelthrottled"),
        (State.ACCEPTED, "wns_dropped"),
    ],
)
def test_every_code_without_an_answer_or_of_one_service(state: int, reason: str) -> None:
    said = reasons.words(state, reason, None)
    assert not {"_", "“", "("} & set(said)
    assert said.startswith(said[0].upper())


@pytest.mark.parametrize(
    ("state", "reason", "status", "words"),
    [
        (State.PLANNED, "406", 406, "406: the service asked us to slow down; will be tried again"),
        (State.PLANNED, "503", 503, "503: the service was busy; will be tried again"),
        (State.REFUSED, "404", 404, "404: not found, by an answer that does not prove"),
        (State.GONE, "404", 404, "404: the device left; its subscription is closed"),
        (State.REFUSED, "apple_newreason", 400, "400: Apple says “newreason”"),
        (State.REFUSED, "mozilla_999", 404, "404: Mozilla says “999”"),
        (State.UNKNOWN, "500", 500, "500: the answer is not proof; not repeated"),
    ],
)
def test_by_answer(state: int, reason: str, status: int, words: str) -> None:
    assert reasons.words(state, reason, status).startswith(words)


def test_a_word_of_a_service_is_not_mistaken_for_its_number() -> None:
    """A row that waits for another reason keeps that reason, whatever its last answer was."""
    said = reasons.words(State.PLANNED, "connect", 429)
    assert said == "429: the service could not be reached; will be tried again"
