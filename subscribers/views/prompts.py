"""The site's own question, in its words."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import SiteRequest, member, require
from accounts.models import Role
from subscribers import prompting
from subscribers.forms import PromptForm

MAX_VERSIONS = 30


@member(Role.MARKETER)
@require_http_methods(["GET", "POST"])
def prompts(request: SiteRequest) -> HttpResponse:
    """Edit with a preview. Saving publishes a new version."""
    newest = prompting.current(request.site)
    number = newest.version
    form = PromptForm(request.POST or None, instance=newest)
    if request.method == "POST":
        require(request.role, Role.ADMIN)
        if form.is_valid():
            made = prompting.publish(request.site, form.cleaned_data, by=request.user)
            messages.success(request, _published(made.version, before=number))
            return redirect("subscribers:prompts", request.site.pk)
    versions = list(prompting.versions(request.site)[:MAX_VERSIONS])
    context = {
        "nav": "prompts",
        "form": form,
        "live": versions[0] if versions else None,
        "versions": versions,
        "next": number + 1,
        "may_edit": request.role.includes(Role.ADMIN),
    }
    return render(request, "subscribers/prompts.html", context)


def _published(version: int, *, before: int) -> str:
    if version == before:
        return _("Nothing was changed.")
    return _("Version %(version)d is what visitors see now.") % {"version": version}
