"""What holds a person's places under the caps, and when one is free again."""

import uuid
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from campaigns import capping, places
from campaigns.capping import Limits, Person, Place
from campaigns.models import Cap

BACK, LAYERS, BLACK = (uuid.UUID(int=number) for number in (1, 2, 3))
NAMES = {BACK: "Back in stock", LAYERS: "Winter layers", BLACK: "Black week"}
OSLO = ZoneInfo("Europe/Oslo")
NOW = datetime(2026, 11, 26, 17, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def limits(*caps: Cap, gap: timedelta | None = None) -> Limits:
    return Limits(list(caps), gap)


def explained(found: Limits, person: Person, at: datetime = NOW) -> places.Full:
    full = places.explain(found, person, at, NAMES)
    assert full is not None
    return full


def test_the_sentence_names_what_was_sent_and_what_a_place_is_held_for() -> None:
    sunday = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)
    person = Person(
        taken={BACK: Place(sunday, ""), LAYERS: Place(NOW - 2 * DAY, "")},
        held={BLACK: Place(NOW + DAY, "")},
    )
    full = explained(limits(Cap(most=3, days=7)), person)
    assert full.code == "place_held"
    assert [holder.campaign for holder in full.holders] == [BACK, LAYERS, BLACK]
    assert full.sentence(OSLO) == (
        "The cap of 3 in 7 days is full: Back in stock (Sun 22), Winter layers (Tue 24) and "
        "a place held for Black week (Fri 27). The next place is free on Sunday 29 Nov at 10:15."
    )


def test_who_is_under_the_cap_needs_no_explanation() -> None:
    person = Person(taken={BACK: Place(NOW - 8 * DAY, "")})
    assert places.explain(limits(Cap(most=1, days=7)), person, NOW, NAMES) is None


def test_a_cap_of_a_topic_counts_its_own_messages_only() -> None:
    person = Person(
        taken={BACK: Place(NOW - HOUR, "Offers"), LAYERS: Place(NOW - 2 * HOUR, "News")}
    )
    full = explained(limits(Cap(most=1, days=1, topic="Offers")), person)
    assert full.sentence(OSLO) == (
        "The cap of 1 of “Offers” in a day is full: Back in stock (Thu 26). "
        "The next place is free on Friday 27 Nov at 17:00."
    )


@pytest.mark.parametrize(
    ("minutes", "words"), [(90, "90 minutes"), (60, "1 hour"), (240, "4 hours"), (1, "1 minute")]
)
def test_the_gap_is_said_with_the_message_before(minutes: int, words: str) -> None:
    gap = timedelta(minutes=minutes)
    person = Person(taken={BACK: Place(NOW - gap / 2, "")})
    full = explained(limits(gap=gap), person)
    assert full.code == "min_gap" and full.free_at == NOW + gap / 2
    assert f"at least {words} lie between: Back in stock (Thu 26)." in full.sentence(OSLO)


def test_a_message_to_come_holds_the_gap_before_it() -> None:
    person = Person(held={BLACK: Place(NOW + HOUR, "")})
    full = explained(limits(gap=4 * HOUR), person)
    assert full.code == "place_held" and full.free_at == NOW + 5 * HOUR
    assert "a place held for Black week (Thu 26)" in full.sentence(OSLO)


def test_the_next_place_counts_what_will_have_been_sent_by_then() -> None:
    """The first message leaves the cap tomorrow, but the one that comes before then fills it."""
    person = Person(taken={BACK: Place(NOW - 6 * DAY, "")}, held={BLACK: Place(NOW + DAY / 2, "")})
    full = explained(limits(Cap(most=1, days=7)), person)
    assert full.code == "capped"
    assert full.free_at == NOW + 7 * DAY + DAY / 2


def test_a_campaign_that_is_gone_has_no_name() -> None:
    person = Person(taken={uuid.UUID(int=9): Place(NOW - HOUR, "")})
    assert "A campaign that is gone (Thu 26)" in explained(
        limits(Cap(most=1, days=1)), person
    ).sentence(OSLO)


@pytest.mark.parametrize("hours", [0, 1, 30, 100, 167])
def test_at_the_moment_that_is_named_one_more_is_not_too_many(hours: int) -> None:
    found = limits(Cap(most=2, days=7), Cap(most=1, days=1), gap=3 * HOUR)
    person = Person(
        taken={BACK: Place(NOW - 30 * HOUR, ""), LAYERS: Place(NOW - HOUR, "")},
        held={BLACK: Place(NOW + 20 * HOUR, "")},
    )
    at = NOW + hours * HOUR
    there = places.at_moment(person, at)
    full = places.explain(found, there, at, NAMES)
    if full is None:
        assert capping.full(found, there, at) == ""
        return
    assert full.free_at is not None and full.free_at > at
    assert capping.full(found, places.at_moment(person, full.free_at), full.free_at) == ""
    before = full.free_at - timedelta(microseconds=1)
    assert capping.full(found, places.at_moment(person, before), before) != ""
