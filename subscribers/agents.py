"""The browser and platform behind a User-Agent header, in the words that people use."""

from ua_parser import parse

MAX_HEADER = 512
# Families of ua-parser that are one browser or platform to a person.
BROWSERS = {
    "Chrome Mobile": "Chrome",
    "Chrome Mobile WebView": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Edge Mobile": "Edge",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "HeadlessChrome": "Chrome",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari",
    "Opera Mobile": "Opera",
}
PLATFORMS = {
    "Mac OS X": "macOS",
    "Chrome OS": "ChromeOS",
    "Ubuntu": "Linux",
    "Debian": "Linux",
    "Fedora": "Linux",
}


def browser_and_platform(user_agent: str) -> tuple[str, str]:
    """Such as ("Firefox", "Linux"); '' for what the header does not say."""
    found = parse(user_agent[:MAX_HEADER])
    browser = found.user_agent.family if found.user_agent else ""
    platform = found.os.family if found.os else ""
    return BROWSERS.get(browser, browser)[:40], PLATFORMS.get(platform, platform)[:40]
