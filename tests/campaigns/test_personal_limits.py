"""What no author can do: take long, take much, or say much."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from campaigns.personal import Aborted, check, language, scanning
from tests.campaigns.personal import kari, renderer

SIX_DEEP = "{% assign a = 1 %}"
for _level in range(6):
    SIX_DEEP = f"{{% case 1 %}}{{% when {','.join('1' * 130)} %}}{SIX_DEEP}{{% endcase %}}"

HOSTILE = {
    "brace run": "{" * 2000,
    "brace pairs": "{{ " * 600,
    "tag openings": "{%" * 900,
    "closing run": "}}%}" * 500,
    "space after brace": "{{" + " " * 1900,
    "spaces": ("{{ a" + " " * 280 + "b}}") * 6,
    "quotes": ("{{" + '"' * 280 + "}}") * 6,
    "parentheses": ("{{" + "(" * 280 + "}}") * 6,
    "brackets": ("{{" + "a[" * 140 + "}}") * 6,
    "dots": ("{{" + "a." * 140 + "b}}") * 6,
    "filters": ("{{ a" + "|upcase" * 38 + "}}") * 6,
    "raws": "{% raw %}" * 200,
    "braces in raw": "{% raw %}" + "{{" * 900 + "{% endraw %}",
    "comments": "{% comment %}" * 90,
    "blocks": "{% if a %}" * 90,
    "range backwards": "{% for i in (1..999999999) reversed %}x{% endfor %}",
    "range of texts": "{% for i in ('1'..'999999999') %}x{% endfor %}",
    "range to a filter": "{{ (1..999999999) | reverse | size }}",
    "range to a text": "{{ (1..999999999) }}{{ (1..999999999) | join }}",
    "loops in loops": "{% for i in (1..60) %}" * 6 + "x" + "{% endfor %}" * 6,
    "loops after loops": "{% for i in (1..60) %}{{i}}{% endfor %}" * 30,
    "filters in a loop": "{% for i in (1..60) %}"
    + ("{{ i" + " | upcase" * 30 + " }}") * 6
    + "{% endfor %}",
    "whens in whens": SIX_DEEP,
    "doubling": "{% assign a = 'xxxxxxxx' %}" + "{% assign a = a | append: a %}" * 60 + "{{ a }}",
    "doubling by capture": "{% capture a %}xxxxxxxx{% endcapture %}"
    + "{% capture a %}{{ a }}{{ a }}{{ a }}{{ a }}{% endcapture %}" * 15,
    "replacing": "{% assign a = 'xxxxxxxxxxxxxxxx' %}" + "{% assign a = a | replace: '', a %}" * 50,
    "multiplying": "{% assign a = 99999999 %}" + "{% assign a = a | times: a %}" * 60,
    "long joint": "{{ '" + "a" * 200 + "' | split: '' | join: '" + "b" * 60 + "' }}",
    "wide date": "{{ '2026-01-01' | date: '%1000000000d' }}",
    "digits": "{{ " + "9" * 290 + " | times: 2 }}",
    "exponent": "{{ 1e999999999 | times: 2 }}",
    "far slice": "{{ 'abc' | slice: 0, 999999999999999999999999 }}",
    "many digits": "{{ 1.5 | round: 999999999 }}",
    "conditions": "{% if " + "a and " * 45 + "a %}x{% endif %}",
    "half a letter": "{{ '\ud800' }}",
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_text_takes_little_time_and_memory(source: str) -> None:
    assert min(_seconds(source) for _try in range(3)) < 0.1
    outcome = _outcome(source)
    tracemalloc.start()
    try:
        check(source)
        _outcome(source)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert outcome == "aborted" or len(outcome) < language.MOST_OUTPUT


def _seconds(source: str) -> float:
    """Of CPU time, since others share the machine; collecting garbage may fall into one try."""
    language.parse.cache_clear()
    began = time.process_time()
    check(source)
    _outcome(source)
    return time.process_time() - began


def _outcome(source: str) -> str:
    try:
        return renderer(body=source).content(kari()).body
    except Aborted:
        return "aborted"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("{{a}}" + "x" * 2000, "At most 2000 characters; these are 2005."),
        ("{{ site.name" + " " * 300 + "}}", "At most 300 characters between braces."),
        ("{{site.name}}" * 101, "At most 100 pairs of braces."),
        ("{% if cart %}" * 9, "At most 8 blocks within each other."),
        ("{% for i in (1..101) %}{% endfor %}", "A range has at most 100 numbers."),
        ("{% for i in (1..61) %}{{ i }}{% endfor %}", "At most 60 rounds of loops."),
        ("{{ 999999999999999 | times: 2 }}", "This makes a number too large."),
        ("{{ '" + "a" * 250 + "' | replace: 'a', 'bbbbbbbbb' }}", "This makes a text too long."),
        ("{{ '2026-01-01' | date: '" + "x" * 61 + "' }}", "This pattern of a date is too long."),
    ],
)
def test_a_limit_is_told_at_save(source: str, sentence: str) -> None:
    assert [one.sentence for one in check(source)] == [sentence]


def test_filters_are_counted_in_every_round() -> None:
    used = scanning.MOST_PIECES // 10
    loop = "{% for i in (1..60) %}" + "{{ i | abs }}" * used + "{% endfor %}"
    sentence = f"Filters are used more than {language.MOST_FILTERINGS} times."
    assert [one.sentence for one in check(loop)] == [sentence]


def test_what_is_said_is_cut_where_people_would_not_read_on() -> None:
    content = renderer(
        title="{{ subscriber.first_name }}{{ subscriber.first_name }}",
        body="{{ subscriber.first_name }}\n" * 3,
        actions=[{"title": "{{ subscriber.first_name }}", "url": "https://shop.example/"}],
    ).content(kari("å" * 490))
    assert content.title == "å" * 199 + "…"
    assert len(content.body) == 1000
    assert content.body.endswith("…")
    assert content.actions == (("å" * 49 + "…", "https://shop.example/"),)
