"""Who works on a site."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import members as domain
from accounts import onboarding, show_once
from accounts.access import SiteRequest, member
from accounts.forms import InviteForm
from accounts.forms.team import ROLE_MEANINGS
from accounts.models import Invitation, Membership, Role


@member(Role.ADMIN)
@never_cache
@require_http_methods(["GET", "POST"])
def members(request: SiteRequest) -> HttpResponse:
    """Members and open invitations; a POST invites."""
    roles = domain.assignable(request.role)
    form = InviteForm(request.POST or None, roles=roles)
    if request.method == "POST" and form.is_valid():
        email, role = form.cleaned_data["email"], Role(form.cleaned_data["role"])
        try:
            path = domain.invite(request.site, email, role, by=request.user)
        except ValidationError as error:
            form.add_error("email", error)
        else:
            return _show_link(request, path, email)
    context = {
        "nav": "settings",
        "tab": "members",
        "form": form,
        "meanings": [(role.label, words) for role, words in ROLE_MEANINGS.items()],
        "rows": _rows(request, roles),
        "invitations": Invitation.objects.open().filter(site=request.site).order_by("-created_at"),
        "link": show_once.take(request, f"link:{request.site.pk}"),
        "link_for": request.session.pop("link_for", ""),
        "public_url": settings.PUBLIC_URL,
    }
    return render(request, "accounts/members.html", context)


def _rows(request: SiteRequest, roles: list[Role]) -> list[dict[str, object]]:
    """Each member with what the viewer may do to them."""
    found = list(Membership.objects.select_related("user").filter(site=request.site))
    found.sort(key=lambda one: (-Role(one.role).rank, str(one.user).lower()))
    owners = sum(one.role == Role.OWNER for one in found)
    return [
        {
            "membership": one,
            "role": Role(one.role),
            "own": one.user == request.user,
            "only_owner": one.role == Role.OWNER and owners == 1,
            "choices": roles if one.role in roles else [],
            "may_link": request.user.is_owner and one.user != request.user,
        }
        for one in found
    ]


def _show_link(request: SiteRequest, path: str, email: str) -> HttpResponse:
    show_once.put(request, f"link:{request.site.pk}", settings.PUBLIC_URL + path)
    request.session["link_for"] = email
    return redirect("accounts:members", request.site.pk)


@member(Role.ADMIN)
@require_POST
def member_role(request: SiteRequest, member_id: int) -> HttpResponse:
    """Give a member another role."""
    role = request.POST.get("role")
    if role not in Role.values:
        raise Http404
    try:
        changed = domain.change_role(request.site, member_id, Role(role), by=request.user)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        text = _("%(name)s is %(role)s now.")
        messages.success(request, text % {"name": changed.user, "role": Role(changed.role).label})
    return redirect("accounts:members", request.site.pk)


@member(Role.VIEWER)
@require_POST
def member_remove(request: SiteRequest, member_id: int) -> HttpResponse:
    """Remove a member; everybody may remove themselves."""
    try:
        gone = domain.remove(request.site, member_id, by=request.user)
    except ValidationError as error:
        messages.error(request, error.messages[0])
        own = not request.role.includes(Role.ADMIN)
    else:
        own = gone.user == request.user
        text = _("You have left %(site)s.") if own else _("%(name)s is no longer a member.")
        messages.success(request, text % {"name": gone.user, "site": request.site})
    return redirect("accounts:profile") if own else redirect("accounts:members", request.site.pk)


@member(Role.ADMIN)
@require_POST
def member_link(request: SiteRequest, member_id: int) -> HttpResponse:
    """A one-time link for a member who forgot the password."""
    if not request.user.is_owner:
        # Who sets a password takes the account over, on every site that it is a member of.
        raise PermissionDenied(_("Only the owner of this installation can do this."))
    chosen = get_object_or_404(
        Membership.objects.select_related("user"), site=request.site, pk=member_id
    )
    path = onboarding.password_link(chosen.user, by=request.user)
    return _show_link(request, path, chosen.user.email)


@member(Role.ADMIN)
@require_POST
def invitation_revoke(request: SiteRequest, invitation_id: int) -> HttpResponse:
    domain.revoke_invitation(request.site, invitation_id, by=request.user)
    messages.success(request, _("The invitation is withdrawn."))
    return redirect("accounts:members", request.site.pk)
