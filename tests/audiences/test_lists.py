"""audiences.lists: what uploads do to a list, and its history."""

import hashlib
import io
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import AuditEvent, Site
from audiences import lists
from audiences.list_files import Refused
from audiences.lists import Actor
from audiences.models import Audience, ListMember, ListProblem, ListUpload, StaticList
from campaigns import planning, starting
from campaigns.models import Campaign
from subscribers.models import Subscriber
from tests.factories import (
    make_campaign,
    make_site,
    make_subscriber,
    make_subscription,
    make_user,
)

pytestmark = pytest.mark.django_db
BY = Actor(name="API key test")


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def buyers(site: Site) -> StaticList:
    return lists.create(site, "Buyers", by=BY)


def people(site: Site, *names: str) -> dict[str, Subscriber]:
    return {name: make_subscriber(site, external_id=name) for name in names}


def put(
    static_list: StaticList, text: str | bytes, mode: str = "replace", **more: Any
) -> ListUpload:
    data = text.encode() if isinstance(text, str) else text
    more.setdefault("names", "external_id")
    return lists.upload(static_list, io.BytesIO(data), mode=mode, by=BY, **more)


def on(static_list: StaticList, version: ListUpload | None = None) -> set[str]:
    found = lists.members(static_list, version)
    return set(found.values_list("subscriber__external_id", flat=True))


def counts(done: ListUpload) -> tuple[int, ...]:
    return (done.rows, done.matched, done.unmatched, done.malformed, done.repeated)


def problems(done: ListUpload) -> list[tuple[int, str, str]]:
    return list(done.problems.order_by("line").values_list("line", "kind", "value"))


def test_a_file_replaces_the_list(site: Site, buyers: StaticList) -> None:
    people(site, "a", "b", "c")
    put(buyers, "a\nb\n")
    done = put(buyers, "b\nc\nnobody\nb\n,\n")
    assert on(buyers) == {"b", "c"}
    assert counts(done) == (5, 2, 1, 1, 1)
    assert (done.added, done.removed, done.members) == (1, 1, 2)
    assert problems(done) == [(3, "unmatched", "nobody"), (5, "malformed", "")]
    done.refresh_from_db()
    assert counts(done) == (5, 2, 1, 1, 1)


def test_a_file_adds_and_removes(site: Site, buyers: StaticList) -> None:
    people(site, "a", "b", "c")
    assert put(buyers, "a\nb\n", "add").added == 2
    again = put(buyers, "b\nc\n", "add")
    assert (again.added, again.removed, again.members) == (1, 0, 3)
    gone = put(buyers, "a\nc\nx\n", "remove")
    assert (gone.added, gone.removed, gone.members) == (0, 2, 1)
    assert on(buyers) == {"b"}


def test_hashes_name_everybody_who_has_the_address(site: Site, buyers: StaticList) -> None:
    hashed = hashlib.sha256(b"ann@example.com").hexdigest()
    make_subscriber(site, external_id="ann", email_hash=hashed)
    make_subscriber(site, external_id="ann's other account", email_hash=hashed)
    make_subscriber(site, external_id="without")
    text = f"email_sha256\n{hashed.upper()}\n{hashed}\nann@example.com\nabc\n{'0' * 64}\n"
    done = put(buyers, text, names="email_hash")
    assert on(buyers) == {"ann", "ann's other account"}
    assert counts(done) == (5, 1, 1, 2, 1)
    assert (done.added, done.members) == (2, 2)
    # The address itself is nowhere.
    assert problems(done) == [
        (4, "malformed", "a…@…"),
        (5, "malformed", "abc"),
        (6, "unmatched", "0" * 64),
    ]
    why = [row.split(",", 3)[3].strip() for row in lists.report(done)]
    assert why[1] == "An e-mail address: upload its SHA-256 instead"
    assert why[2] == "Not the 64 hexadecimal digits of a SHA-256"
    assert why[3] == "Nobody has it"


def test_an_address_that_names_nobody_is_not_kept(buyers: StaticList) -> None:
    done = put(buyers, "jo@example.com\n@jo\n", "add")
    assert [value for _line, _kind, value in problems(done)] == ["j…@…", "@jo"]


def test_people_of_other_sites_are_never_matched(site: Site, buyers: StaticList) -> None:
    people(make_site(name="Other"), "a")
    done = put(buyers, "a\n", "add")
    assert (done.matched, done.unmatched, done.members) == (0, 1, 0)
    make_subscriber(site)  # no external id
    assert put(buyers, '""\n', "add").malformed == 1


def test_history(site: Site, buyers: StaticList) -> None:
    people(site, "a", "b", "c")
    first = put(buyers, "a\nb\n")
    second = put(buyers, "b\nc\n")
    third = put(buyers, "a\n", "add")
    fourth = put(buyers, "c\n", "remove")
    seen = [on(buyers, version) for version in (first, second, third, fourth)]
    assert seen == [{"a", "b"}, {"b", "c"}, {"a", "b", "c"}, {"a", "b"}]
    assert on(buyers) == {"a", "b"}


