"""What the composer and the review are told about addresses."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from io import BytesIO

import pytest
from django.conf import settings as configured
from django.test import Client
from PIL import Image
from pytest_django import Settings

from accounts.models import Site
from campaigns import looking, pictures
from campaigns.looking import Found
from campaigns.views import pictures as pages
from subscribers.transports import fetching
from subscribers.transports.fetching import Answer, NotReached, Why
from tests.campaigns.picturing import picture_file

PAGE = "https://shop.example/gloves"
DIFFERS = "It differs from person to person."


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    looking._remembered.clear()
    yield
    looking._remembered.clear()


class Web:
    """In place of the network: what every address gives, and what was asked."""

    def __init__(self) -> None:
        self.gives: Answer | Why = answer()
        self.asked: list[tuple[str, int, list[tuple[str, int]]]] = []

    def fetch(self, url: str, *, most_bytes: int, trusted: list[tuple[str, int]]) -> Answer:
        self.asked.append((url, most_bytes, trusted))
        if isinstance(self.gives, Why):
            raise NotReached(self.gives)
        return self.gives


def answer(status: int = 200, kind: str = "text/html", body: bytes = b"", **more: int) -> Answer:
    length = more.get("length", len(body))
    redirects = more.get("redirects", 0)
    return Answer(PAGE, status, kind, length, body, 0.31, redirects)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    web = Web()
    monkeypatch.setattr(fetching, "fetch", web.fetch)
    return web


def found(web: Web, gives: Answer | Why, what: str = "page") -> Found:
    web.gives = gives
    return looking.page(PAGE) if what == "page" else looking.picture(PAGE, what)


@pytest.mark.parametrize(
    ("gives", "ok", "sentence"),
    [
        (answer(), True, "Answers 200 in 0.3 s."),
        (answer(redirects=1), True, f"Answers 200 in 0.3 s, and leads on to {PAGE}."),
        (answer(404), False, "Answers 404 after 0.3 s: people would see an error."),
        (answer(304), False, "Answers 304 after 0.3 s: people would see an error."),
        (answer(403), False, "Answers 403 to Beckon after 0.3 s."),
        (Why.NO, False, "It can't be reached from here."),
        (Why.SLOW, False, "No answer within 3 seconds."),
        (Why.CERTIFICATE, False, "No secure connection: browsers would warn people away."),
        (Why.ROUND, False, "It leads on to other addresses more than three times."),
    ],
)
def test_a_page_is_told_in_a_sentence(
    web: Web, gives: Answer | Why, ok: bool, sentence: str
) -> None:
    told = found(web, gives)
    assert (told.ok, told.sentence) == (ok, sentence)
    assert bool(told.fix) is not ok


WIDE = picture_file(size=(1440, 720), form="JPEG")


def png(width: int, height: int) -> bytes:
    return picture_file(size=(width, height))


def as_picture(body: bytes, kind: str = "image/png", **more: int) -> Answer:
    return answer(200, kind, body, **more)


@pytest.mark.parametrize(
    ("gives", "what", "ok", "sentence"),
    [
        (as_picture(WIDE, "image/jpeg"), "image", True, "1440 × 720, "),  # noqa: RUF001
        (as_picture(png(192, 192)), "icon", True, "192 × 192, "),  # noqa: RUF001
        (as_picture(png(96, 96)), "badge", True, "96 × 96, "),  # noqa: RUF001
        (answer(404, "image/png"), "image", False, "Answers 404"),
        (answer(200), "image", False, "This address is no picture."),
        (answer(200, "image/svg+xml"), "image", False, "SVG is not shown"),
        (as_picture(b"broken"), "image", False, "It can't be read"),
        (as_picture(WIDE, length=2_400_000), "image", False, "1440 × 720, 2.3\xa0MB: phones"),  # noqa: RUF001
        (as_picture(png(800, 800)), "image", False, "devices cut it to 2 : 1."),
        (as_picture(png(800, 400)), "icon", False, "devices cut it to 1 : 1."),
        (as_picture(png(300, 150)), "image", False, "too small"),
        (Why.NO, "image", False, "It can't be reached from here."),
    ],
)
def test_a_picture_is_told_with_its_size(
    web: Web, gives: Answer | Why, what: str, ok: bool, sentence: str
) -> None:
    told = found(web, gives, what)
    assert sentence in told.sentence
    assert told.ok is ok
    assert bool(told.fix) is not ok


def test_a_large_one_that_says_no_length_is_heavy(web: Web) -> None:
    told = found(web, Answer(PAGE, 200, "image/png", None, b"cut off", 0.1), "image")
    assert (told.ok, told.sentence.partition(":")[0]) == (False, "more than 1 MB")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "AVIF"])
def test_the_size_is_read_without_decoding(form: str) -> None:
    out = BytesIO()
    Image.new("RGB", (700, 350)).save(out, form)
    assert looking._size(out.getvalue()) == (700, 350)


@pytest.mark.parametrize(
    "url", ["https://shop.example/{{ product.slug }}", "{% if a %}x{% endif %}"]
)
def test_an_address_that_differs_by_person_is_not_asked(web: Web, url: str) -> None:
    assert looking.page(url) == looking.picture(url) == Found(True, DIFFERS)
    assert looking.page(" ") == Found(True, "")
    assert web.asked == []


def test_our_own_pictures_are_looked_up(site: Site, web: Web) -> None:
    stored = pictures.store(site, BytesIO(WIDE), kind="image")
    url = pictures.facts([stored])[stored.pk].url
    told = looking.picture(url)
    assert told.ok and told.sentence.startswith("1440 × 720, ")  # noqa: RUF001
    gone = looking.picture(f"{configured.PUBLIC_URL}/pictures/{uuid.uuid4()}/wide.jpg")
    assert (gone.ok, gone.sentence) == (False, "This picture was deleted.")
    assert web.asked == []


def test_an_answer_is_remembered_for_a_minute(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(web, answer()) == found(web, answer(404))
    assert len(web.asked) == 1
    monkeypatch.setattr(time, "monotonic", lambda: 1e12)
    assert not found(web, answer(404)).ok


def test_no_more_than_so_many_are_remembered(web: Web) -> None:
    for number in range(looking._MOST_REMEMBERED + 20):
        looking.page(f"{PAGE}/{number}")
    assert len(looking._remembered) == looking._MOST_REMEMBERED


def test_pictures_are_not_kept_in_memory(web: Web) -> None:
    found(web, as_picture(WIDE, "image/jpeg"), "image")
    ((_until, seen),) = looking._remembered.values()
    assert isinstance(seen, looking._Seen)
    assert (seen.answer.body, seen.size) == (b"", (1440, 720))


@pytest.mark.parametrize("demo", [True, False])
def test_only_the_demo_shop_on_this_machine_is_trusted(
    web: Web, settings: Settings, demo: bool
) -> None:
    settings.DEMO, settings.SHOP_PORT = demo, 8099
    looking.page(PAGE)
    ((_url, _most, trusted),) = web.asked
    assert trusted == ([("127.0.0.1", 8099), ("::1", 8099)] if demo else [])


# As the composer asks


def look(client: Client, site: Site, **data: str) -> tuple[int, dict[str, object]]:
    response = client.post(f"/sites/{site.pk}/look/", data)
    return response.status_code, response.json()


def test_the_composer_is_told(site: Site, bob: Client, web: Web) -> None:
    assert look(bob, site, url=PAGE) == (
        200,
        {"ok": True, "sentence": "Answers 200 in 0.3 s.", "fix": ""},
    )
    status, told = look(bob, site, url=PAGE, what="icon")
    assert (status, told["ok"], told["sentence"]) == (200, False, "This address is no picture.")
    assert look(bob, site, url="") == (200, {"ok": True, "sentence": "", "fix": ""})


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:6379/", "http://10.0.0.1/", "http://no-such-host.invalid/", "http://[::1/"],
)
def test_what_is_private_reads_like_what_is_not_there(site: Site, bob: Client, url: str) -> None:
    """Without a network in between: the real guard."""
    status, told = look(bob, site, url=url)
    assert (status, told["sentence"]) == (200, "It can't be reached from here.")
    assert look(bob, site, url=url, what="image") == (status, told)


def test_one_person_asks_so_often_a_minute(
    site: Site, bob: Client, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_LOOKS", 1)
    assert look(bob, site, url=PAGE)[0] == 200
    assert look(bob, site, url=PAGE) == (429, {"ok": True, "sentence": "", "fix": ""})
    assert len(web.asked) == 1


def test_without_redis_nothing_is_limited(
    site: Site, bob: Client, web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = dict(settings.CACHES["default"], LOCATION="redis://127.0.0.1:1")
    settings.CACHES = {"default": backend}
    monkeypatch.setattr(pages, "MOST_LOOKS", 0)
    assert look(bob, site, url=PAGE)[0] == 200
