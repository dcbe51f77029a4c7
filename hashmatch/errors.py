"""Tree of all errors that hashmatch raises on purpose.

HashmatchError
├── ConfigError             the configuration cannot be used
├── InputError              a value given by the caller cannot be used
│   └── UnsupportedAlgorithmError   the hash algorithm exists, but is not matched here
├── ListFileError           a list file cannot be imported
├── SourceError             the source of a list cannot be reached or understood
│   └── SourceRefusedError      the source refuses, until something is changed
│       └── SourceExpiredError      the source has to be read from the beginning
├── IdentityProviderError   the identity provider of the console cannot be understood
├── OutboxError             an outbox message could not be delivered
│   ├── AddressError            requests may not be sent to that address
│   ├── ReportGoneError         NCMEC has no report of that id any more
│   ├── ReportFinishedError     NCMEC has the finished report already
│   └── FileGoneError           NCMEC does not have a file as it was sent
├── FetchError              a file could not be fetched from its URL
│   └── FileTooLargeError       the file at a URL is larger than is permitted
├── ServiceError            the service did not answer, or not as specified
├── OverloadedError         more requests than there is room for
├── SyncLeaseError          another process is syncing the list
├── ExchangeLeaseError      another process sends to the exchange
├── BackfillError           a back-fill cannot go on now
│   └── ShardLostError          another process works on that part of it
├── BrokerError             a broker does not answer, or not as expected
├── MessageError            a message of a broker cannot be understood
├── UploadError             an upload cannot be loaded from where a message says
├── UnknownListError        no list has that name
├── NoActiveListError       there is no list to match against
│   └── LicenceExpiredError     the licence of every list has expired
├── NotFoundError           no record has that id
├── PullExpiredError        a consumer of a shared list has to pull it from the beginning
├── CaseStateError          the state of a case does not permit the decision
├── NoticeStateError        the state of a notice does not permit the action
├── GuardError              a generator cannot be guarded, or a call would go past its guard
│   ├── BlockedInputError       a picture that a generator was given may not be used
│   └── WithheldError           what a generator made may not be shown
├── ForbiddenError          the actor is not permitted to do that
├── IndexFolderError        the index on disk cannot be used
│   └── DamagedIndexError       a file of the index is damaged or of another store
├── IndexStaleError         the index has not followed the store for too long
└── StoreError              the database operation failed
    ├── StoreMissingError       the database was never created
    ├── StoreExchangedError     the database is another one than was opened
    ├── StoreSchemaError        the database is of another version of hashmatch
    ├── StoreLockedError        another process holds the database
    │   └── StoreConflictError      another writer changed or removed what was being written
    ├── StoreUnreachableError   the database server does not answer
    ├── StoreSlowError          the database takes longer over a query than is permitted
    └── StoreReadOnlyError      the database is not writable

A message names the file, key, list or line; a hint says what to do next. Neither ever holds a hash
value, an entry's value, or a byte of an image.
"""