def test_go_back_to_a_version(site: Site, buyers: StaticList) -> None:
    who = people(site, "a", "b", "c")
    first = put(buyers, "a\nb\n", file_name="first.csv")
    put(buyers, "c\n")
    who["b"].delete()
    back = lists.restore(buyers, first, by=BY)
    assert on(buyers) == {"a"}
    assert (back.mode, back.file_name, back.by_name) == ("replace", "first.csv", "API key test")
    assert counts(back) == (1, 1, 0, 0, 0)
    assert (back.added, back.removed, back.members) == (1, 1, 1)
    assert on(buyers, back) == {"a"}
    assert lists.restore(buyers, back, by=BY).added == 0


def test_a_list_is_not_emptied_by_mistake(site: Site, buyers: StaticList) -> None:
    people(site, "a")
    for empty in ("", "\n\n", "external_id\n"):
        with pytest.raises(Refused, match="has no rows"):
            put(buyers, empty)
    assert put(buyers, "x\n").members == 0  # it was empty, nothing is lost
    put(buyers, "a\n")
    with pytest.raises(Refused, match="None of the 2 rows names somebody"):
        put(buyers, "x\ny\n")
    assert on(buyers) == {"a"}
    assert put(buyers, "external_id\n", may_empty=True).removed == 1
    assert put(buyers, "", "add").rows == 0


def test_a_refused_file_changes_nothing(
    site: Site, buyers: StaticList, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(site, "a", "b")
    put(buyers, "a\n")
    before = (on(buyers), ListUpload.objects.count(), AuditEvent.objects.count())
    with pytest.raises(Refused, match="not in UTF-8"):
        put(buyers, b"b\n" * 100_000 + b"\xff\n")
    monkeypatch.setattr("audiences.list_files.MOST_ROWS", 2)
    with pytest.raises(Refused, match="more than 2 rows"):
        put(buyers, "b\nc\nd\n")
    assert (on(buyers), ListUpload.objects.count(), AuditEvent.objects.count()) == before
    assert not ListProblem.objects.exists()
    assert put(buyers, "b\nc\n").matched == 1  # and leaves nothing in the way


def test_what_is_done_is_written_down(site: Site) -> None:
    user = make_user("bob@example.com")
    by = Actor(user)
    made = lists.create(site, "  VIP   buyers ", by=by)
    assert (made.name, made.created_by) == ("VIP buyers", user)
    lists.rename(made, "Buyers", by=by)
    first = lists.upload(
        made, io.BytesIO(b"a\n"), mode="add", names="external_id", by=by, file_name="ö.csv"
    )
    assert (first.by, first.by_name, first.file_name) == (user, "bob@example.com", "ö.csv")
    lists.restore(made, first, by=by)
    lists.delete(made, by=by)
    said = AuditEvent.objects.filter(action__startswith="list.").order_by("pk")
    assert list(said.values_list("action", "target")) == [
        ("list.created", "VIP buyers"),
        ("list.renamed", "VIP buyers"),
        ("list.uploaded", "Buyers"),
        ("list.restored", "Buyers"),
        ("list.deleted", "Buyers"),
    ]
    assert said[2].detail == {"file": "ö.csv", "mode": "add"}
    assert not ListUpload.objects.exists() and not ListMember.objects.exists()


def test_names_are_once_a_site(site: Site, buyers: StaticList) -> None:
    with pytest.raises(Refused, match="called “buyers”"):
        lists.create(site, "buyers", by=BY)
    other = lists.create(site, "Lapsed", by=BY)
    with pytest.raises(Refused, match="called “BUYERS”"):
        lists.rename(other, "BUYERS", by=BY)
    lists.rename(buyers, "buyers", by=BY)
    assert lists.create(make_site(name="Other"), "Buyers", by=BY)
    for bad in ("", "  ", "x" * 121, "a\x00b"):
        with pytest.raises(Refused, match="Give the list a name"):
            lists.create(site, bad, by=BY)


def test_a_list_in_use_stays(site: Site, buyers: StaticList) -> None:
    rule = {"version": 2, "all": [{"field": "list", "op": "any_of", "values": [str(buyers.pk)]}]}
    named = Audience.objects.create(site=site, name="Big spenders", rule=rule)
    through = {"version": 2, "all": [{"audience": str(named.pk)}]}
    Audience.objects.create(site=site, name="Best", rule=through)
    draft = make_campaign(site, name="Autumn", rule={"version": 2, "none": rule["all"]})
    make_campaign(site, name="Winter", rule=through)
    make_campaign(site, name="Summer", rule=rule, state=Campaign.State.FINISHED)
    Audience.objects.create(site=site, name="Everybody")
    Audience.objects.create(site=make_site(name="Other"), name="Foreign", rule=rule)
    used = lists.used_by(buyers)
    assert sorted(use.name for use in used.audiences) == ["Best", "Big spenders"]
    assert sorted(use.name for use in used.campaigns) == ["Autumn", "Winter"]
    with pytest.raises(Refused, match="used by the draft “Autumn”"):
        lists.delete(buyers, by=BY)
    Audience.objects.exclude(name="").delete()
    Campaign.objects.filter(pk=draft.pk).delete()
    lists.delete(buyers, by=BY)
    assert not StaticList.objects.exists()


def test_a_list_stays_until_a_campaign_is_planned(site: Site, buyers: StaticList) -> None:
    """Who is not on it would be everybody, all of a sudden, from the next chunk on."""
    make_subscription(site)
    rule = {"version": 2, "none": [{"field": "list", "op": "any_of", "values": [str(buyers.pk)]}]}
    named = Audience.objects.create(site=site, name="Others", rule=rule)
    through = {"version": 2, "all": [{"audience": str(named.pk)}]}
    paused, begun = (
        starting.start(make_campaign(site, name=name, rule=through)) for name in ("One", "Two")
    )
    starting.pause(paused.campaign)
    # The run keeps its own rule, whatever becomes of the audience.
    named.delete()
    for run in (paused, begun):
        assert [use.name for use in lists.used_by(buyers).campaigns][:1] == [run.campaign.name]
        with pytest.raises(Refused, match=f"the campaign “{run.campaign.name}”"):
            lists.delete(buyers, by=BY)
        if run == paused:
            starting.resume(run.campaign)
        planning.plan(run.pk)
    lists.delete(buyers, by=BY)
    assert not StaticList.objects.exists()


def test_a_deleted_list_takes_no_file(buyers: StaticList) -> None:
    StaticList.objects.all().delete()
    with pytest.raises(Refused, match="deleted meanwhile"):
        put(buyers, "a\n", "add")


def test_sizes_are_those_of_the_last_change(site: Site, buyers: StaticList) -> None:
    people(site, "a", "b")
    lists.create(site, "Another", by=BY)
    put(buyers, "a\nb\n")
    last = put(buyers, "a\n", "remove")
    lists.create(make_site(name="Other"), "Foreign", by=BY)
    found = list(lists.of_site(site))
    assert [one.name for one in found] == ["Another", "Buyers"]
    assert [vars(one)["size"] for one in found] == [0, 1]
    assert [vars(one)["changed_at"] for one in found] == [None, last.at]


def test_reports_are_guarded_and_kept_for_a_month(buyers: StaticList) -> None:
    done = put(buyers, '"=HYPERLINK(1)"\n+1\n-1\n@SUM(1)\nplain\n', "add")
    values = [row.split(",")[2] for row in lists.report(done)]
    assert values == ["value", "'=HYPERLINK(1)", "'+1", "'-1", "'@SUM(1)", "plain"]
    now = timezone.now()
    assert lists.has_report(done, now)
    assert lists.forget_problems(now + timedelta(days=29)) == 0
    later = now + timedelta(days=31)
    assert not lists.has_report(done, later)
    assert lists.forget_problems(later) == 5
    assert list(lists.report(done)) == ["line,what,value,why\r\n"]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ('""', "Empty"),
        ("x" * 129, "Longer than 128 characters"),
        ("a\x00b", "Has control characters"),
        ("a\x7fb", "Has control characters"),
        ("a,b,c,d", "Has more cells than the first line"),
    ],
)
def test_why_a_row_is_malformed(buyers: StaticList, row: str, why: str) -> None:
    done = put(buyers, f"fine,1\n{row}\n", "add")
    assert (done.unmatched, done.malformed) == (1, 1)
    assert list(lists.report(done))[2].strip().endswith(why)


