"""Answers to what may not be, in the look; as JSON where programs ask."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

PROGRAMS = ("/api/", "/push/")


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403 with the sentence that PermissionDenied carries."""
    sentence = str(exception or "")
    if request.path.startswith(PROGRAMS):
        return JsonResponse({"detail": sentence or _("Not allowed.")}, status=403)
    return render(request, "403.html", {"exception": sentence}, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404; says nothing about whether the thing exists for others."""
    if request.path.startswith(PROGRAMS):
        return JsonResponse({"detail": _("Not found.")}, status=404)
    return render(request, "404.html", status=404)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without a valid token: most often a page that was open for too long."""
    return render(request, "403_csrf.html", status=403)
