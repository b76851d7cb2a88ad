"""/api/v1/lists/: lists of people, and the files that change them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import IO, Any, TypeVar
from uuid import UUID

from django.core.files import File
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.json_bodies import TooLarge
from accounts.models import ApiKey, Site
from accounts.paging import CursorPages
from audiences import list_files, lists, uploads
from audiences.list_files import Refused
from audiences.lists import Actor
from audiences.models import ListProblem, ListUpload, StaticList

T = TypeVar("T")
PARAMETERS = ("mode", "names", "column", "may_empty", "file_name")
SCOPES = {
    "GET": "audiences:read",
    "POST": "audiences:write",
    "PATCH": "audiences:write",
    "DELETE": "audiences:write",
}


class Conflict(APIException):
    """The list is in use, or it is gone."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class StaticListSerializer(serializers.ModelSerializer[StaticList]):
    """People named one by one in uploaded files."""

    name = serializers.CharField(max_length=lists.LONGEST_NAME)
    members = serializers.SerializerMethodField(help_text="How many people are on it.")

    class Meta:
        model = StaticList
        fields = ("id", "name", "members", "created_at")
        read_only_fields = ("id", "created_at")

    def get_members(self, static_list: StaticList) -> int:
        known: int | None = vars(static_list).get("size")
        return lists.members(static_list).count() if known is None else known


class ListUploadSerializer(serializers.ModelSerializer[ListUpload]):
    """What a file did. rows = matched + unmatched + malformed + repeated."""

    by = serializers.CharField(source="by_name", read_only=True)

    class Meta:
        model = ListUpload
        fields = (
            *("id", "at", "by", "file_name", "mode", "names"),
            *("rows", "matched", "unmatched", "malformed", "repeated"),
            *("added", "removed", "members"),
        )
        read_only_fields = fields


class ListProblemSerializer(serializers.ModelSerializer[ListProblem]):
    """A row that named nobody. Kept for 30 days; an e-mail address is shown as "a…@…"."""

    why = serializers.SerializerMethodField()

    class Meta:
        model = ListProblem
        fields = ("line", "kind", "value", "why")
        read_only_fields = fields

    def get_why(self, problem: ListProblem) -> str:
        return lists.why(problem, self.context["names"])


class UploadParameters(serializers.Serializer[Any]):
    """How a file is to be read, and what is to become of the list by it."""

    mode = serializers.ChoiceField(choices=ListUpload.Mode.choices)
    names = serializers.ChoiceField(
        choices=ListUpload.Names.choices, default=ListUpload.Names.EXTERNAL_ID
    )
    column = serializers.CharField(default="", allow_blank=True, max_length=200)
    may_empty = serializers.BooleanField(default=False)
    file_name = serializers.CharField(default="", allow_blank=True, max_length=200)


class ListPages(CursorPages):
    """Newest first."""

    ordering = ("-created_at", "id")
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 500


class UploadPages(CursorPages):
    """Newest first."""

    ordering = ("-id",)
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 500


class ProblemPages(CursorPages):
    """By line."""

    ordering = ("line", "id")
    page_size = 500
    page_size_query_param = "page_size"
    max_page_size = 1_000


class CsvParser(BaseParser):
    """Any body but a form is the file: kept on disk before anything waits for it."""

    media_type = "*/*"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> DataAndFiles[Any, Any]:
        request = (parser_context or {})["request"]
        if uploads.too_large(request):
            raise TooLarge(list_files.too_large())
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the view closes it
        try:
            shutil.copyfileobj(stream, file)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return DataAndFiles({}, {"file": File(file, name="")})


def site_of(request: Request) -> Site:
    key = request.auth
    assert isinstance(key, ApiKey)  # noqa: S101 - HasScope let it in
    return key.site


def list_of(request: Request, list_id: UUID) -> StaticList:
    """A list of the key's site, else 404."""
    mine = StaticList.objects.filter(site=site_of(request)).select_related("site")
    return get_object_or_404(mine, pk=list_id)


def actor_of(request: Request) -> Actor:
    """Who acts, for the history and the audit log."""
    return Actor(name=f"API key {request.auth}")


def attempt(act: Callable[[], T], field: str) -> T:
    """Call the domain; its refusal becomes a 400 about a field."""
    try:
        return act()
    except Refused as refusal:
        raise ValidationError({field: [refusal.sentence]}) from refusal


