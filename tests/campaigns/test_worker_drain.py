"""A worker that is asked to stop tells the process of its job, which then ends by itself."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import django_rq

from config.embedded import processes

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_job_hears_that_its_worker_is_to_stop(tmp_path: Path) -> None:
    django_rq.get_queue("send").enqueue("tests.campaigns.draining.last", str(tmp_path))
    worker = subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=ROOT, env=os.environ)
    try:
        assert processes.wait_for((tmp_path / "began").exists, 60)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        assert (tmp_path / "told").exists()
    finally:
        worker.kill()
