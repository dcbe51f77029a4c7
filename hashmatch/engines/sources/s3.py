"""Objects of S3 by their exact keys.

fsspec's paths leave out what follows "?versionId=" in a key, and slashes at its end: it would read
another object than people see. So would obstore 0.12 for a slash at the end, and one key with ".."
in it ends its listing. Here keys are what the server lists, and a listing begins anywhere.
"""

from __future__ import annotations

import io
from collections.abc import Coroutine, Iterator
from typing import IO, Any, TypeVar

from hashmatch.imaging import too_large
from hashmatch.outcome import Failure

from .objects import Objects, require_complete, require_version, version_of

_T = TypeVar("_T")


class S3Objects(Objects):
    """Objects of S3, and of servers that speak its protocol, through s3fs's own client."""

    def __init__(self, files: Any, max_bytes: int) -> None:
        self._files = files
        self._max_bytes = max_bytes

    def find(self, path: str, after: str) -> Iterator[tuple[str, str]]:
        """List them page by page, beginning after a path."""
        bucket, key = _parts(path)
        if key and not key.endswith("/"):
            # The object itself; its name comes before those of everything below it.
            if not after and (facts := self._head(bucket, key)) is not None:
                yield path, version_of(facts)
            key += "/"
        last = _parts(after)[1]
        while True:
            begin = {"StartAfter": last} if last else {}
            page = self._call("list_objects_v2", Bucket=bucket, Prefix=key, **begin)
            for facts in page.get("Contents", ()):
                if facts["Key"] <= last:
                    raise OSError("the storage does not list by name")
                last = facts["Key"]
                # Consoles make empty objects of such names, to show folders.
                if not last.endswith("/") or facts["Size"]:
                    yield f"{bucket}/{last}", version_of({**facts, "size": facts["Size"]})
            if not page.get("IsTruncated"):
                return

    def read(self, path: str, version: str = "", version_id: str = "") -> bytes | Failure:
        """Read an object in one request, which has its size and its ETag."""
        bucket, key = _parts(path)
        return self._wait(self._read(bucket, key, version, version_id))

    def open(self, path: str) -> IO[bytes]:
        """Open an object for reading in pieces."""
        bucket, key = _parts(path)
        facts = self._head(bucket, key)
        if facts is None:
            raise FileNotFoundError(path)
        return io.BufferedReader(_ObjectFile(self, bucket, key, facts), 1 << 20)

    def version(self, path: str) -> str:
        """Return the ETag and the size of an object."""
        facts = self._head(*_parts(path))
        if facts is None:
            raise FileNotFoundError(path)
        return version_of(facts)

    def require_usable(self, path: str, *, was_read: bool) -> None:
        """Ask for the object, or list one of its bucket."""
        bucket, key = _parts(path)
        if was_read:
            self._head(bucket, key)
        else:
            self._call("list_objects_v2", Bucket=bucket, MaxKeys=1)

    def piece(self, bucket: str, key: str, etag: str, place: int, size: int) -> bytes:
        """Return bytes of an object that still has an ETag, from a place on."""
        return self._wait(self._piece(bucket, key, etag, place, size))

    def _head(self, bucket: str, key: str) -> dict[str, Any] | None:
        try:
            answer = self._call("head_object", Bucket=bucket, Key=key)
        except FileNotFoundError:
            return None
        return {"ETag": answer["ETag"], "size": answer["ContentLength"]}

    async def _read(self, bucket: str, key: str, version: str, version_id: str) -> bytes | Failure:
        more = {"VersionId": version_id} if version_id else {}
        answer = await self._files._call_s3("get_object", Bucket=bucket, Key=key, **more)
        try:
            require_version(version, answer["ETag"])
            if answer["ContentLength"] > self._max_bytes:
                return too_large(self._max_bytes)
            data: bytes = await answer["Body"].read()
        finally:
            answer["Body"].close()
        require_complete(data, answer["ContentLength"])
        return data

    async def _piece(self, bucket: str, key: str, etag: str, place: int, size: int) -> bytes:
        answer = await self._files._call_s3(
            "get_object", Bucket=bucket, Key=key, IfMatch=etag,
            Range=f"bytes={place}-{place + size - 1}",
        )  # fmt: skip
        try:
            data: bytes = await answer["Body"].read()
        finally:
            answer["Body"].close()
        return data

    def _call(self, method: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._wait(self._files._call_s3(method, **arguments))
        return answer

    def _wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        from fsspec.asyn import sync

        async def run() -> _T:
            return await work

        result: _T = sync(self._files.loop, run)
        return result


class _ObjectFile(io.RawIOBase):
    """An object that is read in pieces, all of the same version."""

    def __init__(self, objects: S3Objects, bucket: str, key: str, facts: dict[str, Any]) -> None:
        super().__init__()
        self._piece = objects.piece
        self._name = bucket, key, str(facts["ETag"])
        self._size = int(facts["size"])
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}
        self._place = max(0, bases[whence] + place)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), self._size - self._place)
        if size <= 0:
            return 0
        data = self._piece(*self._name, self._place, size)
        if len(data) != size:
            raise OSError("the storage sent another number of bytes than were asked for")
        buffer[:size] = data
        self._place += size
        return size


def _parts(path: str) -> tuple[str, str]:
    bucket, _, key = path.partition("/")
    return bucket, key
