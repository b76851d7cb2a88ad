"""/api/v1/saved-messages/ and /api/v1/pictures/: what campaigns begin with, and what they show."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any
from uuid import UUID

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.json_bodies import TooLarge
from accounts.paging import CursorPages
from campaigns import drafting, imaging, library, pictures
from campaigns.api.calls import attempt, maker_of, name_of, site_of
from campaigns.api.shapes import CampaignSerializer, refuse_unknown
from campaigns.models import Picture, SavedMessage

SCOPES = {
    "GET": "campaigns:read",
    "POST": "campaigns:write",
    "PATCH": "campaigns:write",
    "DELETE": "campaigns:write",
}


class SavedMessageSerializer(serializers.ModelSerializer[SavedMessage]):
    """A message of the library."""

    content = serializers.DictField(
        help_text="Fields of a message as a campaign has them: title, body, url, image, ..."
    )
    name = serializers.CharField(max_length=library.LONGEST_NAME, help_text="Once in a site.")

    class Meta:
        model = SavedMessage
        fields = ("id", "name", "content", "created_at", "updated_at")
        read_only_fields = ("id", "created_at", "updated_at")

    def validate_content(self, value: dict[str, Any]) -> dict[str, Any]:
        if unknown := set(value) - set(drafting.CONTENT):
            raise ValidationError(f"Not a field of a message: {', '.join(sorted(unknown))}.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        refuse_unknown(self)
        return attrs


class PictureSerializer(serializers.ModelSerializer[Picture]):
    """An uploaded picture. `url` is what a message names."""

    url = serializers.SerializerMethodField()
    width = serializers.SerializerMethodField()
    height = serializers.SerializerMethodField()
    bytes = serializers.SerializerMethodField()

    class Meta:
        model = Picture
        fields = ("id", "kind", "name", "url", "width", "height", "bytes", "created_at")
        read_only_fields = fields

    def told(self, picture: Picture) -> pictures.Facts:
        known: dict[UUID, pictures.Facts] = self.context["facts"]
        return known[picture.pk]

    @extend_schema_field(OpenApiTypes.URI)
    def get_url(self, picture: Picture) -> str:
        return self.told(picture).url

    def get_width(self, picture: Picture) -> int:
        return self.told(picture).width

    def get_height(self, picture: Picture) -> int:
        return self.told(picture).height

    def get_bytes(self, picture: Picture) -> int:
        return self.told(picture).bytes


class SavedMessagePages(CursorPages):
    ordering = ("name", "id")
    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"


class PicturePages(CursorPages):
    ordering = ("-created_at", "id")
    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"


class SavedMessages(GenericAPIView[SavedMessage]):
    required_scopes = SCOPES
    serializer_class = SavedMessageSerializer
    pagination_class = SavedMessagePages

    def get_queryset(self) -> QuerySet[SavedMessage]:
        if getattr(self, "swagger_fake_view", False):
            return SavedMessage.objects.none()
        return library.of_site(site_of(self.request))

    @extend_schema(operation_id="saved_messages_list", responses=SavedMessageSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The site's saved messages, by name."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(operation_id="saved_messages_create", responses={201: SavedMessageSerializer})
    def post(self, request: Request) -> Response:
        """Keep a message under a name."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        fields = body.validated_data
        name, contents, by_name = fields["name"], fields["content"], name_of(request)
        saved = attempt(library.save, site_of(request), name, contents, by_name=by_name)
        return Response(self.get_serializer(saved).data, status=status.HTTP_201_CREATED)


def saved_of(request: Request, saved_id: int) -> SavedMessage:
    """A saved message of the key's site, else 404."""
    return get_object_or_404(library.of_site(site_of(request)), pk=saved_id)


