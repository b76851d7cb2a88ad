"""Addresses with gaps, and deep links: what is put in can't lead anybody elsewhere.

An address either begins with its scheme and whole host, written out: then what it becomes has the
same ones, whatever is put in, for that is percent-encoded. Or it begins with a variable that holds
an address (`{{ cart.first_item.url }}`): then it must lead to a host of the site's own, or to one
that its author wrote out in it.

A deep link may have a scheme of an app's own besides, which is written out.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

from accounts.models import Site
from campaigns.personal import scanning

# A scheme with a whole host: something follows that ends it, or nothing does.
_ANCHOR = re.compile(r"(https?)://([^/?#\s{}\\@]+)(?=[/?#])", re.IGNORECASE)
_BARE = re.compile(r"https?://[^/?#\s{}\\@]+", re.IGNORECASE)
_HOST = re.compile(r"([\w-]+\.)*[\w-]+(:[0-9]{1,5})?")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
# What runs code, reads what is on the device, or stands for any other link.
UNSAFE = frozenset(("javascript", "data", "file", "vbscript", "blob", "about", "content", "intent"))
_LOOSE = re.compile(r"[\s\x00-\x20\x7f\\]")


@lru_cache(maxsize=512)
def anchor(source: str) -> str:
    """Scheme and host with which an address with Liquid begins, lower case, such as
    "https://shop.example"; "" if something is put in before the host ends."""
    found = _ANCHOR.match(source)
    return found.group().lower() if found else ""


def begins_with_value(source: str) -> bool:
    """Whether nothing is written out before the first variable or tag."""
    return source.startswith(("{{", "{%"))


@lru_cache(maxsize=512)
def written_hosts(source: str) -> frozenset[str]:
    """Hosts that an author wrote out at the beginning of a stretch of text."""
    texts = (piece.text for piece in scanning.scan(source) if piece.kind == "text")
    found = (_ANCHOR.match(text) or _BARE.fullmatch(text) for text in texts)
    return frozenset(urlsplit(one.group()).netloc.lower() for one in found if one)


def own_hosts(site: Site) -> frozenset[str]:
    """Of the site's origins and of its default address, with their ports."""
    addresses = [*site.origins, site.default_url]
    return frozenset(filter(None, (urlsplit(one).netloc.lower() for one in addresses)))


def leads_to(url: str, hosts: frozenset[str]) -> bool:
    """Whether an address is http(s), and at one of these hosts or below one."""
    host = _host(url)
    return bool(host) and (host in hosts or any(host.endswith(f".{one}") for one in hosts))


def leads_anywhere(url: str) -> bool:
    """Whether it is the http(s) address of anything."""
    return bool(_host(url))


def _host(url: str) -> str:
    """Of an http(s) address, lower case with its port; "" for all else."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    host = parts.netloc.lower()
    if parts.scheme.lower() not in {"http", "https"} or _LOOSE.search(url):
        return ""
    return host if _HOST.fullmatch(host) else ""


def keeps(url: str, wanted: str) -> bool:
    """Whether an address still has the scheme and host of its anchor."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return f"{parts.scheme}://{parts.netloc}".lower() == wanted and not _LOOSE.search(url)


def filled(source: str, gap: str) -> str:
    """An address, or text, with something in place of each variable: all branches written out."""
    parts = scanning.scan(source)
    return "".join({"text": one.text, "output": gap, "tag": ""}[one.kind] for one in parts)


def scheme(url: str) -> str:
    """With which a link or a stretch of text begins, lower case; "" for none."""
    found = _SCHEME.match(url)
    return found.group(1).lower() if found else ""


def written_schemes(source: str) -> frozenset[str]:
    """Those that an author wrote out at the beginning of a stretch of text."""
    texts = (piece.text for piece in scanning.scan(source) if piece.kind == "text")
    return frozenset(filter(None, map(scheme, texts)))


def leads_into_app(url: str) -> bool:
    """Whether a link has a scheme of an app's own, and something after it."""
    own = scheme(url)
    known = {"", "http", "https"} | UNSAFE
    return own not in known and len(url) > len(own) + 1 and not _LOOSE.search(url)
