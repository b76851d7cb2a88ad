"""Calling the campaigns of the REST API."""

from collections.abc import Callable
from typing import Any

from django.test import Client

from accounts import api_keys
from accounts.models import Site

URL = "/api/v1/campaigns/"
Call = Callable[..., Any]


def caller(site: Site, *scopes: str) -> Call:
    """A client with a key of the site: call(method, path after URL, body)."""
    _key, text = api_keys.create(site, "test", list(scopes or ("all",)), None, None)
    client = Client(headers={"authorization": f"Bearer {text}"})

    def call(method: str, path: str, body: Any = None) -> Any:
        return getattr(client, method)(URL + path, body, content_type="application/json")

    return call
