"""/sites/<id>/audiences/lists/"""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Role, Site, User
from audiences import lists
from audiences.models import Audience, ListUpload, StaticList
from tests.factories import make_member, make_site, make_subscriber

pytestmark = pytest.mark.django_db
BY = lists.Actor(name="Bob")


@pytest.fixture
def site() -> Site:
    return make_site()


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def client(site: Site) -> Client:
    """Bob, a marketer."""
    return signed_in(make_member(site, Role.MARKETER, "bob@example.com"))


@pytest.fixture
def buyers(site: Site) -> StaticList:
    for name in "abc":
        make_subscriber(site, external_id=name)
    return lists.create(site, "Buyers", by=BY)


def url(of: Site | StaticList, rest: str = "") -> str:
    if isinstance(of, Site):
        return f"/sites/{of.pk}/audiences/lists/{rest}"
    return f"/sites/{of.site_id}/audiences/lists/{of.pk}/{rest}"


def csv(text: str = "a\nb\n", name: str = "people.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


def form(text: str = "a\nb\n", **more: Any) -> dict[str, Any]:
    return {"file": csv(text), "names": "external_id", "mode": "replace"} | more


def html(answer: Any) -> str:
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_an_empty_site_learns_what_lists_are_for(site: Site, client: Client) -> None:
    page = html(client.get(url(site)))
    assert "No list yet" in page and "Upload a list" in page
    viewer = signed_in(make_member(site, Role.VIEWER))
    assert "Upload a list" not in html(viewer.get(url(site)))


def test_a_list_is_made_with_its_file(site: Site, client: Client, buyers: StaticList) -> None:
    assert "Make the list" in html(client.get(url(site, "new/")))
    answer = client.post(url(site, "new/"), form("a\nb\nx\n", name="At the fair"), follow=True)
    made = StaticList.objects.get(name="At the fair")
    assert answer.redirect_chain == [(url(made), 302)]
    page = html(answer)
    assert "2 added, 0 removed." in page
    assert "people.csv" in page and "by bob@example.com" in page
    assert "1 unknown, 0 malformed of 3" in page
    assert "At the fair" in html(client.get(url(site)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"file": ""}, "Choose the file."),
        ({"name": ""}, "Name the list"),
        ({"name": "buyers"}, "Another list is called “buyers”"),
        ({"names": "phones"}, "not one of the available choices"),
        ({"file": csv("")}, "The file has no rows"),
        ({"file": csv("x" * 70_000)}, "Line 1 is longer than 65,536 characters"),
    ],
)
def test_a_refused_file_makes_no_list(
    site: Site, client: Client, buyers: StaticList, change: dict[str, Any], words: str
) -> None:
    assert words in html(client.post(url(site, "new/"), form(name="Fair") | change))
    assert StaticList.objects.get() == buyers


def test_a_file_changes_the_list(client: Client, buyers: StaticList) -> None:
    client.post(url(buyers, "uploads/"), form())
    page = html(client.post(url(buyers, "uploads/"), form("b\nc\n"), follow=True))
    assert "1 added, 1 removed." in page
    assert lists.members(buyers).count() == 2
    refused = html(client.post(url(buyers, "uploads/"), form("x\ny\n")))
    assert "None of the 2 rows names somebody" in refused
    client.post(url(buyers, "uploads/"), form("x\n", may_empty="on"))
    assert lists.members(buyers).count() == 0


def test_a_file_that_is_too_large_is_not_kept(
    client: Client, buyers: StaticList, settings: Settings
) -> None:
    settings.LIST_UPLOAD_BYTES = 1_000
    page = html(client.post(url(buyers, "uploads/"), form("a\n" * 40_000)))
    assert "The file is larger than 0.001 MB" in page and "Choose the file." not in page
    assert "larger than 0.001 MB" in html(client.post(url(buyers, "uploads/"), form("a\n" * 600)))
    assert not ListUpload.objects.exists()


def test_history_report_and_the_way_back(client: Client, buyers: StaticList) -> None:
    client.post(url(buyers, "uploads/"), form("a\nb\n=x\n"))
    first = buyers.uploads.get()
    report = client.get(url(buyers, f"uploads/{first.pk}/report.csv"))
    assert report["Content-Disposition"].startswith('attachment; filename="buyers-report-')
    assert b"".join(report).decode().splitlines() == [
        "line,what,value,why",
        "3,unmatched,'=x,Nobody has it",
    ]
    client.post(url(buyers, "uploads/"), form("c\n"))
    page = html(client.get(url(buyers)))
    assert f'data-dialog="restore-{first.pk}"' in page
    answer = client.post(url(buyers, f"uploads/{first.pk}/restore/"), follow=True)
    assert "The list is as it was then." in html(answer)
    assert lists.members(buyers).count() == 2 and buyers.uploads.count() == 3


def test_old_reports_are_said_to_be_gone(client: Client, buyers: StaticList) -> None:
    client.post(url(buyers, "uploads/"), form("a\nx\n"))
    assert "report.csv" in html(client.get(url(buyers)))
    buyers.uploads.update(at=timezone.now() - timedelta(days=31))
    page = html(client.get(url(buyers)))
    assert "report.csv" not in page and "The report was kept for 30 days." in page


def test_rename_and_delete(site: Site, client: Client, buyers: StaticList) -> None:
    lists.create(site, "Lapsed", by=BY)
    assert "Another list" in html(
        client.post(url(buyers, "rename/"), {"name": "lapsed"}, follow=True)
    )
    assert "Best buyers" in html(
        client.post(url(buyers, "rename/"), {"name": "Best buyers"}, follow=True)
    )
    assert client.post(url(buyers, "delete/")).status_code == 403
    adam = signed_in(make_member(site, Role.ADMIN))
    rule = {"version": 2, "all": [{"field": "list", "op": "any_of", "values": [str(buyers.pk)]}]}
    used = Audience.objects.create(site=site, name="Fans", rule=rule)
    page = html(adam.post(url(buyers, "delete/"), follow=True))
    assert "This list is used by the audience “Fans”. Change that first." in page
    assert f'The audience <a href="/sites/{site.pk}/audiences/{used.pk}/' in page
    used.delete()
    assert "The list is deleted." in html(adam.post(url(buyers, "delete/"), follow=True))
    assert StaticList.objects.get().name == "Lapsed"


def test_what_is_not_there_is_not_found(site: Site, client: Client, buyers: StaticList) -> None:
    foreign = lists.create(make_site(name="Other"), "Foreign", by=BY)
    theirs = ListUpload.objects.create(list=foreign, mode="add", names="external_id")
    mine = f"/sites/{site.pk}/audiences/lists/{foreign.pk}/"
    assert client.get(mine).status_code == 404
    for rest in (f"uploads/{theirs.pk}/report.csv", f"uploads/{10**30}/report.csv"):
        assert client.get(url(buyers, rest)).status_code == 404
    assert client.post(url(buyers, f"uploads/{theirs.pk}/restore/")).status_code == 404


def test_pages_ask_the_same_however_much_there_is(
    site: Site,
    client: Client,
    buyers: StaticList,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """Session, user, membership, sites; count and lists. Of one: list, history, size, two uses."""
    for number in range(60):
        lists.create(site, f"List {number:02}", by=BY)
    with django_assert_num_queries(6):
        assert "1–50 of 61" in html(client.get(url(site)))
    assert "51–61 of 61" in html(client.get(url(site, "?page=2")))
    for _ in range(25):
        client.post(url(buyers, "uploads/"), form())
    with django_assert_num_queries(12):
        assert "1–20 of 25" in html(client.get(url(buyers)))
