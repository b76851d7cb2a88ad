"""The site's pictures: uploaded, served to anybody, chosen for messages, deleted when unused."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from io import BytesIO

import pytest
from django.conf import settings as configured
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Model
from django.test import Client
from PIL import Image
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Role, Site
from campaigns import drafting, imaging, pictures
from campaigns.models import Campaign, Picture, Rendition, SavedMessage
from campaigns.views import pictures as pages
from tests.campaigns.picturing import picture_file, upload
from tests.factories import make_campaign, make_picture, make_site

QUIETLY = {"Accept": "application/json"}


def page(site: Site, end: str = "") -> str:
    return f"/sites/{site.pk}/pictures/{end}"


def stored(site: Site, kind: str = "image", colour: str = "teal") -> Picture:
    return pictures.store(site, BytesIO(picture_file(colour)), kind=kind, name="gloves.png")


def url_of(picture: Picture) -> str:
    return pictures.facts([picture])[picture.pk].url


def test_a_form_uploads_a_picture(site: Site, bob: Client) -> None:
    answer = bob.post(page(site), {"file": upload(), "kind": "image"}, follow=True)
    picture = Picture.objects.get()
    assert (picture.site, picture.kind, picture.name) == (site, "image", "gloves.png")
    assert picture.created_by is not None
    assert sorted(picture.renditions.values_list("name", "width")) == [
        ("hero", 728),
        ("wide", 800),
    ]
    assert b"The picture is here." in answer.content
    assert f"/pictures/{picture.pk}/wide.jpg".encode() in answer.content


def test_the_composers_script_is_told_the_address(site: Site, bob: Client) -> None:
    data = {"file": upload(), "kind": "icon"}
    answer = bob.post(page(site), data, headers=QUIETLY)
    picture = Picture.objects.get()
    assert answer.status_code == 201
    told = answer.json()
    assert told["url"] == f"{configured.PUBLIC_URL}/pictures/{picture.pk}/icon.png"
    assert (told["name"], told["width"], told["height"]) == ("gloves.png", 192, 192)


def test_the_same_file_is_kept_once_for_each_site_and_use(site: Site) -> None:
    first = stored(site)
    assert stored(site) == first
    assert stored(site, "icon") != first
    assert stored(make_site()) != first
    assert Picture.objects.count() == 3


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"kind": "image"}, "Choose the file."),
        ({"kind": "hero", "file": upload()}, "valid choice"),
        ({"kind": "image", "file": upload("a.svg", b"<svg/>")}, "SVG is not shown"),
        ({"kind": "image", "file": upload("a.png", b"")}, "no picture that can be read"),
    ],
    ids=["no file", "unknown use", "svg", "empty"],
)
def test_what_is_wrong_is_said_beside_the_field(
    site: Site, bob: Client, data: dict[str, str | SimpleUploadedFile], sentence: str
) -> None:
    for file in data.values():
        if not isinstance(file, str):
            file.seek(0)
    shown = bob.post(page(site), data)
    assert shown.status_code == 200
    assert sentence in shown.content.decode()
    for file in data.values():
        if not isinstance(file, str):
            file.seek(0)
    told = bob.post(page(site), data, headers=QUIETLY)
    assert told.status_code == 400
    assert sentence in " ".join(told.json()["errors"])
    assert not Picture.objects.exists()


def test_a_file_of_more_than_10_mb_is_refused_unread(site: Site, bob: Client) -> None:
    large = SimpleUploadedFile("a.png", b"\x89PNG" + b"a" * imaging.MOST_BYTES)
    answer = bob.post(page(site), {"file": large, "kind": "image"}, headers=QUIETLY)
    assert answer.status_code == 400
    assert "larger than 10 MB" in answer.json()["errors"][0]


def test_a_file_that_was_not_even_kept_is_called_too_large(
    site: Site, bob: Client, settings: Settings
) -> None:
    settings.LIST_UPLOAD_BYTES = 1_000
    large = SimpleUploadedFile("a.png", b"\x89PNG" + b"a" * (imaging.MOST_BYTES + 70_000))
    answer = bob.post(page(site), {"file": large, "kind": "image"}, headers=QUIETLY)
    assert "larger than 10 MB" in answer.json()["errors"][0]


def test_a_site_has_so_many_and_no_more(
    site: Site, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MOST", 1)
    stored(site)
    again = bob.post(page(site), {"file": upload(), "kind": "image"}, headers=QUIETLY)
    assert again.status_code == 201, "the same file takes no room"
    another = upload(data=picture_file("red"))
    answer = bob.post(page(site), {"file": another, "kind": "image"}, headers=QUIETLY)
    assert "which is the most" in answer.json()["errors"][0]


def test_one_person_uploads_so_many_a_minute(
    site: Site, bob: Client, as_role: Callable[[Role], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_UPLOADS", 0)
    answer = bob.post(page(site), {"file": upload(), "kind": "image"}, headers=QUIETLY)
    assert "in a minute" in answer.json()["errors"][0]


def test_names_are_kept_readable(site: Site) -> None:
    odd = BytesIO(picture_file("red"))
    named = pictures.store(site, odd, kind="image", name="a\u202egnp.exe\x07" + "b" * 300)
    assert named.name.startswith("agnp.exeb")
    assert len(named.name) == pictures.LONGEST_NAME


# Served


def test_anybody_gets_a_picture_and_may_keep_it(site: Site) -> None:
    picture = stored(site)
    answer = Client().get(f"/pictures/{picture.pk}/wide.jpg")
    assert answer.status_code == 200
    assert Image.open(BytesIO(answer.content)).size == (800, 400)
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert not answer.cookies


def test_who_has_it_is_told_so(site: Site) -> None:
    address = f"/pictures/{stored(site).pk}/hero.jpg"
    etag = Client().get(address).headers["ETag"]
    again = Client().get(address, headers={"If-None-Match": f'W/"other", {etag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == etag
    other = Client().get(address, headers={"If-None-Match": '"other"'})
    assert other.status_code == 200
    assert Client().head(address).content == b""


@pytest.mark.parametrize(
    "file", ["wide.png", "wide", "icon.png", "wide.jpg.exe", ".jpg", "%00.jpg", "wide%00.jpg"]
)
def test_what_there_is_not_is_404(site: Site, file: str) -> None:
    assert Client().get(f"/pictures/{stored(site).pk}/{file}").status_code == 404
    assert Client().get(f"/pictures/{uuid.uuid4()}/wide.jpg").status_code == 404


def test_a_picture_costs_one_query(
    site: Site, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    picture = make_picture(site)
    with django_assert_num_queries(1):
        Client().get(f"/pictures/{picture.pk}/wide.jpg")


# Platforms


def test_windows_gets_the_size_that_it_lays_out(site: Site) -> None:
    address = f"/pictures/{stored(site).pk}/wide.jpg"
    windows = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140"}
    small, large = Client().get(address, headers=windows), Client().get(address)
    assert Image.open(BytesIO(small.content)).size == (728, 360)
    assert small.headers["ETag"] != large.headers["ETag"]
    assert "User-Agent" in small.headers["Vary"]
    assert "Cookie" not in large.headers["Vary"]


@pytest.mark.parametrize(
    "url", ["", "https://shop.example/wide.jpg", "https://shop.example/pictures/1/wide.jpg"]
)
def test_other_pictures_are_not_ours(url: str) -> None:
    assert pictures.ours(url) is None


# Choosing


def test_the_dialog_offers_those_of_its_kind(site: Site, bob: Client) -> None:
    wide, icon = stored(site), stored(site, "icon")
    shown = bob.get(page(site, "choose/?kind=icon")).content.decode()
    assert url_of(icon) in shown
    assert url_of(wide) not in shown
    assert url_of(wide) in bob.get(page(site, "choose/?kind=none")).content.decode()


def test_without_a_script_one_is_chosen_on_the_page(site: Site, bob: Client) -> None:
    picture, campaign = stored(site), make_campaign(site)
    shown = bob.get(page(site, f"?kind=image&for={campaign.pk}"))
    use = f"/sites/{site.pk}/campaigns/{campaign.pk}/pictures/{picture.pk}/"
    assert use in shown.content.decode()
    answer = bob.post(use)
    assert answer.headers["Location"].endswith(f"/campaigns/{campaign.pk}/message/")
    assert drafting.message_of(campaign).image == url_of(picture)


def test_without_a_script_an_upload_goes_into_the_message(site: Site, bob: Client) -> None:
    campaign = make_campaign(site)
    bob.post(page(site, f"?for={campaign.pk}"), {"file": upload(), "kind": "icon"})
    assert drafting.message_of(campaign).icon == url_of(Picture.objects.get())


def test_nothing_is_put_into_what_has_ended(site: Site, bob: Client) -> None:
    picture, campaign = stored(site), make_campaign(site, state=Campaign.State.FINISHED)
    answer = bob.post(
        f"/sites/{site.pk}/campaigns/{campaign.pk}/pictures/{picture.pk}/", follow=True
    )
    assert b"It has ended" in answer.content
    assert drafting.message_of(campaign).image == ""


def test_a_page_shows_uses_and_pages_and_its_cost_does_not_grow(
    site: Site, bob: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert b"No picture yet" in bob.get(page(site)).content
    for _number in range(pages.PAGE + 2):
        make_picture(site, name="A" * 120)
    with django_assert_num_queries(9) as spent:
        shown = bob.get(page(site)).content.decode()
    assert len(spent) == 9
    assert shown.count("picture-card") > pages.PAGE
    assert "1–24 of 26" in shown  # noqa: RUF001
    assert b"None of this kind yet" in bob.get(page(site, "?kind=badge")).content
    assert bob.get(page(site, "?kind=%00&page=x&for=nobody")).status_code == 200


# Deleting


def test_an_unused_picture_is_deleted_with_its_sizes(site: Site, bob: Client) -> None:
    picture = stored(site)
    answer = bob.post(page(site, f"{picture.pk}/delete/"), follow=True)
    assert b"The picture is deleted." in answer.content
    assert not Rendition.objects.exists()


def in_message(**fields: object) -> Callable[[Site, str], Model]:
    def make(site: Site, url: str) -> Model:
        message = {name: _with(value, url) for name, value in fields.items()}
        return make_campaign(site, message=message, state=Campaign.State.FINISHED)

    return make


def _with(value: object, url: str) -> object:
    if isinstance(value, dict):
        return {key: _with(one, url) for key, one in value.items()}
    if isinstance(value, list):
        return [_with(one, url) for one in value]
    return url if value == "URL" else value


def in_library(site: Site, url: str) -> Model:
    return SavedMessage.objects.create(site=site, name="Saved", content={"icon": url})


def as_icon_of_the_site(site: Site, url: str) -> Model:
    site.icon_url = url
    site.save(update_fields=["icon_url"])
    return site


@pytest.mark.parametrize(
    "use",
    [
        in_message(image="URL"),
        in_message(icon="URL"),
        in_message(badge="URL"),
        in_message(translations={"nb": {"image": "URL"}}),
        in_message(overrides={"windows": {"image": "URL"}}),
        in_message(variants=[{"weight": 50, "image": "URL"}]),
        in_library,
        as_icon_of_the_site,
    ],
    ids=["image", "icon", "badge", "language", "system", "variant", "library", "site"],
)
def test_a_picture_that_is_named_anywhere_stays(
    site: Site, bob: Client, use: Callable[[Site, str], Model]
) -> None:
    picture = stored(site)
    use(site, url_of(picture))
    shown = bob.get(page(site)).content.decode()
    assert "In use" in shown and "/delete/" not in shown
    answer = bob.post(page(site, f"{picture.pk}/delete/"), follow=True)
    assert b"A message uses this picture" in answer.content
    assert Picture.objects.get() == picture


def test_what_another_site_names_does_not_count(site: Site, bob: Client) -> None:
    picture = stored(site)
    make_campaign(make_site(), message={"image": url_of(picture)})
    bob.post(page(site, f"{picture.pk}/delete/"))
    assert not Picture.objects.exists()


def test_a_viewer_looks_and_changes_nothing(site: Site, as_role: Callable[[Role], Client]) -> None:
    picture, vera = stored(site), as_role(Role.VIEWER)
    shown = vera.get(page(site)).content.decode()
    assert 'type="file"' not in shown and "/delete/" not in shown
    assert vera.post(page(site), {"file": upload(), "kind": "image"}).status_code == 403
    assert vera.post(page(site, f"{picture.pk}/delete/")).status_code == 403
    assert Picture.objects.count() == 1


def test_the_same_file_twice_at_once_is_kept_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of the two sees the other's before it writes its own."""
    first = stored(site)
    monkeypatch.setattr(pictures, "_known", lambda *_given: None)
    assert stored(site) == first


def test_what_makes_a_message_too_large_is_said(
    site: Site, bob: Client, settings: Settings
) -> None:
    picture, campaign = stored(site), make_campaign(site)
    settings.PAYLOAD_LIMIT = 100
    use = f"/sites/{site.pk}/campaigns/{campaign.pk}/pictures/{picture.pk}/"
    assert b"bytes" in bob.post(use, follow=True).content
    assert drafting.message_of(campaign).image == ""
