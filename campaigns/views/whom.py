"""The composer's second step: who gets it, in the same builder as named audiences."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import SiteRequest, member, require
from accounts.models import Role
from audiences import builder as building
from audiences.builder import Draft, Judgement
from audiences.builder.showing import picks
from audiences.forms import WhoForm
from audiences.rules import RuleError
from audiences.views.previews import figures
from campaigns import drafting
from campaigns.models import Campaign
from campaigns.readiness import Standing, Step
from campaigns.refusals import Refused
from campaigns.views.compose import campaign_of, onward, page, started


@member(Role.VIEWER)
@require_http_methods(["GET", "POST"])
def audience(request: SiteRequest, campaign_id: UUID) -> HttpResponse:
    """Who gets it. The buttons of the builder save nothing."""
    campaign = campaign_of(request.site, campaign_id)
    if request.method == "POST":
        require(request.role, Role.MARKETER)
    if elsewhere := started(request, campaign):
        return elsewhere
    standing = Standing(campaign)
    if request.method != "POST":
        draft = building.of_rule(standing.rule, picks=True)
        draft.everyone = draft.empty
        return _page(request, standing, draft, building.judge(draft, request.site))
    draft = building.read(request.POST)
    if "do" in request.POST:
        building.act(draft, request.POST["do"])
        return _page(request, standing, draft, building.judge(draft, request.site))
    judgement = building.judge(draft, request.site)
    form = WhoForm(request.POST)
    if form.is_valid() and judgement.valid and _saved(request, draft, judgement, form, campaign):
        return onward(request, campaign, Step.AUDIENCE)
    return _page(request, standing, draft, judgement, form)


def _saved(
    request: SiteRequest, draft: Draft, judgement: Judgement, form: WhoForm, campaign: Campaign
) -> bool:
    """Whether it could be kept; else the form says why."""
    if draft.empty and not draft.everyone:
        form.add_error("who", _("Add a condition, or choose everyone."))
        return False
    try:
        drafting.set_audience(campaign, judgement.rule.as_json(), by=request.user)
    except (Refused, RuleError) as refusal:
        form.add_error(None, refusal.sentence)
        return False
    return True


def _page(
    request: SiteRequest,
    standing: Standing,
    draft: Draft,
    judgement: Judgement,
    refused: WhoForm | None = None,
) -> HttpResponse:
    """With a form that was refused: nothing was saved, and the page says why."""
    checked = refused is not None or bool(request.POST.get("checked"))
    who = WhoForm.EVERYONE if draft.everyone else WhoForm.MATCHING
    # The figures are of the conditions on the page, whether they were saved or not.
    same = judgement.rule == standing.rule
    drawn = standing if same else Standing(standing.campaign, judgement.rule)
    context = {
        "who": refused or WhoForm(initial={"who": who}),
        "shown": building.show(draft, request.site, judgement, checked=checked),
        "picks": picks(draft, request.site),
        "checked": checked,
        "changed": request.method == "POST",
        **figures(judgement.rule, drawn.counted),
        "page": standing.campaign.pk,
    }
    return page(request, standing, Step.AUDIENCE, context)
