"""Taking back "gone": whom a run lost and nobody else, once, within 30 days."""

from collections.abc import Callable
from datetime import timedelta

import django_rq
import pytest
from django.test import Client
from django.utils import timezone
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from accounts.models import AuditEvent, Role, Site
from campaigns import jobs, partitions, restoring
from campaigns.models import Batch, Campaign, Delivery, Run, month_of
from campaigns.views import restoring as view
from subscribers import consent
from subscribers.models import ConsentRecord, Subscription
from tests.factories import make_campaign, make_subscription, make_user

pytestmark = pytest.mark.django_db

FCM = "https://fcm.googleapis.com"
MOZILLA = "https://updates.push.services.mozilla.com"
Action = ConsentRecord.Action


@pytest.fixture
def run(site: Site) -> Run:
    """A run that started a day ago."""
    return make_run(make_campaign(site, state=Campaign.State.FINISHED))


def make_run(campaign: Campaign) -> Run:
    yesterday = timezone.now() - timedelta(days=1)
    partitions.ensure(month_of(timezone.now()))
    return Run.objects.create(
        campaign=campaign,
        message=campaign.messages.get(),
        month=month_of(timezone.now()),
        last_subscription=10**6,
        started_at=yesterday,
        state=Run.State.FINISHED,
    )


def lose(run: Run, origin: str = FCM, ago: timedelta = timedelta(hours=1)) -> Subscription:
    """A device that this run got a 410 for."""
    device = make_subscription(run.campaign.site)
    device.endpoint = f"{origin}/wp/{device.pk}"
    device.save(update_fields=["endpoint"])
    consent.mark_gone([device.pk])
    moment = timezone.now() - ago
    Subscription.objects.filter(pk=device.pk).update(state_at=moment)
    Delivery.objects.create(
        month=run.month,
        run=run,
        subscription=device,
        state=Delivery.State.GONE,
        status_code=410,
        reason="410",
        settled_at=moment,
    )
    return device


def states(*devices: Subscription) -> list[str]:
    found = dict(Subscription.objects.values_list("pk", "state"))
    return [found[device.pk] for device in devices]


def all_of(run: Run, origin: str = "") -> int:
    restored, further = restoring.restore(run, None, origin, stop=lambda: False)
    assert further is None
    return restored


def test_the_devices_come_back_and_the_ledger_keeps_the_answer(run: Run) -> None:
    one, two = lose(run), lose(run)
    admin = make_user()
    assert restoring.restore(run, admin, stop=lambda: False) == (2, None)
    assert states(one, two) == ["active", "active"]
    assert set(Delivery.objects.values_list("state", flat=True)) == {Delivery.State.GONE}
    record = ConsentRecord.objects.filter(subscription=one).latest("id")
    assert (record.action, record.actor) == (Action.RESTORED, admin)
    # Nobody is restored twice.
    assert all_of(run) == 0
    assert ConsentRecord.objects.filter(action=Action.RESTORED).count() == 2


def test_one_push_service_only(run: Run) -> None:
    chrome, firefox = lose(run), lose(run, MOZILLA)
    assert restoring.services(run) == [(FCM, 1), (MOZILLA, 1)]
    assert all_of(run, MOZILLA) == 1
    assert states(chrome, firefox) == ["gone", "active"]
    assert restoring.services(run) == [(FCM, 1)]
    assert all_of(run, "https://fcm.google") == 0


def test_who_has_changed_since_is_left_alone(run: Run, site: Site) -> None:
    left, later, fine, retired = lose(run), lose(run), lose(run), lose(run)
    consent.leave(left, Action.UNSUBSCRIBED)
    # Came back, and was gone again by another run's answer.
    Subscription.objects.filter(pk=later.pk).update(state_at=timezone.now())
    # A browser that has another subscription by now, see subscribers.ingest.
    Subscription.objects.filter(pk=retired.pk).update(state_at=timezone.now(), install_id=None)
    earlier = make_subscription(site)
    consent.mark_gone([earlier.pk])
    assert all_of(run) == 1
    assert states(left, later, fine, retired, earlier) == [
        "unsubscribed",
        "gone",
        "active",
        "gone",
        "gone",
    ]


def test_another_runs_devices_are_left_alone(run: Run, site: Site) -> None:
    other = lose(make_run(make_campaign(site)))
    assert all_of(run) == 0
    assert states(other) == ["gone"]


