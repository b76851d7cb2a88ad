"""What the demo's sample people did in the shop: views, wishes, carts and purchases."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from subscribers import events
from subscribers.incoming_events import IncomingEvent
from subscribers.models import Subscriber, event_number

# (id, name, category, price in kroner)
GOODS = (
    ("storfjell-parka", "Storfjell parka", "Jackets", 3490),
    ("regn-shell", "Regn shell", "Jackets", 2290),
    ("frost-mitt", "Frost Mitt", "Mitts", 649),
    ("ridge-glove", "Ridge glove", "Gloves", 549),
    ("wool-liner", "Wool liner", "Gloves", 249),
    ("storm-mitt", "Storm mitt", "Mitts", 749),
    ("merino-beanie", "Merino beanie", "Hats", 349),
    ("ski-skins", "Ski skins", "Ski touring", 1290),
    ("winter-bag", "Winter sleeping bag", "Sleep", 4190),
)
# Of the demo shop, by category.
PAGES = {
    **{"Jackets": "jackets", "Mitts": "gloves", "Gloves": "gloves", "Hats": "gloves"},
    **{"Ski touring": "ski-touring", "Sleep": "sleep"},
}
CITIES = ("Oslo", "Bergen", "Tromsø", "Trondheim", "Göteborg", "Hamburg", "Aberdeen", "Stavanger")
INTERESTS = ("ski touring", "hiking", "climbing", "sleeping out", "running")
TOPICS = (("Offers", 0.7), ("New arrivals", 0.4), ("Trail news", 0.3))


def profile(chance: random.Random) -> dict[str, Any]:
    """Attributes of a person whom the shop knows."""
    found: dict[str, Any] = {
        "city": chance.choice(CITIES),
        "plan": chance.choices(["free", "plus", "gold"], [6, 3, 1])[0],
        "interests": chance.sample(INTERESTS, chance.randint(1, 3)),
        "birthday": f"{chance.randint(1955, 2006)}-{chance.randint(1, 12):02}-"
        f"{chance.randint(1, 28):02}",
    }
    if chance.random() < 0.5:
        found["shoe_size"] = chance.randint(36, 47)
    return found


def topics(chance: random.Random) -> list[str]:
    return [topic for topic, share in TOPICS if chance.random() < share]


def go_shopping(people: list[Subscriber], now: datetime, chance: random.Random) -> None:
    """Record some visits of each: most look, some buy, some leave a cart behind."""
    happened: list[IncomingEvent] = []
    for person in people:
        for _visit in range(chance.choices([0, 1, 3, 7], [30, 40, 20, 10])[0]):
            began = person.created_at + (now - person.created_at) * chance.random()
            happened += visit(person, began, chance)
    events.record(people[0].site, [event for event in happened if event.at <= now])


def visit(person: Subscriber, began: datetime, chance: random.Random) -> list[IncomingEvent]:
    """The events of one visit, in the order of their moments."""
    seen = chance.sample(GOODS, chance.randint(1, 4))
    shop = person.site.origins[0]
    steps: list[tuple[str, dict[str, Any]]] = [
        ("product_viewed", shown(good, shop)) for good in seen
    ]
    if chance.random() < 0.2:
        steps.append(("wishlist_added", shown(seen[0], shop)))
    if chance.random() < 0.35:
        bought = seen[: chance.randint(1, 2)]
        cart = {
            "items": [item(good, shop) for good in bought],
            "value": sum(good[3] for good in bought),
            "currency": "NOK",
        }
        steps.append(("cart_updated", cart))
        if chance.random() < 0.55:
            category = {"category": bought[0][2]}
            steps += [("checkout_started", category), ("purchase", cart | category)]
    moments = (began + timedelta(minutes=2 * at) for at in range(len(steps)))
    return [
        IncomingEvent(name, at.astimezone(UTC), event_number(), person.pk, "", properties)
        for at, (name, properties) in zip(moments, steps, strict=False)
    ]


def shown(good: tuple[str, str, str, int], shop: str) -> dict[str, Any]:
    product, name, category, price = good
    page = f"{shop}/{PAGES[category]}?product={product}"
    return {"product": product, "name": name, "category": category, "price": price, "url": page}


def item(good: tuple[str, str, str, int], shop: str) -> dict[str, Any]:
    return {**shown(good, shop), "quantity": 1}
