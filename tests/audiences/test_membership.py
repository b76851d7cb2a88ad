"""Lists when two people turn out to be one."""

import pytest

from audiences.models import ListMember, ListUpload, StaticList
from subscribers import identity
from subscribers.incoming import Change
from subscribers.models import Subscriber
from tests.factories import make_site, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db


def test_the_lists_of_an_anonymous_person_follow_into_the_other() -> None:
    site = make_site()
    target = make_subscriber(site, external_id="C-1")
    device = make_subscription(site)
    lists = [StaticList.objects.create(site=site, name=name) for name in ("one", "both", "past")]
    uploads = [ListUpload.objects.create(list=one, mode="add", names="email_hash") for one in lists]

    def put(person: Subscriber, number: int, *, past: bool = False) -> None:
        upload = uploads[number]
        removed = upload if past else None
        ListMember.objects.create(
            list=lists[number], subscriber=person, added=upload, removed=removed
        )

    for number in (0, 1):
        put(device.subscriber, number)
    put(target, 1)
    put(device.subscriber, 2, past=True)
    identity.change(device, Change(external_id="C-1"))
    assert not Subscriber.objects.filter(pk=device.subscriber_id).exists()
    rows = ListMember.objects.filter(subscriber=target)
    current = rows.filter(removed=None).order_by("list__name")
    assert [row.list.name for row in current] == ["both", "one"]
    assert rows.exclude(removed=None).get().list.name == "past"
