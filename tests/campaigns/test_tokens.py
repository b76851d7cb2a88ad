import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from campaigns import tokens
from campaigns.tokens import DeliveryKey

KEYS = st.builds(
    DeliveryKey,
    st.dates(date(2020, 1, 1), date(2200, 1, 1)).map(lambda day: day.replace(day=1)),
    st.integers(0, 2**63),
    st.integers(0, 2**63),
)


@given(KEYS)
def test_a_token_reads_back(key: DeliveryKey) -> None:
    token = tokens.make(key)
    assert len(token) == tokens.LENGTH
    assert tokens.read(token) == key


@given(KEYS, st.integers(0, tokens.LENGTH - 1), st.sampled_from("AQgw_-"))
def test_any_change_is_noticed(key: DeliveryKey, at: int, character: str) -> None:
    token = tokens.make(key)
    forged = token[:at] + character + token[at + 1 :]
    if forged == token:
        return
    # The last character carries spare bits, which base64 ignores.
    with contextlib.suppress(tokens.BadToken):
        assert tokens.read(forged) == key and at == tokens.LENGTH - 1


@given(st.text(max_size=60))
def test_garbage_is_a_bad_token_and_nothing_else(text: str) -> None:
    with pytest.raises(tokens.BadToken):
        tokens.read(text)


def test_another_installation_makes_other_tokens(settings: Settings) -> None:
    token = tokens.make(DeliveryKey(date(2026, 11, 1), 1, 1))
    settings.SECRET_KEY = "another one"
    with pytest.raises(tokens.BadToken):
        tokens.read(token)


@given(KEYS, KEYS)
def test_topics_are_32_characters_that_a_push_service_takes(a: DeliveryKey, b: DeliveryKey) -> None:
    first, second = (tokens.topic(key.run_id, key.subscription_id) for key in (a, b))
    assert len(first) == 32
    assert set(first) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert (first == second) == (a[1:] == b[1:])
