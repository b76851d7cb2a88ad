"""The panels of a rule that is being written: /sites/<id>/audiences/preview/…"""

import json
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import Client
from pytest_django import Settings

from accounts.models import Role, Site
from audiences import estimating, rules, sampling
from audiences.models import Audience
from audiences.overlap import overlap
from audiences.rules import Rule
from subscribers.models import Subscriber
from tests.audiences.test_counting import apart, rule, spread, tagged
from tests.factories import make_member, make_site, make_subscriber, make_subscription
from tests.subscribers.hostile import XSS, assert_harmless

pytestmark = pytest.mark.django_db
EVERYONE: dict[str, Any] = {"version": 2, "all": []}
PANELS = ("count", "alone", "sample", "overlap", "explain")


def signed_in(site: Site, role: Role = Role.VIEWER) -> Client:
    client = Client()
    client.force_login(make_member(site, role), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def client(site: Site) -> Client:
    return signed_in(site)


def address(site: Site, panel: str) -> str:
    return f"/sites/{site.pk}/audiences/preview/{panel}/"


def ask(client: Client, site: Site, panel: str, asked: Rule | dict[str, Any], **more: str) -> str:
    body = asked.as_json() if isinstance(asked, Rule) else asked
    response = client.post(address(site, panel), {"rule": json.dumps(body), **more})
    assert response.status_code == 200, response.content
    return " ".join(response.content.decode().split())


def person(site: Site, name: str = "", **fields: Any) -> Subscriber:
    """Somebody with one active device."""
    device = fields.pop("device", {})
    attributes = {"name": name} | fields.pop("attributes", {}) if name else {}
    found = make_subscriber(site, attributes=attributes, **fields)
    make_subscription(site, subscriber=found, **device)
    return found


# The count


def test_count(site: Site, client: Client) -> None:
    two = person(site, device={"platform": "Android"})
    make_subscription(site, subscriber=two, platform="Windows")
    person(site)
    person(site, device={"state": "gone"})
    page = ask(client, site, "count", EVERYONE)
    for text in ("Matches now", ">2<", "people on <b>3</b> devices", "Android", "Others"):
        assert text in page
    assert "<b>1</b> more matches, and has left or is gone" in page
    assert "Counted in 0.0" in page
    assert "stimate" not in page


@pytest.mark.parametrize(
    ("asked", "said"),
    [(EVERYONE, "Nobody has given permission yet"), (rule(tagged("x")).as_json(), "Loosen or")],
)
def test_count_of_nobody(site: Site, client: Client, asked: dict[str, Any], said: str) -> None:
    assert said in ask(client, site, "count", asked)


def test_count_of_people_who_all_left(site: Site, client: Client) -> None:
    person(site, device={"state": "unsubscribed"})
    assert "Nobody who matches can be reached" in ask(client, site, "count", rule(
        {"field": "browser", "op": "any_of", "values": ["Firefox"]}
    ))  # fmt: skip


def test_count_takes_json(site: Site, client: Client) -> None:
    person(site)
    body = {"rule": EVERYONE, "page": 7}
    response = client.post(address(site, "count"), body, content_type="application/json")
    assert response.status_code == 200
    assert "person on <b>1</b>" in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_what_can_not_be_counted_in_time_says_so(settings: Settings) -> None:
    settings.AUDIENCE_TIMEOUT_MS = 60
    site = make_site()
    client = signed_in(site)
    other = Audience.objects.create(site=site, name="Other", rule=EVERYONE)
    with transaction.atomic():
        connection.cursor().execute("LOCK TABLE subscribers_subscription IN ACCESS EXCLUSIVE MODE")

        def all_of_them() -> list[str]:
            more = {"overlap": {"other": str(other.pk)}}
            panels = PANELS[:-1]
            return [ask(client, site, one, EVERYONE, **more.get(one, {})) for one in panels]

        found = apart(all_of_them)
    assert isinstance(found, list), found
    count, alone, sample, compared = found
    assert "takes longer than 0.1 s, and so does an estimate" in count
    assert alone == "{}"
    assert "takes too long just now" in sample
    assert "Comparing them takes too long" in compared


@pytest.mark.django_db(transaction=True)
def test_the_next_edit_ends_what_runs_for_the_same_page(settings: Settings) -> None:
    """The second request of a page ends the first; that of another page does not."""
    settings.AUDIENCE_TIMEOUT_MS = 30_000
    site = make_site()
    client = signed_in(site)
    statuses: list[Any] = []

    def first() -> object:
        body = {"rule": json.dumps(EVERYONE), "page": "a"}
        return client.post(address(site, "count"), body).status_code

    def running() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND application_name LIKE 'beckon preview %%'"
            )
            return int(cursor.fetchone()[0])

    def second(page: str) -> object:
        settings.AUDIENCE_TIMEOUT_MS = 60
        body = {"rule": json.dumps(EVERYONE), "page": page}
        return client.post(address(site, "count"), body).status_code

    with transaction.atomic():
        connection.cursor().execute("LOCK TABLE subscribers_subscription IN ACCESS EXCLUSIVE MODE")
        thread = Thread(target=lambda: statuses.append(apart(first)))
        thread.start()
        while not running():
            assert thread.is_alive()
        assert apart(lambda: second("b")) == 200
        assert running() == 1
        assert apart(lambda: second("a")) == 200
        thread.join(30)
    assert statuses == [204]


