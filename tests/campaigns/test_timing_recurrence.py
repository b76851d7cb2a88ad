"""The rule of a series: what it says, which days it takes, and in which words."""

import datetime as datetime_module
from datetime import date, datetime, timedelta
from itertools import islice

import pytest
from dateutil import rrule
from django.utils import translation
from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.timing.reading import WEEKDAYS
from campaigns.timing.recurrence import Parts, Recurrence

START = datetime(2026, 11, 26, 18)
WALLS = st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1)).map(
    lambda wall: wall.replace(second=0, microsecond=0)
)
DATES = st.dates(date(2026, 1, 1), date(2036, 1, 1))


def days(text: str, start: datetime = START, **options: object) -> list[str]:
    found = Recurrence.parse(text).occurrences(start, **options)  # type: ignore[arg-type]
    assert {wall.time() for wall in found} <= {start.time()}
    return [wall.date().isoformat() for wall in found]


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Rules of all kinds, also some that never occur."""
    freq = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = [f"FREQ={freq}", f"INTERVAL={draw(st.integers(1, 6))}"]
    months = draw(st.lists(st.integers(1, 12), max_size=4))
    if months:
        parts.append(f"BYMONTH={','.join(map(str, months))}")
    if freq != "WEEKLY" and draw(st.booleans()):
        numbers = st.integers(1, 31) | st.integers(-31, -1)
        monthdays = draw(st.lists(numbers, min_size=1, max_size=5))
        parts.append(f"BYMONTHDAY={','.join(map(str, monthdays))}")
    if draw(st.booleans()):
        most = {"MONTHLY": 5, "YEARLY": 5 if months else 53}.get(freq, 0)
        # Not MO and 1TU in one rule: dateutil takes both to be required, RFC 5545 either.
        positions = [n for n in range(-most, most + 1) if n] if draw(st.booleans()) else []
        position = st.sampled_from([str(n) for n in positions] or [""])
        day = st.builds(lambda n, name: f"{n}{name}", position, st.sampled_from(WEEKDAYS))
        parts.append(f"BYDAY={','.join(draw(st.lists(day, min_size=1, max_size=4)))}")
    end = draw(st.sampled_from(["", "COUNT", "UNTIL"]))
    if end == "COUNT":
        parts.append(f"COUNT={draw(st.integers(1, 8))}")
    if end == "UNTIL":
        parts.append(f"UNTIL={draw(WALLS):%Y%m%dT%H%M%S}")
    return ";".join(parts)


@pytest.fixture(scope="module")
def _last_year() -> object:
    """Where dateutil gives up on a rule: a decade of years is enough of it to compare."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datetime_module, "MAXYEAR", 2040)
        yield


@pytest.mark.usefixtures("_last_year")
@given(texts(), WALLS)
@example("FREQ=YEARLY;BYDAY=53FR,-53TH", START)
@example("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", START)
def test_the_days_are_those_of_another_implementation(text: str, start: datetime) -> None:
    try:
        rule = Recurrence.parse(text)
    except ValueError:
        assert not list(rrule.rrulestr(text, dtstart=datetime(2012, 1, 1)))
        return
    theirs = rrule.rrulestr(text, dtstart=start)
    expected = list(islice(theirs, 12))
    ours = [wall for wall in rule.occurrences(start, most=12) if wall.year <= 2040]
    assert ours == expected
    assert Recurrence.parse(rule.text) == rule
    assert Recurrence.parse(rule.text).text == rule.text
    assert rule.sentence(start)


@given(texts(), WALLS, st.data())
def test_from_any_moment_it_goes_on_as_it_would_have(
    text: str, start: datetime, data: st.DataObject
) -> None:
    try:
        rule = Recurrence.parse(text)
    except ValueError:
        return
    whole = rule.occurrences(start, most=30)
    assert whole == sorted(set(whole))
    assert all(wall >= start for wall in whole)
    exceptions = data.draw(st.sets(st.sampled_from([wall.date() for wall in whole] or [date.max])))
    left = [wall for wall in whole if wall.date() not in exceptions]
    assert rule.occurrences(start, None, exceptions, 30)[: len(left)] == left
    # One at a time, as the ticker does: none twice, none lost, none that was left out.
    after: datetime | None = None
    one_by_one: list[datetime] = []
    while len(one_by_one) < len(left):
        [after] = rule.occurrences(start, after, exceptions, 1)
        one_by_one.append(after)
    assert one_by_one == left


