"""Where messages may go: to addresses of the public internet, unless a host is allowed by name."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection

import httpx

from hashmatch.errors import OutboxError

# RFC 4291 and RFC 6890: all that is given out to hosts of the internet, and what never is.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_SPECIAL = ipaddress.ip_network("192.0.0.0/24")


def find_address(url: httpx.URL, private_hosts: Collection[str]) -> str:
    """Return the address to connect to for a URL. Raises `OutboxError`.

    The connection has to be made to just this address: a name that is looked up again may lead
    elsewhere. A host with any address that is not public is refused, unless it is allowed by name.
    """
    is_allowed = url.host in private_hosts
    if url.scheme != "https" and not (url.scheme == "http" and is_allowed):
        raise OutboxError(
            f"{url.host}: only https will do",
            hint="Hosts named in outbox.private_hosts may be spoken to without.",
        )
    try:
        found = socket.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutboxError(f"{url.host}: there is no such host, or no answer who it is") from error
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not is_allowed and not all(map(_is_public, addresses)):
        raise OutboxError(
            f"{url.host}: it has an address that is not public",
            hint="Name the host in outbox.private_hosts where that is meant.",
        )
    return addresses[0]


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        # Addresses that carry others inside, such as NAT64's, are not worth the risk.
        carries = address.sixtofour is not None or address.teredo is not None
        return address in _GLOBAL_UNICAST and address.is_global and not carries
    return address.is_global and not address.is_multicast and address not in _SPECIAL
