"""One's own name, password and sessions."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import sessions
from accounts.access import UserRequest
from accounts.forms import ChangePasswordForm, ProfileForm
from accounts.models import Membership


def _page(
    request: UserRequest,
    *,
    name_form: ProfileForm | None = None,
    password_form: ChangePasswordForm | None = None,
) -> HttpResponse:
    context = {
        "nav": "profile",
        "name_form": name_form or ProfileForm(instance=request.user),
        "password_form": password_form or ChangePasswordForm(user=request.user),
        "memberships": Membership.objects.select_related("site")
        .filter(user=request.user)
        .order_by("site__name"),
    }
    return render(request, "accounts/profile.html", context)


@require_http_methods(["GET", "POST"])
def profile(request: UserRequest) -> HttpResponse:
    if request.method == "GET":
        return _page(request)
    form = ProfileForm(request.POST, instance=request.user)
    if not form.is_valid():
        return _page(request, name_form=form)
    request.user.save(update_fields=["name"])
    messages.success(request, _("Your name is saved."))
    return redirect("accounts:profile")


@sensitive_post_parameters("current", "password")
@require_http_methods(["GET", "POST"])
def password(request: UserRequest) -> HttpResponse:
    """Change one's own password; every other session ends."""
    if request.method == "GET":
        return redirect("accounts:profile")
    form = ChangePasswordForm(request.POST, user=request.user)
    if not form.is_valid():
        return _page(request, password_form=form)
    sessions.change_own_password(request, request.user, form.cleaned_data["password"])
    messages.success(request, _("Your password is changed. All your other sessions have ended."))
    return redirect("accounts:profile")


@require_POST
def signout_others(request: UserRequest) -> HttpResponse:
    sessions.sign_out_others(request, request.user)
    messages.success(request, _("All your other sessions have ended."))
    return redirect("accounts:profile")
