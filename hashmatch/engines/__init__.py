"""Engines: the one flow over many images and cores. They hold no screening logic."""

from .cluster import NodeJob, run_on_ray
from .ledger import Ledger
from .local import Report, run_locally
from .outcome_files import OutcomeFiles, open_outcome_files
from .rechecking import Rechecked, recheck
from .screening import ItemScreener
from .sources import Source, open_sources

__all__ = [
    "ItemScreener",
    "Ledger",
    "NodeJob",
    "OutcomeFiles",
    "Rechecked",
    "Report",
    "Source",
    "open_outcome_files",
    "open_sources",
    "recheck",
    "run_locally",
    "run_on_ray",
]
