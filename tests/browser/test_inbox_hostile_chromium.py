"""What others have written into a page with a bell."""

import pytest
from playwright.sync_api import Route
from pytest_django.live_server_helper import LiveServer

from tests.browser.inbox import Bell
from tests.browser.test_inbox_chromium import bell, origin, page, site

__all__ = ["bell", "origin", "page", "site"]

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]

IMAGE = (
    '<img name="currentScript" data-identity="/account/token" src="https://evil.example/static/">'
)
RUN = """([image, script]) => new Promise((ended) => {
  document.body.innerHTML = image + "<beckon-inbox></beckon-inbox>";
  const made = document.createElement("script");
  made.src = script;
  made.onload = () => ended(document.currentScript.tagName);
  document.body.append(made);
})"""


def test_an_image_does_not_pass_for_the_script(bell: Bell, live_server: LiveServer) -> None:
    """An element of this name hides `document.currentScript`: the token would go where it says."""
    asked: list[str] = []

    def evil(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    bell.page.route("https://evil.example/**", evil)
    bell.page.goto(f"{bell.origin}/products.json")
    script = f"{live_server.url}/static/push/inbox.js"
    assert bell.page.evaluate(RUN, [IMAGE, script]) == "IMG"
    bell.page.wait_for_load_state("networkidle")
    assert bell.page.evaluate("customElements.get('beckon-inbox') === undefined")
    assert set(asked) <= {"https://evil.example/static/"}
