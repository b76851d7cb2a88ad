"""The shop's pages: `string.Template` files, filled with what is escaped here."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

from demo.shop.products import COLLECTIONS, PRODUCTS, Product, kroner

FOLDER = Path(__file__).parent / "templates"
TEMPLATES = {path.stem: Template(path.read_text("utf-8")) for path in FOLDER.glob("*.html")}


def layout(title: str, body: str, *, beckon: str, site_key: str, hint: str, here: str = "") -> str:
    """A whole page. Without a site key it says in a line on top how to set one (`hint`)."""
    links = "".join(
        f'<a href="/{slug}"{_current(slug, here)}>{escape(name)}</a>'
        for slug, (name, _) in COLLECTIONS.items()
    )
    if site_key:
        snippet = TEMPLATES["snippet"].substitute(beckon=escape(beckon), key=escape(site_key))
        notice = ""
    else:
        snippet, notice = "", TEMPLATES["notice"].substitute(hint=escape(hint))
    return TEMPLATES["layout"].substitute(
        title=escape(title), body=body, links=links, snippet=snippet, notice=notice
    )


def _current(slug: str, here: str) -> str:
    return ' aria-current="page"' if slug == here else ""


def home() -> str:
    return TEMPLATES["home"].substitute(cards=_cards(PRODUCTS))


def collection(slug: str) -> str:
    name, line = COLLECTIONS[slug]
    chosen = [product for product in PRODUCTS if product.collection == slug]
    return TEMPLATES["collection"].substitute(
        name=escape(name), line=escape(line), cards=_cards(chosen), count=len(chosen)
    )


def product(item: Product) -> str:
    name, _ = COLLECTIONS[item.collection]
    others = [other for other in PRODUCTS if other.slug != item.slug][:4]
    return TEMPLATES["product"].substitute(
        slug=item.slug,
        name=escape(item.name),
        line=escape(item.line),
        story=escape(item.story),
        art=item.art,
        price=_price(item),
        amount=item.price,
        collection=escape(name),
        collection_slug=item.collection,
        facts="".join(f"<li>{escape(fact)}</li>" for fact in item.facts),
        sizes="".join(_size(size, first=not at) for at, size in enumerate(item.sizes)),
        action=TEMPLATES["sold_out" if item.sold_out else "buy"].substitute(slug=item.slug),
        cards=_cards(others),
    )


def page(name: str, **words: str) -> str:
    """A page with what is filled in, as HTML."""
    return TEMPLATES[name].substitute(words)


def _size(size: str, *, first: bool) -> str:
    checked = " checked" if first else ""
    return (
        f'<label><input type="radio" name="size" value="{escape(size)}"{checked}>'
        f"<span>{escape(size)}</span></label>"
    )


def _price(item: Product) -> str:
    now = f"<span>{kroner(item.price)}</span>"
    if not item.before:
        return now
    return f'<ins>{kroner(item.price)}</ins> <del aria-label="before">{kroner(item.before)}</del>'


def _cards(products: Iterable[Product]) -> str:
    return "".join(_card(item) for item in products)


def _card(item: Product) -> str:
    flag = ""
    if item.sold_out:
        flag = '<span class="flag">Sold out</span>'
    elif item.before:
        flag = (
            f'<span class="flag flag-less">−{round(100 - 100 * item.price / item.before)} %</span>'
        )
    return TEMPLATES["card"].substitute(
        slug=item.slug,
        name=escape(item.name),
        line=escape(item.line),
        art=item.art,
        price=_price(item),
        flag=flag,
    )