def test_count_counts_what_is_left_out() -> None:
    rule = Recurrence.parse("FREQ=DAILY;COUNT=4")
    left_out = [date(2026, 11, 27)]
    assert [wall.day for wall in rule.occurrences(START, None, left_out)] == [26, 28, 29]
    assert [wall.day for wall in rule.occurrences(START, START, left_out)] == [28, 29]
    assert rule.occurrences(START, datetime(2026, 11, 29, 18)) == []


def test_nothing_comes_before_the_start() -> None:
    rule = Recurrence.parse("FREQ=DAILY")
    assert rule.occurrences(START, START - timedelta(days=9), most=1) == [START]
    assert rule.occurrences(START, START - timedelta(seconds=1), most=1) == [START]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FREQ=WEEKLY", ["2026-11-26", "2026-12-03", "2026-12-10"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH", ["2026-11-26", "2026-12-07", "2026-12-10"]),
        # The start itself is one only if the rule says so.
        ("FREQ=WEEKLY;BYDAY=MO", ["2026-11-30", "2026-12-07", "2026-12-14"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31", ["2026-12-31", "2027-01-31", "2027-03-31"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", ["2026-11-30", "2026-12-31", "2027-01-31"]),
        ("FREQ=MONTHLY;BYDAY=-1FR", ["2026-11-27", "2026-12-25", "2027-01-29"]),
        ("FREQ=MONTHLY;BYDAY=MO,1TU", ["2026-11-30", "2026-12-01", "2026-12-07"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", ["2028-02-29", "2032-02-29", "2036-02-29"]),
        ("FREQ=DAILY;UNTIL=20261127", ["2026-11-26", "2026-11-27"]),
        ("FREQ=DAILY;UNTIL=20261127T175959", ["2026-11-26"]),
        ("FREQ=DAILY;UNTIL=20261127T180000", ["2026-11-26", "2026-11-27"]),
    ],
)
def test_days_by_hand(text: str, expected: list[str]) -> None:
    assert days(text, most=3) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Write a rule such as"),
        ("every day", "Write a rule such as"),
        ("FREQ=DAILY;", "Write a rule such as"),
        ("INTERVAL=2", "FREQ is DAILY, WEEKLY"),
        ("FREQ=HOURLY", "FREQ is DAILY, WEEKLY"),
        ("FREQ=MINUTELY;COUNT=3", "FREQ is DAILY, WEEKLY"),
        ("FREQ=SECONDLY", "FREQ is DAILY, WEEKLY"),
        ("FREQ=DAILY;BYHOUR=9", "cannot say BYHOUR"),
        ("FREQ=DAILY;BYSECOND=1", "cannot say BYSECOND"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1", "cannot say BYSETPOS"),
        ("FREQ=DAILY;X-OWN=1", "cannot say X-OWN"),
        ("DTSTART:20260101T000000\nRRULE:FREQ=DAILY", "Leave DTSTART out"),
        ("FREQ=DAILY;DTSTART=20260101", "Leave DTSTART out"),
        ("FREQ=DAILY;FREQ=DAILY", "says FREQ twice"),
        ("FREQ=MONTHLY;BYMONTHDAY=" + ",".join(["1"] * 200), "at most 300 characters"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20261231", "not by both"),
        ("FREQ=DAILY;COUNT=0", "COUNT is a number from 1 to 1000"),
        ("FREQ=DAILY;COUNT=1001", "COUNT is a number from 1 to 1000"),
        ("FREQ=DAILY;COUNT=١", "COUNT is a number from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=", "INTERVAL is a number from 1 to 366"),
        ("FREQ=DAILY;INTERVAL=99999999999", "INTERVAL is a number from 1 to 366"),
        ("FREQ=DAILY;UNTIL=20261231T180000Z", "Write UNTIL as a date"),
        ("FREQ=DAILY;UNTIL=20261331", "Write UNTIL as a date"),
        ("FREQ=DAILY;UNTIL=00010101", "Write UNTIL as a date"),
        ("FREQ=DAILY;UNTIL=2026-12-31", "Write UNTIL as a date"),
        ("FREQ=DAILY;BYMONTH=13", "numbers from 1 to 12"),
        ("FREQ=DAILY;BYMONTH=-1", "numbers from 1 to 12"),
        ("FREQ=DAILY;BYMONTHDAY=0", "or from -1 to -31 from the end"),
        ("FREQ=DAILY;BYMONTHDAY=1,,2", "or from -1 to -31 from the end"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "use FREQ=MONTHLY"),
        ("FREQ=WEEKLY;BYDAY=1MO", "only in months and years"),
        ("FREQ=MONTHLY;BYDAY=6MO", "from 1 to 5"),
        ("FREQ=MONTHLY;BYDAY=0MO", "from 1 to 5"),
        ("FREQ=YEARLY;BYDAY=54MO", "from 1 to 53"),
        ("FREQ=YEARLY;BYMONTH=2;BYDAY=6MO", "from 1 to 5"),
        ("FREQ=WEEKLY;BYDAY=MONDAY", "BYDAY takes days"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "No day of any year"),
        ("FREQ=DAILY;BYMONTH=2,4;BYMONTHDAY=31", "No day of any year"),
        ("FREQ=MONTHLY;BYDAY=5TU;BYMONTHDAY=1", "No day of any year"),
    ],
)
def test_what_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Recurrence.parse(text)


@pytest.mark.parametrize(
    ("text", "exceptions", "sentence"),
    [
        ("FREQ=DAILY;INTERVAL=7;BYDAY=MO", [], "No day within 40 years"),  # from a Thursday
        ("FREQ=MONTHLY;INTERVAL=12;BYMONTH=3", [], "No day within 40 years"),
        ("FREQ=DAILY;UNTIL=20261125", [], "ends before it begins"),
        ("FREQ=DAILY;COUNT=1", [START.date()], "all that the series has"),
    ],
)
def test_series_of_nothing(text: str, exceptions: list[date], sentence: str) -> None:
    rule = Recurrence.parse(text)
    with pytest.raises(ValueError, match=sentence):
        rule.check(START, exceptions)
    assert rule.occurrences(START, None, exceptions) == []


def test_a_series_of_something() -> None:
    Recurrence.parse("FREQ=DAILY;COUNT=2").check(START, [START.date()])


def test_near_the_end_of_all_dates() -> None:
    late = datetime(9999, 12, 30, 9)
    assert len(Recurrence.parse("FREQ=DAILY").occurrences(late)) == 2
    assert Recurrence.parse("FREQ=DAILY").occurrences(START, datetime(9999, 12, 31, 23)) == []


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (" rrule:freq=weekly;byday=th,mo,mo ", "FREQ=WEEKLY;BYDAY=MO,TH"),
        ("COUNT=03;INTERVAL=1;FREQ=DAILY", "FREQ=DAILY;COUNT=3"),
        ("FREQ=MONTHLY;BYDAY=+1MO,-1FR,1MO", "FREQ=MONTHLY;BYDAY=1MO,-1FR"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1,15,+1", "FREQ=MONTHLY;BYMONTHDAY=1,15,-1"),
        ("FREQ=DAILY;UNTIL=20261231T235959", "FREQ=DAILY;UNTIL=20261231"),
    ],
)
def test_one_spelling(text: str, canonical: str) -> None:
    assert Recurrence.parse(text).text == canonical


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("FREQ=DAILY", "Every day at 18:00"),
        ("FREQ=DAILY;INTERVAL=3;COUNT=12", "Every 3 days at 18:00, 12 times"),
        ("FREQ=DAILY;COUNT=1", "Every day at 18:00, once"),
        ("FREQ=WEEKLY", "Every Thursday at 18:00"),
        (
            "FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20261231",
            "Every Monday and Thursday at 18:00, until 31 Dec 2026",
        ),
        # On the 31st at 17:00 it has ended.
        ("FREQ=WEEKLY;UNTIL=20261231T170000", "Every Thursday at 18:00, until 30 Dec 2026"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU", "Every day at 18:00"),
        (
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU,WE",
            "Every 2 weeks on Monday, Tuesday and Wednesday at 18:00",
        ),
        ("FREQ=MONTHLY", "On day 26 of every month at 18:00"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "On the last Friday of every month at 18:00"),
        ("FREQ=MONTHLY;BYDAY=FR", "On every Friday of every month at 18:00"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,-1", "On day 1 and the last day of every month at 18:00"),
        ("FREQ=MONTHLY;BYMONTHDAY=31", "On day 31 (where there is one) of every month at 18:00"),
        ("FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=-3", "Every 2 months on day 3 from the end at 18:00"),
        (
            "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
            "On every Friday if that is day 13 of every month at 18:00",
        ),
        ("FREQ=DAILY;BYMONTH=12", "Every day in December at 18:00"),
        ("FREQ=YEARLY", "Every year on 26 November at 18:00"),
        (
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
            "Every year in February on day 29 (where there is one) at 18:00",
        ),
        (
            "FREQ=YEARLY;INTERVAL=2;BYMONTH=6,7;BYDAY=2MO",
            "Every 2 years in June and July on the second Monday at 18:00",
        ),
        (
            "FREQ=YEARLY;BYDAY=20MO,-10TU",
            "Every year on Monday number 20 and Tuesday number 10 from the end at 18:00",
        ),
    ],
)
def test_in_words(text: str, sentence: str) -> None:
    assert Recurrence.parse(text).sentence(START) == sentence


