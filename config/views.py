"""The demo's two buttons. Both are 404 where `up` does not run the demo."""

import django_rq
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from rq.exceptions import DuplicateJobError

from accounts.access import SiteRequest, member
from accounts.models import Role, User
from config import sandbox


@require_POST
def demo_site(request: HttpRequest) -> HttpResponse:
    """Make the demo shop's site, with its snippet already in place."""
    if not settings.DEMO:
        raise Http404
    assert isinstance(request.user, User)  # noqa: S101 - LoginRequiredMiddleware
    if not request.user.is_owner:
        raise PermissionDenied(_("Only the owner of this installation can add sites."))
    site = sandbox.demo_site(request.user)
    messages.success(request, _("The demo shop now carries your snippet."))
    return redirect("subscribers:install", site.pk)


@member(Role.ADMIN)
@require_POST
def samples(request: SiteRequest) -> HttpResponse:
    """Add 10,000 sample subscribers with virtual devices; a job does it."""
    if not settings.DEMO:
        raise Http404
    site = request.site
    try:
        django_rq.get_queue("default").enqueue(
            sandbox.add_samples,
            str(site.pk),
            job_id=f"samples-{site.pk}",
            unique=True,
            result_ttl=0,
            failure_ttl=60,
        )
        messages.success(request, _("10,000 sample subscribers are on their way: half a minute."))
    except DuplicateJobError:
        messages.info(request, _("Sample subscribers are being added already."))
    return redirect("subscribers:people", site.pk)
