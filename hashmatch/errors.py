"""Every error that hashmatch raises on purpose, with what to do about it.

HashmatchError
├── ConfigError             the configuration file cannot be used
├── InputError              a value the caller gave cannot be used
│   └── ForeignAlgorithmError   an algorithm that is not matched here
├── ListFileError           a list file cannot be imported
├── SourceError             what a list comes from cannot be reached or understood
│   └── SourceRefusedError      it says no, and will until something is changed
├── OutboxError             what is to be told to somebody did not arrive
│   └── ReportGoneError         NCMEC has no such report that is open
├── ServiceError            the service did not answer, or not as agreed
├── OverloadedError         there is more to do than can wait its turn
├── SyncLeaseError          another process is syncing the list
├── UnknownListError        no list has that name
├── NoActiveListError       there is nothing to match against
│   └── LicenceExpiredError     the lists are there, their licences are not
├── NotFoundError           no record has that id
├── CaseStateError          a case is not where that could be done to it
├── ForbiddenError          that is for somebody else to do
├── IndexFolderError        the index on disk cannot be used
│   └── DamagedIndexError       a file of it is not what it was written as
├── IndexStaleError         the index could not follow the store for too long
└── StoreError              the database did not do what was asked
    ├── StoreMissingError       it was never created
    ├── StoreSchemaError        it is of another version
    ├── StoreLockedError        somebody else holds it
    ├── StoreUnreachableError   its server does not answer
    └── StoreReadOnlyError      it may not be written

Messages name the file, key, list or line; hints say what to do next. Neither ever holds a hash
value, an entry's value, or a byte of an image.
"""


class HashmatchError(Exception):
    """The root of the tree: a message for people, and a hint saying what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(HashmatchError):
    """The configuration is missing, malformed or contradicts itself."""


class InputError(HashmatchError):
    """A value that the caller gave cannot be used."""


class ForeignAlgorithmError(InputError):
    """A hash algorithm that exists but is not matched here; `algorithm` is its name."""

    def __init__(self, message: str, *, hint: str = "", algorithm: str = "") -> None:
        super().__init__(message, hint=hint)
        self.algorithm = algorithm


class ListFileError(HashmatchError):
    """A list file cannot be imported as it is; the store is unchanged."""


class SourceError(HashmatchError):
    """What a list comes from cannot be reached or understood now; the list is unchanged."""


class SourceRefusedError(SourceError):
    """What a list comes from refuses us; trying again will not help."""


class OutboxError(HashmatchError):
    """What is to be told to somebody did not arrive; it stays in the outbox."""


class ReportGoneError(OutboxError):
    """NCMEC has no such report, or none that is open: it was finished, retracted or deleted."""


class ServiceError(HashmatchError):
    """The service did not answer, or not as agreed: no verdict on anything."""


class OverloadedError(HashmatchError):
    """There is more to do than can wait its turn; nothing of it was begun."""


class SyncLeaseError(HashmatchError):
    """Another process is syncing the list; the list is unchanged."""


class UnknownListError(HashmatchError):
    """No list has that name."""


class NoActiveListError(HashmatchError):
    """There is no list to match against, so no image can be called clear."""


class LicenceExpiredError(NoActiveListError):
    """Every list that has entries is past the end of its licence."""


class NotFoundError(HashmatchError):
    """No record has that id."""


class CaseStateError(HashmatchError):
    """A case is in a state in which that cannot be done; it is unchanged."""


class ForbiddenError(HashmatchError):
    """That is for somebody else to do; nothing was done."""


class IndexFolderError(HashmatchError):
    """The folder of the index cannot be read or written, or is not ours."""


class DamagedIndexError(IndexFolderError):
    """A file of the index is damaged, cut off, of another version or of another store."""


class IndexStaleError(HashmatchError):
    """The index could not follow the store for longer than is allowed."""


class StoreError(HashmatchError):
    """The database did not do what was asked; nothing was half-written."""


class StoreMissingError(StoreError):
    """The database has not been created."""


class StoreSchemaError(StoreError):
    """The database was written by another version of hashmatch."""


class StoreLockedError(StoreError):
    """Another process held the database for longer than the busy time-out."""


class StoreUnreachableError(StoreError):
    """The server of the database does not answer, or broke the connection off."""


class StoreReadOnlyError(StoreError):
    """The database may not be written by this user."""
