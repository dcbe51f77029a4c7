"""Decoding pool: separate, locked-down processes that decode."""

from .intake import PoolIntake
from .process import ProcessFailedError

__all__ = ["PoolIntake", "ProcessFailedError"]
