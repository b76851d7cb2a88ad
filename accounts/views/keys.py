"""API keys of a site."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import api_keys, show_once
from accounts.access import SiteRequest, member
from accounts.forms import ApiKeyForm
from accounts.models import ApiKey, Role


@member(Role.ADMIN)
@never_cache
@require_http_methods(["GET", "POST"])
def keys(request: SiteRequest) -> HttpResponse:
    """The keys; a POST makes one, which the next page shows once."""
    form = ApiKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        name, scopes = form.cleaned_data["name"], form.cleaned_data["scopes"]
        expires = form.expires_at()
        _key, text = api_keys.create(request.site, name, scopes, request.user, expires)
        show_once.put(request, f"key:{request.site.pk}", text)
        return redirect("accounts:keys", request.site.pk)
    context = {
        "nav": "settings",
        "tab": "keys",
        "form": form,
        "keys": _with_words(request),
        "new_key": show_once.take(request, f"key:{request.site.pk}"),
    }
    return render(request, "accounts/keys.html", context)


def _with_words(request: SiteRequest) -> list[tuple[ApiKey, list[str]]]:
    """Each key, live ones first, with the words for its scopes."""
    found = ApiKey.objects.select_related("created_by").filter(site=request.site)
    return [
        (key, [str(ApiKey.Scope(scope).label) for scope in key.scopes])
        for key in sorted(found, key=lambda key: not key.live)
    ]


@member(Role.ADMIN)
@require_POST
def key_revoke(request: SiteRequest, key_id: int) -> HttpResponse:
    key = get_object_or_404(ApiKey.objects.select_related("site"), site=request.site, pk=key_id)
    if api_keys.revoke(key, by=request.user):
        messages.success(request, _("%(name)s is revoked.") % {"name": key.name})
    return redirect("accounts:keys", request.site.pk)
