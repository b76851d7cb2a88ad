"""The OpenAPI document: one repair of what the libraries generate."""

from typing import Any


def nullable(result: Any, **_context: Any) -> Any:
    """Write DRF's page links as OpenAPI 3.1 does: `nullable` was 3.0's word for a null type."""
    if isinstance(result, dict):
        if result.pop("nullable", False):
            result["type"] = [result["type"], "null"]
        for value in result.values():
            nullable(value)
    elif isinstance(result, list):
        for value in result:
            nullable(value)
    return result
