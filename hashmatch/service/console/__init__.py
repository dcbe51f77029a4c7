"""Console: pages for the people who work cases, lists and reports, without any imagery."""

from .app import Console, create_console
from .oidc import require_usable as require_sign_in

__all__ = ["Console", "create_console", "require_sign_in"]
