"""Decoding: from the bytes of a file to the pictures that viewers show of it, within limits."""

from .decoder import Decoder, Frame, open_decoder
from .rendering import render

__all__ = ["Decoder", "Frame", "open_decoder", "render"]
