"""Two at once at one list."""

import io
from collections.abc import Iterator

import pytest
from django.db import transaction

from accounts.models import Site
from audiences import lists
from audiences.list_files import Refused
from audiences.models import ListUpload, StaticList
from subscribers import identity
from subscribers.models import Subscriber
from tests.campaigns.locks import Meanwhile
from tests.factories import make_site, make_subscriber

pytestmark = pytest.mark.django_db(transaction=True)
BY = lists.Actor(name="Bob")


@pytest.fixture
def meanwhile() -> Iterator[Meanwhile]:
    other = Meanwhile()
    yield other
    other.pool.shutdown()


@pytest.fixture
def site() -> Site:
    site = make_site()
    for name in "abc":
        make_subscriber(site, external_id=name)
    return site


@pytest.fixture
def buyers(site: Site) -> StaticList:
    return lists.create(site, "Buyers", by=BY)


def put(buyers: StaticList, text: str, mode: str = "replace") -> ListUpload:
    file = io.BytesIO(text.encode())
    return lists.upload(buyers, file, mode=mode, names="external_id", by=BY)


def on(buyers: StaticList) -> set[str]:
    return set(lists.members(buyers).values_list("subscriber__external_id", flat=True))


def test_uploads_of_one_list_take_turns(meanwhile: Meanwhile, buyers: StaticList) -> None:
    with transaction.atomic():
        first = put(buyers, "a\nb\n", "add")
        future = meanwhile.start(lambda: put(buyers, "b\nc\n"))
        assert not future.done()
    second = future.result()
    assert on(buyers) == {"b", "c"}
    assert (second.added, second.removed, second.members) == (1, 1, 2)
    assert lists.members(buyers, first).count() == 2


def test_uploads_of_two_lists_do_not_wait(meanwhile: Meanwhile, buyers: StaticList) -> None:
    other = lists.create(buyers.site, "Lapsed", by=BY)
    with transaction.atomic():
        put(buyers, "a\nb\n")
        assert meanwhile.start(lambda: put(other, "b\nc\n")).result().members == 2


def test_somebody_is_erased_meanwhile(meanwhile: Meanwhile, buyers: StaticList) -> None:
    with transaction.atomic():
        identity.erase(Subscriber.objects.get(external_id="a"))
        future = meanwhile.start(lambda: put(buyers, "a\nb\n"))
        assert not future.done()
    assert future.result().added == 1
    assert on(buyers) == {"b"}


def test_the_list_is_deleted_meanwhile(meanwhile: Meanwhile, buyers: StaticList) -> None:
    same = StaticList.objects.get()
    with transaction.atomic():
        lists.delete(buyers, by=BY)
        future = meanwhile.start(lambda: put(same, "a\n"))
        assert not future.done()
    with pytest.raises(Refused, match="deleted meanwhile"):
        future.result()
    assert not ListUpload.objects.exists()


def test_going_back_waits_for_a_file(meanwhile: Meanwhile, buyers: StaticList) -> None:
    first = put(buyers, "a\n")
    with transaction.atomic():
        put(buyers, "b\nc\n")
        future = meanwhile.start(lambda: lists.restore(buyers, first, by=BY))
        assert not future.done()
    assert (future.result().removed, on(buyers)) == (2, {"a"})
