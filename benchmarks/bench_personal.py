"""CPU time of one payload: plain, translated, personalised, and for apps.

    python -m benchmarks.bench_personal [payloads]

Absolute figures are the machine's; the ratio to the plain one and to its encryption is what says
something. No database: what reading people costs is in bench_scale's plans.
"""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

from benchmarks import machine
from benchmarks.bench_encode import microseconds

TOKEN, TAG = "t" * 54, "t" * 32
READERS = 1_000
BODY = "Frost Mitts and down jackets, this week at a better price than ever before."
TEXTS: dict[str, dict[str, Any]] = {
    "one name": {"title": "Hi {{ subscriber.first_name | default: 'there' }}", "body": BODY},
    "a cart": {
        "title": "{{ subscriber.first_name | default: 'Hi' }}: your {{ cart.first_item.name }}",
        "body": "{% if cart.value > 500 %}Free delivery of {{ cart.count }} things worth "
        "{{ cart.value }} {{ cart.currency }}{% else %}{% abort 'small cart' %}{% endif %}",
        "url": "{{ cart.first_item.url }}",
        "actions": [
            {"title": "Pay", "url": "https://shop.example/pay?p={{ cart.first_item.product }}"},
        ],
    },
    "a loop": {
        "title": "Your cart",
        "body": "{% for one in cart.items %}{{ one.name | upcase | truncate: 20 }} {% endfor %}",
    },
}
APP = {"android": {"link": "fjell://down"}, "ios": {"link": "fjell://down", "badge": 1}}


def makers() -> dict[str, Callable[[], object]]:
    """What makes one payload of each kind, with the readers in turn."""
    from django.utils import timezone

    from accounts.models import Site
    from campaigns.models import Message
    from campaigns.personal import Reader, Renderer
    from campaigns.personal.people import cart
    from campaigns.personal.wire import Template

    site = Site(name="Fjell & Fjord", origins=["https://shop.example"], language="en")
    item = {"product": "mitt", "name": "Frost Mitt", "quantity": 1, "price": 649}
    items = [item | {"url": f"https://shop.example/{n}"} for n in range(4)]
    context = {"cart": cart(items, 2596, "NOK", timezone.now())}
    readers: Sequence[Reader] = [
        Reader(
            *(number, uuid.UUID(int=number), ("en", "nb-NO", "de", "fr")[number % 4]),
            *("Android", "Europe/Oslo", context | {"subscriber": {"first_name": f"Kari {number}"}}),
        )
        for number in range(READERS)
    ]

    def message(**fields: object) -> Message:
        given = {"title": "Winter layers", "body": BODY, "url": "https://shop.example/down"}
        return Message(**(given | {"utm_source": "beckon", "utm_campaign": "winter"} | fields))

    def made(one: Message, channel: str = "web") -> Callable[[], object]:
        renderer, people = Renderer(one, site), cycle(readers)
        gaps: dict[str, Any] = {"token": TOKEN, "tag": TAG, "channel": channel, "ttl": 60}
        return lambda: renderer.payload(next(people), 0, **gaps)

    template = Template(Renderer(message(), site).content())
    translations = {code: {"title": f"Vinter {code}", "body": BODY} for code in ("nb", "de", "fr")}
    return {
        "template alone": lambda: template.fill(token=TOKEN, tag=TAG),
        "plain": made(message()),
        "translated": made(message(translations=translations)),
        **{name: made(message(**fields)) for name, fields in TEXTS.items()},
        "FCM": made(message(app=APP), "fcm"),
        "APNs": made(message(app=APP), "apns"),
        "one name, FCM": made(message(**TEXTS["one name"], app=APP), "fcm"),
        "one name, APNs": made(message(**TEXTS["one name"], app=APP), "apns"),
    }


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("SECRET_KEY", "s" * 50)
    os.environ.setdefault("ENCRYPTION_KEYS", "MDAw" * 10 + "MDA=")
    django.setup()
    from subscribers.transports.keys import generate_vapid
    from subscribers.transports.webpush import encrypt

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    public, secret = generate_vapid()[1], os.urandom(16)
    every = makers()
    size = len(bytes(every["plain"]()))  # type: ignore[call-overload]
    encrypting = microseconds(lambda: encrypt(b"x" * size, public, secret), count // 5)
    # Twice, so that what disturbs one of them does not spoil its ratio to the others.
    rounds = [{name: microseconds(work, count) for name, work in every.items()} for _ in range(2)]
    found = {name: min(costs[name] for costs in rounds) for name in every}
    print(machine.described("python-liquid", "Django"))
    print(f"{count:,} payloads of each kind; the plain one has {size} bytes")
    for name, cost in found.items():
        ratio = f"{cost / found['plain']:6.1f} x plain {cost / encrypting:6.2f} x its encryption"
        print(f"{name:15}{cost:8.1f} µs {ratio}")
    print(f"{'encryption':15}{encrypting:8.1f} µs")
    assert found["plain"] < 10 * found["template alone"], "A plain payload is a template's."
    apps = max(found["FCM"], found["APNs"])
    assert apps < 1.5 * found["plain"], "An app's payload costs as much as a browser's."
    assert found["one name"] < encrypting, "A name must cost less than the encryption."


if __name__ == "__main__":
    main()
