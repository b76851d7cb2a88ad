"""`manage.py worker` as it is, in a process that trusts the sink's certificate (BENCH_CA)."""

import os
from pathlib import Path

import django
from django.core.management import call_command

from benchmarks import trust

if __name__ == "__main__":
    django.setup()
    trust.trust(Path(os.environ["BENCH_CA"]))
    call_command("worker", skip_checks=True)
