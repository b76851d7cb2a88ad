"""GET /push/{site_key}/config.json"""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from subscribers import vapid
from subscribers.models import Installation, Prompt
from tests.factories import make_site
from tests.subscribers.browsers import ORIGIN, answer

pytestmark = pytest.mark.django_db


def test_it_works(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    site = make_site(icon_url="https://shop.example/icon.png", language="nb")
    url = f"/push/{site.key}/config.json"
    # The site with its keys; the note; the prompt.
    with django_assert_num_queries(3):
        response = Client().get(url, headers={"Origin": ORIGIN})
    prompt = Prompt.objects.get()
    assert answer(response) == {
        "site": "Fjell & Fjord",
        "icon": "https://shop.example/icon.png",
        "key": vapid.public_text(vapid.current(site)),
        "language": "nb",
        "prompt": {
            "version": 1,
            "title": prompt.title,
            "body": prompt.body,
            "yes": prompt.yes,
            "no": prompt.no,
            "trigger": "click",
            "after": 0,
            "color": "#B4430E",
        },
    }
    assert response["Cache-Control"] == "public, max-age=60"
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    assert "Origin" in response["Vary"]


def test_the_newest_prompt_counts() -> None:
    site = make_site()
    newer = Prompt.objects.get()
    newer.pk, newer.version, newer.title = None, 2, "New words"
    newer.save()
    url = f"/push/{site.key}/config.json"
    assert answer(Client().get(url))["prompt"]["title"] == "New words"
    Prompt.objects.filter(version=2).update(enabled=False)
    assert answer(Client().get(url))["prompt"] is None


def test_the_snippet_is_seen() -> None:
    site = make_site()
    url = f"/push/{site.key}/config.json"
    Client().get(url)
    assert Installation.objects.get().snippet_seen_at is None
    Client().get(url, headers={"Origin": ORIGIN, "Referer": f"{ORIGIN}/down?q=1"})
    seen = Installation.objects.get()
    assert seen.snippet_page == f"{ORIGIN}/down"
    Client().get(url, headers={"Origin": ORIGIN})
    assert Installation.objects.get().snippet_seen_at == seen.snippet_seen_at
    Installation.objects.update(snippet_seen_at=timezone.now() - timedelta(minutes=2))
    Client().get(url, headers={"Origin": ORIGIN})
    assert Installation.objects.get().snippet_page == f"{ORIGIN}/"


def test_a_page_on_beckons_own_origin_names_itself() -> None:
    site = make_site()
    Client().get(f"/push/{site.key}/config.json", headers={"Referer": f"{ORIGIN}/x"})
    assert Installation.objects.get().snippet_page == f"{ORIGIN}/x"


def test_foreign_origin() -> None:
    site = make_site()
    response = Client().get(
        f"/push/{site.key}/config.json", headers={"Origin": "https://evil.example"}
    )
    assert response.status_code == 403
    assert response["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in response
    seen = Installation.objects.get()
    assert (seen.foreign_origin, seen.snippet_seen_at) == ("https://evil.example", None)


def test_unknown_site_and_method() -> None:
    site = make_site()
    assert Client().get("/push/nobody/config.json").status_code == 404
    assert Client().post(f"/push/{site.key}/config.json").status_code == 405
