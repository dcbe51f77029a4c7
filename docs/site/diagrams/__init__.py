"""Diagrams of the documentation, drawn from the code: its imports, and the calls that it makes."""

from .sequences import draw_sequence, recorded
from .structure import draw_context, draw_programs, draw_rooms


def drawn() -> dict[str, str]:
    """Return each diagram as SVG by its file name in docs/pictures."""
    return {
        "context.svg": draw_context(),
        "programs.svg": draw_programs(),
        "rooms.svg": draw_rooms(),
        "scan.svg": draw_sequence("A scan of a listed picture", recorded()["scan"]),
        "sync.svg": draw_sequence("A sync of a list", recorded()["sync"]),
        "escalation.svg": draw_sequence("A case is escalated", recorded()["escalation"]),
    }
