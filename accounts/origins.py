"""Origins of a site: where its pages live, as browsers write them in `Origin` (RFC 6454)."""

import ipaddress
import re
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

_LABEL = re.compile(r"^(?!-)[a-z0-9_-]{1,63}(?<!-)$")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own (W3C Secure Contexts, 3.1)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_origin(text: str) -> str:
    """The origin as a browser sends it: lower case, punycode, no default port, no slash.

    ValidationError with a sentence unless the text is scheme, host and port and nothing else, with
    https, or http on this machine.
    """
    text = text.strip()
    host, port, scheme = _parts(text)
    if scheme == "http" and not is_loopback(host):
        raise ValidationError(
            _("Browsers allow notifications on https only. Write https://%(host)s."),
            params={"host": host},
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" + ("" if port in (None, _DEFAULT_PORTS[scheme]) else f":{port}")


def _parts(text: str) -> tuple[str, int | None, str]:
    """(host, port, scheme) of an origin, each checked."""
    try:
        parts = urlsplit(text)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise ValidationError(_not_an_origin()) from None
    if parts.scheme not in _DEFAULT_PORTS or not host or re.search(r"\s", text):
        raise ValidationError(_not_an_origin())
    if "@" in parts.netloc:
        raise ValidationError(_("An origin has no user name or password."))
    if parts.path.strip("/") or parts.query or parts.fragment or "?" in text or "#" in text:
        raise ValidationError(
            _("Leave out what follows the host: %(origin)s"),
            params={"origin": f"{parts.scheme}://{parts.netloc}"},
        )
    return _host(host), port, parts.scheme


def _host(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        ascii_host = host.encode("idna").decode()
    except UnicodeError:
        raise ValidationError(_not_an_origin()) from None
    if len(ascii_host) > 253 or not all(_LABEL.match(label) for label in ascii_host.split(".")):
        raise ValidationError(_not_an_origin())
    return ascii_host


def _not_an_origin() -> str:
    return _("This is not an origin. Write scheme and host, such as https://shop.example.")


def parse_origins(lines: list[str], *, most: int = 20) -> list[str]:
    """Each line as an origin, without repetitions. ValidationError names the line that is wrong."""
    origins: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            origin = parse_origin(line)
        except ValidationError as error:
            raise ValidationError(
                _("Line %(number)d, “%(line)s”: %(problem)s"),
                params={
                    "number": number,
                    "line": line.strip()[:80],
                    "problem": " ".join(error.messages),
                },
            ) from None
        if origin not in origins:
            origins.append(origin)
    if not origins:
        raise ValidationError(_("Name at least one origin, such as https://shop.example."))
    if len(origins) > most:
        raise ValidationError(_("At most %(most)d origins."), params={"most": most})
    return origins
