"""What caches may keep."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts import api_keys
from accounts.models import Site, User

SignedIn = Callable[[User], Client]


@pytest.mark.parametrize("page", ["people/", "people/export/", "", "campaigns/", "history/"])
def test_pages_are_kept_nowhere(as_user: SignedIn, adam: User, site: Site, page: str) -> None:
    answer = as_user(adam).get(f"/sites/{site.pk}/{page}")
    assert answer.status_code == 200
    assert {"no-store", "private"} <= set(answer["Cache-Control"].split(", "))


def test_neither_are_answers_of_the_api(site: Site) -> None:
    _key, text = api_keys.create(site, "Shop", ["all"])
    answer = Client(headers={"Authorization": f"Bearer {text}"}).get("/api/v1/subscribers/")
    assert "no-store" in answer["Cache-Control"]


def test_what_is_public_says_how_long(site: Site) -> None:
    answer = Client().get(f"/push/{site.key}/config.json")
    assert answer["Cache-Control"] == "public, max-age=60"
    worker = Client().get("/static/push/sw.js")
    assert worker["Cache-Control"].startswith("max-age=")
    worker.close()
