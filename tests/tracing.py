"""What processes ask of the kernel, by strace: which bytes they put into which files."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.command_line import CommandLine
from tests.imagery import holds_a_piece, pieces_of, pixels_of

# Every call that can put bytes into a file, or make a file of memory.
_WRITING = (
    "write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,sendfile,splice,tee,vmsplice,"
    "copy_file_range,process_vm_writev,memfd_create,io_uring_setup,mmap"
)
# strace writes all text in hexadecimal here: paths of descriptors, and bytes.
_HEX = r"(?:\\x[0-9a-f]{2})*"
_CALL = re.compile(r"^\w+\(\d+<(.*?)>, (.*)$")
_TEXT = re.compile(r'"([^"]*)"')
# Calls that write what a trace does not show, or make a file of memory: there are none.
_UNSEEN = (
    *("sendfile(", "splice(", "tee(", "vmsplice(", "copy_file_range(", "process_vm_writev("),
    *("memfd_create(", "io_uring_setup("),
)
# The service's event loop (libuv) says through this what it waits for, and hands no bytes to it.
_OF_THE_LOOP = "io_uring_setup(256, {flags=0x10000 "
_NO_FILES = ("UNIX-STREAM:", "TCP:", "pipe:", "socket:")


class Write(NamedTuple):
    """Bytes that one call handed to one open descriptor."""

    target: str
    data: bytes


def _plain(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _writes(trace: Path) -> Iterator[Write]:
    """Yield what a process wrote, by the trace of its system calls."""
    for line in trace.read_text("ascii").splitlines():
        assert not line.startswith(_UNSEEN) or line.startswith(_OF_THE_LOOP), line
        if found := _CALL.match(line):
            target, rest = found.groups()
            # What strace says of a descriptor beside its name is not in hexadecimal.
            name = re.match(_HEX, target)
            path = _plain(name[0]).decode() if name and name[0] else target
            data = b"".join(_plain(one) for one in _TEXT.findall(rest))
            yield Write(path, data)


def _shared_maps(trace: Path) -> Iterator[str]:
    """Yield the files that a process mapped so that writing to memory writes to them."""
    for line in trace.read_text("ascii").splitlines():
        is_shared = line.startswith("mmap(") and "PROT_WRITE" in line and "MAP_SHARED" in line
        if is_shared and (found := re.search(rf"<({_HEX})>", line)):
            yield _plain(found[1]).decode()


def traced(command_line: CommandLine, *arguments: str) -> list[str]:
    """Return what runs a command of hashmatch under strace."""
    folder = command_line.folder / "traces"
    folder.mkdir()
    return [
        *("strace", "-ff", "--seccomp-bpf", "-qq", "-yy", "-xx", "-s", "10000000"),
        *("-e", f"trace={_WRITING}", "-e", "signal=none", "-o", str(folder / "trace")),
        *(sys.executable, "-m", "hashmatch", *arguments),
    ]


def traces_of(command_line: CommandLine) -> list[Path]:
    """Return one trace for each of its processes."""
    return sorted((command_line.folder / "traces").iterdir())


def require_unwritten(traces: list[Path], files: Mapping[str, bytes]) -> None:
    """Fail where a piece of a file was written anywhere but to a pipe or socket."""
    writes = [write for trace in traces for write in _writes(trace)]
    pieces = pieces_of([*files.values(), *pixels_of(0, 1, 2)])
    sent = [write for write in writes if write.target.startswith(_NO_FILES)]
    written = [write for write in writes if not write.target.startswith(_NO_FILES)]
    # The files went over the pipe whole, so a piece of one would have been seen.
    assert sum(len(write.data) for write in sent) > sum(map(len, files.values()))
    assert sum(holds_a_piece(write.data[:100], pieces) for write in sent) > len(files) // 2
    # The database, too, was written to, and the trace saw it.
    assert any(write.target.endswith("hashmatch.db-wal") for write in written)
    assert [write.target for write in written if holds_a_piece(write.data, pieces)] == []
    mapped = {Path(path).name for trace in traces for path in _shared_maps(trace)}
    assert mapped <= {"hashmatch.db-shm", "anon_inode:[io_uring]"}
