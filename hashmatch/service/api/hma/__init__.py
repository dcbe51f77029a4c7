"""Routes compatible with Meta's hasher-matcher-actioner (HMA), for its existing clients.

Lists are banks here, and entries their content. Matches are recorded like any others. Where HMA
answers with no matches although it could not check, the answer here is an error; docs/reference/
hma.md says what clients need, and what they get.
"""

from . import banks, contents, exchanges, hashing, lookups, status

# In the order of the documentation.
PARTS = (hashing, lookups, banks, contents, exchanges, status)
# Models of the bodies that routes read by themselves.
BODIES = (
    banks.NewBank,
    banks.BankChange,
    contents.Signals,
    contents.ContentChange,
    exchanges.NewExchange,
)

__all__ = ["BODIES", "PARTS"]
