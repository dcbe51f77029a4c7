"""A long run of the service under mixed load, with everything that breaks around it."""

from __future__ import annotations

# Each database has tables of its own, of its claims and of the disturbances, which only `make long`
# makes anew.
TITLES = {
    kind: (f"A long run on {name}", f"Disturbances of the long run on {name}")
    for kind, name in (("postgresql", "PostgreSQL"), ("sqlite", "SQLite"))
}
