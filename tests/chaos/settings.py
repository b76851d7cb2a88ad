"""The product's settings, for the processes that are struck.

CHAOS_LEASE (seconds) makes leases shorter than the product's, so that a suite has not to wait a
minute for what a dead sender held.
"""

import os

from config.settings import *  # noqa: F403

SEND_LEASE_SECONDS = int(os.environ.get("CHAOS_LEASE") or SEND_LEASE_SECONDS)  # noqa: F405