def parameters(request: Request) -> dict[str, Any]:
    """What is said beside the file: in the address, or in the fields of a form."""
    said = request.query_params.dict()
    fields = request.data if isinstance(request.data, Mapping) else {}
    return said | {name: fields[name] for name in PARAMETERS if name in fields}


class Lists(GenericAPIView[StaticList]):
    required_scopes = SCOPES
    serializer_class = StaticListSerializer
    pagination_class = ListPages
    queryset = StaticList.objects.none()

    @extend_schema(operation_id="lists_list", responses=StaticListSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The site's lists, newest first."""
        page = self.paginate_queryset(lists.of_site(site_of(request)))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(operation_id="lists_create", responses={201: StaticListSerializer})
    def post(self, request: Request) -> Response:
        """An empty list. Upload a file to it."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        name, by = body.validated_data["name"], actor_of(request)
        made = attempt(lambda: lists.create(site_of(request), name, by=by), "name")
        return Response(self.get_serializer(made).data, status=status.HTTP_201_CREATED)


class List(GenericAPIView[StaticList]):
    required_scopes = SCOPES
    serializer_class = StaticListSerializer

    @extend_schema(operation_id="lists_retrieve")
    def get(self, request: Request, list_id: UUID) -> Response:
        """One list."""
        return Response(self.get_serializer(list_of(request, list_id)).data)

    @extend_schema(operation_id="lists_update")
    def patch(self, request: Request, list_id: UUID) -> Response:
        """Rename it."""
        static_list = list_of(request, list_id)
        body = self.get_serializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        name, by = body.validated_data.get("name", static_list.name), actor_of(request)
        if name != static_list.name:
            attempt(lambda: lists.rename(static_list, name, by=by), "name")
        return Response(self.get_serializer(static_list).data)

    @extend_schema(operation_id="lists_delete", responses={204: None})
    def delete(self, request: Request, list_id: UUID) -> Response:
        """Delete it with its history; 409 while an audience refers to it."""
        static_list = list_of(request, list_id)
        try:
            lists.delete(static_list, by=actor_of(request))
        except Refused as refusal:
            raise Conflict(refusal.sentence) from refusal
        return Response(status=status.HTTP_204_NO_CONTENT)


class ListUploads(GenericAPIView[ListUpload]):
    required_scopes = SCOPES
    serializer_class = ListUploadSerializer
    pagination_class = UploadPages
    parser_classes = (MultiPartParser, CsvParser)

    @extend_schema(operation_id="lists_uploads", responses=ListUploadSerializer(many=True))
    def get(self, request: Request, list_id: UUID) -> Response:
        """What changed the list, newest first."""
        page = self.paginate_queryset(list_of(request, list_id).uploads.all())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="lists_upload",
        parameters=[UploadParameters],
        request={
            "text/csv": OpenApiTypes.STR,
            "multipart/form-data": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}},
            },
        },
        responses={201: ListUploadSerializer},
    )
    def post(self, request: Request, list_id: UUID) -> Response:
        """Change the list by a CSV file in UTF-8: the body, or the field `file` of a form.

        All of it or nothing: 400 with a sentence for a file that can't be read, 413 for one that
        is too large.
        """
        static_list = list_of(request, list_id)
        if uploads.too_large(request):
            raise TooLarge(list_files.too_large())
        file = request.FILES.get("file")
        if file is None:
            said = _("Send the file as the body, or as the field “file” of a form.")
            raise ValidationError({"file": [said]})
        with closing(file):
            asked = UploadParameters(data=parameters(request))
            asked.is_valid(raise_exception=True)
            how = asked.validated_data
            how["file_name"] = how["file_name"] or getattr(file, "name", None) or ""
            by = actor_of(request)
            done = attempt(lambda: lists.upload(static_list, file, by=by, **how), "file")
        return Response(self.get_serializer(done).data, status=status.HTTP_201_CREATED)


class ListProblems(GenericAPIView[ListProblem]):
    required_scopes = SCOPES
    serializer_class = ListProblemSerializer
    pagination_class = ProblemPages

    @extend_schema(operation_id="lists_problems", responses=ListProblemSerializer(many=True))
    def get(self, request: Request, list_id: UUID, upload_id: int) -> Response:
        """The rows of an upload that named nobody, by line, for 30 days."""
        done = get_object_or_404(list_of(request, list_id).uploads, pk=upload_id)
        page = self.paginate_queryset(done.problems.all())
        shown = self.get_serializer(page, many=True, context={"names": done.names})
        return self.get_paginated_response(shown.data)
