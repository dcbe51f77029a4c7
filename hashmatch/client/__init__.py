"""Client of the service for platforms in Python, sync and async. It fails closed.

from hashmatch.client import Client

with Client("https://hashmatch.example.org", token) as client:
    verdict = client.scan(image_bytes, content_id="post/123")
    if not verdict.is_clear:
        ...
"""

from hashmatch.outcome import OutcomeName

from .asynchronous import AsyncClient
from .requests import Retrying
from .synchronous import Client
from .verdicts import HashQuery, MatchedEntry, Verdict

__all__ = [
    "AsyncClient",
    "Client",
    "HashQuery",
    "MatchedEntry",
    "OutcomeName",
    "Retrying",
    "Verdict",
]
