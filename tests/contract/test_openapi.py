"""docs/openapi.yaml is what the code says, and a valid OpenAPI document."""

from pathlib import Path

import yaml
from django.core.management import call_command
from openapi_spec_validator import validate

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"


def test_the_committed_schema_is_the_generated_one(tmp_path: Path) -> None:
    generated = tmp_path / "openapi.yaml"
    call_command("spectacular", "--file", str(generated), "--validate", "--fail-on-warn")
    assert COMMITTED.read_text() == generated.read_text(), (
        "The API changed. Run: python manage.py spectacular --file docs/openapi.yaml"
    )
    validate(yaml.safe_load(generated.read_text()))
