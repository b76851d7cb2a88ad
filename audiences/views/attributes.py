"""What attributes people have, and of what kind they are."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import SiteRequest, member, require
from accounts.models import Role
from audiences import attributes
from audiences.attributes import Kind
from audiences.suggestions import covers_all


@member(Role.VIEWER)
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: SiteRequest) -> HttpResponse:
    """The attributes among the newest people; a POST says of what kind they are."""
    if request.method == "POST":
        require(request.role, Role.ADMIN)
        return _say(request)
    found = attributes.discover(request.site)
    context = {
        "nav": "audiences",
        "attributes": found,
        "kinds": Kind,
        "warnings": any(one.warning for one in found),
        "full": len(found) >= attributes.MOST,
        "all": covers_all(request.site, "attribute_text"),
        "looked_at": attributes.LOOKED_AT,
        "may_change": request.role.includes(Role.ADMIN),
    }
    return render(request, "audiences/attributes.html", context)


def _say(request: SiteRequest) -> HttpResponse:
    """Keep the kinds that were changed on the page: another admin's changes to others stay."""
    sent = (request.POST.getlist(name) for name in ("name", "was", "kind"))
    changed = {name: kind for name, was, kind in zip(*sent, strict=False) if kind != was}
    if any(not attributes.may_say(name, kind) for name, kind in changed.items()):
        messages.error(request, _("Nothing was changed: choose one of the kinds in the list."))
        return redirect("audiences:attributes", request.site.pk)
    for name, kind in changed.items():
        attributes.say(request.site, name, Kind(kind) if kind else None, request.user)
    if changed:
        messages.success(request, _("Kept. New conditions on these attributes follow their kind."))
    return redirect("audiences:attributes", request.site.pk)
