"""Every setting is documented, every hook in a template has a script that uses it."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READERS = r"(?:port|number|flag|words|secret|env\.str|env)\(\s*\"([A-Z][A-Z_]+)\""
# Bootstrap's own, and what only tests or style sheets look at.
NOT_OURS = {"data-bs-theme"}


def test_every_setting_is_in_the_operators_guide() -> None:
    names = set(re.findall(READERS, (ROOT / "config" / "settings.py").read_text()))
    guide = (ROOT / "docs" / "operations.md").read_text()
    assert names, "the pattern finds no settings any more"
    assert sorted(name for name in names if f"`{name}`" not in guide) == []


def test_every_data_hook_is_used() -> None:
    """A script or style sheet names the attribute, or a script its property of `dataset`."""
    code = "".join(
        path.read_text()
        for folder in ("static/js", "static/css", "static/push")
        for path in (ROOT / folder).rglob("*.*")
    )
    words = set(re.findall(r"[\w-]+", code))
    hooks = {
        hook
        for path in (ROOT / "templates").rglob("*.html")
        for hook in re.findall(r"[\s\"'](data-[a-z][a-z-]*[a-z])(?=[\s=>\"'{])", path.read_text())
    }
    unused = [hook for hook in hooks - NOT_OURS if not {hook, as_property(hook)} & words]
    assert sorted(unused) == []


def as_property(hook: str) -> str:
    """data-busy-words is dataset.busyWords."""
    first, *rest = hook.removeprefix("data-").split("-")
    return first + "".join(word.capitalize() for word in rest)
