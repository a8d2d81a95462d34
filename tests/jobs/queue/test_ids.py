"""The secret addresses of analyses."""

from __future__ import annotations

import base64

from jobs.queue.ids import is_address, new_id


def test_an_address_has_128_random_bits() -> None:
    addresses = [new_id() for _ in range(200)]
    assert {len(base64.urlsafe_b64decode(address + "==")) for address in addresses} == {16}
    assert len(set(addresses)) == 200 and all(map(is_address, addresses))
