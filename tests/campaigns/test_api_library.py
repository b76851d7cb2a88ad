"""/api/v1/saved-messages/ and /api/v1/pictures/."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts import api_keys
from accounts.models import AuditEvent, Role, Site
from campaigns import approvals, imaging, pictures
from campaigns.models import Campaign, Picture, SavedMessage
from tests.campaigns.picturing import picture_file, upload
from tests.factories import make_campaign, make_member, make_site

SAVED, PICTURES = "/api/v1/saved-messages/", "/api/v1/pictures/"
GLOVES = {"title": "Warm hands", "url": "https://shop.example/gloves", "ttl": 60}

Call = Callable[..., Any]


def calls(site: Site) -> Call:
    """A caller with a key of a site, in JSON unless it is told otherwise."""
    _key, text = api_keys.create(site, "Shop", ["campaigns:read", "campaigns:write"])
    client = Client(headers={"Authorization": f"Bearer {text}"})

    def call(method: str, path: str, data: Any = "", **how: Any) -> Any:
        how.setdefault("content_type", "application/json")
        return getattr(client, method)(path, data, **how)

    return call


@pytest.fixture
def call(site: Site) -> Call:
    return calls(site)


def saved(site: Site, name: str = "Gloves") -> SavedMessage:
    return SavedMessage.objects.create(site=site, name=name, content=GLOVES)


def test_a_message_is_saved_and_read(site: Site, call: Call) -> None:
    made = call("post", SAVED, {"name": "Gloves", "content": GLOVES})
    assert made.status_code == 201
    row = SavedMessage.objects.get()
    assert made.json()["content"] == row.content == GLOVES
    one = call("get", f"{SAVED}{row.pk}/")
    assert one.json() == made.json()
    listed = call("get", SAVED).json()
    assert [found["name"] for found in listed["results"]] == ["Gloves"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"content": GLOVES}, "name"),
        ({"name": " ", "content": GLOVES}, "name"),
        ({"name": "Taken", "content": GLOVES}, "name"),
        ({"name": "Mitts"}, "content"),
        ({"name": "Mitts", "content": {}}, "title"),
        ({"name": "Mitts", "content": {"title": "a\u202eb"}}, "title"),
        ({"name": "Mitts", "content": {"title": "A", "url": "javascript:x"}}, "url"),
        ({"name": "Mitts", "content": {"title": "A", "audience": {}}}, "content"),
        ({"name": "Mitts", "content": GLOVES, "site": 1}, "site"),
    ],
)
def test_what_is_wrong_is_said_by_field(
    site: Site, call: Call, body: dict[str, Any], field: str
) -> None:
    saved(site, "Taken")
    answer = call("post", SAVED, body)
    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert SavedMessage.objects.count() == 1


def test_a_saved_message_is_changed_and_deleted(site: Site, call: Call) -> None:
    row = saved(site)
    assert call("patch", f"{SAVED}{row.pk}/", {"name": "Mitts"}).json()["content"] == GLOVES
    changed = call("patch", f"{SAVED}{row.pk}/", {"content": {"body": "Only this"}})
    assert (changed.json()["name"], changed.json()["content"]) == ("Mitts", {"body": "Only this"})
    assert call("delete", f"{SAVED}{row.pk}/").status_code == 204
    assert call("get", f"{SAVED}{row.pk}/").status_code == 404


def test_a_campaign_begins_with_it(site: Site, call: Call) -> None:
    answer = call("post", f"{SAVED}{saved(site).pk}/campaigns/")
    assert answer.status_code == 201
    assert answer.json()["id"] == str(Campaign.objects.get().pk)
    assert (answer.json()["name"], answer.json()["title"]) == ("Gloves", "Warm hands")


def test_another_sites_are_not_there(site: Site, call: Call) -> None:
    row = saved(make_site())
    for method, end in (("get", ""), ("patch", ""), ("delete", ""), ("post", "campaigns/")):
        assert call(method, f"{SAVED}{row.pk}/{end}", {}).status_code == 404


# Pictures


def test_a_picture_is_the_body_or_the_file_of_a_form(site: Site, call: Call) -> None:
    made = call("post", f"{PICTURES}?kind=icon&name=G", picture_file(), content_type="image/png")
    assert made.status_code == 201, made.content
    told = made.json()
    assert (told["kind"], told["name"], told["width"], told["height"]) == ("icon", "G", 192, 192)
    assert told["url"].endswith(f"/pictures/{told['id']}/icon.png")
    shown = Client().get(told["url"].removeprefix(settings.PUBLIC_URL))
    assert (shown.status_code, len(shown.content)) == (200, told["bytes"])
    assert call("get", f"{PICTURES}{told['id']}/").json() == told
    assert [one["id"] for one in call("get", PICTURES).json()["results"]] == [told["id"]]


def test_a_form_may_hold_the_picture(site: Site) -> None:
    _key, text = api_keys.create(site, "Shop", ["campaigns:write"])
    client = Client(headers={"Authorization": f"Bearer {text}"})
    made = client.post(PICTURES, {"file": upload()})
    assert (made.status_code, made.json()["name"]) == (201, "gloves.png")
    large = SimpleUploadedFile("a.png", b"a" * (imaging.MOST_BYTES + 1))
    assert client.post(PICTURES, {"file": large}).status_code == 413
    assert "file" in client.post(PICTURES, {"other": "x"}).json()


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (PICTURES, b"<svg/>", "file"),
        (PICTURES, b"", "file"),
        (f"{PICTURES}?kind=poster", picture_file(), "kind"),
    ],
    ids=["svg", "nothing", "unknown kind"],
)
def test_what_is_no_picture_is_refused(call: Call, path: str, body: bytes, field: str) -> None:
    answer = call("post", path, body, content_type="application/octet-stream")
    assert (answer.status_code, list(answer.json())) == (400, [field])


def test_only_what_no_message_names_is_deleted(site: Site, call: Call) -> None:
    made = call("post", PICTURES, picture_file(), content_type="image/png").json()
    campaign = make_campaign(site, message={"image": made["url"]})
    refused = call("delete", f"{PICTURES}{made['id']}/")
    assert refused.status_code == 409
    assert "A message uses this picture" in refused.json()["detail"]
    campaign.delete()
    assert call("delete", f"{PICTURES}{made['id']}/").status_code == 204
    assert not Picture.objects.exists()


def test_another_sites_pictures_are_not_there(site: Site, call: Call) -> None:
    theirs = calls(make_site())("post", PICTURES, picture_file(), content_type="image/png").json()
    for method in ("get", "delete"):
        assert call(method, f"{PICTURES}{theirs['id']}/").status_code == 404
    assert call("get", PICTURES).json()["results"] == []
    assert pictures.of_site(site).count() == 0


def test_who_wrote_it_and_who_made_the_key_do_not_approve_it(site: Site) -> None:
    maker = make_member(site, Role.MARKETER, "maker@example.com")
    writer = make_member(site, Role.MARKETER, "writer@example.com")
    _key, text = api_keys.create(site, "Shop", ["campaigns:write"], maker)
    client = Client(headers={"Authorization": f"Bearer {text}"})
    row = SavedMessage.objects.create(site=site, name="A", content=GLOVES, created_by=writer)
    assert client.post(f"{SAVED}{row.pk}/campaigns/").status_code == 201
    assert set(Campaign.objects.get().authors) == {maker.pk, writer.pk}
    assert approvals.approvers(Campaign.objects.get()) == []


def test_what_changes_is_in_the_audit_log(site: Site, call: Call) -> None:
    row = call("post", SAVED, {"name": "A", "content": GLOVES}).json()
    call("patch", f"{SAVED}{row['id']}/", {"name": "B"})
    call("delete", f"{SAVED}{row['id']}/")
    made = call("post", PICTURES, picture_file(), content_type="image/png").json()
    call("post", PICTURES, picture_file(), content_type="image/png")  # the same: kept once
    call("delete", f"{PICTURES}{made['id']}/")
    lines = AuditEvent.objects.filter(site=site).exclude(action="key.created").order_by("pk")
    assert [line.action for line in lines] == [
        *("saved_message.created", "saved_message.changed", "saved_message.deleted"),
        *("picture.uploaded", "picture.deleted"),
    ]
    assert all(line.actor_name.startswith("API key ") for line in lines)
    assert lines[1].detail == {"before": "A"}
