"""Taking back "gone" for the devices that a campaign lost. POST only, safe to repeat."""

from __future__ import annotations

import re
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts import audit
from accounts.access import SiteRequest, member
from accounts.models import Role
from campaigns import jobs, restoring, starting
from campaigns.models import Run
from campaigns.views.compose import campaign_of

# More than a page may wait for.
AT_ONCE = 5_000
ORIGIN = re.compile(r"https?://[a-z0-9.\-]{1,200}(:[0-9]{1,5})?")


@member(Role.ADMIN)
@require_POST
def restore_gone(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Send again, in later campaigns, to the devices that this one marked gone; `origin`: of one
    push service only."""
    campaign = campaign_of(request.site, campaign_id)
    run, origin = starting.run_of(campaign), request.POST.get("origin", "")
    if origin and not ORIGIN.fullmatch(origin):
        raise Http404
    devices = restoring.lost(run, origin).count() if run else 0
    if run and devices:
        audit.record(
            "campaign.gone_restored",
            site=request.site,
            actor=request.user,
            target=campaign.name,
            devices=devices,
            push_service=origin or _("all"),
        )
        messages.success(request, _restore(request, run, origin, devices))
    else:
        text = _("There is nobody to restore: who was gone for 30 days or came back is left alone.")
        messages.error(request, text)
    return redirect("campaigns:report", campaign.site_id, campaign.pk)


def _restore(request: SiteRequest, run: Run, origin: str, devices: int) -> str:
    """Do it now, or have it done; what to say."""
    if devices > AT_ONCE:
        jobs.enqueue_restoring(run.pk, request.user.pk, origin)
        text = _("%(count)s devices are being restored. It takes a minute or two; look again.")
        return text % {"count": f"{devices:,}"}
    restored, _further = restoring.restore(run, request.user, origin, stop=lambda: False)
    text = ngettext(
        "%(count)s device is restored. The next campaign reaches it, unless it really is gone.",
        "%(count)s devices are restored. The next campaign reaches them, unless they really are"
        " gone.",
        restored,
    )
    return text % {"count": f"{restored:,}"}