def test_after_30_days_only_a_visit_restores(run: Run) -> None:
    Run.objects.update(started_at=timezone.now() - timedelta(days=40))
    run.refresh_from_db()
    old, young = lose(run, ago=timedelta(days=31)), lose(run, ago=timedelta(days=29))
    assert all_of(run) == 1
    assert states(old, young) == ["gone", "active"]


def test_it_goes_on_where_it_stopped(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "CHUNK", 2)
    devices = [lose(run) for _ in range(5)]
    asked = iter([False, True])
    restored, further = restoring.restore(run, None, stop=lambda: next(asked))
    assert (restored, further) == (2, devices[1].pk)
    assert states(*devices) == ["active"] * 2 + ["gone"] * 3
    assert restoring.restore(run, None, after=devices[1].pk, stop=lambda: False) == (3, None)
    assert states(*devices) == ["active"] * 5


def work() -> None:
    queue = django_rq.get_queue("default")
    SimpleWorker([queue], connection=queue.connection, serializer=JSONSerializer).work(
        burst=True, with_scheduler=False
    )


@pytest.mark.django_db(transaction=True)
def test_the_job_restores_and_a_second_one_finds_nobody(run: Run) -> None:
    one, other, admin = lose(run), lose(run, MOZILLA), make_user()
    for _ in range(2):
        jobs.enqueue_restoring(run.pk, admin.pk, FCM)
    assert len(django_rq.get_queue("default")) == 1
    work()
    assert states(one, other) == ["active", "gone"]
    assert ConsentRecord.objects.get(action=Action.RESTORED).actor == admin


@pytest.mark.django_db(transaction=True)
def test_a_job_that_must_stop_leaves_the_rest_to_the_next(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "CHUNK", 1)
    devices, asked = [lose(run) for _ in range(3)], iter([False, True, *[False] * 9])
    monkeypatch.setattr(jobs, "stopper", lambda _seconds: lambda: next(asked))
    jobs.enqueue_restoring(run.pk, make_user().pk, "")
    work()
    assert states(*devices) == ["active"] * 3


def url(campaign: Campaign) -> str:
    return f"/sites/{campaign.site_id}/campaigns/{campaign.pk}/restore/"


def press(client: Client, campaign: Campaign, **data: str) -> str:
    """The note or toast of the page that follows."""
    response = client.post(url(campaign), data, follow=True)
    assert response.redirect_chain[0][0].endswith(f"/campaigns/{campaign.pk}/")
    return response.content.decode()


def test_the_button(run: Run, as_role: Callable[[Role], Client]) -> None:
    admin, device, other = as_role(Role.ADMIN), lose(run), lose(run, MOZILLA)
    page = press(admin, run.campaign, origin=FCM)
    assert "1 device is restored." in page
    assert states(device, other) == ["active", "gone"]
    event = AuditEvent.objects.get(action="campaign.gone_restored")
    assert (event.target, event.detail) == (
        run.campaign.name,
        {"devices": 1, "push_service": FCM},
    )
    assert "1 device is restored." in press(admin, run.campaign)
    assert "There is nobody to restore" in press(admin, run.campaign)
    assert AuditEvent.objects.filter(action="campaign.gone_restored").count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_button_for_very_many(
    run: Run, as_role: Callable[[Role], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "AT_ONCE", 1)
    devices = [lose(run), lose(run)]
    assert "2 devices are being restored." in press(as_role(Role.ADMIN), run.campaign)
    assert states(*devices) == ["gone", "gone"]
    assert len(django_rq.get_queue("default")) == 1


def test_the_button_needs_an_admin(run: Run, bob: Client) -> None:
    device = lose(run)
    assert bob.post(url(run.campaign)).status_code == 403
    assert states(device) == ["gone"]


@pytest.mark.parametrize("origin", ["fcm", "https://a/b", "https://\x00", "javascript:1"])
def test_an_address_that_is_no_origin(
    run: Run, as_role: Callable[[Role], Client], origin: str
) -> None:
    device = lose(run)
    response = as_role(Role.ADMIN).post(url(run.campaign), {"origin": origin})
    assert response.status_code == 404
    assert states(device) == ["gone"]


def test_a_draft_has_nobody_to_restore(site: Site, as_role: Callable[[Role], Client]) -> None:
    response = as_role(Role.ADMIN).post(url(make_campaign(site)))
    assert response.status_code == 302
    assert not Batch.objects.exists()
