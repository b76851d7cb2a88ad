"""The preferences of the test profile: push from loopback, talk to nobody else."""

from __future__ import annotations


def preferences(push_url: str) -> dict[str, str | int | bool]:
    """Preferences that let Firefox subscribe at `push_url` (ws://127.0.0.1:PORT/), talk to nobody
    else, and show notifications without a desktop."""
    return {
        "dom.push.serverURL": push_url,
        "dom.push.testing.allowInsecureServerURL": True,
        # Remote control sets "recommended" preferences, one of which turns push off.
        "dom.push.connection.enabled": True,
        "remote.prefs.recommended": False,
        # Without a D-Bus daemon the system backend never answers showNotification().
        "alerts.useSystemBackend": False,
        # 0 = do not listen on a fixed port; the one chosen is in MarionetteActivePort.
        "marionette.port": 0,
        "services.settings.server": "http://127.0.0.1:9/v1",
        "network.dns.forceResolve": "127.0.0.1",
        "network.proxy.type": 1,
        "network.proxy.http": "127.0.0.1",
        "network.proxy.http_port": 9,
        "network.proxy.ssl": "127.0.0.1",
        "network.proxy.ssl_port": 9,
        "network.proxy.allow_hijacking_localhost": False,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
        "app.update.disabledForTesting": True,
        "app.normandy.enabled": False,
        "browser.shell.checkDefaultBrowser": False,
        "browser.safebrowsing.malware.enabled": False,
        "browser.safebrowsing.phishing.enabled": False,
        "browser.startup.page": 0,
        "browser.startup.homepage_override.mstone": "ignore",
        "browser.aboutwelcome.enabled": False,
        "browser.newtabpage.enabled": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "toolkit.telemetry.enabled": False,
        "extensions.update.enabled": False,
        "extensions.systemAddon.update.enabled": False,
        # The "Allow" button of a permission prompt is dead for a moment against click-jacking.
        "security.notification_enable_delay": 0,
        "toolkit.cosmeticAnimations.enabled": False,
        "ui.prefersReducedMotion": 1,
    }
