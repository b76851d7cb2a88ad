"""docs/personalisation.md names what there is."""

from pathlib import Path

import pytest
from django.conf import settings

from campaigns.personal import language, scanning
from campaigns.personal.choosing import PLATFORMS
from campaigns.personal.filters import SIGNATURES
from campaigns.personal.variables import VARIABLES

TEXT = (Path(settings.BASE_DIR) / "docs" / "personalisation.md").read_text()


@pytest.mark.parametrize("name", [one.name for one in VARIABLES])
def test_every_variable_is_documented(name: str) -> None:
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize("name", [*SIGNATURES, *PLATFORMS.values()])
def test_every_filter_and_platform_is_documented(name: str) -> None:
    assert f"`{name}`" in TEXT


def test_every_tag_is_documented() -> None:
    tags = [name for name in scanning.TAGS if not name.startswith("end")]
    assert all(f"`{name}`" in TEXT for name in tags)


def test_limits_are_as_documented() -> None:
    assert f"{scanning.MOST_SOURCE:,} characters" in TEXT
    assert f"{scanning.MOST_EXPRESSION} characters; {scanning.MOST_PIECES} pairs" in TEXT
    assert f"{scanning.DEEPEST} blocks" in TEXT
    assert f"{language.MOST_ITERATIONS} rounds" in TEXT
    assert f"{language.MOST_FILTERINGS} uses" in TEXT
