"""A certified OpenID provider, which is no work of ours: npm's `oidc-provider`, run by node."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import playwright
import pytest

from tests.service.console.oidc.hostile import CLIENT_ID, CLIENT_SECRET

ACCOUNTS = {
    "reviewer": {"email": "reviewer@example.org", "email_verified": True, "groups": ["tns"]},
    "stranger": {"email": "stranger@example.org", "email_verified": True},
}
_PROGRAM = Path(__file__).with_name("provider.mjs")
_ROOT = Path(__file__).parents[4]


@contextmanager
def real_provider(
    redirect_uri: str,
    *,
    userinfo_only: bool = False,
    method: str = "client_secret_basic",
    secret: str = CLIENT_SECRET,
) -> Iterator[str]:
    """Run the provider on loopback until the end of the block, and yield its issuer.

    It knows one client, which has to use PKCE. Claims of scopes are in the ID token, too, unless
    `userinfo_only`.
    """
    options = {
        "modules": os.fspath(_require_modules()),
        "client_id": CLIENT_ID,
        "client_secret": secret,
        "redirect_uri": redirect_uri,
        "accounts": ACCOUNTS,
        "userinfo_only": userinfo_only,
        "method": method,
    }
    # The one that Playwright brings along: which version the system has is not known.
    node = Path(playwright.__file__).parent / "driver" / "node"
    with subprocess.Popen(
        [node, _PROGRAM, json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            assert process.stdout is not None
            ready = next((line for line in process.stdout if line.startswith(b"{")), b"")
            assert ready, "the provider did not start"
            yield json.loads(ready)["issuer"]
        finally:
            process.kill()


def _require_modules() -> Path:
    # Skips the test where the package is missing; where all are required, as in CI, fails.
    default = _ROOT / ".venv" / "oidc-provider" / "node_modules"
    modules = Path(os.environ.get("HASHMATCH_TESTS_NODE_MODULES") or default)
    if not (modules / "oidc-provider").is_dir():
        if os.environ.get("HASHMATCH_TESTS_NEED_PROGRAMS"):
            pytest.fail("oidc-provider is missing, and HASHMATCH_TESTS_NEED_PROGRAMS asks for it")
        pytest.skip("oidc-provider is not installed")
    return modules
