"""What Liquid says here: filters, conditions, and values that are not there."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaigns.personal import language
from campaigns.personal.values import Amount

MOMENT = datetime(2026, 12, 24, 17, 5, tzinfo=ZoneInfo("Europe/Oslo"))
SCOPE: dict[str, Any] = {
    "subscriber": {"first_name": "Kari", "points": "250", "tags": ["vip", "ski"], "member": True},
    "cart": {
        "value": Amount(1298.5),
        "count": 2,
        "updated_at": MOMENT,
        "items": [
            {"name": "Frost Mitt", "price": Amount(649), "quantity": 2},
            {"name": "cap", "price": Amount(0.5), "quantity": 1},
        ],
    },
}


def said(source: str, language_code: str = "en") -> str:
    return language.parse(source).render(SCOPE, language=language_code)[0]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Hi {{ subscriber.first_name }}!", "Hi Kari!"),
        ("{{ subscriber.tags }}", "vip, ski"),
        ("{{ subscriber.member }}", "true"),
        ("{{ cart.value }}", "1298.50"),
        ("{{ cart.items[0].price }}", "649"),
        ("{{ cart.items.first.name }} {{ cart.items.size }}", "Frost Mitt 2"),
        ("{{ cart.updated_at }}", "2026-12-24"),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("a{% comment %}{% nonsense %}{% endcomment %}b", "ab"),
        ("{% assign n = cart.count | plus: 1 %}{{ n }}", "3"),
        ("{% capture n %}<{{ cart.count }}>{% endcapture %}{{ n }}", "<2>"),
        ("{% for i in cart.items %}{{ i.name }};{% endfor %}", "Frost Mitt;cap;"),
        ("{% for i in (1..3) reversed %}{{ i }}{% endfor %}", "321"),
        ("{% for i in cart.items %}{% break %}{% endfor %}.", "."),
        ("{% unless cart %}a{% else %}b{% endunless %}", "b"),
        ("{% case cart.count %}{% when 1 %}a{% when 2, 2 %}b{% else %}c{% endcase %}", "b"),
        ("  {{- cart.count -}}  ", "2"),
    ],
)
def test_says_what_is_known(source: str, expected: str) -> None:
    assert said(source) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'a b' | upcase | append: '!' | prepend: '<'", "<A B!"),
        ("'ÅSE' | downcase | capitalize", "Åse"),
        ("' a ' | strip | append: '.'", "a."),
        ("' a ' | lstrip | append: '.'", "a ."),
        ("' a ' | rstrip | append: '.'", " a."),
        ("'aXbX' | replace: 'X', '-'", "a-b-"),
        ("'aXbX' | replace_first: 'X', '-'", "a-bX"),
        ("'aXbX' | remove: 'X'", "ab"),
        ("'aXbX' | remove_first: 'X'", "abX"),
        ("'Frost Mitt' | truncate: 7", "Frost…"),
        ("'Frost' | truncate: 7", "Frost"),
        ("'a b c' | truncatewords: 2", "a b…"),
        ("'Frost' | slice: 1, 3", "ros"),
        ("'Frost' | slice: -3, 2", "os"),
        ("'a,b' | split: ',' | reverse | join: '+'", "b+a"),
        ("'abc' | split: '' | size", "3"),
        ("'å b/c' | url_encode", "%C3%A5%20b%2Fc"),
        ("subscriber.tags | join: ' & '", "vip & ski"),
        ("subscriber.tags | first", "vip"),
        ("subscriber.tags | last", "ski"),
        ("subscriber.tags | sort | join", "ski, vip"),
        ("'b,A,b' | split: ',' | uniq | sort | join", "A, b"),
        ("cart.items | map: 'name' | join", "Frost Mitt, cap"),
        ("cart.items | where: 'name', 'cap' | map: 'price' | first", "0.50"),
        ("cart.items | where: 'quantity' | size", "2"),
        ("cart.value | times: 2", "2597"),
        ("'7' | plus: 1 | minus: 2 | times: 3", "18"),
        ("0.1 | plus: 0.2", "0.3"),
        ("7 | divided_by: 2", "3"),
        ("7 | divided_by: 2.0", "3.5"),
        ("7 | modulo: 4", "3"),
        ("-7.6 | abs | round", "8"),
        ("7.456 | round: 2", "7.46"),
        ("7.2 | ceil", "8"),
        ("7.8 | floor", "7"),
        ("3 | at_least: 5", "5"),
        ("3 | at_most: 2", "2"),
        ("'x' | plus: 1", "1"),
        ("subscriber.member | plus: 1", "1"),
        ("cart.count | date: '%d'", "2"),
        ("'2026-12-24T17:05:00.000000000000000000000+01:00' | date | size", "47"),
        ("cart.updated_at | date: '%A %e %B %Y, %H:%M'", "Thursday 24 December 2026, 17:05"),
        ("'2026-03-01' | date", "1 March 2026"),
        ("'2026-03-01T10:00:00Z' | date: '%d.%m.%y 100%%'", "01.03.26 100%"),
        ("'soon' | date: '%d'", "soon"),
        ("'2026-99-99' | date: '%d'", "2026-99-99"),
        ("false | default: 'x'", "x"),
        ("false | default: 'x', allow_false: true", "false"),
        ("0 | default: 'x'", "0"),
    ],
)
def test_filters(expression: str, expected: str) -> None:
    assert said(f"{{{{ {expression} }}}}") == expected


def test_dates_are_in_the_language_of_the_text() -> None:
    assert said("{{ cart.updated_at | date: '%A %e %B' }}", "nb") == "torsdag 24 desember"
    assert said("{{ cart.updated_at | date: '%e %B' }}", "xx-unknown") == "24 December"


@pytest.mark.parametrize(
    ("source", "expected", "missed"),
    [
        ("Hi {{ subscriber.nick }}!", "Hi !", {"subscriber.nick"}),
        ("{{ subscriber.nick | default: 'you' }}", "you", {"subscriber.nick"}),
        (
            "{{ subscriber.nick | upcase | append: '!' | default: 'you' }}",
            "you",
            {"subscriber.nick"},
        ),
        ("{{ product.name | date: '%d' }}", "", {"product.name"}),
        ("{{ cart.items[9].name }}", "", {"cart.items.9.name"}),
        ("{{ subscriber.nick | size }}", "0", set()),
        ("{{ 'a' | append: subscriber.nick }}", "a", {"subscriber.nick"}),
        ("{% assign n = product.name | default: 'it' %}{{ n }}", "it", {"product.name"}),
        ("{% if subscriber.nick %}a{% else %}b{% endif %}", "b", set()),
        ("{% for i in product.all %}a{% else %}none{% endfor %}", "none", set()),
        ("{{ subscriber.first_name.size }}", "4", set()),
        ("{{ subscriber.first_name.upper }}", "", {"subscriber.first_name.upper"}),
        ("{{ subscriber.__class__ }}", "", {"subscriber.__class__"}),
    ],
)
def test_what_is_missing_reads_as_nothing_and_is_noted(
    source: str, expected: str, missed: set[str]
) -> None:
    assert language.parse(source).render(SCOPE) == (expected, missed)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("subscriber.points > 100", True),
        ("100 < subscriber.points", True),
        ("subscriber.points == 250", True),
        ("subscriber.points != 250", False),
        ("subscriber.points >= 250 and subscriber.points <= 250", True),
        ("subscriber.first_name > 5", False),
        ("subscriber.first_name < 5", False),
        ("subscriber.first_name == 5", False),
        ("subscriber.tags > 1", False),
        ("subscriber.nick > 5", False),
        ("subscriber.nick <= 5", False),
        ("subscriber.nick == nil", True),
        ("subscriber.nick == empty", True),
        ("subscriber.nick == blank", True),
        ("subscriber.nick != 'x'", True),
        ("subscriber.nick contains 'x'", False),
        ("subscriber.tags contains 'vip'", True),
        ("subscriber.first_name contains 'ar'", True),
        ("cart.count contains 2", False),
        ("cart contains 'count'", True),
        ("cart contains 2", False),
        ("subscriber.member == true", True),
        ("subscriber.member == 1", False),
        ("cart.updated_at < '2026-12-25'", True),
        ("cart.value == 1298.5 or product", True),
    ],
)
def test_no_comparison_fails(condition: str, holds: bool) -> None:
    assert said(f"{{% if {condition} %}}yes{{% else %}}no{{% endif %}}") == (
        "yes" if holds else "no"
    )


def test_a_text_is_parsed_once() -> None:
    assert language.parse("{{ cart.count }}") is language.parse("{{ cart.count }}")
