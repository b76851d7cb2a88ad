"""Whatever stands in an answer about an app: it never raises, and closes nothing without proof."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.transports.classify import classify
from subscribers.transports.messages import Service

from .test_classify_apps import (
    APNS,
    APNS_ERROR,
    BAD_REQUEST,
    BAD_TOKEN,
    FCM,
    FCM_ERROR,
    GONE,
    RETRY,
)
from .test_classify_properties import check_bounds

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
details = st.fixed_dictionaries(
    {},
    optional={
        "@type": st.sampled_from([FCM_ERROR, APNS_ERROR, BAD_REQUEST]) | json_values,
        "errorCode": st.sampled_from(["INVALID_ARGUMENT", "UNREGISTERED"]) | json_values,
        "fieldViolations": st.lists(
            st.fixed_dictionaries({"field": st.just("message.token") | json_values}) | json_values
        )
        | json_values,
        "statusCode": st.just(410) | json_values,
    },
)
errors = st.fixed_dictionaries(
    {},
    optional={
        "message": st.just(BAD_TOKEN) | json_values,
        "status": json_values,
        "details": st.lists(details | json_values) | json_values,
    },
)
answers = st.one_of(
    json_values,
    st.fixed_dictionaries({"error": errors | json_values}),
    st.fixed_dictionaries(
        {"reason": st.sampled_from(["Unregistered", "ExpiredToken", "Shutdown"]) | json_values},
        optional={"timestamp": json_values, "name": json_values},
    ),
)
bodies = st.binary() | answers.map(lambda answer: json.dumps(answer).encode())


@given(st.sampled_from([FCM, APNS]), st.integers(200, 599), bodies)
def test_no_answer_whatever_raises_or_closes_without_proof(
    service: Service, status: int, body: bytes
) -> None:
    outcome = classify(service, status, {}, body)
    check_bounds(outcome)
    if outcome.kind is GONE:
        proofs = {
            (FCM, 400): [b"INVALID_ARGUMENT"],
            (FCM, 404): [b"UNREGISTERED"],
            (APNS, 410): [b"Unregistered", b"ExpiredToken"],
        }
        assert any(word in body for word in proofs[service, status])
    if outcome.kind is RETRY:
        assert status in (429, 503)


@pytest.mark.parametrize("service", [FCM, APNS])
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 8192, b'{"error":' * 900, b'{"error":{"details":' + b"[" * 8000, b"9" * 8192,
        b"\xff" * 8192,
    ],
    ids=["lists", "errors", "details", "number", "no-text"],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 400, 404, 410, 429, 500])
def test_a_hostile_answer_only_hurts_itself(service: Service, body: bytes, status: int) -> None:
    outcome = classify(service, status, {}, body)
    assert outcome.kind is not GONE
    check_bounds(outcome)
