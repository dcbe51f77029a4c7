"""Listening: whether an address is free, before anything is started."""

from __future__ import annotations

import socket
from contextlib import closing


def probe_port(host: str, port: int) -> None:
    """Raise `OSError` where nobody could listen at an address."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = found[0]
    with closing(socket.socket(family, kind, protocol)) as probe:
        # As the server does: a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
