"""/api/v1/lists/."""

from django.urls import URLPattern, URLResolver, path

from audiences import api_lists

app_name = "audiences_api"

LIST = "lists/<uuid:list_id>"

urlpatterns: list[URLPattern | URLResolver] = [
    path("lists/", api_lists.Lists.as_view(), name="lists"),
    path(f"{LIST}/", api_lists.List.as_view(), name="list"),
    path(f"{LIST}/uploads/", api_lists.ListUploads.as_view(), name="list_uploads"),
    path(
        f"{LIST}/uploads/<int:upload_id>/problems/",
        api_lists.ListProblems.as_view(),
        name="list_problems",
    ),
]
