"""Messages that most shops send, ready to be taken and changed. Their texts are translated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

HOUR = 3600
DAY = 24 * HOUR
SITE = "{{ site.url }}"
CART_PICTURE = '{{ cart.first_item.image | default: "" }}'


@dataclass(frozen=True)
class Ready:
    """Its key in addresses, its name, when to send it, and fields of a message."""

    key: str
    name: str
    why: str
    content: dict[str, Any]


def offers() -> list[Ready]:
    """All, in the order in which a shop comes to need them."""
    return [*_news(), *_carts(), *_people()]


def find(key: str) -> Ready | None:
    return next((one for one in offers() if one.key == key), None)


def _news() -> Iterator[Ready]:
    yield Ready(
        "flash-sale",
        _("Flash sale"),
        _("A short offer with a code. Not kept for devices that come back when it is over."),
        {
            "title": _("{{ coupon.percent | default: 20 }}% off until midnight"),
            "body": _(
                'Hi {{ subscriber.first_name | default: "there" }}, today everything is cheaper '
                'with the code {{ coupon.code | default: "TODAY" }}.'
            ),
            "coupon": {"code": "TODAY", "percent": 20},
            "ttl": 12 * HOUR,
        },
    )
    yield Ready(
        "new-arrival",
        _("New arrival"),
        _("Something new, to those who like to be first."),
        {
            "title": _("Just in at {{ site.name }}"),
            "body": _(
                '{{ subscriber.first_name | default: "Hello" }}, have a look before your size is '
                "gone."
            ),
            "ttl": 3 * DAY,
        },
    )
    yield Ready(
        "back-in-stock",
        _("Back in stock"),
        _("To those who looked at it. It opens the product that each of them looked at last."),
        {
            "title": _('{{ product.name | default: "What you looked at" }} is back'),
            "body": _("It is in stock again. There are not many, and we keep none aside."),
            "url": "{{ product.url | default: site.url }}",
            "ttl": DAY,
        },
    )
    yield Ready(
        "news",
        _("News"),
        _("One thing worth knowing, and a page to read on."),
        {
            "title": _("News from {{ site.name }}"),
            "body": _("What is new this week, in two minutes."),
            "ttl": 7 * DAY,
            "urgency": "low",
        },
    )


def _carts() -> Iterator[Ready]:
    yield Ready(
        "cart-reminder-1",
        _("Cart reminder 1"),
        _("An hour after somebody left a cart behind: only a reminder."),
        {
            "title": _('{{ cart.first_item.name | default: "Your cart" }} is waiting'),
            "body": _(
                "{% if cart.count > 1 %}It and the rest of your cart are still here."
                "{% else %}It is still here.{% endif %} Go on where you stopped."
            ),
            "url": SITE,
            "image": CART_PICTURE,
            "ttl": 4 * HOUR,
        },
    )
    yield Ready(
        "cart-reminder-2",
        _("Cart reminder 2"),
        _("A day later: offer help rather than a discount."),
        {
            "title": _(
                'Any questions about {{ cart.first_item.name | default: "what you chose" }}?'
            ),
            "body": _(
                "We know it well and answer quickly. Your cart is kept for you"
                '{% if subscriber.first_name %}, {{ subscriber.first_name | default: "" }}'
                "{% endif %}."
            ),
            "url": SITE,
            "image": CART_PICTURE,
            "ttl": DAY,
        },
    )
    yield Ready(
        "cart-reminder-3",
        _("Cart reminder 3"),
        _("Two days later, the last one: a code, if you want to give one."),
        {
            "title": _("{{ coupon.percent | default: 10 }}% off what is in your cart"),
            "body": _(
                'Use the code {{ coupon.code | default: "CART10" }} for '
                '{{ cart.first_item.name | default: "your cart" }}. This is our last reminder.'
            ),
            "url": SITE,
            "image": CART_PICTURE,
            "coupon": {"code": "CART10", "percent": 10},
            "ttl": DAY,
        },
    )


def _people() -> Iterator[Ready]:
    yield Ready(
        "welcome",
        _("Welcome"),
        _("To new subscribers: what they will get, and how often."),
        {
            "title": _(
                "Welcome to {{ site.name }}{% if subscriber.first_name %}, "
                '{{ subscriber.first_name | default: "" }}{% endif %}'
            ),
            "body": _("Now and then a message like this one: what is new, and what is cheaper."),
            "ttl": 3 * DAY,
        },
    )
    yield Ready(
        "event-reminder",
        _("Event reminder"),
        _("The day before: what, where and when. Write them in."),
        {
            "title": _("Tomorrow at 18:00: our evening in the shop"),
            "body": _(
                'See you there, {{ subscriber.first_name | default: "and bring a friend" }}. '
                "Open it for the way and the programme."
            ),
            "ttl": 12 * HOUR,
            "urgency": "high",
        },
    )
    yield Ready(
        "survey",
        _("Survey"),
        _("After a purchase: two questions, and thanks."),
        {
            "title": _('How was it, {{ subscriber.first_name | default: "honestly" }}?'),
            "body": _("Two questions, one minute. Your answers go straight to our team."),
            "ttl": 7 * DAY,
            "urgency": "low",
        },
    )