IDS = [f"p{number}" for number in range(6)]
CELL = st.one_of(
    st.sampled_from(IDS),
    st.sampled_from(["", " p1 ", "x,y", "\x00", "p" * 129, "\\N", "\\"]),
    st.text(),
)


class CountsAddUp(TestCase):
    """Over whatever rows: every row counts once, and the list is what a plain loop says it is."""

    @settings(max_examples=60)
    @given(
        st.lists(
            st.tuples(st.sampled_from(ListUpload.Mode.values), st.lists(CELL, max_size=12)),
            max_size=4,
        )
    )
    def test_counts_add_up(self, uploads: list[tuple[str, list[str]]]) -> None:
        site = make_site()
        people(site, *IDS)
        mine = lists.create(site, f"List {uuid4()}", by=BY)
        expected: set[str] = set()
        for mode, cells in uploads:
            done = put(mine, quoted(["id", *cells]), mode, may_empty=True)
            assert done.rows == done.matched + done.unmatched + done.malformed + done.repeated
            assert done.rows == len(cells)
            assert done.problems.count() == done.unmatched + done.malformed
            named = {cell.strip() for cell in cells} & set(IDS)
            assert done.matched == len(named)
            before, expected = expected, changed(mode, expected, named)
            assert on(mine) == expected
            assert (done.added, done.removed) == (len(expected - before), len(before - expected))
            assert done.members == len(expected)


def quoted(cells: Iterable[str]) -> bytes:
    escaped = (cell.encode("utf-8", "replace").decode().replace('"', '""') for cell in cells)
    return "".join(f'"{cell}"\n' for cell in escaped).encode()


def changed(mode: str, before: set[str], named: set[str]) -> set[str]:
    if mode == ListUpload.Mode.ADD:
        return before | named
    return before - named if mode == ListUpload.Mode.REMOVE else named
