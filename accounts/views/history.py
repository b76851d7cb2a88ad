"""What was done on a site, and by whom."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import audit
from accounts.access import SiteRequest, member
from accounts.models import Role

PAGE = 50


@member(Role.ADMIN)
@require_safe
def history(request: SiteRequest) -> HttpResponse:
    """The audit log, newest first; `action` filters."""
    action = request.GET.get("action", "").replace("\x00", "")
    events = audit.of_site(request.site)
    actions = audit.actions_of(request.site)
    shown = events.filter(action=action) if action else events
    context = {
        "nav": "settings",
        "tab": "history",
        "page": Paginator(shown, PAGE).get_page(request.GET.get("page")),
        "actions": [(name, audit.label(name)) for name in actions],
        "action": action,
        "action_label": audit.label(action) if action else "",
    }
    return render(request, "accounts/history.html", context)
