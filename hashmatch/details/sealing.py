"""Details under lock and key: Fernet (AES-128-CBC and HMAC-SHA256), whose keys can be changed.

What is sealed says of which case it is, so that none can be put in another's place.
"""

from __future__ import annotations

import hashlib
import json

from cryptography.fernet import Fernet, InvalidToken

from hashmatch.config import Settings, read_secret
from hashmatch.errors import ConfigError

from .model import Details

_ID_CHARACTERS = 16


def make_detail_key() -> str:
    """Return a new key."""
    return Fernet.generate_key().decode()


class Sealer:
    """Encrypts details with the first of its keys and decrypts them with any."""

    def __init__(self, keys: dict[str, Fernet]) -> None:
        self._keys = keys

    @property
    def key_id(self) -> str:
        """What the key is called that is used for what is new. Raises `ConfigError` without one."""
        if not self._keys:
            raise ConfigError(
                "there is no key to encrypt details of uploaders with",
                hint="Make one with 'hashmatch cases make-key FILE' and name it in"
                " cases.detail_keys.",
            )
        return next(iter(self._keys))

    def seal(self, case: int, details: Details) -> str:
        """Return the details of a case, encrypted. Raises `ConfigError` without a key."""
        text = json.dumps({"case": case, "details": details.as_json()})
        return self._keys[self.key_id].encrypt(text.encode()).decode()

    def open(self, case: int, key_id: str, sealed: str) -> Details:
        """Return what was sealed of a case. Raises `ConfigError` where no key fits."""
        if key_id not in self._keys:
            raise ConfigError(
                f"the details of case {case} are encrypted with key {key_id}, which is not here",
                hint="Name it in cases.detail_keys, after the newest one.",
            )
        try:
            found = json.loads(self._keys[key_id].decrypt(sealed.encode()))
        except InvalidToken:
            found = {}
        if found.get("case") != case:
            raise ConfigError(
                f"the details of case {case} are not what was encrypted",
                hint="'hashmatch audit verify' says what else was changed.",
            )
        return Details.model_validate(found["details"])


def open_sealer(settings: Settings) -> Sealer:
    """Return what encrypts under the settings' keys, maybe none. Raises `ConfigError`."""
    keys = {}
    for secret in settings.cases.detail_keys:
        text = read_secret(secret)
        try:
            key = Fernet(text)
        except ValueError as error:
            raise ConfigError(
                "cases.detail_keys: this is no key",
                hint="'hashmatch cases make-key FILE' makes one.",
            ) from error
        keys[hashlib.sha256(text.encode()).hexdigest()[:_ID_CHARACTERS]] = key
    return Sealer(keys)
