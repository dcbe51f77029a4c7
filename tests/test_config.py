"""The configuration: where it is found, what it may say, and how it complains."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashmatch.config import Settings, load_settings
from hashmatch.errors import ConfigError
from hashmatch.outcome import Action


def _write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_without_any_file_the_defaults_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.source is None
    assert settings.database_url == f"sqlite:///{settings.data_dir}/hashmatch.db"


def test_the_named_file_wins_over_the_environment_and_that_over_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = _write(tmp_path / "here" / "hashmatch.toml")
    named = _write(tmp_path / "named.toml")
    explicit = _write(tmp_path / "explicit.toml")
    monkeypatch.chdir(here.parent)
    assert load_settings().source == Path("hashmatch.toml")
    monkeypatch.setenv("HASHMATCH_CONFIG", str(named))
    assert load_settings().source == named
    assert load_settings(explicit).source == explicit


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _write(tmp_path / "h.toml", 'data_dir = "/a"\n[database]\nurl = "sqlite:////a/x.db"\n')
    monkeypatch.setenv("HASHMATCH_DATA_DIR", "/b")
    monkeypatch.setenv("HASHMATCH_DATABASE_URL", "sqlite:////b/y.db")
    settings = load_settings(file)
    assert settings.data_dir == Path("/b")
    assert settings.database_url == "sqlite:////b/y.db"


def test_a_relative_data_folder_lies_beside_its_file(tmp_path: Path) -> None:
    file = _write(tmp_path / "h.toml", 'data_dir = "data"')
    assert load_settings(file).data_dir == tmp_path / "data"


def test_a_list_can_differ(tmp_path: Path) -> None:
    file = _write(
        tmp_path / "h.toml",
        '[policy.lists.iwf]\naction = "review"\nthresholds_bits = { pdq = 20 }\n'
        'categories = { A = "block" }\n',
    )
    overrides = load_settings(file).policy.lists["iwf"]
    assert overrides.thresholds_bits == {"pdq": 20}
    assert overrides.categories == {"A": Action.BLOCK}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("nonsense = 1", "nonsense"),
        ("[intake]\nmax_bytez = 1", "intake.max_bytez"),
        ('[intake]\nmax_bytes = "1"', "intake.max_bytes"),
        ("[intake]\nmax_bytes = 0", "intake.max_bytes"),
        ("[intake]\nmax_bytes = 9223372036854775807", "intake.max_bytes"),
        ("[intake]\ntimeout_s = inf", "intake.timeout_s"),
        ("[intake]\ntimeout_s = 1e10", "intake.timeout_s"),
        ("[intake]\ntimeout_s = 0", "intake.timeout_s"),
        ("[intake]\nmax_memory_bytes = 99999999999999999999", "intake.max_memory_bytes"),
        ("[intake]\nmax_memory_bytes = 1000", "intake.max_memory_bytes"),
        ('[intake]\nisolation = "some"', "intake.isolation"),
        ('[intake]\nformats = ["SVG"]', "intake.formats.0"),
        ("[intake]\nformats = []", "intake.formats"),
        ('[policy]\naction = "kill"', "policy.action"),
        ("[policy.thresholds_bits]\npdq = true", "policy.thresholds_bits.pdq"),
        ("[policy.lists.x.categories]\nA = 1", "policy.lists.x.categories.A"),
        ("[database]\nurl = 3", "database.url"),
        ("policy = 3", "policy"),
        ('source = "x"', "source"),
        ('[webhooks.desk]\nurl = "https://a.example"\nsecret = "x"', "webhooks.desk.secret"),
        ('[lists.x]\nsource = "https"\nurl = "x"\npassword = "x"', "lists.x.https.password"),
    ],
)
def test_a_wrong_key_is_named_with_its_file_in_one_line(
    tmp_path: Path, text: str, key: str
) -> None:
    file = _write(tmp_path / "h.toml", text)
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    assert caught.value.message.startswith(f"{file}: {key}: ")
    assert "\n" not in caught.value.message


def test_a_mapping_that_goes_from_our_columns_to_the_files_says_how_to_turn_it(
    tmp_path: Path,
) -> None:
    table = '{ entry_id = "id", category = "category", value = "MD5 \\"x\\"", tags = "ü" }'
    file = _write(tmp_path / "h.toml", f"[mappings.x]\ncolumns = {table}\n")
    with pytest.raises(ConfigError, match=r"h.toml: mappings\.x\.columns: ") as caught:
        load_settings(file)
    turned = caught.value.message.partition("turn it to ")[2]
    assert turned.startswith('{ id = "entry_id", category = "category", ')
    _write(file, f"[mappings.x]\ncolumns = {turned}\n")
    columns = load_settings(file).mappings["x"].columns
    assert columns == {
        "id": "entry_id", "category": "category", 'MD5 "x"': "value", "ü": "tags"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('{ a = "value", b = "value" }', "two of the file's columns are value"),
        ('{ a = "value", A = "note" }', "two of the file's columns are a"),
        ('{ a = "hash" }', "input should be 'algorithm'"),
        ('{ value = 3, note = "x" }', "turn it to"),
        ('"id"', "valid dictionary"),
    ],
)
def test_a_mapping_of_columns_that_cannot_be_told_is_refused(
    tmp_path: Path, table: str, words: str
) -> None:
    file = _write(tmp_path / "h.toml", f"[mappings.x]\ncolumns = {table}\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    assert ("mappings.x.columns" in caught.value.message, words in caught.value.message) == (
        True,
        True,
    )


@pytest.mark.parametrize("content", [b"[", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "h.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=str(file)):
        load_settings(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml: there is no such"):
        load_settings(tmp_path / "gone.toml")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().data_dir = Path("/x")
