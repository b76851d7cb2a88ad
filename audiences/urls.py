"""Pages of audiences and lists."""

from django.urls import URLPattern, URLResolver, path

from audiences.views import attributes, edit, listing, lists, people, previews, ready, suggestions

app_name = "audiences"

SITE = "sites/<uuid:site_id>/audiences"
LIST = f"{SITE}/lists/<uuid:list_id>"
UPLOAD = f"{LIST}/uploads/<int:upload_id>"
AUDIENCE = f"{SITE}/<uuid:audience_id>"

urlpatterns: list[URLPattern | URLResolver] = [
    # The list of audiences is "index"; "list" is a static list.
    path(f"{SITE}/", listing.index, name="index"),
    path(f"{AUDIENCE}/duplicate/", listing.duplicate, name="duplicate"),
    path(f"{AUDIENCE}/delete/", listing.delete, name="delete"),
    path(f"{SITE}/ready/", ready.take, name="ready"),
    path(f"{SITE}/ready/cards/", ready.cards, name="ready_cards"),
    path(f"{SITE}/ready/count/", ready.count, name="ready_count"),
    path(f"{SITE}/attributes/", attributes.index, name="attributes"),
    path(f"{SITE}/suggestions/", suggestions.index, name="suggestions"),
    path(f"{SITE}/lists/", lists.index, name="lists"),
    path(f"{SITE}/lists/new/", lists.new, name="list_new"),
    path(f"{LIST}/", lists.detail, name="list"),
    path(f"{LIST}/uploads/", lists.upload, name="list_upload"),
    path(f"{LIST}/rename/", lists.rename, name="list_rename"),
    path(f"{LIST}/delete/", lists.delete, name="list_delete"),
    path(f"{UPLOAD}/restore/", lists.restore, name="list_restore"),
    path(f"{UPLOAD}/report.csv", lists.report, name="list_report"),
    path(f"{SITE}/preview/count/", previews.count, name="preview_count"),
    path(f"{SITE}/preview/alone/", previews.alone, name="preview_alone"),
    path(f"{SITE}/preview/sample/", previews.sample, name="preview_sample"),
    path(f"{SITE}/preview/overlap/", previews.compare, name="preview_overlap"),
    path(f"{SITE}/preview/explain/", previews.explain, name="preview_explain"),
    path(f"{SITE}/<uuid:audience_id>/sizes/", people.size, name="sizes"),
    path(f"{SITE}/<uuid:audience_id>/export/", people.export, name="export"),
    path(f"{SITE}/of/<uuid:subscriber_id>/", people.of_person, name="of_person"),
    path(f"{SITE}/new/", edit.new, name="new"),
    path(f"{SITE}/builder/", edit.builder, name="builder"),
    path(f"{SITE}/<uuid:audience_id>/", edit.edit, name="edit"),
]
