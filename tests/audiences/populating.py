"""Writing a population of tests.audiences.rule_strategies to the database, and asking SQL of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet, Value

from accounts.models import Site
from audiences import compiling, rules
from audiences.catalogue import Scope
from audiences.models import Audience, ListMember, ListUpload, StaticList
from campaigns import partitions as ledger_partitions
from campaigns.models import Delivery, Run, month_of
from campaigns.tracking import RECEIPT_DAYS
from subscribers import partitions
from subscribers.models import Cart, Event, EventName, Subscriber, Subscription
from tests.audiences.rule_strategies import (
    CAMPAIGNS,
    EVENT_NAMES,
    EVENTS_BACK,
    LISTS,
    TODAYS,
    Json,
    Moment,
    Population,
)
from tests.factories import make_campaign


def make_partitions() -> None:
    """For whatever happens in any population."""
    days = {day + timedelta(days=by) for day in TODAYS for by in range(-EVENTS_BACK - 2, 3)}
    months = sorted({day.replace(day=1) for day in days})
    partitions.ensure(*months)
    for month in months:
        ledger_partitions.ensure(month)


def store(site: Site, other: Site, population: Population) -> list[int]:
    """The ids of its devices, in their order. `other` is a site whose lists have everybody."""
    site.time_zone = population.moment.zone.key
    site.save(update_fields=["time_zone"])
    Subscriber.objects.bulk_create(
        Subscriber(
            id=person.id,
            site=site,
            external_id=person.external_id,
            tags=list(person.tags),
            topics=list(person.topics),
            attributes=person.attributes,
            created_at=person.created_at,
            last_seen_at=person.last_seen_at,
        )
        for person in population.people
    )
    ids = _store_devices(site, population)
    _store_behaviour(site, population)
    _store_lists(site, other, population)
    for key, rule in population.world.audiences.items():
        Audience.objects.create(pk=key, site=site, name=f"Audience {key}", rule=rule)
    _store_messages(site, population, ids)
    return ids


def _store_devices(site: Site, population: Population) -> list[int]:
    key = site.credentials.get()
    made = Subscription.objects.bulk_create(
        Subscription(
            site=site,
            subscriber_id=device.person.id,
            state=Subscription.State.ACTIVE if device.active else Subscription.State.GONE,
            endpoint=f"https://push.example/{number}",
            endpoint_hash=hashlib.sha256(bytes([number])).digest(),
            p256dh=b"",
            auth=b"",
            credential=key,
            language=device.language,
            time_zone=device.time_zone,
            channel=device.channel,
            browser=device.browser,
            platform=device.platform,
            app_version=device.app_version,
            created_at=device.created_at,
        )
        for number, device in enumerate(population.devices)
    )
    return [device.pk for device in made]


def _store_behaviour(site: Site, population: Population) -> None:
    names = {name: EventName.objects.create(site=site, name=name).pk for name in EVENT_NAMES[:-1]}
    Event.objects.bulk_create(
        Event(
            name_id=names[event.name],
            subscriber_id=event.person,
            at=event.at,
            number=number,
            properties=event.properties,
        )
        for number, event in enumerate(population.world.events)
    )
    Cart.objects.bulk_create(
        Cart(
            subscriber_id=person,
            site=site,
            state=Cart.State.OPEN if cart.open else Cart.State.BOUGHT,
            items=list(cart.items),
            value=cart.value,
            updated_at=cart.updated_at,
        )
        for person, cart in population.world.carts.items()
    )


def _store_lists(site: Site, other: Site, population: Population) -> None:
    """Who is not on a list of the site once was."""
    for key in LISTS:
        known = population.world.lists.get(key)
        static_list = StaticList.objects.create(
            pk=key, site=other if known is None else site, name=key
        )
        upload = ListUpload.objects.create(list=static_list, mode="add", names="external_id")
        ListMember.objects.bulk_create(
            ListMember(
                list=static_list,
                subscriber_id=person.id,
                added=upload,
                removed=None if known is None or person.id in known else upload,
            )
            for person in population.people
        )


def _store_messages(site: Site, population: Population, ids: Sequence[int]) -> None:
    for campaign_id in CAMPAIGNS[:-1]:
        campaign = make_campaign(site, id=campaign_id)
        sent = [one for one in population.world.sent if one.campaign == campaign_id]
        if not sent:
            continue
        moments = [one.sent_at for one in sent]
        answers = [at for one in sent for at in (one.clicked_at, one.dismissed_at) if at]
        late = timedelta(days=RECEIPT_DAYS)
        run = Run.objects.create(
            campaign=campaign,
            message=campaign.messages.get(),
            state=Run.State.FINISHED,
            month=month_of(min(moments)),
            last_subscription=ids[-1],
            started_at=min(moments),
            finished_at=max([*moments, *(at - late for at in answers)]),
        )
        Delivery.objects.bulk_create(
            Delivery(
                month=run.month,
                run=run,
                subscription_id=ids[one.device],
                state=Delivery.State.ACCEPTED if one.accepted else Delivery.State.UNKNOWN,
                sent_at=one.sent_at,
                clicked_at=one.clicked_at,
                dismissed_at=one.dismissed_at,
            )
            for one in sent
        )


def scope_of(site: Site, moment: Moment, only: Any = None) -> Scope:
    return Scope(site, moment.now, only)


def asked_of_sql(site: Site, documents: Iterable[Json], scope: Scope) -> list[set[int]]:
    """For each rule the ids of the devices that it holds for: one statement for all of them."""
    questions: list[QuerySet[Subscription, Any]] = [
        Subscription.objects.filter(compiling.compile(rules.parse(document), scope), site=site)
        .annotate(rule=Value(number))
        .values_list("rule", "pk")
        for number, document in enumerate(documents)
    ]
    found: list[set[int]] = [set() for _ in questions]
    for number, pk in questions[0].union(*questions[1:], all=True):
        found[number].add(pk)
    return found
