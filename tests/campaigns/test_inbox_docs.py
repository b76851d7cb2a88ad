"""docs/inbox.md says what the widget takes, and its tokens are let in."""

import re
from pathlib import Path
from typing import Any

import pytest

from accounts import identity
from subscribers import limits, signed_identity
from tests.factories import make_site

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "inbox.md").read_text()
WIDGET = (ROOT / "static" / "push" / "inbox.js").read_text()


def test_every_setting_of_the_widget() -> None:
    settings = re.search(r"const conf = \{(.*?)\n  \};", WIDGET, re.DOTALL)
    assert settings
    known = set(re.findall(r"^ {4}(\w+):", settings[1], re.MULTILINE))
    assert set(re.findall(r"`data-(\w+)`", GUIDE)) == known | {"site", "identity"}
    for words in re.findall(r'^ {4}\w+: "(.*)",$', settings[1], re.MULTILINE):
        assert f"*{words}*" in GUIDE


def test_every_colour_of_the_widget() -> None:
    assert set(re.findall(r"--beckon-[\w-]+", GUIDE)) == set(re.findall(r"--beckon-[\w-]+", WIDGET))


def test_the_limit() -> None:
    assert f"more than {limits.PER_PERSON} requests of a person" in GUIDE


@pytest.mark.django_db
def test_the_python_of_the_guide() -> None:
    site = make_site()
    found = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    names: dict[str, Any] = {
        "SITE_KEY": site.key,
        "TOKEN_SECRET": identity.token_secret(site).decode(),
    }
    exec(found[1], names)  # noqa: S102 - our own
    assert signed_identity.read(site, names["inbox_token"]("kari")) == "kari"
