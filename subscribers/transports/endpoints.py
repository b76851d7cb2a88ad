"""Which addresses Beckon may send to. An endpoint comes from a stranger: hostile until checked.

The check is made when a subscription is stored and again before each request; the address that a
name resolves to is checked when the connection is opened (`client.py`).
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

MAX_URL = 2048
MAX_HOST = 240  # of 253 that DNS allows: a real push service's is far shorter
PUSH_HOSTS = frozenset({"fcm.googleapis.com", "android.googleapis.com", "jmt17.google.com"})
FCM_PATHS = re.compile("(/[a-z]+)?/((fcm|gcm)/send|wp)/")  # the first: /preprod
MOZILLA_SUFFIX = ".push.services.mozilla.com"
APPLE_SUFFIX = ".push.apple.com"
WNS_SUFFIX = ".notify.windows.com"
PUSH_SUFFIXES = (MOZILLA_SUFFIX, APPLE_SUFFIX, WNS_SUFFIX)
# Where apps' messages go: addresses of ours, never of a stranger's.
APP_ORIGINS = frozenset(
    {
        "https://fcm.googleapis.com",
        "https://api.push.apple.com",
        "https://api.sandbox.push.apple.com",
    }
)
REMOVED_HOST = "permanently-removed.invalid"
_DEFAULT_PORTS = {"https": 443, "http": 80}
_URL_CHARACTERS = re.compile(r"[!#-;=?-\[\]_a-z|~]*")
_START = re.compile(r"https?://[^/?]*", re.IGNORECASE | re.ASCII)
_FEW = 1024  # origins that are remembered; there are few, unless somebody makes them up
_LABEL_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")

_BLOCKED_V4 = (
    "0.0.0.0/8",  # this network
    "10.0.0.0/8",  # private
    "100.64.0.0/10",  # carrier-grade NAT, and some clouds' metadata
    "127.0.0.0/8",  # loopback
    "168.63.129.16/32",  # a cloud's host agent on a public number
    "169.254.0.0/16",  # link local, and most clouds' metadata
    "172.16.0.0/12",  # private
    "192.0.0.0/24",  # IETF protocol assignments
    "192.0.2.0/24",  # documentation
    "192.31.196.0/24",  # AS112
    "192.52.193.0/24",  # AMT
    "192.88.99.0/24",  # 6to4 relay
    "192.168.0.0/16",  # private
    "192.175.48.0/24",  # AS112
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, and broadcast
)
_BLOCKED_V6 = (
    # Everything below 2000::/3: unspecified, loopback, IPv4-compatible and -mapped, SIIT
    # (::ffff:0:0:0/96), NAT64 (64:ff9b::/96 and 64:ff9b:1::/48), discard-only (100::/64).
    "::/3",
    "2001::/23",  # IETF protocol assignments: Teredo, benchmarks, ORCHID
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4, which carries an IPv4 address
    "2620:4f:8000::/48",  # AS112
    "3fff::/20",  # documentation
    # Everything above 2000::/3: segment routing (5f00::/16), unique local (fc00::/7), link local
    # (fe80::/10), site local (fec0::/10), multicast (ff00::/8).
    "4000::/2",
    "8000::/1",
)
_V4_NETWORKS = tuple(ipaddress.IPv4Network(cidr) for cidr in _BLOCKED_V4)
_V6_NETWORKS = tuple(ipaddress.IPv6Network(cidr) for cidr in _BLOCKED_V6)


class EndpointRefused(ValueError):
    """An address that Beckon does not send to. `code` for machines, `sentence` for a developer.

    Codes: `length`, `characters`, `malformed`, `userinfo`, `fragment`, `scheme`, `host`, `port`,
    `path`, `removed`.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Origin(NamedTuple):
    """Where an endpoint is. `name`: `scheme://host[:port]` in lower case without a default port."""

    name: str
    host: str
    added: bool  # by the operator, so any address is allowed


def check_endpoint(url: str, *, extra_origins: frozenset[str]) -> str:
    """Return `url` with scheme and host in lower case and no default port.

    Raises `EndpointRefused`. `extra_origins` (`scheme://host[:port]`) are accepted beside the
    known push services, loopback and http included.
    """
    return examine_endpoint(url, extra_origins=extra_origins)[0]


def examine_endpoint(url: str, *, extra_origins: frozenset[str]) -> tuple[str, Origin]:
    """As `check_endpoint`, and where the endpoint is."""
    start, rest = _halves(url)
    origin = _known_origin(start, extra_origins)
    path, _, query = rest.partition("?")
    if len(path) < 2:
        raise EndpointRefused("path", "The endpoint has no path.")
    if not origin.added and origin.host in PUSH_HOSTS and not FCM_PATHS.match(path):
        # Google's other services live here too; they refuse everybody's key.
        raise EndpointRefused("path", "The endpoint is not one of Google's for web push.")
    return f"{origin.name}{path}?{query}" if query else f"{origin.name}{path}", origin


