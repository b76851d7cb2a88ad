"""`python -m demo.shop --port 8001 --beckon http://127.0.0.1:8000 --site-key KEY`"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from demo.serving import StartError, serve
from demo.shop.app import Shop, build


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.shop")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--beckon", default="http://127.0.0.1:8000", help="where Beckon answers")
    parser.add_argument("--site-key", default="")
    parser.add_argument("--site-key-file", type=Path, help="read again for every page")
    parser.add_argument(
        "--token-secret-file", type=Path, help="what the server signs customers' identity with"
    )
    given = parser.parse_args(arguments)
    shop = Shop(
        beckon=given.beckon,
        site_key=given.site_key,
        site_key_file=given.site_key_file,
        token_secret_file=given.token_secret_file,
    )
    try:
        asyncio.run(serve(lambda origin: build(shop), "Demo shop", given.bind, given.port))
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
