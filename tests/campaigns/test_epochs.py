"""After a restore or a copy nothing is sent before a person says so (design section 5.9)."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as now_set
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEvent
from campaigns import epochs, planning, sending, starting
from campaigns.models import Batch, Campaign, Delivery, Epoch, Run
from config.embedded.postgres import binary
from tests.campaigns.engine import drive
from tests.campaigns.locks import Meanwhile
from tests.campaigns.senders import FakeService
from tests.factories import make_campaign, make_site, make_subscription, make_user

pytestmark = pytest.mark.django_db(transaction=True)
State = Campaign.State


@pytest.fixture
def var_dir(tmp_path: Path, settings: Settings) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path


@pytest.fixture
def half_way(var_dir: Path, settings: Settings) -> Run:
    """A run of four devices with two batches, of which one is sent; a ticker has looked."""
    settings.SEND_BATCH = 2
    site = make_site()
    for _number in range(4):
        make_subscription(site)
    assert epochs.look()
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    sending.deliver(Batch.objects.earliest("pk").pk, FakeService())
    assert Delivery.objects.filter(state=Delivery.State.ACCEPTED).count() == 2
    return run


def scheduled() -> Campaign:
    campaign = make_campaign(make_site())
    wall = (timezone.now() + timedelta(days=2)).replace(tzinfo=None)
    starting.schedule(campaign, wall, "UTC")
    return campaign


def go_back(seconds: int = 3_600) -> None:
    """As if the database had been set back: its count is an hour behind the file's."""
    row = Epoch.objects.get()
    Epoch.objects.update(counter=row.counter - seconds)


def silence(seconds: float) -> None:
    """As if nobody had vouched for so long."""
    Epoch.objects.update(updated_at=timezone.now() - timedelta(seconds=seconds))


def sign() -> str:
    """What the last stop said that it saw."""
    return AuditEvent.objects.filter(action=epochs.ACTION).latest("pk").target


def in_file() -> int:
    count: int = json.loads(epochs.place().read_text())["counter"]
    return count


@pytest.mark.usefixtures("var_dir")
def test_a_new_installation_begins() -> None:
    assert epochs.guard()
    assert epochs.look() and epochs.guard()
    row = Epoch.objects.get()
    assert in_file() == row.counter
    assert row.identity.count("/") == 2 and "-" not in row.identity
    assert not AuditEvent.objects.exists()


@pytest.mark.usefixtures("half_way")
def test_as_long_as_all_is_as_it_was_nothing_stops() -> None:
    before = in_file()
    silence(epochs.COUNT_SECONDS + 1)
    assert epochs.look() and epochs.guard()
    assert in_file() == Epoch.objects.get().counter >= before
    assert Run.objects.get().state == Run.State.RUNNING


@pytest.mark.usefixtures("half_way")
def test_the_count_grows_though_the_clock_stands_still() -> None:
    future = Epoch.objects.get().counter + 1_000_000
    Epoch.objects.update(counter=future)
    silence(epochs.COUNT_SECONDS + 1)
    assert epochs.look()
    assert Epoch.objects.get().counter == in_file() == future + 1


@pytest.mark.usefixtures("half_way")
def test_a_server_clock_that_was_set_back_does_not_stop_the_count() -> None:
    silence(-3_600)
    before = in_file()
    assert epochs.guard()
    assert epochs.look()
    assert in_file() > before
    assert Epoch.objects.get().updated_at <= timezone.now()


def test_a_database_that_was_set_back_pauses_everything(half_way: Run) -> None:
    waits, draft = scheduled(), make_campaign(make_site())
    test = Run.objects.create(
        campaign=draft,
        message=draft.messages.get(),
        kind=Run.Kind.TEST,
        state=Run.State.RUNNING,
        month=half_way.month,
        last_subscription=0,
        started_by=make_user(),
    )
    go_back()
    assert not epochs.look()
    for row in (half_way, half_way.campaign, waits, draft, test):
        row.refresh_from_db()
    assert (half_way.state, half_way.campaign.state) == (Run.State.PAUSED, State.PAUSED)
    assert half_way.campaign.attention == half_way.pause_reason
    assert "may have been sent already" in half_way.pause_reason
    assert waits.state == State.DRAFT and "before you schedule it again" in waits.attention
    assert test.state == Run.State.CANCELLED and test.finished_at
    assert (draft.state, draft.attention) == (State.DRAFT, "")
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions[-3:] == ["campaign.paused", "campaign.unscheduled", "database.copied"]
    assert sign() == str(epochs.Sign.BACK.label)
    # From here on this is the database; a person decides, and nobody gets it twice.
    assert epochs.look() and epochs.guard()
    service = FakeService()
    starting.resume(half_way.campaign)
    drive(half_way, service)
    assert len(service.log) == 2
    assert Delivery.objects.filter(state=Delivery.State.ACCEPTED).count() == 4


