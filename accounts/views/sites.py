"""Which site to work on, and a site's settings."""

from django.conf import settings as config
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import audit, identity, show_once
from accounts.access import SiteRequest, UserRequest, member
from accounts.forms import SiteSettingsForm
from accounts.models import Membership, Role, User


@require_safe
def home(request: UserRequest) -> HttpResponse:
    return redirect("accounts:sites")


@require_safe
def sites(request: UserRequest) -> HttpResponse:
    """The sites to choose from. With one it is chosen; with none an owner makes one."""
    memberships = list(
        Membership.objects.select_related("site").filter(user=request.user).order_by("site__name")
    )
    if len(memberships) == 1:
        return redirect("campaigns:overview", memberships[0].site_id)
    if not memberships and request.user.is_owner:
        return redirect("subscribers:site_new")
    return render(request, "accounts/sites.html", {"nav": "sites", "memberships": memberships})


@member(Role.ADMIN)
@never_cache
@require_http_methods(["GET", "POST"])
def settings(request: SiteRequest) -> HttpResponse:
    form = SiteSettingsForm(request.POST or None, instance=request.site)
    if request.method == "POST" and form.is_valid():
        if form.changed_data:
            _save(form, by=request.user)
        messages.success(request, _("The settings are saved."))
        return redirect("accounts:settings", request.site.pk)
    if form.errors:
        # The form wrote what was typed into the site, and the side column shows its name.
        request.site.refresh_from_db()
    secret = show_once.take(request, f"identity:{request.site.pk}")
    context = {
        "nav": "settings",
        "tab": "settings",
        "form": form,
        "identity_secret": secret,
        "token_secret": identity.token_secret(request.site).decode() if secret else "",
        "public_url": config.PUBLIC_URL,
    }
    return render(request, "accounts/settings.html", context)


def _save(form: SiteSettingsForm, *, by: User) -> None:
    with transaction.atomic():
        form.instance.save(update_fields=form.changed_data)
        audit.record("site.changed", site=form.instance, actor=by, fields=form.changed_data)


@member(Role.ADMIN)
@require_POST
def identity_rotate(request: SiteRequest) -> HttpResponse:
    """Make a new identity secret, shown once on the settings page."""
    secret = identity.rotate(request.site, by=request.user)
    show_once.put(request, f"identity:{request.site.pk}", secret)
    return redirect("accounts:settings", request.site.pk)
