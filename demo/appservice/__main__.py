"""`python -m demo.appservice --port 8003 --data var/appservice`"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from demo.appservice import doors
from demo.appservice.registering import Suggestions
from demo.appservice.run import builder
from demo.serving import StartError, serve

DESCRIPTION = "A sandbox of FCM and APNs with virtual phones. Never expose it to a network."


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.appservice", description=DESCRIPTION)
    parser.add_argument("--port", type=int, default=8003)
    parser.add_argument("--data", type=Path, required=True, help="folder for phones and the log")
    parser.add_argument("--bind", default="127.0.0.1", help="never anything but loopback")
    parser.add_argument(
        "--receipts-per-second", type=float, default=300.0, help="most that phones report"
    )
    parser.add_argument("--beckon", default="", help="where Beckon answers, for the page's form")
    parser.add_argument("--site-key-file", type=Path, help="the site key, for the form")
    parser.add_argument("--app-key-file", type=Path, help="the site's app key, for the form")
    given = parser.parse_args(arguments)
    suggestions = Suggestions(given.beckon, given.site_key_file, given.app_key_file)
    rate = max(given.receipts_per_second, 0.1)
    build = builder(given.data, rate=rate, suggestions=suggestions)
    try:
        asyncio.run(serve(build, "Sandbox for apps", given.bind, given.port, start=doors.start))
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
