"""Permitted addresses of requests: public ones, unless a host is permitted by name."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection

import httpx

from hashmatch.errors import AddressError, OutboxError

# RFC 4291 and RFC 6890: the addresses of internet hosts, and a block that never has any.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_SPECIAL = ipaddress.ip_network("192.0.0.0/24")


def find_address(url: httpx.URL, private_hosts: Collection[str]) -> str:
    """Return the address to connect to for a URL.

    Raises `AddressError` where it is not permitted, `OutboxError` where there is none.

    The caller has to connect to exactly this address: a second look-up of the name may give another
    one. A host that has any address that is not public is refused, unless it is permitted by name.
    """
    is_permitted = url.host in private_hosts
    if url.scheme != "https" and not (url.scheme == "http" and is_permitted):
        raise AddressError(
            f"{url.host}: https is required",
            hint="Only hosts named in outbox.private_hosts may be reached by http.",
        )
    try:
        found = socket.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutboxError(f"{url.host}: the host name cannot be resolved") from error
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not is_permitted and not all(map(_is_public, addresses)):
        raise AddressError(
            f"{url.host}: it has an address that is not public",
            hint="Name the host in outbox.private_hosts if that is intended.",
        )
    return addresses[0]


def _is_public(text: str) -> bool:
    # An IPv6 address may end in a zone, such as %eth0.
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        # Addresses that embed IPv4 addresses could lead to private ones.
        embeds_ipv4 = address.sixtofour is not None or address.teredo is not None
        return address in _GLOBAL_UNICAST and address.is_global and not embeds_ipv4
    return address.is_global and not address.is_multicast and address not in _SPECIAL