def test_what_was_on_its_way_in_the_backup_is_not_sent_again(half_way: Run) -> None:
    """The backup was made amid a window: nobody can know what became of it."""
    planned = Delivery.objects.filter(state=Delivery.State.PLANNED)
    claimed = planned.values_list("subscription_id", flat=True)[0]
    planned.filter(subscription_id=claimed).update(state=Delivery.State.SENDING)
    batch = Batch.objects.latest("pk")
    ended = timezone.now() - timedelta(minutes=5)
    Batch.objects.filter(pk=batch.pk).update(leased_until=ended, token=1)
    go_back()
    assert not epochs.look()
    service = FakeService()
    sending.deliver(batch.pk, service)
    assert service.log == []
    starting.resume(half_way.campaign)
    sending.deliver(batch.pk, service)
    assert len(service.log) == 1
    row = Delivery.objects.get(subscription_id=claimed)
    assert (row.state, row.reason) == (Delivery.State.UNKNOWN, "sender_died")


def test_a_sender_notices_it_too(half_way: Run) -> None:
    go_back()
    assert not epochs.guard()
    half_way.refresh_from_db()
    assert half_way.state == Run.State.PAUSED
    assert epochs.guard()


@pytest.mark.usefixtures("half_way")
def test_a_machine_without_a_file_sends_only_while_somebody_vouches() -> None:
    """A worker elsewhere that has work in its queue, and a database set back before all started."""
    epochs.place().unlink()
    assert epochs.guard()
    silence(epochs.VOUCHED_SECONDS + 1)
    assert not epochs.guard()
    assert Run.objects.get().state == Run.State.RUNNING
    assert epochs.look() and epochs.guard()


@pytest.mark.usefixtures("half_way")
def test_another_machine_takes_over_without_a_stop() -> None:
    epochs.place().unlink()
    silence(now_set.LATENESS_LIMIT_SECONDS - 60)
    assert epochs.look()
    assert in_file() == Epoch.objects.get().counter
    assert Run.objects.get().state == Run.State.RUNNING


@pytest.mark.usefixtures("half_way")
def test_a_machine_that_finds_a_database_nobody_ran_for_long_asks() -> None:
    epochs.place().unlink()
    silence(now_set.LATENESS_LIMIT_SECONDS + 60)
    assert not epochs.look()
    assert sign() == str(epochs.Sign.SILENT.label)
    assert Run.objects.get().state == Run.State.PAUSED


@pytest.mark.usefixtures("half_way")
def test_the_same_machine_may_have_been_off_for_long() -> None:
    silence(30 * 86_400)
    assert epochs.look()


@pytest.mark.parametrize(
    ("part", "said"),
    [(0, epochs.Sign.SERVER), (1, epochs.Sign.TIMELINE), (2, epochs.Sign.DATABASE)],
)
def test_another_identity(half_way: Run, part: int, said: epochs.Sign) -> None:
    parts = Epoch.objects.get().identity.split("/")
    parts[part] += "0"
    Epoch.objects.update(identity="/".join(parts))
    epochs.place().unlink()
    assert not epochs.look()
    assert sign() == str(said.label)
    assert epochs.look()
    half_way.refresh_from_db()
    assert half_way.state == Run.State.PAUSED


@pytest.mark.parametrize("text", ["copied\n", "", "[]", '{"counter": "x"}', '{"counter": 1e999}'])
@pytest.mark.usefixtures("half_way")
def test_a_file_that_was_marked(text: str) -> None:
    epochs.place().write_text(text)
    assert not epochs.look()
    assert sign() == str(epochs.Sign.MARKED.label)
    assert epochs.look()


@pytest.mark.parametrize(("embedded", "stops"), [(True, True), (False, False)])
@pytest.mark.usefixtures("half_way")
def test_a_copied_var_dir(tmp_path: Path, settings: Settings, embedded: bool, stops: bool) -> None:
    """With the database in it, it is a copy of everything; else only another machine's memory."""
    settings.DATABASE_IS_EMBEDDED = embedded
    assert epochs.look()
    shutil.copytree(tmp_path, copied := tmp_path / "copy")
    settings.VAR_DIR = copied
    assert epochs.look() is not stops
    assert Run.objects.filter(state=Run.State.PAUSED).exists() is stops


