"""/api/v1/lists/"""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from accounts import api_keys
from accounts.models import Site
from audiences import lists
from audiences.models import Audience, ListUpload, StaticList
from tests.factories import make_site, make_subscriber

pytestmark = pytest.mark.django_db
URL = "/api/v1/lists/"
Call = Callable[..., Any]


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def client(site: Site) -> Client:
    _key, text = api_keys.create(site, "CRM", ["audiences:read", "audiences:write"])
    return Client(headers={"authorization": f"Bearer {text}"})


@pytest.fixture
def call(client: Client) -> Call:
    def json(method: str, path: str = "", body: Any = None) -> Any:
        return getattr(client, method)(URL + path, body, content_type="application/json")

    return json


@pytest.fixture
def path(call: Call) -> str:
    return f"{call('post', body={'name': 'Buyers'}).json()['id']}/"


def send(client: Client, path: str, body: bytes, query: str = "mode=replace") -> Any:
    return client.post(f"{URL}{path}uploads/?{query}", body, content_type="text/csv")


def test_the_whole_road(site: Site, client: Client, call: Call) -> None:
    for name in "abc":
        make_subscriber(site, external_id=name)
    made = call("post", body={"name": "Buyers"})
    assert (made.status_code, made.json()["members"]) == (201, 0)
    path = f"{made.json()['id']}/"
    done = send(
        client, path, b"id;x\na;1\nb;1\nb;1\nnobody;1\n;1\n", "mode=replace&file_name=crm.csv"
    )
    assert done.status_code == 201
    told = done.json()
    assert [told[name] for name in ("rows", "matched", "unmatched", "malformed", "repeated")] == [
        *(5, 2, 1, 1, 1)
    ]
    assert (told["added"], told["removed"], told["members"]) == (2, 0, 2)
    assert (told["file_name"], told["by"][:11]) == ("crm.csv", "API key CRM")
    assert call("get", path).json()["members"] == 2
    assert [one["members"] for one in call("get").json()["results"]] == [2]
    assert call("get", f"{path}uploads/").json()["results"] == [told]
    problems = call("get", f"{path}uploads/{told['id']}/problems/").json()["results"]
    assert problems == [
        {"line": 5, "kind": "unmatched", "value": "nobody", "why": "Nobody has it"},
        {"line": 6, "kind": "malformed", "value": "", "why": "Empty"},
    ]
    assert call("patch", path, {"name": "Best buyers"}).json()["name"] == "Best buyers"
    assert call("patch", path, {}).json()["name"] == "Best buyers"
    assert call("delete", path).status_code == 204
    assert call("get", path).status_code == 404


def test_a_form_does_as_well(site: Site, client: Client, path: str) -> None:
    make_subscriber(site, external_id="a")
    file = SimpleUploadedFile("people.csv", b"who\na\n")
    body = {"file": file, "mode": "add", "column": "who"}
    done = client.post(f"{URL}{path}uploads/", body).json()
    assert (done["matched"], done["file_name"], done["mode"]) == (1, "people.csv", "add")


@pytest.mark.parametrize(
    ("query", "body", "field", "words"),
    [
        ("", b"a\n", "mode", "required"),
        ("mode=merge", b"a\n", "mode", "not a valid choice"),
        ("mode=add&names=phones", b"a\n", "names", "not a valid choice"),
        ("mode=add&column=x", b"a\n", "file", "No column is called “x”"),
        ("mode=replace", b"", "file", "Send the file"),
        ("mode=replace", b"\n", "file", "has no rows"),
        ("mode=add", b"\x1f\x8b\x08\x00", "file", "packed"),
        ("mode=add", b"caf\xe9\n", "file", "not in UTF-8"),
    ],
)
def test_what_is_refused_changes_nothing(
    client: Client, path: str, query: str, body: bytes, field: str, words: str
) -> None:
    answer = send(client, path, body, query)
    assert answer.status_code == 400
    assert words in answer.json()[field][0]
    assert not ListUpload.objects.exists()


def test_a_form_without_a_file(client: Client, path: str) -> None:
    answer = client.post(f"{URL}{path}uploads/", {"mode": "add"})
    assert (answer.status_code, list(answer.json())) == (400, ["file"])


def test_a_file_that_is_too_large(client: Client, path: str, settings: Settings) -> None:
    settings.LIST_UPLOAD_BYTES = 1_000
    assert send(client, path, b"a" * 70_000).status_code == 413
    form = {"file": SimpleUploadedFile("a.csv", b"a" * 70_000), "mode": "add"}
    assert client.post(f"{URL}{path}uploads/", form).status_code == 413
    assert "larger than 0.001 MB" in send(client, path, b"a\n" * 501).json()["file"][0]
    assert not ListUpload.objects.exists()


def test_names_that_are_refused(site: Site, call: Call, path: str) -> None:
    assert "Another list" in call("post", body={"name": "buyers"}).json()["name"][0]
    lists.create(site, "Lapsed", by=lists.Actor())
    assert "Another list" in call("patch", path, {"name": "LAPSED"}).json()["name"][0]
    assert call("post", body={"name": "x" * 121}).status_code == 400
    assert call("post", body={}).status_code == 400


def test_a_list_in_use_stays(site: Site, call: Call, path: str) -> None:
    rule = {"version": 2, "all": [{"field": "list", "op": "any_of", "values": [path[:-1]]}]}
    Audience.objects.create(site=site, name="Spenders", rule=rule)
    answer = call("delete", path)
    assert (answer.status_code, StaticList.objects.count()) == (409, 1)


def test_problems_of_another_list_are_not_found(site: Site, call: Call, path: str) -> None:
    foreign = lists.create(make_site(name="Other"), "Foreign", by=lists.Actor())
    upload = ListUpload.objects.create(list=foreign, mode="add", names="external_id")
    assert call("get", f"{path}uploads/{upload.pk}/problems/").status_code == 404
    assert call("get", f"{foreign.pk}/").status_code == 404
    assert call("get", f"{path}uploads/{10**30}/problems/").status_code == 404


def test_it_requires_the_scope(site: Site, path: str) -> None:
    _key, text = api_keys.create(site, "Reader", ["audiences:read"])
    reader = Client(headers={"authorization": f"Bearer {text}"})
    assert reader.get(URL).status_code == 200
    assert send(reader, path, b"a\n").status_code == 403
    assert Client().get(URL).status_code == 401
