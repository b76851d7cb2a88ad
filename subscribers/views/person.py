"""One person: devices, consent, attributes; and what a member may do about them."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts import audit
from accounts.access import SiteRequest, member
from accounts.models import Role
from subscribers import consent
from subscribers.models import Cart, ConsentRecord, Subscriber, Subscription, TestDevice

MAX_RECORDS = 100


def _person(request: SiteRequest, subscriber_id: UUID) -> Subscriber:
    found = Subscriber.objects.filter(site=request.site, pk=subscriber_id).first()
    if found is None:
        raise Http404
    return found


def _device(request: SiteRequest, subscriber_id: UUID, public_id: UUID) -> Subscription:
    found = Subscription.objects.filter(
        site=request.site, subscriber_id=subscriber_id, public_id=public_id
    ).first()
    if found is None:
        raise Http404
    return found


@member(Role.VIEWER)
@require_safe
def person(request: SiteRequest, subscriber_id: UUID) -> HttpResponse:
    """Everything that is known of a person."""
    found = _person(request, subscriber_id)
    devices = list(found.subscriptions.order_by("-last_seen_at", "-pk"))
    mine = TestDevice.objects.filter(user=request.user, subscription__in=devices)
    context: dict[str, Any] = {
        "nav": "people",
        "person": found,
        "devices": devices,
        "reachable": sum(device.state == device.State.ACTIVE for device in devices),
        "may_leave": any(device.state != device.State.UNSUBSCRIBED for device in devices),
        "mine": set(mine.values_list("subscription_id", flat=True)),
        "cart": Cart.objects.filter(pk=found.pk).first(),
        "records": _records(found),
        "in_force": any(device.state == device.State.ACTIVE for device in devices),
        "may_unsubscribe": request.role.includes(Role.ADMIN),
        "restorable": _restorable(devices) if request.role.includes(Role.ADMIN) else set(),
        "may_test": request.role.includes(Role.MARKETER),
    }
    return render(request, "subscribers/person.html", context)


def _restorable(devices: list[Subscription]) -> set[int]:
    """The devices that a push service closed less than 30 days ago."""
    since = timezone.now() - consent.RESTORABLE
    return {one.pk for one in devices if one.state == one.State.GONE and one.state_at >= since}


def _records(found: Subscriber) -> list[ConsentRecord]:
    records = found.consents.select_related("prompt", "actor", "subscription")
    return list(records.order_by("-at", "-pk")[:MAX_RECORDS])


@member(Role.ADMIN)
@require_POST
def person_unsubscribe(request: SiteRequest, subscriber_id: UUID) -> HttpResponse:
    """No more messages to any of a person's devices."""
    found = _person(request, subscriber_id)
    with transaction.atomic():
        stopped = consent.leave_all(found, ConsentRecord.Action.REMOVED, actor=request.user)
        if stopped:
            audit.record(
                "person.unsubscribed", site=request.site, actor=request.user, target=found.pk
            )
    text = ngettext(
        "%(count)d device gets no more messages.",
        "%(count)d devices get no more messages.",
        stopped,
    )
    messages.success(request, text % {"count": stopped})
    return redirect("subscribers:person", request.site.pk, found.pk)


@member(Role.ADMIN)
@require_POST
def device_unsubscribe(request: SiteRequest, subscriber_id: UUID, public_id: UUID) -> HttpResponse:
    """No more messages to one device."""
    found = _device(request, subscriber_id, public_id)
    with transaction.atomic():
        if consent.leave(found, ConsentRecord.Action.REMOVED, actor=request.user):
            audit.record(
                "device.unsubscribed", site=request.site, actor=request.user, target=public_id
            )
    messages.success(request, _("%(device)s gets no more messages.") % {"device": found.device})
    return redirect("subscribers:person", request.site.pk, subscriber_id)


@member(Role.ADMIN)
@require_POST
def device_restore(request: SiteRequest, subscriber_id: UUID, public_id: UUID) -> HttpResponse:
    """Send to a device again that a push service has called gone."""
    found = _device(request, subscriber_id, public_id)
    with transaction.atomic():
        since = timezone.now() - consent.RESTORABLE
        restored = consent.restore_many([found.pk], request.user, since)
        if restored:
            audit.record("device.restored", site=request.site, actor=request.user, target=public_id)
    if restored:
        text = _("%(device)s gets messages again. If it is gone, the next one says so.")
        messages.success(request, text % {"device": found.device})
    else:
        text = _("%(device)s was not restored: it has not been gone in the last 30 days.")
        messages.error(request, text % {"device": found.device})
    return redirect("subscribers:person", request.site.pk, subscriber_id)


@member(Role.MARKETER)
@require_POST
def device_test(request: SiteRequest, subscriber_id: UUID, public_id: UUID) -> HttpResponse:
    """Call a device one's own for test messages, or no longer."""
    found = _device(request, subscriber_id, public_id)
    if request.POST.get("use") == "yes":
        TestDevice.objects.get_or_create(user=request.user, subscription=found)
        text = _("Your test messages go to %(device)s.")
    else:
        TestDevice.objects.filter(user=request.user, subscription=found).delete()
        text = _("%(device)s gets no more of your test messages.")
    messages.success(request, text % {"device": found.device})
    return redirect("subscribers:person", request.site.pk, subscriber_id)
