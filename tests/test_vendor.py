"""What others wrote is unchanged, with its version and licence, and nothing is unlisted."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "static/vendor/manifest.json"
PACKAGES: list[dict[str, Any]] = json.loads(MANIFEST.read_text())["packages"]
FILES = {path: digest for package in PACKAGES for path, digest in package["files"].items()}


@pytest.mark.parametrize("path", sorted(FILES))
def test_file_is_as_published(path: str) -> None:
    assert hashlib.sha256((ROOT / path).read_bytes()).hexdigest() == FILES[path]


def test_nothing_unlisted() -> None:
    found = {
        str(path.relative_to(ROOT))
        for folder in ("static/vendor", "tests/vendor")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path != MANIFEST
    }
    assert found == set(FILES)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package["name"])
def test_version_and_licence(package: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
    assert package["licence"] in {"MIT", "0BSD", "ISC", "OFL-1.1", "MPL-2.0", "Apache-2.0"}
    assert any("LICENSE" in path for path in package["files"])


@pytest.mark.parametrize("path", [path for path in FILES if path.endswith((".js", ".css"))])
def test_no_source_map_that_is_not_here(path: str) -> None:
    assert "sourceMappingURL" not in (ROOT / path).read_text()
