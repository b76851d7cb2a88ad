"""Trusting the sink's certificate. The product trusts what the system trusts and nothing else."""

from __future__ import annotations

from pathlib import Path
from types import FunctionType

from subscribers.transports.client import PushClient


def trust(ca_file: Path) -> None:
    """Every `PushClient` that this process makes from now on trusts `ca_file` alone."""
    make: object = PushClient.__init__
    assert isinstance(make, FunctionType) and make.__kwdefaults__ is not None
    assert "ca_file" in make.__kwdefaults__
    make.__kwdefaults__["ca_file"] = str(ca_file)
