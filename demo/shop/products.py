"""What the shop sells. Prices in whole Norwegian kroner."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Product:
    slug: str
    name: str
    price: int
    collection: str
    line: str
    story: str
    facts: tuple[str, ...]
    sizes: tuple[str, ...]
    before: int = 0
    """The price before it was reduced, 0 if it was not."""
    sold_out: bool = False

    @property
    def art(self) -> str:
        return f"/static/art/{self.slug}.svg"


COLLECTIONS = {
    "jackets": ("Jackets", "For rain that comes sideways, and for the long walk home."),
    "gloves": ("Gloves and hats", "Ten fingers and two ears. We keep count."),
    "ski-touring": ("Ski touring", "Up by your own legs, down by your own line."),
    "sleep": ("Sleep", "Warm nights under cold stars."),
}
CLOTHES = ("XS", "S", "M", "L", "XL")
PRODUCTS = (
    Product(
        "storfjell-parka",
        "Storfjell parka",
        3490,
        "jackets",
        "Down parka for the coldest weeks",
        "The parka we wear when the thermometer gives up. Responsibly sourced down, a hood that "
        "closes around the face, and pockets that take a thermos.",
        ("Down, 750 fill", "Comfortable to −28 °C", "1,240 g in size M", "Repaired for life"),
        CLOTHES,
    ),
    Product(
        "frost-mitt",
        "Frost Mitt",
        649,
        "gloves",
        "Knitted outside, fleece inside",
        "Selbu stars outside, soft fleece inside, and a cuff long enough to meet your sleeve. They "
        "dry overnight on the hook by the stove.",
        ("Norwegian wool", "Fleece lining", "Cuff of 8 cm", "Washable at 30°"),
        ("S", "M", "L"),
    ),
    Product(
        "tind-shell",
        "Tind shell",
        2290,
        "jackets",
        "Three-layer shell for wet snow",
        "A light shell that keeps the weather on its own side. Taped seams, long zips under the "
        "arms, and a hood that fits over a helmet.",
        ("Three layers, taped", "20,000 mm water column", "420 g in size M", "Helmet hood"),
        CLOTHES,
        before=2990,
    ),
    Product(
        "tarn-tent",
        "Tarn tent",
        4290,
        "sleep",
        "Room for three and a small stove",
        "One pole, ten pegs, four minutes. The Tarn stands in wind that moves cars, and has an "
        "opening for a stove pipe when you stay longer.",
        ("Three people", "3.1 kg with pegs", "Stove opening", "Four seasons"),
        ("One size",),
    ),
    Product(
        "hytte-sweater",
        "Hytte sweater",
        1290,
        "jackets",
        "The one for the cabin and the way there",
        "Knitted in one piece with a yoke from an old Hardanger pattern. It grows softer, and in "
        "twenty years somebody will ask to inherit it.",
        ("Pure new wool", "Knitted in Sogn", "No seams at the shoulder", "Repaired for life"),
        CLOTHES,
    ),
    Product(
        "skare-skis",
        "Skåre touring skis",
        5990,
        "ski-touring",
        "88 mm of patience uphill, joy downhill",
        "Ash core, steel edges, and just enough width for what the wind leaves behind. Bindings "
        "and skins are mounted before they leave us.",
        ("88 mm under the foot", "2.6 kg a pair", "Ash and poplar", "Skins included"),
        ("162", "170", "178", "186"),
    ),
    Product(
        "nordlys-bag",
        "Nordlys sleeping bag",
        2790,
        "sleep",
        "A warm tunnel with a view of the sky",
        "Synthetic filling that stays warm when damp, and a hood that leaves only your nose to "
        "the northern lights.",
        ("Comfortable to −12 °C", "1.6 kg", "Left or right zip", "Packs to 9 litres"),
        ("Regular", "Long"),
        sold_out=True,
    ),
    Product(
        "varde-beanie",
        "Varde beanie",
        349,
        "gloves",
        "Named after the cairns it looks like",
        "A thick double brim, a pompom that survives helmets, and a pattern by Grandmother Inga. "
        "She knitted the first one for the postman.",
        ("Merino wool", "Double brim", "One size fits most", "Washable at 30°"),
        ("One size",),
    ),
)
BY_SLUG = {product.slug: product for product in PRODUCTS}


def kroner(amount: int) -> str:
    """`kr 3,490`, with a space that does not break."""
    return f"kr\N{NO-BREAK SPACE}{amount:,}"
