"""Encryption of uploader details: Fernet (AES-128-CBC and HMAC-SHA256), with changeable keys.

The sealed text names its case, so that the details of one case cannot pass for those of another.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from hashmatch.config import Settings, read_secret
from hashmatch.errors import ConfigError

from .model import Details

# Of the SHA-256 of a key: enough to tell keys apart, and nothing to recover one from.
_ID_CHARACTERS = 16


def make_detail_key() -> str:
    """Return a new key."""
    return Fernet.generate_key().decode()


class Sealer:
    """Encryption of details with the first of several keys, and decryption with any of them."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        """Take keys by their ids, the newest first. Raises `ValueError` for one that is none."""
        self._keys = {key_id: Fernet(text) for key_id, text in keys.items()}
        self._secrets = [text.encode() for text in keys.values()]

    @property
    def key_id(self) -> str:
        """Id of the key that new details are encrypted with. Raises `ConfigError` without a key."""
        if not self._keys:
            raise ConfigError(
                "no key is configured to encrypt uploader details",
                hint="Create one with 'hashmatch cases make-key FILE' and name it in"
                " cases.detail_keys.",
            )
        return next(iter(self._keys))

    def account_digest(self, details: Details) -> str:
        """Return the digest of the account's id under the newest key, empty without an id.

        Raises `ConfigError` without a key.
        """
        digests = self.account_digests(details)
        return digests[0] if self.key_id and digests else ""

    def account_digests(self, details: Details) -> list[str]:
        """Return the digests of the account's id under each key, the newest first."""
        account = details.account
        if account is None or account.id is None:
            return []
        return self.digests("account", account.id)

    def seal(self, case: int, details: Details) -> str:
        """Return the details of a case, encrypted. Raises `ConfigError` without a key."""
        text = json.dumps({"case": case, "details": details.as_json()})
        return self._keys[self.key_id].encrypt(text.encode()).decode()

    def open(self, case: int, key_id: str, sealed: str) -> Details:
        """Return the details of a case, decrypted.

        Raises `ConfigError` where no key fits, or the text was altered or is of another case.
        """
        found = self._decrypted(f"the details of case {case}", key_id, sealed)
        if found.get("case") != case:
            raise _altered(f"the encrypted details of case {case} were")
        return Details.model_validate(found["details"])

    def seal_record(self, owner: str, facts: Mapping[str, Any]) -> str:
        """Return facts about an owner, such as "notice 7", encrypted like details.

        Raises `ConfigError` without a key.
        """
        text = json.dumps({"owner": owner, "facts": dict(facts)})
        return self._keys[self.key_id].encrypt(text.encode()).decode()

    def open_record(self, owner: str, key_id: str, sealed: str) -> dict[str, Any]:
        """Return the facts about an owner, decrypted. Raises what `open` raises."""
        found = self._decrypted(f"the contact of {owner}", key_id, sealed)
        if found.get("owner") != owner:
            raise _altered(f"the encrypted contact of {owner} was")
        facts: dict[str, Any] = found["facts"]
        return facts

    def digests(self, purpose: str, text: str) -> list[str]:
        """Return the digests of a text for a purpose under each key, the newest first."""
        message = purpose.encode() + b"\0" + text.encode()
        return [hmac.digest(one, message, "sha256").hex() for one in self._secrets]

    def _decrypted(self, name: str, key_id: str, sealed: str) -> dict[str, Any]:
        if key_id not in self._keys:
            raise ConfigError(
                f"{name} can be decrypted by key {key_id} alone, which is not configured",
                hint="Name it in cases.detail_keys, after the newest key.",
            )
        try:
            found: dict[str, Any] = json.loads(self._keys[key_id].decrypt(sealed.encode()))
        except InvalidToken:
            return {}
        return found


def _altered(name: str) -> ConfigError:
    return ConfigError(
        f"{name} altered",
        hint="'hashmatch audit verify' shows whether other records were altered.",
    )


def open_sealer(settings: Settings) -> Sealer:
    """Return a sealer with the configured keys, if there are any. Raises `ConfigError`."""
    texts = [read_secret(secret) for secret in settings.cases.detail_keys]
    try:
        return Sealer({hashlib.sha256(one.encode()).hexdigest()[:_ID_CHARACTERS]: one
                       for one in texts})  # fmt: skip
    except ValueError as error:
        raise ConfigError(
            "cases.detail_keys: not a valid key",
            hint="'hashmatch cases make-key FILE' creates one.",
        ) from error
