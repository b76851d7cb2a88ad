"""Random rules, and small populations for whom they often hold.

Both draw from the same few values, and moments lie where answers change: at midnights of the site's
zone, at the ends of windows, on the days on which clocks change, and on 29 February.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.audiences.evaluator import Basket, Device, Happening, Person, Sent, World

Json = dict[str, Any]
Args = SearchStrategy[Json]

ZONES = tuple(map(ZoneInfo, ("Europe/Oslo", "America/St_Johns", "Asia/Kathmandu")))
# Clocks change in Oslo on 29 March and 25 October, in St John's on 8 March and 1 November.
TODAYS = tuple(
    map(
        date.fromisoformat,
        ("2026-02-28", "2026-03-09", "2026-03-29", "2026-10-26", "2026-11-01", "2028-02-28")
        + ("2028-02-29",),
    )
)
CLOCKS = (time(), time(0, 0, 1), time(2, 30), time(12), time(23, 59, 59))
# Events happen within so many days before now; what else is known may be older.
EVENTS_BACK = 35

PEOPLE = tuple(UUID(int=0xC0FFEE * (number + 1) ** 9) for number in range(8))
LISTS = tuple(f"00000000-0000-4000-8000-00000000000{number}" for number in range(3))
CAMPAIGNS = tuple(f"00000000-0000-4000-9000-00000000000{number}" for number in range(3))
AUDIENCES = tuple(f"00000000-0000-4000-a000-00000000000{number}" for number in range(2))

# The last of each is of another site, or of nobody: a rule may name it, nobody has it.
EVENT_NAMES = ("purchase", 'view % of "it"', "never done")
NAMES = ("plan", "a.b $[*] %s", "nobody's")
TAGS = ("vip", "VIP", "50% off", "na\u00efve", "nobody")
LANGUAGES = ("en", "en-GB", "EN-gb", "e", "nb-NO", "nb", "n%")
TIME_ZONES = ("Europe/Oslo", "Atlantic/Jan_Mayen", "Asia/Calcutta", "UTC", "Mars/Base")
COUNTRIES = ("NO", "IN", "SJ", "no", "XX")
VERSIONS = ("4.12", "4.12.0", "4.9.1", "4", "04.012", "999999999.1", "4.12-b", "v4", "٤.١")
BROWSERS = ("Chrome", "Firefox", "chrome", "x' OR 1=1 --")
TEXTS = ("gold", "Gold", "OLD", "10", "12.5", "50%_off", "a\\b", "Ærø", "æR", "true")
WORDS = (*TEXTS, "1e3", " 10", "10\n", "-3", "", " ", "(?i)(a+)+$", "straße")
NUMBERS = (0, 10, 12.5, -3, 22.5, 0.1, 10.0, 1e14)
PRODUCTS = ("SKU-1", "sku", 'Frost "Mitt"', "m\u00edtt", ".*", "a\\b")


@dataclass(frozen=True)
class Moment:
    """As of when a rule is asked, and in which zone."""

    now: datetime
    zone: ZoneInfo

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def midnight(self, back: int) -> datetime:
        day = self.today - timedelta(days=back)
        return datetime.combine(day, time(), self.zone).astimezone(UTC)


moments = st.builds(
    lambda day, clock, zone: Moment(datetime.combine(day, clock, zone).astimezone(UTC), zone),
    st.sampled_from(TODAYS),
    st.sampled_from(CLOCKS),
    st.sampled_from(ZONES),
)


@cache
def instants(moment: Moment, *, back: int = EVENTS_BACK) -> SearchStrategy[datetime]:
    """Moments around the bounds of what is asked; a few lie after now."""
    some = {moment.now + timedelta(microseconds=shift) for shift in (-1, 0, 1)}
    for hours in (-24, -2, -1, 1):
        some |= {moment.now + timedelta(hours=hours, microseconds=shift) for shift in (-1, 0, 1)}
    for days in (0, 1, 2, 7, 30, back):
        some |= {moment.midnight(days) + timedelta(microseconds=shift) for shift in (-1, 0)}
        some |= {moment.midnight(days) + timedelta(hours=12)}
    return st.sampled_from(sorted(some))


@cache
def days(moment: Moment) -> SearchStrategy[str]:
    """Days that are asked for."""
    near = [moment.today - timedelta(days=back) for back in (-1, 0, 1, 2, 7, 30)]
    return st.sampled_from([str(day) for day in (*near, date(1900, 1, 1), date(2199, 12, 31))])


@cache
def values(moment: Moment) -> SearchStrategy[Any]:
    """Values of attributes and properties: of every kind, and some that only look like it."""
    near = [str(moment.today - timedelta(days=back)) for back in (-2, -1, 0, 1, 7, 366)]
    known = (*near, f"{moment.today}T23:59:59+02:00", f"{moment.today}x", "2024-02-29")
    odd = ("2026-02-30", "0000-01-01", "9999-12-31", f"{moment.today}\n", "26-1-1")
    lists: tuple[Any, ...] = ([], ["gold", "vip"], ["OLD"], [10, "10", None, ["gold"]])
    others: tuple[Any, ...] = (None, True, False, {}, {"gold": 1}, *NUMBERS)
    return st.one_of(st.sampled_from(WORDS), st.sampled_from((*known, *odd, *lists, *others)))


# Rules.


def some(pool: tuple[str, ...]) -> SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(pool), min_size=1, max_size=3, unique=True)


def of_values(ops: str, pool: tuple[str, ...]) -> Mapping[str, Args]:
    asked = st.fixed_dictionaries({"values": some(pool)})
    return dict.fromkeys(ops.split(), asked)


def without(ops: str) -> Mapping[str, Args]:
    return dict.fromkeys(ops.split(), st.just({}))


def pair(first: str, second: str, one: SearchStrategy[Any]) -> Args:
    """Two values, the first not after the second."""
    return st.lists(one, min_size=2, max_size=2).map(
        lambda two: dict(zip((first, second), sorted(two), strict=True))
    )


def widened(ops: Mapping[str, Args], more: Args) -> Mapping[str, Args]:
    """Every operator with more parameters."""
    return {
        op: st.tuples(args, more).map(lambda both: {**both[0], **both[1]})
        for op, args in ops.items()
    }


IS_SET = without("is_set is_not_set")
BOOLEANS = without("is_true is_false")
CHOICES = "any_of none_of"
LISTINGS = "any_of all_of none_of"
NUMBER = st.fixed_dictionaries({"value": st.sampled_from(NUMBERS)})
COMPARED: Mapping[str, Args] = {
    **dict.fromkeys(
        ("equals", "not_equals", "more_than", "at_least", "less_than", "at_most"), NUMBER
    ),
    "between": pair("low", "high", st.sampled_from(NUMBERS)),
}
MINUTES = st.fixed_dictionaries({"minutes": st.sampled_from([0, 60, 120, 1440])})


def dates(moment: Moment) -> Mapping[str, Args]:
    ago = st.fixed_dictionaries({"days": st.sampled_from([0, 1, 2, 7, 30, 3_660])})
    return {
        **dict.fromkeys(("within_last", "more_than_ago", "days_ago"), ago),
        **dict.fromkeys(("on", "before", "after"), st.fixed_dictionaries({"date": days(moment)})),
        "between": pair("from", "to", days(moment)),
    }


def windows(moment: Moment) -> Args:
    return st.one_of(
        st.fixed_dictionaries({"hours": st.sampled_from([1, 2, 24])}),
        st.fixed_dictionaries({"days": st.sampled_from([1, 2, 7, 30])}),
        st.fixed_dictionaries({"from": days(moment)}),
        st.fixed_dictionaries({"to": days(moment)}),
        pair("from", "to", days(moment)),
    )


def asked_of_properties() -> SearchStrategy[list[Json]]:
    ops = {
        **of_values("any_of none_of contains", TEXTS),
        **dict.fromkeys(("equals", "more_than", "at_least", "less_than", "at_most"), NUMBER),
    }
    one = st.sampled_from(sorted(ops)).flatmap(
        lambda op: st.tuples(st.sampled_from(NAMES), ops[op]).map(
            lambda drawn: {"property": drawn[0], "op": op, **drawn[1]}
        )
    )
    return st.lists(one, max_size=2)


@cache
def conditions(moment: Moment) -> Mapping[str, Mapping[str, Args]]:
    """The parameters of every operator of every field."""
    dated = dates(moment)
    yearly = {**dated, **without("anniversary")}
    ahead = {"within_next": dated["within_last"]}
    within = {"within": windows(moment)}
    where = {"where": asked_of_properties()}
    event = {"name": st.sampled_from(EVENT_NAMES)}
    summed = {**event, "property": st.sampled_from(NAMES)}
    named = st.fixed_dictionaries({"name": st.sampled_from(NAMES)})
    times = st.fixed_dictionaries({"count": st.integers(0, 3)})
    sent = st.fixed_dictionaries({}, optional={"campaigns": some(CAMPAIGNS), **within})
    attributes = {
        "text": of_values("any_of none_of contains starts_with", TEXTS),
        "number": COMPARED,
        "boolean": BOOLEANS,
        "date": {**yearly, **ahead},
        "list": of_values(LISTINGS, TEXTS),
    }
    return {
        "tag": of_values(LISTINGS, TAGS),
        "topic": of_values(LISTINGS, TAGS),
        "language": of_values(CHOICES, LANGUAGES),
        "country": of_values(CHOICES, COUNTRIES),
        "time_zone": of_values(CHOICES, TIME_ZONES),
        "channel": of_values(CHOICES, ("web", "fcm", "apns", "email")),
        "browser": of_values(CHOICES, BROWSERS),
        "platform": of_values(CHOICES, BROWSERS),
        "app_version": {
            **of_values(CHOICES, VERSIONS),
            **dict.fromkeys(
                ("at_least", "less_than"),
                st.fixed_dictionaries({"version": st.sampled_from(VERSIONS[:-3])}),
            ),
        },
        "identified": BOOLEANS,
        "first_seen": yearly,
        "last_seen": dated,
        "subscribed_at": yearly,
        **{
            f"attribute_{kind}": widened({**ops, **IS_SET}, named)
            for kind, ops in attributes.items()
        },
        "event": widened(
            dict.fromkeys(("at_least", "at_most"), times),
            st.fixed_dictionaries(event, optional={**within, **where}),
        ),
        "event_first": widened(dated, st.fixed_dictionaries(event, optional=where)),
        "event_last": widened(dated, st.fixed_dictionaries(event, optional=where)),
        **dict.fromkeys(
            ("event_sum", "event_average"),
            widened(COMPARED, st.fixed_dictionaries(summed, optional={**within, **where})),
        ),
        "cart_open": BOOLEANS,
        "cart_value": COMPARED,
        "cart_idle": dict.fromkeys(("at_least", "less_than"), MINUTES),
        "cart_product": of_values("any_of none_of contains", PRODUCTS),
        "list": of_values(CHOICES, LISTS),
        "bucket": widened(
            {"between": pair("low", "high", st.sampled_from([0, 2_500, 5_000, 7_500, 9_999]))},
            st.fixed_dictionaries({"salt": st.sampled_from(["a", "%s", "\u00e6"])}),
        ),
        **dict.fromkeys(
            ("received", "clicked", "dismissed", "ignored"),
            dict.fromkeys(("did", "did_not"), sent),
        ),
    }


@cache
def leaves(moment: Moment) -> Args:
    """One condition: every operator as likely as another."""
    known = conditions(moment)
    return st.sampled_from([(field, op) for field in known for op in known[field]]).flatmap(
        lambda key: known[key[0]][key[1]].map(lambda args: {"field": key[0], "op": key[1], **args})
    )


@cache
def rules(moment: Moment, audiences: tuple[str, ...] = AUDIENCES) -> Args:
    """Whole rules; they name only these audiences."""
    leaf = leaves(moment)
    if audiences:
        leaf = st.one_of(
            leaf, leaf, leaf, leaf, st.sampled_from(audiences).map(lambda one: {"audience": one})
        )
    nodes = st.recursive(leaf, lambda inner: st.one_of(inner, grouped(inner)), max_leaves=4)
    return st.one_of(grouped(nodes), grouped(nodes), st.just({"all": []})).map(
        lambda group: {"version": 2, **group}
    )


def grouped(nodes: SearchStrategy[Any]) -> Args:
    inside = st.lists(nodes, min_size=1, max_size=3)
    return st.tuples(st.sampled_from(["all", "any", "none"]), inside).map(
        lambda drawn: dict([drawn])
    )


# Populations.


@dataclass(frozen=True)
class Population:
    moment: Moment
    people: tuple[Person, ...]
    devices: tuple[Device, ...]
    world: World


def subsets(pool: tuple[str, ...]) -> SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(pool[:-1]), max_size=2, unique=True).map(tuple)


@st.composite
def populations(draw: st.DrawFn) -> Population:
    """Up to 8 people with 12 devices, 30 events and 12 messages."""
    moment = draw(moments)
    at, ever = instants(moment), instants(moment, back=366)
    some_values = st.dictionaries(st.sampled_from(NAMES[:-1]), values(moment), max_size=2)
    people = tuple(
        Person(
            id=PEOPLE[number],
            created_at=draw(ever),
            last_seen_at=draw(ever),
            external_id=draw(st.sampled_from(["", f"id-{number}"])),
            tags=draw(subsets(TAGS)),
            topics=draw(subsets(TAGS)),
            attributes=draw(some_values),
        )
        for number in range(draw(st.sampled_from([3, 5, len(PEOPLE)])))
    )
    device = st.builds(
        Device,
        person=st.sampled_from(people),
        created_at=ever,
        active=st.booleans(),
        language=st.sampled_from(["", *LANGUAGES[:-1]]),
        time_zone=st.sampled_from(["", *TIME_ZONES]),
        browser=st.sampled_from(["", *BROWSERS]),
        platform=st.sampled_from(["", *BROWSERS]),
        channel=st.sampled_from(["web", "fcm", "apns"]),
        app_version=st.sampled_from(["", *VERSIONS]),
    )
    ids = st.sampled_from([person.id for person in people])
    happening = st.builds(
        Happening, person=ids, name=st.sampled_from(EVENT_NAMES[:-1]), at=at, properties=some_values
    )
    item = st.fixed_dictionaries(
        {"product": st.sampled_from(PRODUCTS), "quantity": st.just(1)},
        optional={"name": st.sampled_from(PRODUCTS)},
    )
    cart = st.builds(
        Basket,
        updated_at=at,
        open=st.booleans(),
        items=st.lists(item, max_size=2).map(tuple),
        value=st.sampled_from([None, *(Decimal(str(number)) for number in NUMBERS[:6])]),
    )
    devices = tuple(draw(st.lists(device, min_size=5, max_size=12)))
    numbers = st.integers(0, len(devices) - 1)
    message = st.tuples(numbers, st.sampled_from(CAMPAIGNS[:-1]))
    sent = tuple(
        Sent(
            device=number,
            person=devices[number].person.id,
            campaign=campaign,
            sent_at=draw(at),
            accepted=draw(st.booleans()),
            clicked_at=draw(st.one_of(st.none(), at)),
            dismissed_at=draw(st.one_of(st.none(), at)),
        )
        for number, campaign in draw(st.lists(message, min_size=2, max_size=12, unique=True))
    )
    members = st.frozensets(ids, max_size=4)
    world = World(
        events=tuple(draw(st.lists(happening, min_size=8, max_size=30))),
        carts=draw(st.dictionaries(ids, cart, min_size=1, max_size=4)),
        lists={one: draw(members) for one in LISTS[:-1]},
        audiences={
            AUDIENCES[0]: draw(rules(moment, ())),
            AUDIENCES[1]: draw(rules(moment, AUDIENCES[:1])),
        },
        sent=sent,
    )
    return Population(moment, people, devices, world)
