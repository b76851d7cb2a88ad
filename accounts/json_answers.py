"""JSON answers of the REST API, whatever they say again of what was asked."""

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import JSONRenderer


class _Escaping(JSONRenderer):
    ensure_ascii = True


class SafeJSONRenderer(JSONRenderer):
    """Also for half of a surrogate pair, which JSON can carry and UTF-8 can't: it is escaped."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        try:
            made: bytes = super().render(data, accepted_media_type, renderer_context)
        except UnicodeEncodeError:
            made = _Escaping().render(data, accepted_media_type, renderer_context)
        return made
