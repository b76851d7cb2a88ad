"""Imports go downwards only, without circles (docs/architecture.md)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = [
    "accounts",
    "subscribers",
    "audiences",
    "campaigns",
    "config",
]  # each may import those before
OUTSIDE = {"demo", "tests", "benchmarks"}
# The settings name the embedded servers' addresses; nothing else below config may look up.
TRANSPORTS = ROOT / "subscribers" / "transports"


def imported(path: Path) -> Iterator[str]:
    """Absolute names of what a file imports, also inside functions; annotations' imports too."""
    package = ".".join(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            yield ".".join([*base, node.module or ""]).rstrip(".")
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files(app: str) -> list[Path]:
    return [path for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]


@pytest.mark.parametrize("app", APPS)
def test_apps_import_downwards_only(app: str) -> None:
    above = set(APPS[APPS.index(app) + 1 :]) | OUTSIDE
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(app)
        for name in imported(path)
        if name.split(".")[0] in above
    ]
    assert wrong == []


def test_transports_know_no_models_and_nothing_of_ours() -> None:
    ours = {*APPS, "django"}
    wrong = [
        f"{path.name} imports {name}"
        for path in TRANSPORTS.rglob("*.py")
        for name in imported(path)
        if name.split(".")[0] in ours and not name.startswith("subscribers.transports")
    ]
    assert wrong == []


def test_only_the_guarded_client_speaks_to_the_outside() -> None:
    clients = {"requests", "httpx", "aiohttp", "urllib3", "pycurl", "http.client", "urllib.request"}
    # The supervisor and the demo's buttons ask servers of this machine, at addresses of ours.
    own = {ROOT / "config" / name for name in ("supervisor", "sandbox.py", "sandbox_apps.py")}
    guarded = {TRANSPORTS / f"{name}.py" for name in ("client", "connections", "exchange")}
    allowed = {*guarded, TRANSPORTS / "fetching.py", *own}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for app in APPS
        for path in files(app)
        if not any(path == place or place in path.parents for place in allowed)
        for name in imported(path)
        if any(name == client or name.startswith(client + ".") for client in clients)
    ]
    assert wrong == []


def test_the_domain_never_imports_jobs_or_views() -> None:
    """Jobs and views call the domain, not the other way round."""
    callers = {"jobs", "api", "forms", "views", "urls", "urls_api", "urls_public", "management"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for app in APPS[:-1]
        for path in files(app)
        if not callers & {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}
        and not path.name.startswith("api_")
        for name in imported(path)
        if name.split(".")[0] in APPS and set(name.split(".")[1:]) & {"jobs", "views", "api"}
    ]
    assert wrong == []
