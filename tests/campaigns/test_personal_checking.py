"""What is wrong with a text, with its exact line and column."""

import pytest

from campaigns.personal import Fault, Known, check

KNOWN = Known(frozenset(("loyalty_tier", "favourite colour")), frozenset(("sku",)))


@pytest.mark.parametrize(
    "source",
    [
        "Plain text with { braces } and 100 %}",
        "Hi {{ subscriber.first_name | default: 'there' }}",
        "{{ subscriber.loyalty_tier }} {{ subscriber['favourite colour'] }}",
        "{{ product.sku }} {{ product.price | round: 1 }}",
        "{% if cart %}{{ cart.first_item.name }}{% else %}{% abort 'no cart' %}{% endif %}",
        "{% for one in cart.items %}{{ one.name }}{{ forloop.index }}{% endfor %}",
        "{{ cart.items.first.price }}{{ cart.items[0].url }}{{ cart.items.size }}",
        "{% assign n = cart.count %}{{ n }}",
        "{{ coupon.code }}{{ site.name }}{{ campaign.variant }}",
        "{% comment %}{% nonsense %} {{ nobody.knows }}{% endcomment %}",
        "{{ subscriber.name.size }}",
    ],
)
def test_good_texts(source: str) -> None:
    assert check(source, KNOWN) == []


