"""Seeing that apps' tokens are fresh before rows are claimed that need them.

Google's access tokens and Apple's provider tokens end within the hour and are of all senders. A
sender that finds one about to end lets its flights land and renews it: the network is not looked
after meanwhile, so nothing may be on its way.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import Error as DatabaseError
from django.utils import timezone

from campaigns import ledger
from campaigns.leases import Lease
from campaigns.ledger import Shut
from campaigns.models import Delivery
from subscribers import app_tokens
from subscribers.models import Channel, Credential
from subscribers.transports import addresses

# So often it is asked whether a site's tokens are about to end.
LOOK_SECONDS = 5.0
# What Google could not give for now is asked for again after so long.
AGAIN_SECONDS = 30.0

log = logging.getLogger("beckon.sending")


@dataclass
class Trouble:
    """A credential whose token could not be renewed: when to try again, and what was said."""

    again_at: float
    refused: str = ""


class Authority:
    """Of one process: the tokens of the sites that it sends for."""

    def __init__(self) -> None:
        self._looked: dict[UUID, float] = {}
        self._stale: dict[UUID, list[Credential]] = {}
        self._needs: dict[UUID, dict[tuple[int, int], bool]] = {}
        self._troubles: dict[int, Trouble] = {}

    def must_renew(self, site_id: UUID, lease: Lease) -> bool:
        """Whether a token that a batch needs should be renewed now, with nothing on its way."""
        return bool(self._due(site_id, lease))

    def renew(self, site_id: UUID, lease: Lease) -> None:
        """Renew what is about to end: one request to Google each, of at most ten seconds."""
        for credential in self._due(site_id, lease):
            self._renew(credential)
        self.look_again(site_id)

    def look_again(self, site_id: UUID) -> None:
        """A token of the site is not what it was."""
        self._looked.pop(site_id, None)

    def shut(self, site_id: UUID) -> dict[str, Shut]:
        """The origins whose rows have to wait, because no token of theirs works."""
        until = timezone.now() + timedelta(seconds=AGAIN_SECONDS)
        waiting = (one for one in self._ending(site_id) if app_tokens.key_of(one) is None)
        return {origin: Shut(until, 0.0) for one in waiting for origin in origins_of(one)}

    def refusal(self, site_id: UUID, lease: Lease) -> str:
        """Why the run can't go on: what was said of a credential that the batch needs; or "" """
        for credential in self._ending(site_id):
            trouble = self._troubles.get(credential.pk)
            if trouble is None or not trouble.refused:
                continue
            if self._is_needed(credential, lease):
                # Who lets the run go on may have mended it: then it is asked for at once.
                del self._troubles[credential.pk]
                return trouble.refused
        return ""

    def _ending(self, site_id: UUID) -> list[Credential]:
        if time.monotonic() - self._looked.get(site_id, -LOOK_SECONDS) >= LOOK_SECONDS:
            self._stale[site_id], self._needs[site_id] = app_tokens.stale(site_id), {}
            self._looked[site_id] = time.monotonic()
        return self._stale.get(site_id, [])

    def _due(self, site_id: UUID, lease: Lease) -> list[Credential]:
        ending = [one for one in self._ending(site_id) if self._is_time(one)]
        return [one for one in ending if self._is_needed(one, lease)]

    def _is_time(self, credential: Credential) -> bool:
        trouble = self._troubles.get(credential.pk)
        return trouble is None or time.monotonic() >= trouble.again_at

    def _is_needed(self, credential: Credential, lease: Lease) -> bool:
        """Whether anybody of a batch still waits for it; asked once between two looks."""
        known, of = self._needs[credential.site_id], (credential.pk, lease.batch_id)
        if of not in known:
            planned = ledger.rows(lease, Delivery.State.PLANNED)
            known[of] = planned.filter(subscription__credential=credential).exists()
        return known[of]

    def _renew(self, credential: Credential) -> None:
        refused = ""
        self._troubles.pop(credential.pk, None)
        try:
            app_tokens.renew(credential)
            if app_tokens.key_of(credential) is not None:
                return
            # It has nearly ended already, or the key was replaced meanwhile.
        except app_tokens.TokenRefused as error:
            refused = str(error)
        except app_tokens.TokenUnavailable:
            pass
        except DatabaseError:
            raise
        except Exception:
            # Of one credential; browsers and other apps are sent to.
            log.exception("The token of credential %s could not be renewed", credential.pk)
        self._troubles[credential.pk] = Trouble(time.monotonic() + AGAIN_SECONDS, refused)


def origins_of(credential: Credential) -> list[str]:
    """The origins of the addresses that a credential of apps serves."""
    if credential.channel == Channel.FCM:
        return [f"{addresses.FCM}://{credential.name}"]
    bundles = credential.details.get("bundle_ids", [])
    services = (addresses.APNS, addresses.APNS_SANDBOX)
    return [f"{service}://{bundle}" for service in services for bundle in bundles]
