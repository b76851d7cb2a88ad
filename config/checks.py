"""System checks: settings that work but should not be used like that. Each has an id and a hint."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.http.request import validate_host

Apps = Sequence[AppConfig] | None

LEAST_KEY_LENGTH = 50
JSON_SERIALIZER = "rq.serializers.JSONSerializer"


@register(Tags.security)
def check_extra_push_origins(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Whoever answers at such an origin gets what we send, and we can be made to call it."""
    if not settings.EXTRA_PUSH_ORIGINS or settings.DEBUG:
        return []
    origins = ", ".join(sorted(settings.EXTRA_PUSH_ORIGINS))
    return [
        Warning(
            f"EXTRA_PUSH_ORIGINS lets messages go to {origins}, past the list of push services.",
            hint="Leave it empty unless you test with a push service of your own.",
            id="beckon.W001",
        )
    ]


@register(Tags.security)
def check_public_url(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Without https browsers offer no push, and passwords travel in the open."""
    url = urlsplit(settings.PUBLIC_URL)
    found: list[CheckMessage] = []
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        found.append(
            Warning(
                f"PUBLIC_URL {settings.PUBLIC_URL} is not https.",
                hint="Put a proxy with a certificate in front: browsers allow push on https alone.",
                id="beckon.W002",
            )
        )
    # As Django sees it: an IPv6 address keeps its brackets.
    host = url.netloc.rpartition("@")[2].removesuffix(f":{url.port}")
    if not validate_host(host, settings.ALLOWED_HOSTS):
        found.append(
            Error(
                f"ALLOWED_HOSTS does not hold {url.hostname}, the host of PUBLIC_URL.",
                hint="Add it, or leave ALLOWED_HOSTS unset.",
                id="beckon.E003",
            )
        )
    return found


@register(Tags.security)
def check_serializer(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """With pickles, whoever can write to Redis can run code here."""
    return [
        Error(
            f"The queue {name!r} does not use {JSON_SERIALIZER}.",
            hint="Set SERIALIZER in RQ_QUEUES.",
            id="beckon.E001",
        )
        for name, queue in settings.RQ_QUEUES.items()
        if queue.get("SERIALIZER") != JSON_SERIALIZER
    ]


@register(Tags.security)
def check_secret_key(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    if len(settings.SECRET_KEY) >= LEAST_KEY_LENGTH:
        return []
    return [
        Error(
            f"SECRET_KEY is shorter than {LEAST_KEY_LENGTH} characters.",
            hint="Use a long random one, or leave it to `make up`, which keeps one in VAR_DIR.",
            id="beckon.E002",
        )
    ]


@register(Tags.security)
def check_debug(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """The debug page shows settings and code to whoever can reach it."""
    if not settings.DEBUG or is_loopback(settings.BIND_ADDRESS):
        return []
    return [
        Warning(
            f"DEBUG is on, and {settings.BIND_ADDRESS} is reachable for others.",
            hint="Set DEBUG=false, or BIND_ADDRESS=127.0.0.1.",
            id="beckon.W003",
        )
    ]


def is_loopback(host: str) -> bool:
    """Whether only this machine itself reaches the host."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
