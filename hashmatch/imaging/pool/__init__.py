"""Decoding in separate, locked-down processes."""

from .intake import PoolIntake
from .process import ProcessFailedError

__all__ = ["PoolIntake", "ProcessFailedError"]
