"""Pictures of notifications, as any device fetches them."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from campaigns import pictures
from campaigns.models import Rendition

NAMES = frozenset((*pictures.MAIN.values(), "hero"))
HEADERS = {
    # A picture never changes: another file is another picture.
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Content-Disposition": "inline",
}


@login_not_required
@require_safe
def picture(request: HttpRequest, picture_id: UUID, file: str) -> HttpResponse:
    """One size of a picture; 404 for what there is not.

    Windows lays a picture out smaller than others do, and asks for it itself: so everybody's
    message can name the same address.
    """
    name, _dot, ending = file.partition(".")
    if name == "wide" and "Windows" in request.headers.get("User-Agent", ""):
        name = "hero"
    if name not in NAMES:
        raise Http404  # a NUL, say, is nothing that a database could look for
    found = Rendition.objects.filter(picture=picture_id, name=name).first()
    if found is None or pictures.ENDINGS.get(found.content_type) != ending:
        raise Http404
    etag = f'"{found.pk}"'
    if etag in request.headers.get("If-None-Match", ""):
        answer: HttpResponse = HttpResponseNotModified()
    else:
        answer = HttpResponse(bytes(found.data), content_type=found.content_type)
    for header, value in {**HEADERS, "ETag": etag}.items():
        answer.headers[header] = value
    patch_vary_headers(answer, ["User-Agent"])
    return answer
