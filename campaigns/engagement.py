"""What people made of campaigns, as fields that audiences may ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Max, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import Site
from audiences import shapes
from audiences.builder.choices import MOST_CHOICES
from audiences.catalogue import Args, Clause, Field, Names, Op, Scope, behaviour
from audiences.shapes import Param
from campaigns.models import Campaign, Delivery, Run
from campaigns.tracking import RECEIPT_DAYS
from subscribers.models import Subscription

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

ACCEPTED = Q(state=Delivery.State.ACCEPTED)
OPS = {"did": Op(gettext_lazy("did")), "did_not": Op(gettext_lazy("did not"))}
PARAMS: Mapping[str, Param] = {
    "campaigns": Param("campaigns", shapes.many(shapes.one_id, most=50), required=False),
    **behaviour.WINDOW,
}


@dataclass(frozen=True)
class Engagement:
    """One thing to be counted in the ledger: which rows, and when it happened."""

    key: str
    label: _StrPromise
    rows: Q
    moment: str
    did: _StrPromise
    did_not: _StrPromise

    def deliveries(self, args: Args, scope: Scope) -> QuerySet[Delivery]:
        """The rows that a condition speaks of, of every device of the site."""
        window = behaviour.window_q(self.moment, args.get("within", {}), scope)
        return ledger(args, scope).filter(self.rows, window)

    def asks(self, op: str, args: Args, scope: Scope) -> Q:
        found = people(self.deliveries(args, scope), scope)
        if self.key == "ignored":
            sent = behaviour.window_q("sent_at", args.get("within", {}), scope)
            # Later answers change nothing for a run that has begun.
            answered = Q(clicked_at__lte=scope.now) | Q(dismissed_at__lte=scope.now)
            found &= ~people(ledger(args, scope).filter(answered, sent), scope)
        return found if op == "did" else ~found

    def says(self, op: str, args: Args, names: Names) -> Clause:
        text = str(self.did if op == "did" else self.did_not)
        named = tuple(names.get(one, one) for one in args.get("campaigns", ()))
        what = "{campaigns}" if named else _("any campaign")
        text = text.replace("{what}", what)
        return behaviour.with_details(text, {"campaigns": named}, args)

    def knows(self, args: Args, device: Subscription, scope: Scope) -> str:
        mine = self.deliveries(args, scope).filter(subscription__subscriber=device.subscriber_id)
        found = mine.aggregate(times=Count("subscription_id"), last=Max(self.moment))
        if not found["times"]:
            return _("none")
        count = ngettext("%(n)s message", "%(n)s messages", found["times"])
        said = {"n": f"{found['times']:,}"}
        return f"{count % said}, {behaviour.shown(found['last'], scope)}"

    def field(self) -> Field:
        return Field(
            key=self.key,
            label=self.label,
            group=gettext_lazy("Engagement"),
            ops=OPS,
            asks=self.asks,
            says=self.says,
            knows=self.knows,
            params=PARAMS,
            names=names_of,
        )


def ledger(args: Args, scope: Scope) -> QuerySet[Delivery]:
    """The rows of the runs in question. Those are read first: the partitions are then known."""
    runs = Run.objects.filter(campaign__site=scope.site, kind=Run.Kind.CAMPAIGN)
    if "campaigns" in args:
        runs = runs.filter(campaign__in=args["campaigns"])
    if (since := beginning(args.get("within", {}), scope)) is not None:
        late = since - timedelta(days=RECEIPT_DAYS)
        runs = runs.filter(Q(finished_at=None) | Q(finished_at__gte=late))
    known = list(runs.values_list("month", "pk"))
    return Delivery.objects.filter(
        month__in={month for month, _pk in known}, run_id__in=[pk for _month, pk in known]
    )


def beginning(window: Mapping[str, Any], scope: Scope) -> Any:
    """When a window begins; None: long ago."""
    if "hours" in window:
        return scope.now - timedelta(hours=window["hours"])
    if "days" in window:
        return scope.ago(window["days"])
    return None


def people(found: QuerySet[Delivery], scope: Scope) -> Q:
    """The people whose devices these rows are of."""
    devices = scope.among(Subscription.objects.filter(site=scope.site))
    reached = devices.filter(pk__in=found.values("subscription_id"))
    return Q(subscriber_id__in=reached.values("subscriber_id"))


def names_of(site: Site, ids: Iterable[str]) -> Names:
    found = Campaign.objects.filter(site=site, pk__in=list(ids)).values_list("pk", "name")
    return {str(pk): name for pk, name in found}


def choices(site: Site) -> list[tuple[str, str]]:
    """What the builder offers: campaigns that have begun, the newest first."""
    begun = Campaign.objects.filter(site=site, runs__kind=Run.Kind.CAMPAIGN).distinct()
    found = begun.order_by("-created_at").values_list("pk", "name")[:MOST_CHOICES]
    return [(str(pk), name) for pk, name in found]


FIELDS = tuple(
    engagement.field()
    for engagement in (
        Engagement(
            "received",
            gettext_lazy("Received"),
            ACCEPTED,
            "sent_at",
            gettext_lazy("who were sent {what}"),
            gettext_lazy("who were {not_} sent {what}"),
        ),
        Engagement(
            "clicked",
            gettext_lazy("Clicked"),
            Q(),
            "clicked_at",
            gettext_lazy("who clicked {what}"),
            gettext_lazy("who did {not_} click {what}"),
        ),
        Engagement(
            "dismissed",
            gettext_lazy("Dismissed"),
            Q(),
            "dismissed_at",
            gettext_lazy("who dismissed {what}"),
            gettext_lazy("who did {not_} dismiss {what}"),
        ),
        Engagement(
            "ignored",
            gettext_lazy("Ignored"),
            ACCEPTED,
            "sent_at",
            gettext_lazy("who were sent {what} and neither clicked nor dismissed it"),
            gettext_lazy("who did {not_} ignore {what}"),
        ),
    )
)
