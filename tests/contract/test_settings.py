"""Every setting that is read from the environment is in the operator's table, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
READ = re.compile(r"\b(?:port|number|flag|words|secret|origin|env\.str)\(\s*\"([A-Z_]+)\"")
ROW = re.compile(r"^\| `([A-Z_]+)` \|", re.MULTILINE)


def test_settings_and_their_table_agree() -> None:
    read = set(READ.findall((ROOT / "config" / "settings.py").read_text()))
    assert len(read) > 20
    assert set(ROW.findall((ROOT / "docs" / "operations.md").read_text())) == read
