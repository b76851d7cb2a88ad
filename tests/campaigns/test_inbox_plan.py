"""How the ledger is read for an inbox: by its key, a row at a time, whatever its size."""

import re

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Site
from campaigns import inbox
from tests.campaigns.inboxes import Visitor, delivered, kari, sent
from tests.factories import make_site, make_subscription

RUNS = 30


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def test_by_the_ledgers_key(site: Site) -> None:
    mine, others = kari(site), [make_subscription(site) for _ in range(20)]
    make_subscription(site, subscriber=mine.subscriber)
    for run in sent(site, mine, *map(str, range(RUNS))):
        for device in others:
            delivered(run, device)
    whose = inbox.person(site, "kari")
    assert whose and len(whose.devices) == 2
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE campaigns_delivery")
        # What a large ledger makes cheaper anyway.
        cursor.execute("SET LOCAL enable_seqscan = off")
        asked = inbox.asked(whose, timezone.now())
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {inbox.ENTRIES}", asked)
        plan = [line for (line,) in cursor.fetchall()]
    reads = [n for n, line in enumerate(plan) if re.search(r"Scan.* on campaigns_delivery_", line)]
    assert reads, plan
    for place in reads:
        assert re.search(r"Index Scan using \w+_pkey", plan[place]), plan[place]
        condition = plan[place + 1]
        assert all(name in condition for name in ("month =", "run_id =", "subscription_id ="))
    read = [re.search(r"rows=([\d.]+) loops=(\d+)", plan[place]) for place in reads]
    assert sum(float(one[1]) * int(one[2]) for one in read if one) == pytest.approx(RUNS)


def test_what_is_kept_of_messages_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "_kept", {})
    monkeypatch.setattr(inbox, "MOST_KEPT", 3)
    device = kari(site)
    sent(site, device, "a", "b")
    assert Visitor(site).titles() == ["b", "a"]
    sent(site, device, "c", "d")
    assert sorted(Visitor(site).titles()) == ["a", "b", "c", "d"]
    assert len(inbox._kept) <= 4


def test_what_is_kept_follows_the_site(site: Site) -> None:
    sent(site, kari(site), "At {{ site.name }}")
    assert Visitor(site).titles() == ["At Fjell & Fjord"]
    site.name = "Another"
    site.save(update_fields=["name"])
    assert Visitor(site).titles() == ["At Another"]
