"""The frame around the pages: places by role, the current one marked, what the phone shows."""

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.template.loader import render_to_string

from accounts.models import Role

SITE = SimpleNamespace(id=uuid.UUID(int=1), name="Fjell & Fjord", initials="FF")
OTHER = SimpleNamespace(id=uuid.UUID(int=2), name="Kyst", initials="K")


def shell(**changes: Any) -> str:
    context = {
        "site": SITE,
        "sites": [SITE, OTHER],
        "role": Role.OWNER,
        "user": SimpleNamespace(initials="MK"),
        "nav": "people",
    }
    return render_to_string("shell.html", context | changes)


@pytest.mark.parametrize(
    ("role", "places"),
    [
        (Role.OWNER, {"prompts", "install", "settings"}),
        (Role.ADMIN, {"prompts", "install", "settings"}),
        (Role.MARKETER, {"prompts", "install"}),
        (Role.VIEWER, set()),
    ],
)
def test_places_by_role(role: Role, places: set[str]) -> None:
    html = shell(role=role)
    shown = {
        place
        for place in ("prompts", "install", "settings")
        if f"/sites/{SITE.id}/{place}/" in html
    }
    assert shown == places
    assert f"/sites/{SITE.id}/people/" in html


def test_current_place_is_marked_in_the_column_and_in_the_bar() -> None:
    html = shell()
    assert html.count('aria-current="page"') == 2
    people = f"/sites/{SITE.id}/people/"
    assert f'class="nav-item" href="{people}" aria-current="page"' in html


def test_more_is_current_for_what_it_holds() -> None:
    html = shell(nav="settings")
    assert 'data-dialog="more" aria-haspopup="dialog" aria-current="true"' in html


def test_other_sites_are_one_step_away() -> None:
    html = shell()
    assert f'href="/sites/{OTHER.id}/"' in html
    assert "Fjell &amp; Fjord" in html


def test_without_a_site_only_what_needs_none() -> None:
    html = shell(site=None, sites=[], role=None, nav="sites")
    assert "Your sites" in html
    assert "Campaigns" not in html
    assert html.count('aria-current="page"') == 2


def test_counts_beside_the_places() -> None:
    assert '<span class="nav-count">1,480</span>' in shell(nav_counts={"campaigns": 1_480})


def test_messages_of_success_are_toasts_and_errors_stay() -> None:
    messages = [
        SimpleNamespace(level=25, message="Saved."),
        SimpleNamespace(level=40, message="FCM refuses our key."),
        SimpleNamespace(level=30, message="Nobody yet."),
    ]
    html = shell(messages=messages)
    toasts = html[html.index('id="toasts"') :]
    assert "Saved." in toasts and "FCM" not in toasts
    assert "note-bad" in html and "note-warn" in html


def test_skip_link_is_first_and_leads_to_the_content() -> None:
    html = shell()
    assert html.index('class="skip-link" href="#content"') < html.index("<aside")
    assert '<main class="main" id="content" tabindex="-1">' in html
