"""Whether the addresses that the feed names answer: each is asked once, or is counted as not asked.

Datasets are written by hand, too, so an address may lead anywhere: only hosts that are allowed are
asked, under the guard of the network.
"""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from ckanext.hcmedu.outgoing import open_client
from harvesters.connectors.network import origin
from harvesters.errors import SourceError, SourceRefusedError
from harvesters.sources import Limits

LIMITS = Limits(
    attempts=2, timeout_seconds=20, connect_seconds=5, max_wait_seconds=5, max_response_bytes=2**20
)
MOST_SECONDS = 1800.0
"""How long all addresses may take together; what is left then is not asked."""
_OK = tuple(range(200, 300))


class Addresses:
    """What came of the addresses asked so far.

    :param own: the portal's own address. If it does not answer, none of its host is asked: the
        check may run where the portal is not reached by its public name.
    """

    def __init__(self, own: str):
        self._client = open_client("feed", own, LIMITS)
        self._host = urlsplit(own).netloc
        self._until = time.monotonic() + MOST_SECONDS
        self._outcomes: dict[str, bool | None] = {}
        self._is_reached = self._answers(f"{own}/data.json")

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._client.close()

    def answers(self, address: str) -> bool:
        """Whether `address` was asked and answered."""
        if address not in self._outcomes:
            self._outcomes[address] = self._ask(address)
        return self._outcomes[address] is True

    @property
    def answered(self) -> list[str]:
        """The addresses that answered."""
        return self._with(True)

    @property
    def silent(self) -> list[str]:
        """The addresses that were asked and did not answer."""
        return self._with(False)

    @property
    def not_asked(self) -> list[str]:
        """The addresses that were not asked."""
        return self._with(None)

    def _with(self, outcome: bool | None) -> list[str]:
        return sorted(each for each, found in self._outcomes.items() if found is outcome)

    def _ask(self, address: str) -> bool | None:
        try:
            parts = urlsplit(address)
            _, host, port = origin(address)
        except ValueError:
            return False
        is_own = parts.netloc == self._host
        if time.monotonic() > self._until or (is_own and not self._is_reached):
            return None
        if parts.scheme not in ("http", "https"):
            return None
        try:
            self._client.allow.addresses(host, port)
        except SourceRefusedError:
            return None
        except SourceError:
            return False
        return self._answers(address)

    def _answers(self, address: str) -> bool:
        try:
            self._client.fetch(address, method="HEAD", accept=_OK)
        except SourceError:
            return False
        return True
