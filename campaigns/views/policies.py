"""The settings page of what holds for all campaigns of a site."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import SiteRequest, member
from accounts.models import Role
from audiences import suggestions
from campaigns import policies
from campaigns.forms.policies import PoliciesForm, cap_forms


@member(Role.ADMIN)
@require_http_methods(["GET", "POST"])
def index(request: SiteRequest) -> HttpResponse:
    """Quiet hours, caps, the gap between messages, approvals."""
    data = request.POST if request.method == "POST" else None
    form = PoliciesForm(policies.of(request.site), data)
    caps = cap_forms(policies.caps_of(request.site), data)
    in_caps: list[str] = []
    if data is not None and form.is_valid() and caps.is_valid():
        limits = [row.limit for row in caps if row.limit]
        try:
            policies.change(request.site, form.fields_of_policy(), limits, by=request.user)
        except ValidationError as error:
            in_caps = form.refuse(error)
        else:
            messages.success(request, _("The policies are saved. They hold from now on."))
            return redirect("campaigns:policies", request.site.pk)
    in_caps += caps.non_form_errors() if data is not None else []
    context = {
        "nav": "settings",
        "tab": "policies",
        "form": form,
        "caps": caps,
        "in_caps": in_caps,
        "topics": suggestions.values(request.site, "topic"),
    }
    return render(request, "campaigns/policies.html", context)
