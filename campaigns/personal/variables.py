"""What texts can name: the person, the cart, what was looked at last, the coupon, the site."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Site
from audiences.attributes import LOOKED_AT
from audiences.models import AttributeType
from subscribers.models import EventName

VIEWED = "product_viewed"
LOOKED_AT_EVENTS = 1_000


@dataclass(frozen=True)
class Variable:
    """One that every site has, with what an example shows in its place."""

    name: str
    label: str | Promise
    example: object

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(self.name.split("."))


VARIABLES: tuple[Variable, ...] = (
    Variable("subscriber.first_name", _("First name"), "Kari"),
    Variable("subscriber.name", _("Name"), "Kari Nordmann"),
    Variable("subscriber.external_id", _("Your own id of the person"), "customer-7"),
    Variable("subscriber.tags", _("Tags"), ["vip", "skiing"]),
    Variable("subscriber.topics", _("Topics"), ["news"]),
    Variable("subscriber.language", _("Language of the device"), "nb"),
    Variable("subscriber.country", _("Country, by the device's time zone"), "Norway"),
    Variable("subscriber.time_zone", _("Time zone of the device"), "Europe/Oslo"),
    Variable("subscriber.created_at", _("When the person came"), "2026-03-14T09:26:00+01:00"),
    Variable("cart.value", _("Worth of the open cart"), 1298),
    Variable("cart.currency", _("Currency of the cart"), "NOK"),
    Variable("cart.count", _("How many things are in the cart"), 2),
    Variable("cart.items", _("What is in the cart, to go through"), []),
    Variable("cart.first_item.name", _("First thing in the cart"), "Frost Mitt"),
    Variable("cart.first_item.price", _("Its price"), 649),
    Variable("cart.first_item.url", _("Its page"), ""),
    Variable("cart.first_item.image", _("Its picture"), ""),
    Variable("cart.first_item.quantity", _("How many of it"), 2),
    Variable("cart.updated_at", _("When the cart last changed"), "2026-11-20T18:05:00+01:00"),
    Variable("product.name", _("Last product looked at"), "Dovre Down Jacket"),
    Variable("product.price", _("Its price"), 2499),
    Variable("product.url", _("Its page"), ""),
    Variable("product.image", _("Its picture"), ""),
    Variable("product.category", _("Its category"), "jackets"),
    Variable("product.currency", _("Its currency"), "NOK"),
    Variable("product.product", _("Your own id of the product"), "dovre-down"),
    Variable("coupon.code", _("Coupon: code"), "WINTER20"),
    Variable("coupon.percent", _("Coupon: percent off"), 20),
    Variable("coupon.amount", _("Coupon: amount off"), 100),
    Variable("coupon.expires_at", _("Coupon: valid until"), "2026-12-24T23:59:00+01:00"),
    Variable("site.name", _("Name of the site"), ""),
    Variable("site.url", _("Address of the site"), ""),
    Variable("site.language", _("Language of the site"), ""),
    Variable("campaign.name", _("Name of the campaign"), ""),
    Variable("campaign.variant", _("Letter of the variant"), "A"),
)
# What only the UTM parameters have besides.
UTM = ("variant", "language")
UTM_ROOTS = ("campaign", "site", *UTM)
ITEM = frozenset(("product", "name", "category", "quantity", "price", "url", "image"))
# These differ from person to person; all others are the same for one variant in one language.
PERSONAL = frozenset(("subscriber", "cart", "product"))
# Where a whole may be asked for ("{% if cart %}").
WHOLES = frozenset(("cart", "product", "coupon"))
# What Liquid itself knows of a list or a text.
OF_LISTS = frozenset(("size", "first", "last"))

FIELDS: dict[str, frozenset[str]] = {
    root: frozenset(one.path[1] for one in VARIABLES if one.path[0] == root)
    for root in sorted({one.path[0] for one in VARIABLES})
}


@dataclass(frozen=True)
class Known:
    """What a site has besides: attributes of people, and properties of viewed products."""

    attributes: frozenset[str] = frozenset()
    properties: frozenset[str] = frozenset()

    def fields(self, root: str) -> frozenset[str]:
        more = {"subscriber": self.attributes, "product": self.properties}
        return FIELDS[root] | more.get(root, frozenset())


# The newest people say it, and some events: what none of these has is mistyped, or was given up.
_ATTRIBUTES = """
SELECT DISTINCT key FROM (
    SELECT attributes FROM subscribers_subscriber
    WHERE site_id = %s ORDER BY created_at DESC, id LIMIT %s
) newest, jsonb_object_keys(attributes) AS key
"""
_PROPERTIES = """
SELECT DISTINCT key FROM (
    SELECT properties FROM subscribers_event WHERE name_id = %s LIMIT %s
) seen, jsonb_object_keys(CASE jsonb_typeof(properties) WHEN 'object' THEN properties END) AS key
"""


def known(site: Site) -> Known:
    """What texts of this site may name besides what all may: four statements."""
    said = AttributeType.objects.filter(site=site).values_list("name", flat=True)
    event = EventName.objects.filter(site=site, name=VIEWED).values_list("pk", flat=True).first()
    attributes = _keys(_ATTRIBUTES, [site.pk, LOOKED_AT])
    properties = _keys(_PROPERTIES, [event, LOOKED_AT_EVENTS]) if event else ()
    return Known(frozenset(attributes) | frozenset(said), frozenset(properties))


def _keys(statement: str, parameters: list[Any]) -> Collection[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [key for (key,) in cursor.fetchall()]
