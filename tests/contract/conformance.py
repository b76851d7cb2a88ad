"""Every answer of the REST API in the suite is checked against docs/openapi.yaml."""

import json
import re
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from rest_framework.request import Request
from rest_framework.response import Response


@cache
def document() -> dict[str, Any]:
    """The schema as the code says it; a test holds docs/openapi.yaml equal to it."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    plain: dict[str, Any] = json.loads(json.dumps(schema))
    return plain


@cache
def routes() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """An address that is written out comes before one that fits it with an id in its place."""
    paths = sorted(document()["paths"].items(), key=lambda found: found[0].count("{"))
    return [
        (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), operations) for path, operations in paths
    ]


def check(request: Request, response: Response) -> None:
    """AssertionError when an answer is not what the schema promises for its route and status."""
    operations = next((found for route, found in routes() if route.fullmatch(request.path)), None)
    assert operations is not None, f"{request.path} is not in the schema"
    operation = operations.get(str(request.method).lower())
    if operation is None or response.status_code >= 400:
        return  # errors have DRF's own shape, the same for all
    answers = operation["responses"]
    answered = f"{request.method} {request.path} answered {response.status_code}"
    assert str(response.status_code) in answers, f"{answered}, which is not in the schema"
    content = answers[str(response.status_code)].get("content", {}).get("application/json")
    if content is None:
        assert not response.data
        return
    schema = {**content["schema"], "components": document()["components"]}
    body = json.loads(response.rendered_content)
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(body)
