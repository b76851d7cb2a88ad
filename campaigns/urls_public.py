"""What devices report to, and what pages and apps read a person's inbox from."""

from django.urls import path

from campaigns.views import events, inbox

app_name = "campaigns_public"
urlpatterns = [
    path("events/", events.events, name="events"),
    path("<str:site_key>/inbox/", inbox.items, name="inbox"),
    path("<str:site_key>/inbox/unread/", inbox.unread, name="inbox_unread"),
    path("<str:site_key>/inbox/read/", inbox.read, name="inbox_read"),
    path("<str:site_key>/inbox/<str:item_id>/", inbox.item, name="inbox_item"),
]
