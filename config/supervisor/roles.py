"""Which processes make up Beckon, and how each is started."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from django.conf import settings

from config.checks import is_loopback
from config.supervisor.preflight import Port

ROLES = ("web", "worker", "ticker")


@dataclass(frozen=True)
class Role:
    """A process to keep running."""

    name: str
    command: list[str]
    # When the process must have stopped, counted from being asked to.
    stop_seconds: float = 10
    # 0 stops first: who takes in work; 1 who does it; 2 who is needed for it.
    stop_turn: int = 0
    is_ready: Callable[[], bool] | None = None


def chosen_roles(only: str | None, *, demo: bool) -> list[Role]:
    """The processes for this machine."""
    roles = [web()] if only in {None, "web"} else []
    roles += [ticker()] if only in {None, "ticker"} else []
    roles += workers() if only in {None, "worker"} else []
    return [*roles, shop(), push_service(), app_service()] if demo and not only else roles


def chosen_ports(only: str | None, *, demo: bool) -> list[Port]:
    """The ports that those processes listen on."""
    ports = [Port("WEB_PORT", settings.WEB_PORT)] if only in {None, "web"} else []
    if demo and not only:
        names = ("SHOP_PORT", "PUSH_PORT", "APPS_PORT")
        ports += [Port(name, getattr(settings, name)) for name in names]
    return ports


def local_host() -> str:
    """Where this machine itself reaches what listens on BIND_ADDRESS."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    return str(everywhere.get(settings.BIND_ADDRESS, settings.BIND_ADDRESS))


def push_host() -> str:
    """Where the sandbox push service listens: on this machine alone, whatever BIND_ADDRESS is.

    It lets whoever reaches it read messages and make it send requests.
    """
    return str(settings.BIND_ADDRESS) if is_loopback(settings.BIND_ADDRESS) else "127.0.0.1"


def app_host() -> str:
    """Where the sandbox for apps listens. Its certificate has these names, and no others."""
    return "::1" if settings.BIND_ADDRESS == "::1" else "127.0.0.1"


def url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def shop_url() -> str:
    return url(local_host(), settings.SHOP_PORT)


def push_url() -> str:
    return url(push_host(), settings.PUSH_PORT)


def app_url() -> str:
    return url(app_host(), settings.APPS_PORT)


def web() -> Role:
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"),
        *("--host", settings.BIND_ADDRESS, "--port", str(settings.WEB_PORT)),
        *("--workers", str(settings.WEB_WORKERS), "--blocking-threads", "4"),
        *("--log-level", "warning", "--respawn-failed-workers"),
        *("--workers-kill-timeout", "8", "config.wsgi:application"),
    ]
    return Role(
        "web", command, is_ready=partial(answers, local_host(), settings.WEB_PORT, "/healthz")
    )


def workers() -> list[Role]:
    command = manage("worker")
    names = [f"worker {number}" for number in range(1, settings.WORKERS + 1)]
    return [Role(name, command, stop_seconds=12, stop_turn=1) for name in names]


def ticker() -> Role:
    return Role("ticker", manage("ticker"))


def shop() -> Role:
    command = [
        *(sys.executable, "-m", "demo.shop", "--bind", settings.BIND_ADDRESS),
        *("--port", str(settings.SHOP_PORT), "--beckon", settings.PUBLIC_URL),
        *("--site-key-file", str(settings.VAR_DIR / "demo_site_key")),
    ]
    if is_loopback(settings.BIND_ADDRESS):
        # It lets anybody sign in as anybody: elsewhere it vouches for nobody, and has no inbox.
        command += ["--token-secret-file", str(settings.VAR_DIR / "demo_token_secret")]
    ready = partial(answers, local_host(), settings.SHOP_PORT, "/")
    return Role("demo shop", command, stop_seconds=5, is_ready=ready)


def push_service() -> Role:
    command = [
        *(sys.executable, "-m", "demo.pushservice", "--bind", push_host()),
        *("--port", str(settings.PUSH_PORT), "--data", str(settings.VAR_DIR / "pushservice")),
        *("--beckon", settings.PUBLIC_URL, "--shop", shop_url()),
        *("--site-key-file", str(settings.VAR_DIR / "demo_site_key")),
    ]
    ready = partial(answers, push_host(), settings.PUSH_PORT, "/")
    return Role("push service", command, stop_seconds=5, stop_turn=2, is_ready=ready)


def app_service() -> Role:
    command = [
        *(sys.executable, "-m", "demo.appservice", "--bind", app_host()),
        *("--port", str(settings.APPS_PORT), "--data", str(settings.VAR_DIR / "appservice")),
        *("--beckon", settings.PUBLIC_URL),
        *("--site-key-file", str(settings.VAR_DIR / "demo_site_key")),
        *("--app-key-file", str(settings.VAR_DIR / "demo_app_key")),
    ]
    ready = partial(answers, app_host(), settings.APPS_PORT, "/healthz")
    return Role("app service", command, stop_seconds=5, stop_turn=2, is_ready=ready)


def sandbox_origins() -> list[str]:
    """The origins of the sandboxes, which only a run that starts them may send to."""
    hosts = dict.fromkeys((push_url(), f"http://localhost:{settings.PUSH_PORT}"))
    return [*hosts, *sorted({stand_ins()["APNS_ORIGIN"], stand_ins()["FCM_ORIGIN"]})]


def stand_ins() -> dict[str, str]:
    """The settings by which apps' messages go to the sandbox and not to Google and Apple."""
    # By the name it is asked for it knows Apple's sandbox from what is in production.
    other = f"https://localhost:{settings.APPS_PORT}"
    return {
        "FCM_ORIGIN": other,
        "FCM_TOKEN_URI": f"{other}/token",
        "APNS_ORIGIN": app_url().replace("http:", "https:"),
        "APNS_SANDBOX_ORIGIN": other,
        "PUSH_CA_FILE": str(settings.VAR_DIR / "appservice" / "ca-bundle.pem"),
    }


def manage(command: str) -> list[str]:
    # Checked once, by `up` itself.
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), command, "--skip-checks"]


def answers(host: str, port: int, path: str) -> bool:
    """Whether our server answers with 200, asked as a browser on PUBLIC_URL would."""
    public = urlsplit(settings.PUBLIC_URL)
    headers = {"Host": public.netloc, "X-Forwarded-Proto": public.scheme}
    # Not urlopen: a proxy from the environment must not stand between us and ourselves.
    local = HTTPConnection(host, port, timeout=5)
    try:
        local.request("GET", path, headers=headers)
        return local.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        local.close()