# What is no rule


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ("", ""),
        ("{", ""),
        ("[" * 100_000, ""),
        ('"' + "x" * 300_000 + '"', ""),
        ("[]", ""),
        ('{"version": 2, "all": [{"field": "age"}]}', "all.0.field"),
        (f'{{"version": 2, "all": [{{"audience": "{UUID(int=7)}"}}]}}', "all.0"),
    ],
)
def test_what_is_no_rule_is_refused(
    site: Site, client: Client, panel: str, sent: str, path: str
) -> None:
    response = client.post(address(site, panel), {"rule": sent})
    assert response.status_code == 400
    assert response.json()["path"] == path
    assert response.json()["error"]


def test_our_page_gets_the_refusal_as_a_note(site: Site, client: Client) -> None:
    response = client.post(address(site, "count"), {"rule": "{"}, headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert 'role="alert"' in response.content.decode()


def test_a_body_that_is_no_object_is_refused(site: Site, client: Client) -> None:
    response = client.post(address(site, "count"), [1], content_type="application/json")
    assert response.status_code == 400


@pytest.mark.parametrize("panel", PANELS)
def test_it_requires_access(site: Site, client: Client, panel: str) -> None:
    body = {"rule": json.dumps(EVERYONE)}
    assert client.get(address(site, panel)).status_code == 405
    assert signed_in(make_site(), Role.OWNER).post(address(site, panel), body).status_code == 404
    assert Client().post(address(site, panel), body).status_code == 302


# Each condition alone


def test_alone(site: Site, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    spread(site, 32, tags=["a"])
    asked = rule(tagged("a"), {"none": [tagged("b")]})
    assert json.loads(ask(client, site, "alone", asked)) == {
        "all.0": {"devices": 32, "about": False},
        "all.1.none.0": {"devices": 0, "about": False},
    }
    monkeypatch.setattr(estimating, "ALL_ASKED", 16)
    assert json.loads(ask(client, site, "alone", asked))["all.0"]["about"] is True


# Some of them


def test_sample(site: Site, client: Client) -> None:
    ann = person(site, "Ann", tags=["vip"], attributes={"city": "Bergen"})
    make_subscription(site, subscriber=ann)
    person(site, "Bo", tags=["vip"])
    person(site, "Left", tags=["vip"], device={"state": "gone"})
    person(site, "Out")
    person(make_site(name="Other"), "Foreign", tags=["vip"])
    page = ask(client, site, "sample", rule(tagged("vip")))
    for text in ("All of them", f"/people/{ann.pk}/", "Ann", "Bergen", "Bo", "Norway"):
        assert text in page
    assert "Tag: vip" in page
    for text in ("Left", "Out<", "Foreign", "pick again"):
        assert text not in page


def test_sample_of_many_is_random(site: Site, client: Client) -> None:
    spread(site, 64)
    picked = {tuple(sampling.at_random(site, rules.EVERYONE, 20)[0]) for _time in range(8)}
    assert len(picked) > 1
    assert all(len(set(people)) == 20 for people in picked)
    page = ask(client, site, "sample", EVERYONE)
    assert page.count('class="name"') == 20
    assert "20 of them" in page
    assert "pick again" in page


def test_sample_of_nobody(site: Site, client: Client) -> None:
    assert "Nobody who can be reached matches" in ask(client, site, "sample", EVERYONE)


def test_members_come_in_the_order_of_their_ids(site: Site) -> None:
    spread(site, 40)
    twice = Subscriber.objects.order_by("pk")[5]
    make_subscription(site, subscriber=twice)
    person(site, device={"state": "gone"})
    every = list(Subscriber.objects.filter(subscriptions__state="active").order_by("pk").distinct())
    everyone = rules.EVERYONE
    pages = list(sampling.everybody(site, everyone, 7))
    assert [pk for page in pages for pk in page] == [one.pk for one in every]
    assert [len(page) for page in pages] == [7, 7, 7, 7, 7, 5]
    first = sampling.members(site, everyone, None, 3)
    assert sampling.members(site, everyone, first[1], 2)[0] == first[2]
    assert sampling.members(site, everyone, every[-1].pk, 2) == []


# Compared with another


def test_overlap(site: Site, client: Client) -> None:
    for tags in (["a"], ["a"], ["a", "b"], ["b"], [], ["b"], ["b"]):
        person(site, tags=tags)
    person(site, tags=["a", "b"], device={"state": "gone"})
    mine = Audience.objects.create(site=site, name="Mine", rule=rule(tagged("a")).as_json())
    other = Audience.objects.create(site=site, name="Other", rule=rule(tagged("b")).as_json())
    Audience.objects.create(site=make_site(name="X"), name="Foreign", rule=EVERYONE)
    found = overlap(site, rule(tagged("a")), rule(tagged("b")))
    assert (found.both, found.here, found.there, found.estimated) == (1, 2, 3, False)
    assert overlap(site, rules.EVERYONE, rule(tagged("b"))).both == 4
    page = ask(client, site, "overlap", rule(tagged("a")), page=str(mine.pk))
    assert "Other" in page
    assert "Mine" not in page
    assert "Foreign" not in page
    assert "In both" not in page
    page = ask(client, site, "overlap", rule(tagged("a")), other=str(other.pk))
    assert "1 of 6 people" in page
    assert "2 of 6 people" in page
    assert "3 of 6 people" in page


def test_overlap_without_others_shows_nothing(site: Site, client: Client) -> None:
    assert ask(client, site, "overlap", EVERYONE, other="x") == ""


def test_overlap_with_one_that_is_broken_says_so(site: Site, client: Client) -> None:
    gone = {"version": 2, "all": [{"audience": str(UUID(int=7))}]}
    broken = Audience.objects.create(site=site, name="Broken", rule=gone)
    response = client.post(
        address(site, "overlap"), {"rule": json.dumps(EVERYONE), "other": str(broken.pk)}
    )
    assert response.status_code == 400


# One person


def test_explain(site: Site, client: Client) -> None:
    ann = person(site, "Ann", tags=["vip"], external_id="FF-1")
    asked = rule(tagged("vip"), {"none": [tagged("b")]})
    page = ask(client, site, "explain", asked, q="ann")
    assert f'"person": "{ann.pk}"' in page
    page = ask(client, site, "explain", asked, person=str(ann.pk))
    for text in ("Ann is in this audience.", "who have the tag vip", "none of these", "Holds"):
        assert text in page
    page = ask(client, site, "explain", rule(tagged("x")), person=str(ann.pk))
    assert "it is for people who have the tag x" in page


def test_explain_follows_a_link_from_a_persons_page(site: Site, client: Client) -> None:
    ann = person(site, "Ann")
    body = {"rule": json.dumps(EVERYONE)}
    headers = {"HX-Current-URL": f"https://beckon.example/x/?person={ann.pk}"}
    response = client.post(address(site, "explain"), body, headers=headers)
    assert "Ann is in this audience." in response.content.decode()


def test_explain_without_a_person(site: Site, client: Client) -> None:
    foreign = person(make_site(name="Other"), "Foreign")
    assert "Every condition" in ask(client, site, "explain", EVERYONE)
    assert "not there any more" in ask(client, site, "explain", EVERYONE, person=str(foreign.pk))
    assert "Nobody fits “foreign”" in ask(client, site, "explain", EVERYONE, q="foreign")


def test_hostile_people_and_rules_do_no_harm(site: Site, client: Client) -> None:
    for text in XSS:
        someone = person(site, text[:60], tags=[text[:64]], attributes={"city": text})
        Audience.objects.create(site=site, name=text[:100], rule=EVERYONE)
        asked = rule({"any": [tagged(text[:64]), {"none": [tagged(text[:64])]}]})
        body = {"rule": json.dumps(asked.as_json()), "person": str(someone.pk), "q": text}
        for panel in PANELS:
            if panel != "alone":
                assert_harmless(client.post(address(site, panel), body))
        assert_harmless(client.post(address(site, "explain"), body | {"person": ""}))
