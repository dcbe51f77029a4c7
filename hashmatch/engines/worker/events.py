"""Upload events as they come in messages: our own, and the notifications of object storage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from hashmatch.errors import InputError, MessageError
from hashmatch.store.schema import require_text

from ..json_objects import read_object

_MAX_BYTES = 1 << 20
_MAX_RECORDS = 1_000
_OWN = ("content_id", "address", "reference", "version", "event_id")
_CREATED = "ObjectCreated:"
# After these, no content is there that was not there before.
_OTHERS = (
    "ObjectRemoved:", "ObjectRestore:", "ObjectTagging:", "ObjectAcl:", "ObjectAccessed:",
    "Replication:", "LifecycleExpiration:", "LifecycleTransition", "IntelligentTiering",
    "ReducedRedundancyLostObject", "TestEvent",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class UploadEvent:
    """An upload, at an address.

    `version` is the ETag that the content has, and `version_id` the name of its version in a bucket
    that keeps them; both are empty where they are not known, as is `event_id`.
    """

    content_id: str
    address: str
    reference: str = ""
    version: str = ""
    version_id: str = ""
    event_id: str = ""


def read_events(body: bytes) -> list[UploadEvent]:
    """Return the uploads that a message names; none for an event of another kind.

    A message is a JSON object of our own, or an event notification of S3 or of a server that is
    compatible with it, maybe passed on by SNS or EventBridge. Raises `MessageError`.
    """
    if len(body) > _MAX_BYTES:
        raise MessageError(f"it has more than {_MAX_BYTES:,} bytes")
    message = _parsed(body)
    if message.get("Type") == "Notification" and isinstance(message.get("Message"), str):
        message = _parsed(message["Message"])  # By SNS.
    if isinstance(records := message.get("Records"), list):
        if len(records) > _MAX_RECORDS:
            raise MessageError(f"it has more than {_MAX_RECORDS:,} records")
        return [event for one in records for event in _of_record(one)]
    if message.get("Event") == "s3:TestEvent":
        return []
    if message.get("source") == "aws.s3":
        return list(_of_event_bridge(message))
    return [_own(message)]


def _own(message: Mapping[str, Any]) -> UploadEvent:
    values = {name: message[name] for name in _OWN if message.get(name) is not None}
    for name in ("content_id", "address"):
        if not values.get(name):
            raise MessageError(f"it has no {name}")
    return _event(**values)


def _of_record(record: Any) -> Iterator[UploadEvent]:
    """Yield the upload of a record of a notification of S3."""
    name = _text(record, "eventName").removeprefix("s3:")
    if name.startswith(_OTHERS):
        return
    if not name.startswith(_CREATED):
        raise MessageError(f"it has an event that is not known: {name[:60]!a}")
    bucket = _text(record, "s3", "bucket", "name")
    try:  # Encoded as in a form.
        key = unquote_plus(_text(record, "s3", "object", "key"), errors="strict")
    except UnicodeDecodeError as error:
        raise MessageError("it has a record with a key that is not UTF-8") from error
    yield _of_object(bucket, key, record["s3"]["object"], "eTag", "versionId")


def _of_event_bridge(message: Mapping[str, Any]) -> Iterator[UploadEvent]:
    kind = _text(message, "detail-type")
    if kind != "Object Created":
        if not kind.startswith("Object "):
            raise MessageError(f"it has an event that is not known: {kind[:60]!a}")
        return
    bucket, key = (
        _text(message, "detail", "bucket", "name"),
        _text(message, "detail", "object", "key"),
    )
    yield _of_object(bucket, key, message["detail"]["object"], "etag", "version-id")


def _of_object(
    bucket: str, key: str, facts: Mapping[str, Any], etag: str, version_id: str
) -> UploadEvent:
    if not bucket or "/" in bucket or not key:
        raise MessageError("it has a record without a bucket or a key")
    address = f"s3://{bucket}/{key}"
    return _event(
        content_id=address,
        address=address,
        version=facts.get(etag) or "",
        version_id=facts.get(version_id) or "",
        event_id=facts.get("sequencer") or "",
    )


def _event(**values: Any) -> UploadEvent:
    for name, value in values.items():
        if not isinstance(value, str):
            raise MessageError(f"its {name} is not a text")
        try:
            require_text(value)
        except InputError as error:
            raise MessageError(f"its {name} cannot be stored: {error.message}") from error
    return UploadEvent(**values)


def _text(value: Any, *path: str) -> str:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, str):
        raise MessageError(f"it has a record without {'.'.join(path)}")
    return value


def _parsed(body: bytes | str) -> dict[str, Any]:
    try:
        return read_object(body)
    except ValueError as error:
        raise MessageError("it is not a JSON object, or repeats a key") from error