def test_in_words_of_another_language() -> None:
    """Names of days and months at least come from Django's own catalogues."""
    with translation.override("nb"):
        assert "mandag" in Recurrence.parse("FREQ=WEEKLY;BYDAY=MO").sentence(START)


PARTS = [
    Parts("day", 3, count=5),
    Parts("week", 2, ("MO", "TH"), until=date(2026, 12, 31)),
    Parts("week"),
    Parts("month"),
    Parts("month", monthday=-1),
    Parts("month", 2, monthday=31, count=3),
    Parts("month", days=("FR",), ordinal=-1),
    Parts("year", until=date(2030, 1, 1)),
]


@pytest.mark.parametrize("parts", PARTS, ids=lambda parts: f"{parts.every}-{PARTS.index(parts)}")
def test_a_form_there_and_back(parts: Parts) -> None:
    rule = Recurrence.of(**vars(parts))
    assert rule.parts() == parts
    assert Recurrence.parse(rule.text).parts() == parts


@given(texts())
def test_a_form_shows_all_of_a_rule_or_none(text: str) -> None:
    try:
        rule = Recurrence.parse(text)
    except ValueError:
        return
    parts = rule.parts()
    assert parts is None or Recurrence.of(**vars(parts)) == rule


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=MONTHLY;BYMONTH=6",
        "FREQ=MONTHLY;BYMONTHDAY=1,15",
        "FREQ=MONTHLY;BYDAY=1MO,2TU",
        "FREQ=MONTHLY;BYDAY=MO",
        "FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=1",
        "FREQ=YEARLY;BYMONTHDAY=1",
        "FREQ=DAILY;BYDAY=MO",
        "FREQ=DAILY;UNTIL=20261231T120000",
    ],
)
def test_rules_that_no_form_shows(text: str) -> None:
    assert Recurrence.parse(text).parts() is None


def test_a_form_is_told_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="not by both"):
        Recurrence.of("day", until=date(2026, 12, 31), count=3)
    with pytest.raises(ValueError, match="only in months"):
        Recurrence.of("week", days=["MO"], ordinal=1)
    with pytest.raises(ValueError, match="INTERVAL is a number"):
        Recurrence.of("week", interval=0)
