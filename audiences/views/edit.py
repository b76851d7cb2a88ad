"""A named audience: its name and its rule, written in the builder or sent as JSON."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import SiteRequest, member, require
from accounts.models import Role
from audiences import builder as building
from audiences import ready, rules, saving
from audiences.builder import Draft, Judgement
from audiences.builder.judging import locate
from audiences.builder.tree import as_json
from audiences.models import Audience
from audiences.rules import EVERYONE, RuleError
from audiences.saving import Outdated, Refused


@member(Role.VIEWER)
@require_http_methods(["GET", "POST"])
def edit(request: SiteRequest, audience_id: UUID) -> HttpResponse:
    """The audience in the builder; a POST saves it, or does what a button of the builder asks."""
    named = Audience.objects.exclude(name="").select_related("site")
    audience = get_object_or_404(named, pk=audience_id, site=request.site)
    if request.method == "POST":
        require(request.role, Role.MARKETER)
        return _post(request, audience)
    return _page(request, audience, building.of_rule(rules.parse(audience.rule)))


@member(Role.MARKETER)
@require_http_methods(["GET", "POST"])
def new(request: SiteRequest) -> HttpResponse:
    """A new one: empty, or ?ready=key begins with a ready-made one."""
    audience = Audience(site=request.site)
    if request.method == "POST":
        return _post(request, audience)
    draft = Draft()
    if begun := ready.find(request.site, request.GET.get("ready", "")):
        audience.name, draft = begun.name, building.of_rule(rules.parse(begun.rule))
    return _page(request, audience, draft)


@member(Role.VIEWER)
@require_POST
def builder(request: SiteRequest) -> HttpResponse:
    """The builder as it is after an action; with `live`, only what it says in words."""
    draft = building.read(request.POST)
    if "do" in request.POST:
        building.act(draft, request.POST["do"])
    judgement = building.judge(draft, request.site, saving=_edited(request))
    page = request.POST.get("page", "")[:40]
    if request.POST.get("live"):
        said = {"shown": building.say(request.site, judgement), "page": page}
        return render(request, "audiences/builder_said.html", said)
    checked = bool(request.POST.get("checked"))
    shown = building.show(draft, request.site, judgement, checked=checked)
    context = {"shown": shown, "checked": checked, "may_write": True, "page": page}
    return render(request, "audiences/builder_tree.html", context)


def _edited(request: SiteRequest) -> Audience | None:
    """The audience that is being written, which must not lead to itself."""
    try:
        pk = UUID(request.POST.get("audience", ""))
    except ValueError:
        return None
    return Audience.objects.filter(pk=pk, site=request.site).first()


def _post(request: SiteRequest, audience: Audience) -> HttpResponse:
    if request.content_type == "application/json":
        return _post_json(request, audience)
    draft = building.read(request.POST)
    if "do" in request.POST:
        building.act(draft, request.POST["do"])
        return _page(request, audience, draft)
    judgement = building.judge(draft, request.site, saving=audience)
    if not judgement.valid:
        return _page(request, audience, draft, judgement)
    try:
        saved = _save(
            request,
            audience,
            request.POST.get("name", ""),
            judgement.rule.as_json(),
            _number(request.POST.get("revision")),
        )
    except Refused as refusal:
        return _page(request, audience, draft, judgement, refusal=refusal)
    except RuleError as error:
        _json, places = as_json(draft)
        problem = locate(draft, places, error)
        refused = Judgement(judgement.rule, (problem,), judgement.places)
        return _page(request, audience, draft, refused)
    messages.success(request, _("Saved."))
    return redirect("audiences:edit", request.site.pk, saved.pk)


def _save(
    request: SiteRequest, audience: Audience, name: Any, rule: Any, revision: int | None
) -> Audience:
    if audience._state.adding:
        return saving.create(request.site, name, rule, by=request.user)
    return saving.update(audience, name=name, rule=rule, revision=revision, by=request.user)


def _number(text: Any) -> int | None:
    """0 for what is no number: no audience has that revision, so nothing is overwritten."""
    if text is None:
        return None
    return int(text) if str(text).isascii() and str(text).isdecimal() and len(str(text)) < 10 else 0


def _post_json(request: SiteRequest, audience: Audience) -> JsonResponse:
    """{"name", "rule", "revision"} gives {"id", "revision"}, or 400 or 409 with {"errors"}."""
    try:
        sent = json.loads(request.body)
    except (ValueError, RecursionError):
        return _errors("", _("The body is no JSON."))
    if not isinstance(sent, dict) or not isinstance(sent.get("name", ""), str):
        return _errors("name", _("The body must be an object with a name and a rule."))
    name = sent.get("name", audience.name)
    try:
        saved = _save(request, audience, name, sent.get("rule"), _number(sent.get("revision")))
    except RuleError as error:
        return _errors(error.path, error.sentence)
    except Refused as refusal:
        status = 409 if isinstance(refusal, Outdated) else 400
        return _errors(refusal.field, refusal.sentence, status)
    return JsonResponse({"id": str(saved.pk), "revision": saved.revision})


def _errors(path: str, sentence: str, status: int = 400) -> JsonResponse:
    return JsonResponse({"errors": [{"path": path, "message": sentence}]}, status=status)


def _page(
    request: SiteRequest,
    audience: Audience,
    draft: Draft,
    judgement: Judgement | None = None,
    *,
    refusal: Refused | None = None,
) -> HttpResponse:
    """With a judgement or a refusal: nothing was saved, and the page says why."""
    posted = request.POST if request.method == "POST" else None
    checked = judgement is not None or bool(posted and posted.get("checked"))
    adding = audience._state.adding
    if judgement is None:
        judgement = building.judge(draft, request.site, saving=audience)
    name = posted.get("name", "") if posted is not None else audience.name
    context = {
        "nav": "audiences",
        "audience": None if adding else audience,
        "name": name,
        "revision": posted.get("revision", "") if posted is not None else audience.revision,
        "shown": building.show(draft, request.site, judgement, checked=checked),
        "checked": checked,
        "refusal": refusal,
        "outdated": isinstance(refusal, Outdated),
        "uses": None if adding else saving.used_by(audience),
        "everyone": judgement.rule is EVERYONE,
        "changed": posted is not None,
        "may_write": request.role.includes(Role.MARKETER),
        "page": audience.pk,
    }
    return render(request, "audiences/edit.html", context)
