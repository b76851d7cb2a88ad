"""The site's VAPID key ring: look, replace, tidy up."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import SiteRequest, member
from accounts.models import Role
from subscribers import vapid
from subscribers.models import Credential


@member(Role.ADMIN)
@require_safe
def push_keys(request: SiteRequest) -> HttpResponse:
    """The keys, and how many devices have each."""
    ring = vapid.held(request.site)
    return render(
        request,
        "subscribers/push_keys.html",
        {
            "nav": "settings",
            "tab": "push_keys",
            "ring": ring,
            "current": ring[0],
            "waiting": sum(one.active for one in ring[1:]),
        },
    )


def _key(request: SiteRequest, vapid_id: int) -> Credential:
    return get_object_or_404(vapid.keys_of(request.site), pk=vapid_id)


@member(Role.ADMIN)
@require_POST
def push_key_replace(request: SiteRequest, vapid_id: int) -> HttpResponse:
    """Make a new key in the place of the current one. Pressed twice: one new key."""
    key = _key(request, vapid_id)
    try:
        vapid.rotate(request.site, replaces=key.pk, by=request.user)
        messages.success(request, _("New devices get the new key from now on."))
    except vapid.Refused as refusal:
        messages.error(request, refusal.sentence)
    return redirect("subscribers:push_keys", request.site.pk)


@member(Role.ADMIN)
@require_POST
def push_key_delete(request: SiteRequest, vapid_id: int) -> HttpResponse:
    """Remove a retired key that no device has."""
    try:
        vapid.delete(_key(request, vapid_id), by=request.user)
        messages.success(request, _("The key is deleted."))
    except vapid.Refused as refusal:
        messages.error(request, refusal.sentence)
    return redirect("subscribers:push_keys", request.site.pk)
