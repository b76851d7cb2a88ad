"""A new site."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import audit
from accounts.access import UserRequest
from accounts.forms import SiteForm
from subscribers.onboarding import create_site


@require_http_methods(["GET", "POST"])
def site_new(request: UserRequest) -> HttpResponse:
    """Make a site, then go on to installing the snippet."""
    if not request.user.is_owner:
        raise PermissionDenied(_("Only the owner of this installation makes sites."))
    form = SiteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        site = create_site(**form.cleaned_data, owner=request.user)
        audit.record("site.created", site=site, actor=request.user, target=site)
        messages.success(request, _("%(site)s is made. Now to its pages.") % {"site": site})
        return redirect("subscribers:install", site.pk)
    return render(request, "subscribers/site_new.html", {"nav": "sites", "form": form})