class SavedMessageDetail(GenericAPIView[SavedMessage]):
    required_scopes = SCOPES
    serializer_class = SavedMessageSerializer

    @extend_schema(operation_id="saved_messages_retrieve")
    def get(self, request: Request, saved_id: int) -> Response:
        """One saved message."""
        return Response(self.get_serializer(saved_of(request, saved_id)).data)

    @extend_schema(operation_id="saved_messages_update")
    def patch(self, request: Request, saved_id: int) -> Response:
        """Rename it, or say something else: `content` takes the place of all that it said."""
        saved = saved_of(request, saved_id)
        body = self.get_serializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        fields = body.validated_data
        name, contents, by_name = fields.get("name"), fields.get("content"), name_of(request)
        attempt(library.change, saved, name=name, contents=contents, by_name=by_name)
        return Response(self.get_serializer(saved).data)

    @extend_schema(operation_id="saved_messages_delete", responses={204: None})
    def delete(self, request: Request, saved_id: int) -> Response:
        """Delete it. Campaigns that began with it stay as they are."""
        library.delete(saved_of(request, saved_id), by_name=name_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class SavedMessageCampaigns(GenericAPIView[SavedMessage]):
    required_scopes = SCOPES
    serializer_class = CampaignSerializer

    @extend_schema(
        operation_id="saved_messages_start", request=None, responses={201: CampaignSerializer}
    )
    def post(self, request: Request, saved_id: int) -> Response:
        """A new draft that says the same. Nothing is sent before it is started."""
        saved = saved_of(request, saved_id)
        wrote = [saved.created_by, maker_of(request)]
        campaign = attempt(library.start, site_of(request), saved.name, saved.content, wrote=wrote)
        return Response(CampaignSerializer(campaign).data, status=status.HTTP_201_CREATED)


class FileParser(BaseParser):
    """Any body but a form is the file."""

    media_type = "*/*"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> DataAndFiles[Any, Any]:
        data = stream.read(imaging.MOST_BYTES + 1)
        return DataAndFiles({}, {"file": BytesIO(data)})


class PictureParameters(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Picture.Kind.choices, default=Picture.Kind.IMAGE)
    name = serializers.CharField(default="", allow_blank=True, max_length=pictures.LONGEST_NAME)


def told(found: list[Picture]) -> dict[str, Any]:
    return {"facts": pictures.facts(found)}


class Pictures(GenericAPIView[Picture]):
    required_scopes = SCOPES
    serializer_class = PictureSerializer
    pagination_class = PicturePages
    parser_classes = (MultiPartParser, FileParser)
    queryset = Picture.objects.none()

    @extend_schema(operation_id="pictures_list", responses=PictureSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The site's pictures, newest first."""
        page = self.paginate_queryset(pictures.of_site(site_of(request))) or []
        rows = PictureSerializer(page, many=True, context=told(page))
        return self.get_paginated_response(rows.data)

    @extend_schema(
        operation_id="pictures_create",
        parameters=[PictureParameters],
        request={
            "image/*": OpenApiTypes.BINARY,
            "multipart/form-data": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}},
            },
        },
        responses={201: PictureSerializer},
    )
    def post(self, request: Request) -> Response:
        """Upload a PNG, JPEG, WebP or GIF of at most 10 MB: the body, or a form's field `file`.

        It is encoded anew in the sizes that devices show. The same file is kept once.
        """
        file = request.FILES.get("file")
        if file is None:
            raise ValidationError({"file": ["Send the picture as the body, or as “file”."]})
        asked = PictureParameters(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        name = given["name"] or getattr(file, "name", None) or ""
        try:
            picture = pictures.store(
                site_of(request), file, kind=given["kind"], name=name, by_name=name_of(request)
            )
        except DjangoValidationError as error:
            if error.messages == [pictures.too_large()]:
                raise TooLarge(error.messages[0]) from error
            raise ValidationError(error.message_dict) from error
        shown = PictureSerializer(picture, context=told([picture]))
        return Response(shown.data, status=status.HTTP_201_CREATED)


class PictureDetail(GenericAPIView[Picture]):
    required_scopes = SCOPES
    serializer_class = PictureSerializer

    @extend_schema(operation_id="pictures_retrieve")
    def get(self, request: Request, picture_id: UUID) -> Response:
        """One picture."""
        picture = get_object_or_404(pictures.of_site(site_of(request)), pk=picture_id)
        return Response(PictureSerializer(picture, context=told([picture])).data)

    @extend_schema(operation_id="pictures_delete", responses={204: None})
    def delete(self, request: Request, picture_id: UUID) -> Response:
        """Delete one that no message names; 409 for any other, also of the past."""
        mine = pictures.of_site(site_of(request)).select_related("site")
        picture = get_object_or_404(mine, pk=picture_id)
        attempt(pictures.delete, picture, by_name=name_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
