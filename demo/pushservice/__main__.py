"""`python -m demo.pushservice --port 8002 --data var/pushservice`"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from demo.pushservice.register import Suggestions
from demo.pushservice.run import builder
from demo.serving import StartError, serve

DESCRIPTION = "A sandbox push service with virtual browsers. Never expose it to a network."


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.pushservice", description=DESCRIPTION)
    parser.add_argument("--port", type=int, default=8002)
    parser.add_argument("--data", type=Path, required=True, help="folder for devices and the log")
    parser.add_argument("--bind", default="127.0.0.1", help="never anything but loopback")
    parser.add_argument("--url", default="", help="own origin, if not http://BIND:PORT")
    parser.add_argument(
        "--receipts-per-second", type=float, default=300.0, help="most that virtual browsers report"
    )
    parser.add_argument("--beckon", default="", help="where Beckon answers, for the page's form")
    parser.add_argument("--shop", default="", help="the shop's origin, for the page's form")
    parser.add_argument("--site-key-file", type=Path, help="the shop's site key, for the form")
    given = parser.parse_args(arguments)
    suggestions = Suggestions(given.beckon, given.shop, given.site_key_file)
    rate = max(given.receipts_per_second, 0.1)
    build = builder(given.data, url=given.url, rate=rate, suggestions=suggestions)
    try:
        asyncio.run(serve(build, "Sandbox push service", given.bind, given.port))
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