class HashmatchError(Exception):
    """Root of the tree: a message for people, and a hint about the next step."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(HashmatchError):
    """The configuration is missing, malformed or contradictory."""


class InputError(HashmatchError):
    """A value given by the caller cannot be used."""


class UnsupportedAlgorithmError(InputError):
    """The hash algorithm exists, but is not matched here; `algorithm` is its name."""

    def __init__(self, message: str, *, hint: str = "", algorithm: str = "") -> None:
        super().__init__(message, hint=hint)
        self.algorithm = algorithm


class ListFileError(HashmatchError):
    """A list file cannot be imported as it is; the store is unchanged."""


class SourceError(HashmatchError):
    """The source of a list cannot be reached or understood now; the list is unchanged."""


class SourceRefusedError(SourceError):
    """The source of a list refuses the request; trying again will not help."""


class SourceExpiredError(SourceRefusedError):
    """The source has to be read from the beginning."""


class IdentityProviderError(HashmatchError):
    """The identity provider of the console cannot be reached or understood now."""


class OutboxError(HashmatchError):
    """An outbox message could not be delivered; it stays in the outbox."""


class AddressError(OutboxError):
    """Requests may not be sent to that address; none was."""


class ReportGoneError(OutboxError):
    """NCMEC has no report of that id any more: it was retracted, or deleted unfinished."""


class ReportFinishedError(OutboxError):
    """NCMEC has the finished report of that id already."""


class FileGoneError(OutboxError):
    """NCMEC does not have the file of a report as it was sent."""


class FetchError(HashmatchError):
    """A file could not be fetched from its URL."""


class FileTooLargeError(FetchError):
    """The file at a URL is larger than is permitted."""


class ServiceError(HashmatchError):
    """The service did not answer, or not as specified; there is no verdict on anything."""


class OverloadedError(HashmatchError):
    """More requests than there is room for, or than are permitted; this one was not started."""


class SyncLeaseError(HashmatchError):
    """Another process is syncing the list; the list is unchanged."""


class ExchangeLeaseError(HashmatchError):
    """Another process sends to the exchange, or has taken it over; it goes on there."""


class BackfillError(HashmatchError):
    """A back-fill cannot go on; it goes on where it was when it is started again."""


class ShardLostError(BackfillError):
    """Another process works on the same part of a back-fill; nothing of it was recorded here."""


class BrokerError(HashmatchError):
    """A broker does not answer, or has ended the work; its messages stay where they are."""


class MessageError(HashmatchError):
    """A message of a broker cannot be understood; it is among the dead letters."""


class UploadError(HashmatchError):
    """An upload cannot be loaded from where a message says, or may not be."""


class UnknownListError(HashmatchError):
    """No list has that name."""


class NoActiveListError(HashmatchError):
    """There is no list to match against, so no image can be called clear."""


class LicenceExpiredError(NoActiveListError):
    """The licence of every list that has entries has expired."""


class NotFoundError(HashmatchError):
    """No record has that id."""


class PullExpiredError(HashmatchError):
    """A consumer of a shared list has to pull it from the beginning."""


class CaseStateError(HashmatchError):
    """The state of a case does not permit the decision; the case is unchanged."""


class NoticeStateError(HashmatchError):
    """The state of a notice does not permit the action; the notice is unchanged."""


class GuardError(HashmatchError):
    """A generator that cannot be guarded, or a call that would go past its guard."""


class BlockedInputError(GuardError):
    """A picture to begin with, a mask or a reference that may not be used."""


class WithheldError(GuardError):
    """Output of a generator that may not be shown, and has no neutral one in its place."""


class ForbiddenError(HashmatchError):
    """The actor is not permitted to do that; nothing was changed."""


class IndexFolderError(HashmatchError):
    """The folder of the index cannot be read or written, or other users can write to it."""


class DamagedIndexError(IndexFolderError):
    """A file of the index is damaged, truncated, of another version or of another store."""


class IndexStaleError(HashmatchError):
    """The index has not followed the store for longer than is permitted."""


class StoreError(HashmatchError):
    """The database operation failed; nothing was written in part."""


class StoreMissingError(StoreError):
    """The database was never created."""


class StoreExchangedError(StoreError):
    """The database is another one than this process opened; it has to be restarted."""


class StoreSchemaError(StoreError):
    """The database was written by another version of hashmatch."""


class StoreLockedError(StoreError):
    """Another process held the database for longer than the busy timeout."""


class StoreConflictError(StoreLockedError):
    """Another writer changed or removed rows of this unit of work meanwhile; trying again helps."""


class StoreUnreachableError(StoreError):
    """The database server does not answer, or closed the connection."""


class StoreSlowError(StoreError):
    """The database takes longer over a query than is permitted; the query was stopped."""


class StoreReadOnlyError(StoreError):
    """This user is not permitted to write to the database."""
