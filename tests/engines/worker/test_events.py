"""Messages as platforms and object storage write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hashmatch.engines.worker import UploadEvent, read_events
from hashmatch.errors import MessageError

# As the reference of S3's event messages shows one.
_S3: dict[str, Any] = {
    "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-west-2",
    "eventTime": "1970-01-01T00:00:00.000Z", "eventName": "ObjectCreated:Put",
    "userIdentity": {"principalId": "AIDAJDPLRKLG7UEXAMPLE"},
    "requestParameters": {"sourceIPAddress": "127.0.0.1"},
    "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810"},
    "s3": {
        "s3SchemaVersion": "1.0", "configurationId": "testConfigRule",
        "bucket": {
            "name": "amzn-s3-demo-bucket", "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
            "arn": "arn:aws:s3:::amzn-s3-demo-bucket",
        },
        "object": {
            "key": "HappyFace.jpg", "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e",
            "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko", "sequencer": "0055AED6DCD90281E5",
        },
    },
}  # fmt: skip
_EVENT = UploadEvent(
    "s3://amzn-s3-demo-bucket/HappyFace.jpg", "s3://amzn-s3-demo-bucket/HappyFace.jpg", "",
    "d41d8cd98f00b204e9800998ecf8427e", "096fKKXTRTtl3on89fVO.nfljtsv6qko", "0055AED6DCD90281E5",
)  # fmt: skip
_EVENT_BRIDGE = {
    "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "Object Created",
    "source": "aws.s3", "account": "111122223333", "time": "2021-11-12T00:00:00Z",
    "region": "ca-central-1", "resources": ["arn:aws:s3:::amzn-s3-demo-bucket1"],
    "detail": {
        "version": "0", "bucket": {"name": "amzn-s3-demo-bucket1"},
        "object": {
            "key": "example+key%20", "size": 5, "etag": "b57f9512698f4b09e608f4f2a65852e5",
            "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", "sequencer": "00617F08299329D189",
        },
        "request-id": "N4N7GDK58NMKJ12R", "reason": "PutObject",
    },
}  # fmt: skip


def _read(message: object) -> list[UploadEvent]:
    return read_events(json.dumps(message).encode())


def _named(name: str, key: str = "HappyFace.jpg") -> dict[str, Any]:
    changed = json.loads(json.dumps(_S3))
    changed["eventName"], changed["s3"]["object"]["key"] = name, key
    return {"Records": [changed]}


def test_a_message_of_our_own_names_an_upload() -> None:
    own = {"content_id": "post/7", "address": "s3://bucket/7", "reference": "album 3"}
    assert _read(own) == [UploadEvent("post/7", "s3://bucket/7", "album 3")]
    assert _read({**own, "event_id": None, "size": 7}) == _read(own)


def test_a_notification_of_s3_is_understood_as_it_is() -> None:
    assert _read({"Records": [_S3]}) == [_EVENT]
    assert _read({"Records": [_S3, _S3]}) == [_EVENT, _EVENT]
    # As MinIO writes it to a broker, and as SNS passes one on.
    wrapped = {"EventName": "s3:ObjectCreated:Put", "Key": "x", **_named("s3:ObjectCreated:Put")}
    assert _read(wrapped) == [_EVENT]
    assert _read({"Type": "Notification", "Message": json.dumps({"Records": [_S3]})}) == [_EVENT]


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("a+b%2B.jpg", "a b+.jpg"),
        ("folder/%C3%A4.jpg", "folder/ä.jpg"),
        ("a.jpg%3FversionId%3Dnull", "a.jpg?versionId=null"),
        ("a%252F", "a%2F"),
    ],
)
def test_a_key_is_decoded_once_as_that_of_a_form(encoded: str, key: str) -> None:
    (event,) = _read(_named("ObjectCreated:CompleteMultipartUpload", encoded))
    assert event.address == event.content_id == f"s3://amzn-s3-demo-bucket/{key}"


def test_a_key_of_event_bridge_is_not_encoded() -> None:
    (event,) = _read(_EVENT_BRIDGE)
    assert event.address == "s3://amzn-s3-demo-bucket1/example+key%20"
    assert event.version == "b57f9512698f4b09e608f4f2a65852e5"


@pytest.mark.parametrize(
    "message",
    [
        *(
            _named(name)
            for name in (
                "ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated",
                "ObjectTagging:Put", "LifecycleTransition", "Replication:OperationMissedThreshold",
            )
        ),
        {"Records": []},
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "bucketname"},
        {**_EVENT_BRIDGE, "detail-type": "Object Deleted"},
    ],
)  # fmt: skip
def test_events_after_which_nothing_new_is_there_name_no_upload(message: object) -> None:
    assert _read(message) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "not a JSON object"),
        (b"\xff", "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b'{"content_id": "a", "content_id": "b", "address": "x"}', "repeats a key"),
        (b'{"address": "s3://bucket/1"}', "no content_id"),
        (b'{"content_id": "", "address": "s3://bucket/1"}', "no content_id"),
        (b'{"content_id": 7, "address": "s3://bucket/1"}', "content_id is not a text"),
        (b'{"content_id": "a\\u0000", "address": "x"}', "content_id cannot be stored"),
        (b'{"content_id": "a", "address": "\\ud800"}', "address cannot be stored"),
        (b'{"Type": "Notification", "Message": "no"}', "not a JSON object"),
        (b'{"Records": [7]}', "without eventName"),
        (json.dumps({"Records": [{}] * 1_001}).encode(), "more than 1,000 records"),
        (json.dumps(_named("ObjectRenamed:Put")).encode(), "not known: 'ObjectRenamed:Put'"),
        (json.dumps(_named("ObjectCreated:Put", "%FF")).encode(), "not UTF-8"),
        (json.dumps(_named("ObjectCreated:Put", "")).encode(), "without a bucket or a key"),
        (b" " * (1 << 20) + b"{}", "more than"),
    ],
)
def test_a_message_that_is_not_understood_is_an_error(body: bytes, problem: str) -> None:
    with pytest.raises(MessageError, match=problem):
        read_events(body)
