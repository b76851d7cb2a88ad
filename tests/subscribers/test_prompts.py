"""/sites/<id>/prompts/"""

import pytest

from accounts.models import AuditEvent, Site, User
from subscribers import prompting
from subscribers.models import Prompt
from tests.subscribers.browsers import Browser
from tests.subscribers.conftest import AsUser
from tests.subscribers.hostile import XSS, assert_harmless

WORDS = {
    "title": "Trail news first?",
    "body": "Two a week.",
    "yes": "Yes",
    "no": "No",
    "trigger": "delay",
    "after": "20",
    "color": "#2F4A42",
    "enabled": "on",
}


def url(site: Site) -> str:
    return f"/sites/{site.pk}/prompts/"


def test_saving_publishes_a_version(site: Site, adam: User, as_user: AsUser) -> None:
    client = as_user(adam)
    Browser(site).subscribe()
    page = client.post(url(site), WORDS, follow=True).content.decode()
    assert "Version 2 is what visitors see now." in page
    made = prompting.current(site)
    assert (made.version, made.title, made.trigger, made.after) == (2, WORDS["title"], "delay", 20)
    assert (made.created_by, made.enabled) == (adam, True)
    first = prompting.versions(site)[1]
    assert first.title == "Hear about news and offers first?"
    assert getattr(first, "said_yes", None) == 1
    assert AuditEvent.objects.get(action="prompt.changed").detail == {"version": 2}
    for text in ("after 20 seconds", "after the first click", "Publish version 3"):
        assert text in page


def test_the_same_words_are_no_new_version(site: Site, adam: User, as_user: AsUser) -> None:
    client = as_user(adam)
    client.post(url(site), WORDS)
    page = client.post(url(site), WORDS, follow=True).content.decode()
    assert "Nothing was changed." in page
    assert prompting.current(site).version == 2


def test_switched_off(site: Site, adam: User, as_user: AsUser) -> None:
    page = (
        as_user(adam)
        .post(url(site), {**WORDS, "enabled": "", "trigger": "views", "after": "3"}, follow=True)
        .content.decode()
    )
    assert "Not asking" in page
    assert not prompting.current(site).enabled


def test_a_click_needs_no_number(site: Site, adam: User, as_user: AsUser) -> None:
    as_user(adam).post(url(site), {**WORDS, "trigger": "click", "after": "9"})
    assert prompting.current(site).after == 0
    as_user(adam).post(url(site), {**WORDS, "trigger": "views", "after": "3"})
    assert "after 3 pages" in as_user(adam).get(url(site)).content.decode()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"title": ""}, "Write the question"),
        ({"title": "x" * 61}, "60"),
        ({"body": ""}, "Say what you will send"),
        ({"yes": ""}, "Write the words of the yes button"),
        ({"no": ""}, "Write the words of the no button"),
        ({"color": "#FFCC00"}, "Choose a darker one"),
        ({"color": "#767677"}, None),
        ({"color": "#777777"}, "a contrast of 4.4 : 1"),
        ({"color": "red"}, "Choose a colour such as"),
        ({"color": "#12345\n"}, "Choose a colour such as"),
        ({"after": "0"}, "from 1 to 600 seconds"),
        ({"after": ""}, "from 1 to 600 seconds"),
        ({"after": "601"}, "from 1 to 600 seconds"),
        ({"after": "-1"}, "0"),
        ({"trigger": "views", "after": "51"}, "from 1 to 50 page views"),
        ({"trigger": "load"}, "load"),
    ],
)
def test_what_is_refused(
    change: dict[str, str], sentence: str | None, site: Site, adam: User, as_user: AsUser
) -> None:
    response = as_user(adam).post(url(site), WORDS | change)
    if sentence is None:
        assert response.status_code == 302
        return
    assert response.status_code == 200
    page = response.content.decode()
    assert sentence in page
    # What was typed stays; what is live stays.
    assert "Two a week." in page or "body" in change
    assert prompting.current(site).version == 1


def test_a_marketer_looks(site: Site, bob: User, as_user: AsUser) -> None:
    page = as_user(bob).get(url(site)).content.decode()
    assert "An admin changes the prompt." in page
    assert '<fieldset class="prompt-fields" disabled>' in page
    assert "Publish version" not in page
    assert as_user(bob).post(url(site), WORDS).status_code == 403
    assert prompting.current(site).version == 1


def test_it_requires_access(site: Site, vera: User, charlie: User, as_user: AsUser) -> None:
    assert as_user(vera).get(url(site)).status_code == 403
    assert as_user(charlie).get(url(site)).status_code == 404


@pytest.mark.parametrize("text", XSS)
def test_hostile_words_are_only_words(text: str, site: Site, adam: User, as_user: AsUser) -> None:
    words = {"title": text[:60], "body": text[:160], "yes": text[:24], "no": text[:24]}
    assert_harmless(as_user(adam).post(url(site), WORDS | words, follow=True))
    assert_harmless(as_user(adam).post(url(site), WORDS | words | {"color": text}))


def test_a_site_that_has_none(site: Site, adam: User, as_user: AsUser) -> None:
    Prompt.objects.all().delete()
    assert "Publish version 1" in as_user(adam).get(url(site)).content.decode()
    as_user(adam).post(url(site), WORDS)
    assert prompting.current(site).version == 1


def test_contrast() -> None:
    assert prompting.contrast_with_white("#000000") == pytest.approx(21)
    assert prompting.contrast_with_white("#FFFFFF") == pytest.approx(1)
    assert prompting.contrast_with_white("#B4430E") == pytest.approx(5.6, abs=0.1)
