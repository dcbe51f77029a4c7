"""A client of the service, for platforms in Python: sync and async, and never clear by mistake.

from hashmatch.client import Client

with Client("https://hashmatch.example.org", token) as client:
    verdict = client.scan(image_bytes, content_id="post/123")
    if not verdict.is_clear:
        ...
"""

from .asynchronous import AsyncClient
from .synchronous import Client
from .verdicts import HashQuery, MatchedEntry, Status, Verdict
from .wire import Retrying

__all__ = [
    "AsyncClient",
    "Client",
    "HashQuery",
    "MatchedEntry",
    "Retrying",
    "Status",
    "Verdict",
]
