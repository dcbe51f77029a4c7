"""A server that takes entries in a form that an operator's templates have.

NCMEC's own is not public: this one only shares with it that entries have ids of the sender, that a
member signs in by name and password, and that a retracted entry is not there any more.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring

from tests.lists.loopback import Answer, Request, Service

ADD = """<?xml version="1.0" encoding="utf-8"?>
<!-- An entry; {braces} in a comment are none of ours. -->
<s:submission xmlns:s="urn:example:hashes" made="{moment}">
  <s:image id="{id}" by="{publisher}">
    <s:class>{category}</s:class>
    <s:icse>{classification.icse}</s:icse>
    <s:tags><s:tag>{tags}</s:tag></s:tags>
    <s:country>{jurisdiction}</s:country>
    <s:origin kind="{generated}"/>
    <s:fingerprints>
      <s:md5>{md5}</s:md5>
      <s:sha1>{sha1}</s:sha1>
      <s:pdq>{pdq}</s:pdq>
    </s:fingerprints>
  </s:image>
</s:submission>
"""
WITHDRAW = '<retraction id="{id}" at="{moment}"/>'
NAMESPACE = "{urn:example:hashes}"


@dataclass
class SubmissionServer(Service):
    """Entries by the sender's ids."""

    username: str = "member"
    password: str = "secret-password"
    refuses: set[str] = field(default_factory=set)
    entries: dict[str, Element] = field(default_factory=dict)
    made: int = 0

    def texts(self, entry: str, name: str) -> list[str | None]:
        """Return the texts of an entry's elements of that name."""
        return [one.text for one in self.entries[entry].iter(f"{NAMESPACE}{name}")]

    def answer(self, request: Request, fault: str) -> Answer:
        """Answer a request."""
        if fault == "before":
            raise ConnectionAbortedError("broken")
        answer = self._carry_out(request)
        return Answer(502) if fault == "lost" else answer

    def _carry_out(self, request: Request) -> Answer:
        wanted = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {wanted}":
            return Answer(401)
        place = request.path.removeprefix(f"{urlsplit(self.url).path}/")
        found = re.fullmatch("v2/entries(?:/(.+))?", place)
        if found is None:
            return Answer(404)
        own = unquote(found[1] or "")
        if request.method == "DELETE":
            fromstring(request.body)
            return Answer(200 if self.entries.pop(own, None) is not None else 410)
        image = fromstring(request.body)[0]
        if own and own not in self.entries:
            return Answer(404)
        if not own and image.get("id", "") in self.entries:
            return Answer(409)
        if any(one.text in self.refuses for one in image.iter()):
            return Answer(422)
        self.made += not own
        self.entries[image.get("id", "")] = image
        return Answer(201, b"taken")
