"""The demo of the console: a folder with cases to play with, and the service over it."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from PIL import Image, ImageOps

from hashmatch.cases import Actor, CaseAction, Role, State, assign, decide, plan
from hashmatch.config import GuardSettings, Settings, load_settings
from hashmatch.errors import ConfigError
from hashmatch.lists import FileSource, find_format, sync_list
from hashmatch.reports import private_file
from hashmatch.service import serve
from hashmatch.store.cases import CaseFilter
from hashmatch.store.engine import Database
from hashmatch.store.lists import has_list, set_licence
from hashmatch.store.policies import explain_policy
from hashmatch.store.queue import read_cases
from hashmatch.store.schema import utc_now
from hashmatch.store.tokens import ROLE_SCOPES, Scope, create_token
from hashmatch.synthetic import draw_picture
from hashmatch.wiring import open_database, open_scanner_with, read_policy

from .demo import LISTED_SEEDS, encoded, prepare_demo, run_demo

PERSON = "demo"
_LOOPBACK, _LAST_PORT = "127.0.0.1", 65_535
_PARTNER, _DAYS_OF_LICENCE = "partner", 12
_OF_THE_DESK = "\n# A desk that takes cases, as long as the demo is served.\n"
_CASES = 40
_COLLEAGUE = Actor("colleague", "demo", frozenset({Role.REVIEWER}))
_DAY = timedelta(days=1)
_OTHER_VARIABLES = ("HASHMATCH_DATA_DIR", "HASHMATCH_DATABASE_URL")


@dataclass(frozen=True, slots=True)
class ConsoleDemo:
    """A demo that is ready to be served: its settings, and the token to sign in with."""

    settings: Settings
    token: str
    desk: Desk


class Desk:
    """A desk that cases can be handed over to: it takes every message, and keeps none."""

    def __init__(self, port: int) -> None:
        self._port = port

    def configure(self, config: Path) -> None:
        """Name the desk in the configuration of a demo, which the service reads."""
        secret = config.with_name("desk.secret")
        if not secret.exists():
            with private_file(secret) as stream:
                stream.write(secrets.token_urlsafe(32))
        before = config.read_text(encoding="utf-8").partition(_OF_THE_DESK)[0]
        url = f"http://{_LOOPBACK}:{self._port}/cases"
        config.write_text(
            f'''{before}{_OF_THE_DESK}
[outbox]
private_hosts = ["{_LOOPBACK}"]

[escalations.desk]
to = "webhook"
url = "{url}"
secret = {{ file = "{secret.name}" }}
''',
            encoding="utf-8",
        )

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Take messages until the end of the block. Raises `ConfigError`."""
        try:
            server = ThreadingHTTPServer((_LOOPBACK, self._port), _Taking)
        except OSError as error:
            raise ConfigError(
                f"port {self._port}, for the demo's desk, is taken", hint="Choose another --port."
            ) from error
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write nothing: the terminal is the service's."""


def prepare_console_demo(folder: Path, port: int) -> ConsoleDemo:
    """Make a demo with cases in several states, and a token for the console.

    Raises `InputError` when the folder is not empty and not a demo.
    """
    result = run_demo(folder)
    _, settings, _ = prepare_demo(folder)
    with open_scanner_with(settings) as scanner:
        for content_id, data in _uploads():
            reference = f"{result.uploads}/{content_id}"
            scanner.scan(data, content_id=content_id, reference=reference)
    with closing(open_database(settings)) as database:
        _work(database, settings)
        _add_lists(database, folder)
        scopes = ROLE_SCOPES["admin"] | {Scope.DETAILS, Scope.AUDIT}
        with database.writing() as session:
            ends = utc_now() + _DAY
            token = create_token(session, PERSON, scopes, expires_at=ends)
    desk = Desk(port + 1 if port < _LAST_PORT else port - 1)
    desk.configure(result.config)
    settings = load_settings(result.config, use_environment=False)
    _record_reason(settings)
    service = settings.service.model_copy(update={"port": port})
    return ConsoleDemo(settings.model_copy(update={"service": service}), token, desk)


def _record_reason(settings: Settings) -> None:
    """Put on record why the policy has changed: by the desk that cases can be handed over to."""
    with closing(open_database(settings)) as database:
        policy = read_policy(settings, database).policy
        with database.writing(PERSON) as session:
            explain_policy(session, policy, reason="the demo's desk", evaluation=None, actor=PERSON)


def serve_console_demo(demo: ConsoleDemo) -> None:
    """Serve a demo until a signal ends it. Raises `ConfigError` where the port is taken."""
    # The environment is ignored, as by the demo: it could name a real store.
    for name in _OTHER_VARIABLES:
        os.environ.pop(name, None)
    with demo.desk.opened():
        serve(demo.settings)


def _uploads() -> Iterator[tuple[str, bytes]]:
    """Yield (content id, bytes) of copies that people made of the listed pictures."""
    for number in range(_CASES):
        picture = draw_picture(LISTED_SEEDS[number % len(LISTED_SEEDS)])
        altered = _ALTERATIONS[number // len(LISTED_SEEDS) % len(_ALTERATIONS)](picture)
        yield f"demo/user-{number % 7}/post-{number:02}", encoded(altered, "JPEG", quality=85)


def _framed(picture: Image.Image) -> Image.Image:
    return ImageOps.expand(picture, border=(40, 90), fill=(24, 24, 24))


_ALTERATIONS: tuple[Callable[[Image.Image], Image.Image], ...] = (
    ImageOps.mirror,
    _framed,
    lambda picture: picture.resize((320, 240)),
    lambda picture: picture.convert("L"),
    lambda picture: picture.rotate(90, expand=True),
)


def _add_lists(database: Database, folder: Path) -> None:
    """Have a list whose newest delivery was quarantined, and one whose licence ends soon."""
    file = folder / "partner.csv"
    with database.reading() as session:
        if has_list(session, _PARTNER):
            return
    for entries in (40, 3):
        rows = (f"md5,{secrets.token_hex(16)},p{one}\n" for one in range(entries))
        file.write_text("algorithm,value,entry_id\n" + "".join(rows))
        guarded = Settings(guards=GuardSettings(least_changes=10))
        sync_list(database, _PARTNER, FileSource(file, find_format), guarded)
    with database.writing() as session:
        end = utc_now().date() + _DAYS_OF_LICENCE * _DAY
        set_licence(session, _PARTNER, licensor="A made-up partner", end=end)


def _work(database: Database, settings: Settings) -> None:
    """Have a colleague work on some of the cases, and let some be late, unless that was done."""
    with database.writing(_COLLEAGUE.audit_name) as session:
        keys = [one.row.key for one in read_cases(session, CaseFilter(states=(State.OPEN,)))]
        if len(keys) < _CASES:
            return
        for key in keys[:4]:
            plan(session, key, _COLLEAGUE, due_at=utc_now() - timedelta(hours=3), priority=1)
        for key in keys[4:8]:
            note = "A drawing of ours, on the list by mistake."
            decide(session, settings, key, CaseAction.DISMISS, _COLLEAGUE, note=note)
        for key in keys[8:12]:
            decide(session, settings, key, CaseAction.CONFIRM, _COLLEAGUE)
        for key in keys[12:15]:
            assign(session, key, _COLLEAGUE.name, _COLLEAGUE)
