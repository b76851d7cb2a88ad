"""Drive a real, headless Firefox over Marionette, its own remote protocol: no geckodriver needed.

A message on the wire is `LENGTH:JSON`; a command is `[0, id, name, parameters]` and its answer
`[1, id, error, result]`. Scripts run in the page ("content") or in the browser itself ("chrome").
Marionette is served to loopback only, and only while a test runs.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self, TypedDict, TypeVar
from urllib.parse import urlsplit

from tests.browser.firefox_profile import preferences

T = TypeVar("T")
Context = Literal["content", "chrome"]
ELEMENT_KEY = "element-6066-11e4-a52e-4f735466cecf"
START_SECONDS = 60.0
WAIT_SECONDS = 20.0


class FirefoxError(Exception):
    """Firefox answered with an error, went away, or a condition did not come true in time."""


class Alert(TypedDict):
    """A notification that is on the screen, as Firefox itself draws it."""

    title: str
    body: str
    source: str


class Firefox:
    """One browser with a fresh profile; use as a context manager.

    `push_url` is the websocket address of the push service. `preferences` adds to or replaces the
    defaults (for instance `{"ui.systemUsesDarkTheme": 1}`).
    """

    def __init__(
        self, binary: str, *, push_url: str, extra: dict[str, str | int | bool] | None = None
    ) -> None:
        self.profile = Path(tempfile.mkdtemp(prefix="beckon-firefox-"))
        self._id = 0
        self._buffer = b""
        self._socket: socket.socket | None = None
        self._context: Context = "content"
        prefs = preferences(push_url) | (extra or {})
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in prefs.items()]
        (self.profile / "user.js").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._log = (self.profile / "firefox.log").open("wb")
        self._process = subprocess.Popen(
            [binary, "--headless", "--marionette", "--remote-allow-system-access"]
            + ["--no-remote", "--profile", str(self.profile), "--width=1280", "--height=900"],
            env=os.environ
            | {"MOZ_REMOTE_SETTINGS_DEVTOOLS": "1", "MOZ_CRASHREPORTER_DISABLE": "1"}
            | {"HOME": str(self.profile)},
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        try:
            self._connect()
        except BaseException:
            self.quit()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.quit()

    # The protocol

    def _connect(self) -> None:
        port_file = self.profile / "MarionetteActivePort"

        def port() -> str:
            if self._process.poll() is not None:
                log = (self.profile / "firefox.log").read_text(errors="replace")[-2000:]
                raise FirefoxError(f"Firefox stopped at once:\n{log}")
            return port_file.read_text().strip() if port_file.exists() else ""

        address = ("127.0.0.1", int(wait_for(port, "Marionette's port", START_SECONDS)))
        self._socket = socket.create_connection(address, timeout=START_SECONDS)
        hello = self._read()
        if hello.get("marionetteProtocol") != 3:
            raise FirefoxError(f"unknown Marionette protocol: {hello}")
        self.command("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {}}})

    def _read(self) -> Any:
        assert self._socket is not None
        while b":" not in self._buffer:
            self._buffer += self._receive()
        length, _, rest = self._buffer.partition(b":")
        while len(rest) < int(length):
            rest += self._receive()
        self._buffer = rest[int(length) :]
        return json.loads(rest[: int(length)])

    def _receive(self) -> bytes:
        assert self._socket is not None
        data = self._socket.recv(1 << 16)
        if not data:
            raise FirefoxError("Firefox closed the connection")
        return data

    def command(self, name: str, parameters: dict[str, Any] | None = None) -> Any:
        """Send one Marionette command and return its value."""
        assert self._socket is not None
        self._id += 1
        message = json.dumps([0, self._id, name, parameters or {}]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, number, error, result = self._read()
        if number != self._id:
            raise FirefoxError(f"answer {number} to command {self._id}")
        if error:
            raise FirefoxError(f"{name}: {error['error']}: {error['message']}")
        if isinstance(result, dict) and result.keys() == {"value"}:
            return result["value"]
        return result

    @contextmanager
    def chrome(self) -> Iterator[None]:
        """Run the commands inside in the browser instead of in the page."""
        before, self._context = self._context, "chrome"
        self.command("Marionette:SetContext", {"value": "chrome"})
        try:
            yield
        finally:
            self._context = before
            self.command("Marionette:SetContext", {"value": before})

    # Pages

    def open(self, url: str) -> None:
        """Bring the current tab to the front, navigate it and wait until the page is loaded."""
        self._show(self.command("WebDriver:GetWindowHandle"))
        self.command("WebDriver:Navigate", {"url": url})

    def run(self, script: str, *args: object) -> Any:
        """Run the body of an async function in the current context: `return`, `await` and
        `arguments` work; the value must fit in JSON."""
        wrapped = f"""
            const done = arguments[arguments.length - 1];
            const given = Array.prototype.slice.call(arguments, 0, -1);
            (async function () {{ {script} }}).apply(null, given)
                .then(value => done([true, value === undefined ? null : value]),
                      error => done([false, String(error)]));
        """
        sandbox = "system" if self._context == "chrome" else None
        parameters = {"script": wrapped, "args": list(args), "newSandbox": True, "sandbox": sandbox}
        ok, value = self.command("WebDriver:ExecuteAsyncScript", parameters)
        if not ok:
            raise FirefoxError(f"script: {value}")
        return value

    def wait(self, script: str, *args: object, seconds: float = WAIT_SECONDS) -> Any:
        """Run `script` until it returns something true; return that."""
        return wait_for(lambda: self.run(script, *args), script, seconds)

    def click(self, selector: str) -> None:
        """Click as a person would: scrolled into view, at its middle, counted as a gesture."""
        self.command("WebDriver:ElementClick", {"id": self._find(selector)})

    def click_inside(self, host: str, selector: str) -> None:
        """Click an element within the shadow tree of `host`."""
        root = self.command("WebDriver:GetShadowRoot", {"id": self._find(host)})
        within = {"using": "css selector", "value": selector}
        within["shadowRoot"] = next(iter(root.values()))
        found = self.command("WebDriver:FindElementFromShadowRoot", within)
        self.command("WebDriver:ElementClick", {"id": found[ELEMENT_KEY]})

    def type(self, selector: str, text: str) -> None:
        """Replace the text of a field by typing."""
        element = self._find(selector)
        self.command("WebDriver:ElementClear", {"id": element})
        self.command("WebDriver:ElementSendKeys", {"id": element, "text": text})

    def _find(self, selector: str) -> str:
        find = {"using": "css selector", "value": selector}
        found = wait_for(lambda: self.command("WebDriver:FindElements", find), selector)
        return str(found[0][ELEMENT_KEY])

    def tabs(self) -> list[str]:
        """The addresses of all tabs."""
        with self.chrome():
            tabs = self.run("return gBrowser.tabs.map(t => t.linkedBrowser.currentURI.spec)")
        return [str(url) for url in tabs]

    def switch(self, url: str) -> None:
        """Wait for the tab that shows `url`, bring it to the front and go on in there."""

        def found() -> bool:
            for handle in self.command("WebDriver:GetWindowHandles"):
                self._show(handle)
                if self.command("WebDriver:GetCurrentURL") == url:
                    return True
            return False

        wait_for(found, f"a tab with {url}")

    def _show(self, handle: object) -> None:
        # A prompt of the browser only opens over the tab that is in front.
        self.command("WebDriver:SwitchToWindow", {"handle": handle, "focus": True})

    # Permission

    def allow_notifications(self, url: str) -> None:
        """Grant the permission for the origin of `url` without a prompt."""
        parts = urlsplit(url)
        with self.chrome():
            self.run(
                """const principal = Services.scriptSecurityManager
                       .createContentPrincipalFromOrigin(arguments[0]);
                   Services.perms.addFromPrincipal(
                       principal, "desktop-notification", Services.perms.ALLOW_ACTION);""",
                f"{parts.scheme}://{parts.netloc}",
            )

    def answer_prompt(self, answer: Literal["allow", "block"]) -> None:
        """Press the button of the browser's own permission prompt."""
        with self.chrome():
            self.wait(
                """const shown = PopupNotifications.panel;
                   if (shown.state !== "open" || !shown.firstElementChild) return false;
                   const popup = shown.firstElementChild;
                   if (popup.id !== "web-notifications-notification") return false;
                   (arguments[0] === "allow" ? popup.button : popup.secondaryButton).click();
                   return true;""",
                answer,
            )

    # Notifications

    def alerts(self) -> list[Alert]:
        """The notifications on the screen now."""
        with self.chrome():
            return list(self.run(ALERTS + "return windows().map(read);"))

    def wait_for_alert(self, title: str, seconds: float = WAIT_SECONDS) -> Alert:
        """Wait until a notification with this title is on the screen."""

        def shown() -> Alert | None:
            return next((alert for alert in self.alerts() if alert["title"] == title), None)

        return wait_for(shown, f"the notification {title!r}", seconds)

    def click_alert(self, title: str) -> None:
        """Click the notification with this title, as a person does: the worker gets its event."""
        self._act_on_alert(title, "click")

    def close_alert(self, title: str) -> None:
        """Close the notification with this title by its cross."""
        self._act_on_alert(title, "close")

    def _act_on_alert(self, title: str, act: str) -> None:
        self.wait_for_alert(title)
        with self.chrome():
            self.run(
                ALERTS
                + """const alert = windows().find(w => read(w).title === arguments[0]);
                     const where = arguments[1] === "close" ? ".close-icon" : "#alertBox";
                     alert.document.querySelector(where).click();""",
                title,
                act,
            )

    def quit(self) -> None:
        """Stop Firefox and remove the profile; never raises for a browser that is gone already."""
        if self._socket is not None:
            self._socket.close()
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._log.close()
        shutil.rmtree(self.profile, ignore_errors=True)


# Firefox draws its own alert windows when the system backend is off.
ALERTS = """
    const windows = () => Array.from(Services.wm.getEnumerator("alert:alert"))
        .filter(w => w.document.readyState === "complete" && w.arguments);
    const text = (w, id) => {
        const label = w.document.getElementById(id);
        return label.getAttribute("value") || label.textContent;
    };
    const read = w => ({title: text(w, "alertTitleLabel"), body: text(w, "alertTextLabel"),
                        source: text(w, "alertSourceLabel")});
"""


def wait_for(condition: Callable[[], T | None], what: str, seconds: float = WAIT_SECONDS) -> T:
    """Ask until `condition()` is true and return its value; FirefoxError after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > end:
            raise FirefoxError(f"did not come within {seconds:.0f} s: {what}")
        time.sleep(0.02)
