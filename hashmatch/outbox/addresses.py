"""Where messages may go: to addresses of the public internet, unless a host is allowed by name."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection

import httpx

from hashmatch.errors import OutboxError


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
    except OSError as error:
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
        if address.ipv4_mapped is not None:
            return _is_public(str(address.ipv4_mapped))
        # What is carried inside other addresses is not worth the risk.
        if address.sixtofour is not None or address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast
