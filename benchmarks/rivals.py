"""What one would write instead: a loop of `pywebpush.webpush()`, and one of node's `web-push`.

Neither writes anything down. Both send the same payload to the same devices at the same sink.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import requests
from pywebpush import webpush

from subscribers.transports.keys import VapidIdentity, encode_base64url
from subscribers.transports.messages import Endpoint

NODE_PACKAGE = "web-push@3.6.7"
NODE_AT_ONCE = 50
SCRIPT = """
const fs = require("fs"), https = require("https"), webpush = require("web-push");
const {subscriptions, payload, vapid, at_once} = JSON.parse(fs.readFileSync(process.argv[2]));
const options = {
  vapidDetails: vapid, TTL: 3600, agent: new https.Agent({keepAlive: true, maxSockets: at_once}),
};
async function main() {
  let next = 0;
  async function loop() {
    while (next < subscriptions.length) {
      const answer = await webpush.sendNotification(subscriptions[next++], payload, options);
      if (answer.statusCode !== 201) throw new Error(answer.statusCode);
    }
  }
  const cpu = process.cpuUsage(), started = process.hrtime.bigint();
  await Promise.all(Array.from({length: at_once}, loop));
  const {user, system} = process.cpuUsage(cpu);
  const wall = Number(process.hrtime.bigint() - started) / 1e9;
  console.log(JSON.stringify({wall, cpu: (user + system) / 1e6}));
  process.exit(0);
}
main();
"""


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock, and of the sender's own CPU."""

    wall: float
    cpu: float


def subscription_info(endpoint: Endpoint) -> dict[str, Any]:
    """As a browser's `PushSubscription.toJSON()` gives it."""
    keys = {"p256dh": encode_base64url(endpoint.p256dh), "auth": encode_base64url(endpoint.auth)}
    return {"endpoint": endpoint.url, "keys": keys}


def pywebpush_loop(
    endpoints: Sequence[Endpoint], payload: bytes, ca_file: Path, *, session: bool
) -> Spent:
    """One after the other. With `session`, one connection for all of them; else one for each."""
    infos = [subscription_info(endpoint) for endpoint in endpoints]
    key = encode_base64url(endpoints[0].vapid.private_key)
    kept = requests.Session() if session else None
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, REQUESTS_CA_BUNDLE=str(ca_file)))
        if kept is not None:
            stack.enter_context(kept)
        wall, cpu = time.perf_counter(), time.process_time()
        for info in infos:
            webpush(
                info,
                payload,
                vapid_private_key=key,
                vapid_claims={"sub": endpoints[0].vapid.subject},
                ttl=3600,
                timeout=10,
                requests_session=kept,
            )
        return Spent(time.perf_counter() - wall, time.process_time() - cpu)


def install_node(folder: Path) -> str:
    """Install `web-push` for node into a folder; why that can't be done, '' when it was."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "node and npm are not installed"
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), NODE_PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"npm did not install {NODE_PACKAGE} within 300 s"
    if done.returncode:
        return f"npm could not install {NODE_PACKAGE}: {done.stderr.strip()[-200:]}"
    (folder / "loop.js").write_text(SCRIPT)
    return ""


def node_loop(
    folder: Path, endpoints: Sequence[Endpoint], payload: bytes, ca_file: Path, *, at_once: int
) -> Spent:
    """`at_once` connections, kept open. What node needs to start is not counted."""
    vapid: VapidIdentity = endpoints[0].vapid
    work = {
        "subscriptions": [subscription_info(endpoint) for endpoint in endpoints],
        "payload": payload.decode(),
        "vapid": {
            "subject": vapid.subject,
            "publicKey": encode_base64url(vapid.public_key),
            "privateKey": encode_base64url(vapid.private_key),
        },
        "at_once": at_once,
    }
    (folder / "work.json").write_text(json.dumps(work))
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(  # noqa: S603
        [node, str(folder / "loop.js"), str(folder / "work.json")],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(ca_file)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    measured = json.loads(done.stdout)
    return Spent(measured["wall"], measured["cpu"])
