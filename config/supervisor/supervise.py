"""Start everything, watch it, stop everything in order."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from django.conf import settings
from django.core.management import call_command
from django.utils.translation import gettext as _

from config.embedded import StartError, places, processes
from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey
from config.supervisor import owner, preflight, roles, schema
from config.supervisor.child import Child, rotate
from config.supervisor.family import Family

READY_SECONDS: Final = 60
TIDY_SECONDS: Final = 30
BEAT: Final = 0.1


@dataclass(frozen=True)
class Options:
    """What `manage.py up` was asked to run."""

    only: str | None = None
    demo: bool = True


class Interrupted(Exception):
    """A person or the system asked us to stop."""


class Supervisor:
    """One run of `manage.py up`. `say` prints a line for the operator."""

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        self.options = options
        self.say = say
        self.family = Family()
        self.servers: list[Postgres | Valkey] = []
        self.children: list[Child] = []
        self.signals = 0
        self.interruptible = False

    def run(self) -> None:
        """Until asked to stop. StartError when something can't start or keeps failing."""
        for chosen in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(chosen, self.on_signal)
        try:
            self.start()
            self.watch()
        except Interrupted:
            pass
        finally:
            self.stop()

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        self.signals += 1
        if self.interruptible:
            self.interruptible = False
            raise Interrupted

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Work that a signal may break off in the middle."""
        self.heed_signals()
        self.interruptible = True
        try:
            yield
        finally:
            self.interruptible = False

    def heed_signals(self) -> None:
        if self.signals:
            raise Interrupted

    def start(self) -> None:
        only, demo = self.options.only, self.options.demo
        var_dir = Path(settings.VAR_DIR)
        lock = preflight.Lock(var_dir)
        embedded = not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"))
        if not lock.take():
            if not only:
                raise StartError(f"Beckon already runs on {var_dir} (process {lock.holder()}).")
            # One role beside a run that has the embedded servers: it uses those.
            embedded = False
        preflight.check_ports(settings.BIND_ADDRESS, roles.chosen_ports(only, demo=demo))
        if embedded:
            self.start_servers(var_dir)
        self.lock = lock
        with self.interrupting():
            preflight.check_database()
            preflight.check_queue()
            schema.migrate()
            if embedded or only == "web":
                # Compressed, so that a visitor's browser loads 3 KB of snippet and not 8.
                call_command("collectstatic", interactive=False, verbosity=0)
            link = owner.ask_or_link(self.say) if only in {None, "web"} else None
        self.start_children(places.private_dir(var_dir / "log"))
        self.say(self.welcome(link))

    def start_servers(self, var_dir: Path) -> None:
        if not os.environ.get("DATABASE_URL"):
            self.servers.append(Postgres(var_dir))
        if not os.environ.get("REDIS_URL"):
            self.servers.append(Valkey(var_dir))
        for server in self.servers:
            self.heed_signals()
            rotate(server.log)
            server.start()

    def start_children(self, log_dir: Path) -> None:
        env = {**os.environ, "VAR_DIR": str(settings.VAR_DIR), "PYTHONUNBUFFERED": "1"}
        if self.options.demo and not self.options.only:
            origins = [*sorted(settings.EXTRA_PUSH_ORIGINS), *roles.sandbox_origins()]
            env["EXTRA_PUSH_ORIGINS"] = ",".join(dict.fromkeys(origins))
            env["DEMO"] = "true"
            # Who names the real services keeps them, whatever else of the demo runs.
            env = {**roles.stand_ins(), **env}
        for role in roles.chosen_roles(self.options.only, demo=self.options.demo):
            child = Child(role, log_dir, env)
            self.children.append(child)
            child.start()
        deadline = time.monotonic() + READY_SECONDS
        waiting = list(self.children)
        while waiting := [child for child in waiting if not child.is_ready]:
            self.beat()
            if time.monotonic() > deadline:
                raise StartError(f"{waiting[0].role.name} does not answer.\n{tail(waiting[0])}")

    def watch(self) -> None:
        tidy_at = time.monotonic() + TIDY_SECONDS
        while True:
            self.beat()
            if time.monotonic() > tidy_at:
                tidy_at += TIDY_SECONDS
                self.tidy()

    def beat(self) -> None:
        """One look at everything."""
        self.heed_signals()
        for server in self.servers:
            if not server.is_running():
                self.revive(server)
        for child in self.children:
            if line := child.tend():
                if child.is_hopeless:
                    raise StartError(f"{child.role.name} keeps failing.\n{tail(child)}")
                self.say(line)
        time.sleep(BEAT)

    def tidy(self) -> None:
        known = {child.process.pid for child in self.children if child.process}
        known |= {server.process.pid for server in self.servers if server.process}
        self.family.bury(known)
        for log in [*(child.log for child in self.children), *(s.log for s in self.servers)]:
            rotate(log)

    def revive(self, server: Postgres | Valkey) -> None:
        """Start a server that ended; what it left behind may take some seconds to go."""
        self.say(_("%(name)s stopped; starting it again.") % {"name": server.name})
        for pause in (1, 2, 4, 8):
            try:
                server.start()
            except StartError:
                processes.wait_for(lambda: self.signals > 0, pause)
                self.heed_signals()
            else:
                return
        server.start()

    def stop(self) -> None:
        """Web and ticker, then the workers, then whom they send to, then the servers.

        One more signal while this goes on ends all patience.
        """
        before = self.signals
        for turn in sorted({child.role.stop_turn for child in self.children}):
            self.stop_children([c for c in self.children if c.role.stop_turn == turn], before)
        for server in reversed(self.servers):
            server.stop(seconds=30 if self.signals == before else 1)
        self.family.end()

    def stop_children(self, group: list[Child], before: int) -> None:
        for child in group:
            child.ask_to_stop()
        processes.wait_for(
            lambda: self.signals > before or not any(child.is_running for child in group),
            max(child.role.stop_seconds for child in group),
        )
        for child in group:
            child.kill()

    def welcome(self, link: str | None) -> str:
        """The lines that tell the operator where everything is."""
        if self.options.only:
            return _("%(role)s is ready.") % {"role": self.options.only}
        lines = [(_("Beckon"), settings.PUBLIC_URL)]
        if self.options.demo:
            lines += [
                (_("Demo shop"), roles.shop_url()),
                (_("Sandbox push service"), roles.push_url()),
                (_("Sandbox for apps"), roles.app_url()),
            ]
        if link:
            lines.append((_("First sign-in, works once"), settings.PUBLIC_URL + link))
        width = max(len(name) for name, _address in lines)
        addresses = "\n".join(f"  {name:<{width}}  {address}" for name, address in lines)
        ready = _("Beckon is ready. Ctrl-C stops it; data and logs are in %(place)s.")
        return f"{ready % {'place': settings.VAR_DIR}}\n\n{addresses}\n"


def tail(child: Child) -> str:
    """The last lines of a child's log, and where the rest is."""
    return f"{processes.last_lines(child.log)}\n({child.log})"