@pytest.mark.parametrize(
    ("source", "line", "column", "sentence"),
    [
        (
            "Hi {{ subscriber.frist_name }}",
            *(1, 7, "There is no subscriber.frist_name. Did you mean first_name?"),
        ),
        ("One\nTwo {{ cart.vlaue }}", 2, 8, "There is no cart.vlaue. Did you mean value?"),
        ("{{ subscirber.name }}", 1, 4, "There is no subscirber. Did you mean subscriber?"),
        ("{{ first_name }}", 1, 4, "There is no first_name. Did you mean subscriber.first_name?"),
        ("{{ nothing_like_it }}", 1, 4, "There is no nothing_like_it."),
        (
            "{{ subscriber.loyalty_teir }}",
            *(1, 4, "There is no subscriber.loyalty_teir. Did you mean loyalty_tier?"),
        ),
        ("{{ subscriber }}", 1, 4, "Say what of it, such as subscriber.first_name."),
        ("{{ cart }}", 1, 4, "Say what of it, such as cart.value."),
        ("{{ cart.items[0].nmae }}", 1, 4, "There is no cart.items.0.nmae. Did you mean name?"),
        (
            "{% for one in cart.items %}{{ one.prize }}{% endfor %}",
            *(1, 31, "There is no one.prize. Did you mean price?"),
        ),
        ("{{ site.size }}", 1, 4, "There is no site.size."),
        (
            "{{ subscriber[site.name] }}",
            *(1, 4, "Write the name out: no brackets around another name."),
        ),
        ("{{ now }}", 1, 4, "There is no now."),
        (
            "{{ site.name | defautl: 'x' }}",
            *(1, 16, "There is no filter defautl. Did you mean default?"),
        ),
        ("{{ site.name | escape }}", 1, 16, "There is no filter escape."),
        ("{{ site.name | append }}", 1, 16, "append takes 1 value after a colon."),
        ("{{ site.name | upcase: 1 }}", 1, 16, "upcase takes no value."),
        ("{{ site.name | truncate: 1, 2, 3 }}", 1, 16, "truncate takes 2 values after a colon."),
        ("{{ site.name | join: by: 1 }}", 1, 16, "join takes no named values."),
        ("a {{ site.name", 1, 3, "This {{ is not closed: write }} after it."),
        ("a {{ site.name }", 1, 3, "This {{ is not closed: write }} after it."),
        ("{{ a {{ site.name }}", 1, 1, "This {{ is not closed: write }} after it."),
        ("a\n\n{% if cart", 3, 1, "This {% is not closed: write %} after it."),
        ("{% raw %}", 1, 1, "This {% raw %} is not closed: write {% endraw %} after it."),
        ("x {% if cart %}y", 1, 3, "This {% if %} is not closed: write {% endif %} after it."),
        (
            "{% if cart %}{% for i in cart.items %}{% endif %}",
            *(1, 14, "This {% for %} is not closed: write {% endfor %} after it."),
        ),
        ("{% endif %}", 1, 1, "This {% endif %} closes nothing."),
        ("{% else %}", 1, 1, "{% else %} stands only within {% if %}."),
        ("{% break %}", 1, 1, "{% break %} stands only within {% for %}."),
        ("{% iff cart %}", 1, 4, "There is no tag iff. Did you mean if?"),
        ("{% include 'x' %}", 1, 4, "There is no tag include."),
        ("{% %}", 1, 4, "Here must be the name of a tag, such as if."),
        ("{{ }}", 1, 1, "Nothing is between these braces."),
        (
            "{{ site name }}",
            *(1, 9, "This does not belong here. Filters come after |, values after :."),
        ),
        ("{% if cart.value = 3 %}{% endif %}", 1, 18, "Write == to compare."),
        ("{% if %}{% endif %}", 1, 4, "A name, a number or a text in quotes is missing."),
        ("a{% assign x = %}", 1, 12, "A name, a number or a text in quotes is missing."),
        ("{% if not cart %}{% endif %}", 1, 7, "There is no not here: use unless."),
        (
            "{% if (cart) %}{% endif %}",
            *(1, 7, "There are no parentheses here: put one if into another."),
        ),
        ("{% if cart && product %}{% endif %}", 1, 12, "'&' does not belong here."),
        ("{% for a.b in cart.items %}{% endfor %}", 1, 8, "This can't be read."),
        ("{% abort %}", 1, 4, 'Say why in quotes: {% abort "no price" %}.'),
        ("{% abort cart.count %}", 1, 4, 'Say why in quotes: {% abort "no price" %}.'),
        ("{% abort '' %}", 1, 10, 'Say why in quotes: {% abort "no price" %}.'),
        (
            "{% abort '" + "x" * 73 + "' %}",
            *(1, 10, "A reason has at most 72 characters."),
        ),
        ("{{ 3 | divided_by: 0 }}", 1, 1, "This divides by 0."),
        ("{{ 3 | modulo: 0 }}", 1, 1, "This divides by 0."),
        ("{{ '2026-01-01' | date: '%Q' }}", 1, 1, "Dates have no part %Q."),
    ],
)
def test_a_fault_is_named_where_it_is(source: str, line: int, column: int, sentence: str) -> None:
    assert check(source, KNOWN) == [Fault(line, column, sentence)]


def test_all_faults_are_told_in_their_order() -> None:
    found = check("{{ cart.nothing | what }}\n{{ site.nmae }}", KNOWN)
    assert [(one.line, one.column) for one in found] == [(1, 4), (1, 19), (2, 4)]


def test_without_a_site_any_attribute_will_do() -> None:
    assert check("{{ subscriber.whatever }}{{ product.whatever }}") == []
    assert check("{{ cart.whatever }}") != []


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("{{ campaign.name }}-{{ variant }}-{{ language }}-{{ site.name }}", ""),
        (
            "{{ subscriber.name }}",
            "Parameters of addresses can name the campaign, the site, variant and language.",
        ),
        ("{{ variant.x }}", "There is no variant.x."),
        ("{{ vairant }}", "There is no vairant. Did you mean variant?"),
    ],
)
def test_parameters_of_addresses_do_not_differ_from_person_to_person(
    source: str, sentence: str
) -> None:
    assert [one.sentence for one in check(source, utm=True)] == ([sentence] if sentence else [])


def test_a_fault_reads_as_a_line() -> None:
    assert str(Fault(2, 5, "There is no x.")) == "2:5 There is no x."
