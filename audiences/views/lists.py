"""Lists of people: make one, upload files to it, look at what they did."""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SiteRequest, member
from accounts.models import Role
from audiences import lists, uploads
from audiences.forms_lists import NewListForm, UploadForm
from audiences.list_files import Refused
from audiences.lists import Actor
from audiences.models import ListUpload, StaticList

PAGE = 50
HISTORY = 20


def list_of(request: SiteRequest, list_id: UUID) -> StaticList:
    """A list of the site, else 404."""
    return get_object_or_404(
        StaticList.objects.select_related("site"), site=request.site, pk=list_id
    )


def upload_of(request: SiteRequest, list_id: UUID, upload_id: int) -> ListUpload:
    """An upload of a list of the site, else 404."""
    mine = ListUpload.objects.select_related("list__site")
    return get_object_or_404(mine, list__site=request.site, list=list_id, pk=upload_id)


@member(Role.VIEWER)
@require_GET
def index(request: SiteRequest) -> HttpResponse:
    """The lists by name."""
    page = Paginator(lists.of_site(request.site), PAGE).get_page(request.GET.get("page"))
    context = {"nav": "audiences", "page": page, "may_write": request.role.includes(Role.MARKETER)}
    return render(request, "audiences/lists.html", context)


@member(Role.MARKETER)
@require_http_methods(["GET", "POST"])
def new(request: SiteRequest) -> HttpResponse:
    """A list with its first file: both or, where the file is refused, neither."""
    form = NewListForm(
        request.POST or None, request.FILES or None, too_large=uploads.too_large(request)
    )
    if request.method == "POST" and form.is_valid():
        at = "name"
        try:
            with transaction.atomic():
                made = lists.create(request.site, form.cleaned_data["name"], by=Actor(request.user))
                at = "file"
                done = take(request, made, form, ListUpload.Mode.REPLACE, may_empty=False)
        except Refused as refusal:
            form.add_error(at, refusal.sentence)
        else:
            messages.success(request, summary(done))
            return redirect("audiences:list", request.site.pk, made.pk)
    return render(request, "audiences/list_new.html", {"nav": "audiences", "form": form})


@member(Role.VIEWER)
@require_GET
def detail(request: SiteRequest, list_id: UUID) -> HttpResponse:
    """A list: how large, what changed it, and by whom."""
    return page(request, list_of(request, list_id), UploadForm())


@member(Role.MARKETER)
@require_POST
def upload(request: SiteRequest, list_id: UUID) -> HttpResponse:
    """Change the list by a file."""
    static_list = list_of(request, list_id)
    form = UploadForm(request.POST, request.FILES, too_large=uploads.too_large(request))
    if form.is_valid():
        mode, may_empty = form.cleaned_data["mode"], form.cleaned_data["may_empty"]
        try:
            done = take(request, static_list, form, mode, may_empty=may_empty)
        except Refused as refusal:
            form.add_error("file", refusal.sentence)
        else:
            messages.success(request, summary(done))
            return redirect("audiences:list", request.site.pk, static_list.pk)
    return page(request, static_list, form)


def take(
    request: SiteRequest, static_list: StaticList, form: UploadForm, mode: str, *, may_empty: bool
) -> ListUpload:
    """Upload what a valid form holds."""
    fields = form.cleaned_data
    return lists.upload(
        static_list,
        fields["file"],
        mode=mode,
        names=fields["names"],
        by=Actor(request.user),
        file_name=fields["file"].name,
        column=fields["column"],
        may_empty=may_empty,
    )


def summary(done: ListUpload) -> str:
    """What a person is told at once."""
    return _("%(added)s added, %(removed)s removed.") % {
        "added": f"{done.added:,}",
        "removed": f"{done.removed:,}",
    }


def page(request: SiteRequest, static_list: StaticList, form: UploadForm) -> HttpResponse:
    history = Paginator(static_list.uploads.order_by("-pk"), HISTORY)
    shown = history.get_page(request.GET.get("page"))
    now = timezone.now()
    context: dict[str, Any] = {
        "nav": "audiences",
        "list": static_list,
        "form": form,
        "page": shown,
        "history": [(done, lists.has_report(done, now)) for done in shown],
        "last": static_list.uploads.order_by("-pk").first(),
        "size": lists.members(static_list).count(),
        "uses": lists.used_by(static_list).all,
        "may_write": request.role.includes(Role.MARKETER),
        "may_delete": request.role.includes(Role.ADMIN),
        "days": lists.KEEP_PROBLEMS.days,
    }
    return render(request, "audiences/list.html", context)


class Change(Protocol):
    def __call__(self) -> object: ...


def attempt(request: SiteRequest, act: Change, said: str) -> bool:
    """Do it, and tell how it went; whether it was done."""
    try:
        act()
    except Refused as refusal:
        messages.error(request, refusal.sentence)
        return False
    messages.success(request, said)
    return True


@member(Role.MARKETER)
@require_POST
def rename(request: SiteRequest, list_id: UUID) -> HttpResponse:
    static_list, name = list_of(request, list_id), request.POST.get("name", "")
    by = Actor(request.user)
    attempt(request, lambda: lists.rename(static_list, name, by=by), _("The list is renamed."))
    return redirect("audiences:list", request.site.pk, static_list.pk)


@member(Role.ADMIN)
@require_POST
def delete(request: SiteRequest, list_id: UUID) -> HttpResponse:
    static_list, by = list_of(request, list_id), Actor(request.user)
    if attempt(request, lambda: lists.delete(static_list, by=by), _("The list is deleted.")):
        return redirect("audiences:lists", request.site.pk)
    return redirect("audiences:list", request.site.pk, list_id)


@member(Role.MARKETER)
@require_POST
def restore(request: SiteRequest, list_id: UUID, upload_id: int) -> HttpResponse:
    """Go back to what the list was after an upload."""
    version, by = upload_of(request, list_id, upload_id), Actor(request.user)
    said = _("The list is as it was then.")
    attempt(request, lambda: lists.restore(version.list, version, by=by), said)
    return redirect("audiences:list", request.site.pk, list_id)


@member(Role.MARKETER)
@require_GET
def report(request: SiteRequest, list_id: UUID, upload_id: int) -> StreamingHttpResponse:
    """The rows of an upload that named nobody, as CSV."""
    done = upload_of(request, list_id, upload_id)
    name = f"{slugify(done.list.name) or 'list'}-report-{done.at:%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        lists.report(done),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
