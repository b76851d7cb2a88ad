"""/api/v1/audiences/ and /api/v1/lists/."""

from django.urls import URLPattern, URLResolver, path

from audiences import api, api_lists

app_name = "audiences_api"

LIST = "lists/<uuid:list_id>"

AUDIENCE = "audiences/<uuid:audience_id>"

urlpatterns: list[URLPattern | URLResolver] = [
    path("audiences/", api.Audiences.as_view(), name="audiences"),
    path("audiences/fields/", api.AudienceFields.as_view(), name="fields"),
    path("audiences/preview/", api.AudiencePreview.as_view(), name="preview"),
    path("audiences/explain/", api.AudienceExplain.as_view(), name="explain"),
    path(f"{AUDIENCE}/", api.AudienceDetail.as_view(), name="audience"),
    path(f"{AUDIENCE}/members/", api.AudienceMembers.as_view(), name="members"),
    path("lists/", api_lists.Lists.as_view(), name="lists"),
    path(f"{LIST}/", api_lists.List.as_view(), name="list"),
    path(f"{LIST}/uploads/", api_lists.ListUploads.as_view(), name="list_uploads"),
    path(
        f"{LIST}/uploads/<int:upload_id>/problems/",
        api_lists.ListProblems.as_view(),
        name="list_problems",
    ),
]
