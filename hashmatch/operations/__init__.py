"""Operations: first run, demo and health checks."""

from .demo import DemoResult, Screened, run_demo
from .doctor import Health, examine
from .first_run import initialise

__all__ = [
    "DemoResult",
    "Health",
    "Screened",
    "examine",
    "initialise",
    "run_demo",
]