@pytest.mark.usefixtures("half_way")
def test_a_file_that_cannot_be_written_stops_nobody(
    tmp_path: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    assert epochs.trouble() == ""
    settings.VAR_DIR = tmp_path / "gone"
    assert epochs.look()
    assert "epoch can't be written" in caplog.text
    assert epochs.trouble() == "No such file or directory"


def test_an_identity_of_which_parts_cannot_be_read(
    var_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "IDENTITY", ("SELECT no_such_function()::text", "SELECT 'b'"))
    assert epochs.identity_now() == "-/b"
    monkeypatch.setattr(epochs, "IDENTITY", ("SELECT pg_sleep(60)::text",))
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 10")
    with pytest.raises(OperationalError):
        epochs.identity_now()
    connection.close()


def test_of_several_that_notice_one_stops_everything(half_way: Run) -> None:
    go_back()
    other = Meanwhile()
    from django.db import transaction

    with transaction.atomic():
        Epoch.objects.select_for_update().get()
        waiting = other.start(epochs.look)
        epochs.stop_everything(epochs.Sign.BACK)
    assert waiting.result() is False
    assert AuditEvent.objects.filter(action=epochs.ACTION).count() == 1
    assert AuditEvent.objects.filter(action="campaign.paused").count() == 1


def test_what_is_known_is_told(var_dir: Path) -> None:
    assert epochs.standing() == epochs.Standing(None, None, 0, "")
    epochs.look()
    go_back()
    epochs.look()
    found = epochs.standing()
    assert found.age is not None and found.age < 60
    assert found.stopped_at and found.sign == str(epochs.Sign.BACK.label)


# With the server's own tools.


def address(name: str = "") -> dict[str, Any]:
    given = connection.get_connection_params()
    keys = ("host", "port", "user", "password")
    return {k: given[k] for k in keys if given.get(k)} | {"dbname": name or given["dbname"]}


def tool(name: str, *arguments: str) -> None:
    given = address()
    place = ["--host", given["host"], "--username", given["user"]]
    env = {**os.environ, "PGPASSWORD": str(given.get("password", ""))}
    port = ["--port", str(given["port"])] if given.get("port") else []
    subprocess.run([str(binary(name)), *place, *port, *arguments], check=True, env=env)


def test_a_dump_restored_in_place(half_way: Run, tmp_path: Path) -> None:
    """The dump was made half way, the run went on to its end; the dump knows nothing of that."""
    dump, name = str(tmp_path / "dump"), address()["dbname"]
    waits = scheduled()
    tool("pg_dump", "--format=custom", f"--file={dump}", name)
    service = FakeService()
    drive(half_way, service)
    silence(epochs.COUNT_SECONDS + 1)
    assert epochs.look()
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    connection.close()
    tool("pg_restore", "--no-owner", f"--dbname={name}", dump)
    assert Delivery.objects.filter(state=Delivery.State.PLANNED).count() == 2
    assert not epochs.guard()
    half_way.refresh_from_db()
    waits.refresh_from_db()
    assert (half_way.state, waits.state) == (Run.State.PAUSED, State.DRAFT)
    assert sign() == str(epochs.Sign.BACK.label)
    for batch in Batch.objects.all():
        sending.deliver(batch.pk, service)
    assert len(service.log) == 2


@pytest.fixture
def copied_database(half_way: Run) -> Iterator[str]:
    original, copy = address()["dbname"], "copy_of_test"
    connection.close()
    with psycopg.connect(**address("postgres"), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {copy} TEMPLATE {original}")
    connection.settings_dict["NAME"] = copy
    yield copy
    connection.close()
    connection.settings_dict["NAME"] = original
    with psycopg.connect(**address("postgres"), autocommit=True) as server:
        server.execute(f"DROP DATABASE {copy}")


@pytest.mark.usefixtures("copied_database")
def test_a_copy_of_the_database(half_way: Run) -> None:
    epochs.place().unlink()  # started on another machine
    assert not epochs.guard()
    half_way.refresh_from_db()
    assert half_way.state == Run.State.PAUSED
    assert sign() == str(epochs.Sign.DATABASE.label)
