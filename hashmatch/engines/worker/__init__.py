"""Worker: screens uploads as a broker announces them, and publishes the verdicts."""

from .brokers import Broker, open_broker
from .events import UploadEvent, read_events
from .loading import Loader, open_loader
from .running import Worker, forget_old_events
from .settling import Settler, StoppedError

__all__ = [
    "Broker",
    "Loader",
    "Settler",
    "StoppedError",
    "UploadEvent",
    "Worker",
    "forget_old_events",
    "open_broker",
    "open_loader",
    "read_events",
]