def examine_app_url(url: str, *, extra_origins: frozenset[str]) -> tuple[str, Origin]:
    """As `examine_endpoint`, of an address that our own key names: at Firebase's or Apple's service
    for apps, or at an origin of the operator's. Raises `EndpointRefused`.
    """
    start, _rest = _halves(url)
    return url, _app_origin(start, extra_origins)


def origin_of(url: str) -> str:
    """`scheme://host[:port]` in lower case without a default port: the VAPID `aud` (RFC 8292
    section 2). Raises `EndpointRefused` for what is not an http(s) address.
    """
    return _name_of(_halves(url)[0])


def blocked_address(ip: str) -> bool:
    """Whether connecting to this numeric address is forbidden, as is what is no address."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return True
    if isinstance(address, ipaddress.IPv4Address):
        return any(address in network for network in _V4_NETWORKS)
    return any(address in network for network in _V6_NETWORKS)


class _Parts(NamedTuple):
    scheme: str
    host: str
    port: int | None


def _halves(url: str) -> tuple[str, str]:
    """Scheme and authority, of which there are few; and path with query, one for each browser."""
    if len(url) > MAX_URL:
        raise EndpointRefused("length", f"The endpoint is longer than {MAX_URL} characters.")
    if not _URL_CHARACTERS.fullmatch(url):
        raise EndpointRefused(
            "characters", "The endpoint has characters that an address cannot have."
        )
    if "#" in url:
        raise EndpointRefused("fragment", "The endpoint has a fragment.")
    start = _START.match(url)
    # Without the start of an http(s) address, `_split` says what is wrong with the whole.
    return (url[: start.end()], url[start.end() :]) if start else (url, "")


@lru_cache(maxsize=_FEW)
def _known_origin(start: str, extra_origins: frozenset[str]) -> Origin:
    parts = _split(start)
    name = _origin(parts)
    added = name in _normal_origins(extra_origins)
    if not added:
        _check_public(parts)
    return Origin(name, parts.host, added)


@lru_cache(maxsize=_FEW)
def _app_origin(start: str, extra_origins: frozenset[str]) -> Origin:
    parts = _split(start)
    name = _origin(parts)
    added = name in _normal_origins(extra_origins)
    if not added and name not in APP_ORIGINS:
        raise EndpointRefused("host", "This is no service for apps that Beckon knows.")
    return Origin(name, parts.host, added)


@lru_cache(maxsize=_FEW)
def _name_of(start: str) -> str:
    return _origin(_split(start))


def _split(start: str) -> _Parts:
    try:
        parts = urlsplit(start)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise EndpointRefused("malformed", "The endpoint is not an address.") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise EndpointRefused("scheme", "The endpoint must begin with https://.")
    if "@" in parts.netloc:
        raise EndpointRefused("userinfo", "The endpoint has a user name or password.")
    if not host or parts.netloc.endswith(":") or port == 0:
        raise EndpointRefused("malformed", "The endpoint is not an address.")
    return _Parts(parts.scheme, host, port)


def _origin(parts: _Parts) -> str:
    host = f"[{parts.host}]" if ":" in parts.host else parts.host
    if parts.port in (None, _DEFAULT_PORTS[parts.scheme]):
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{parts.port}"


@lru_cache(maxsize=64)
def _normal_origins(origins: frozenset[str]) -> frozenset[str]:
    return frozenset(origin_of(origin) for origin in origins)


def _check_public(parts: _Parts) -> None:
    if parts.host == REMOVED_HOST:
        raise EndpointRefused("removed", "The browser says that this subscription has ended.")
    if parts.scheme != "https":
        raise EndpointRefused("scheme", "The endpoint must begin with https://.")
    if parts.port not in (None, 443):
        raise EndpointRefused("port", "The endpoint must use port 443.")
    if not _is_push_host(parts.host):
        raise EndpointRefused("host", "The endpoint is not at a push service that Beckon knows.")


def _is_push_host(host: str) -> bool:
    if host in PUSH_HOSTS:
        return True
    labels = host.split(".")
    if len(host) > MAX_HOST or (host.endswith(APPLE_SUFFIX) and labels[0] == "api"):
        # "api" takes native apps' messages, and refuses each of ours as if our key were wrong.
        return False
    return host.endswith(PUSH_SUFFIXES) and all(
        label and len(label) <= 63 and _LABEL_CHARACTERS.issuperset(label) for label in labels
    )
