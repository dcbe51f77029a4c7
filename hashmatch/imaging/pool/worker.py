"""Decoding process: files in and hashes out through descriptor 0, and nothing else.

The pool starts it in an empty environment. It loads the decoders and hashers, locks itself down,
and then reads one file after another until its pipe is closed.
"""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from PIL import AvifImagePlugin, Image, ImageCms, ImageFile
from pillow_heif import options as heif_options

from hashmatch.hashers import PIXEL_HASHERS
from hashmatch.hashers.pdq import PDQ
from hashmatch.hashes import Level, View

from ..decoding import load_jxl, load_png, load_webp
from ..decoding.heif_track import TrackError, load_library
from ..hashing import Hashing
from ..interface import Reading
from ..limits import Limits
from ..provenance import CredentialsReader, load_credentials
from ..reading import read_pixels
from ..views import Search
from .lockdown import allow_cpu, lock_down
from .memory import keep_freed_memory
from .messages import (
    LENGTH_BYTES,
    OUT_OF_MEMORY_CODE,
    Setup,
    decode_request,
    decode_setup,
    encode_protections,
    encode_reading,
)

Read: TypeAlias = Callable[[bytes, Set[str], Limits, Hashing, CredentialsReader | None], Reading]

_WARM_UP_SIDE = 64


def main(read: Read = read_pixels) -> None:
    """Serve until the pipe is closed; never returns."""
    # Decoders warn about damaged files, which nobody reads here.
    warnings.simplefilter("ignore")
    pipe = socket.socket(fileno=0)
    keep_freed_memory()
    try:
        _load_decoders()
        setup = decode_setup(_receive_message(pipe))
        _load_hashers(setup.algorithms, setup.hashing.level)
        credentials = load_credentials(setup.trust_anchors)
        Image.MAX_IMAGE_PIXELS = None  # The limits here name the setting to change.
        protections = lock_down(setup.max_memory_bytes, setup.timeout_s)
        pipe.sendall(encode_protections(protections))
        while True:
            _serve_one(pipe, setup, read, credentials)
    except EOFError:
        os._exit(0)
    except MemoryError:
        # Without an answer: encoding one could fail in the same way.
        os._exit(OUT_OF_MEMORY_CODE)


def _serve_one(
    pipe: socket.socket, setup: Setup, read: Read, credentials: CredentialsReader | None
) -> None:
    request = decode_request(_receive_message(pipe))
    # Each file gets the full time. Without such a limit, the pool's deadline ends the process.
    with suppress(OSError, ValueError):
        allow_cpu(setup.timeout_s)
    data = _receive(pipe, request.size_bytes)
    hashing = replace(setup.hashing, level=request.level)
    reading = read(data, set(request.algorithms), setup.limits, hashing, credentials)
    pipe.sendall(encode_reading(request.number, reading))


def _receive_message(pipe: socket.socket) -> bytes:
    return _receive(pipe, int.from_bytes(_receive(pipe, LENGTH_BYTES), "big"))


def _receive(pipe: socket.socket, size_bytes: int) -> bytes:
    """Return exactly the given number of bytes. Raises `EOFError` if the pool closes the pipe."""
    data = pipe.recv(size_bytes, socket.MSG_WAITALL)
    while len(data) < size_bytes:
        more = pipe.recv(size_bytes - len(data), socket.MSG_WAITALL)
        if not more:
            raise EOFError
        data += more
    return data


def _load_decoders() -> None:
    """Import all modules that Pillow would import later, at the first file of a format."""
    Image.init()
    ImageCms.createProfile("LAB")
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    # One thread per process: the pool keeps all processors busy with other files.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    heif_options.DECODE_THREADS = 1
    load_jxl()
    load_webp()
    with suppress(TrackError):
        load_library()


def _load_hashers(algorithms: tuple[str, ...], level: Level) -> None:
    """Hash a small picture with each hasher, so that nothing is left to load or to compile."""
    y, x = np.mgrid[:_WARM_UP_SIDE, :_WARM_UP_SIDE]
    picture = Image.fromarray((x * y % 251).astype(np.uint8))
    for hasher in PIXEL_HASHERS:
        if hasher.algorithm.name in algorithms:
            hasher.hash_pixels(picture)
    if PDQ.name in algorithms:
        search = Search(level, frames=1)
        search.begin_frame(0, is_embedded=False)
        search.hashes(picture, View.FULL)
    load_png()
