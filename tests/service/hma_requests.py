"""Requests that real clients of HMA send, recorded from their own code against HMA 1.1.7.

| client | its code |
| --- | --- |
| coop | roostorg/coop 1c1f54da: undici's `fetch`, server/services/hmaService |
| ruby | fetlife/hasher_matcher_actioner_api d0045577: Faraday, the gem 0.4.2 |
| policyserv | matrix-org/policyserv 1c5dc229: Go's net/http, content/hma.go |
| hma-ui, hma-docs | facebook/ThreatExchange baefb4ed: HMA's own pages and documentation |
| altitude | Jigsaw-Code/altitude 975ca882: python-requests |

Left out, since they follow from the connection or the body: Host, Connection, Content-Length. Paths
of Coop begin with two slashes: its default address ends in one. To be replaced: {BANK}, {ID}, {URL}
(an address, percent-encoded), {RAWURL} (the same, as it is), {SIGNAL} (a PDQ hash), {KEY} (a
token), @FILE@ (the bytes of a file) and @LEN@ (their number).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recorded:
    """One request of one client."""

    client: str
    name: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


def _part(disposition: bytes, value: bytes, *headers: bytes) -> bytes:
    lines = (b"Content-Disposition: form-data; " + disposition, *headers, b"", value)
    return b"\r\n".join(lines)


def _form(boundary: str, *parts: bytes) -> bytes:
    opened = b"".join(b"--" + boundary.encode() + b"\r\n" + one + b"\r\n" for one in parts)
    return opened + b"--" + boundary.encode() + b"--\r\n"


def _form_type(boundary: str) -> str:
    return f"multipart/form-data; boundary={boundary}"


_EXCHANGE = b'{"bank":"{BANK}_EX","api":"ncmec","api_json":{"environment":"%s"}}'
_CREDENTIALS = b'{"credential_json":{"user":"u","password":"p"}}'

# Coop

_COOP = {
    "accept": "*/*",
    "accept-language": "*",
    "sec-fetch-mode": "cors",
    "user-agent": "undici",
    "accept-encoding": "gzip, deflate",
}
_COOP_JSON = {"Content-Type": "application/json", **_COOP}
_COOP_BOUNDARY = "----formdata-undici-023447827527"
_COOP_FORM = {"content-type": _form_type(_COOP_BOUNDARY), **_COOP}
_COOP_CONTENT = "//c/bank/{BANK}/content"


def _coop(name: str, method: str, path: str) -> Recorded:
    return Recorded("coop", name, method, path, _COOP)


def _coop_json(name: str, method: str, path: str, body: bytes = b"") -> Recorded:
    return Recorded("coop", name, method, path, _COOP_JSON, body)


def _coop_form(name: str, *parts: bytes) -> Recorded:
    body = _form(_COOP_BOUNDARY, *parts)
    return Recorded("coop", name, "POST", _COOP_CONTENT, _COOP_FORM, body)


COOP = (
    _coop_json("create bank", "POST", "//c/banks", b'{"name":"{BANK}","enabled_ratio":"1"}'),
    _coop_json(
        "create bank, ratio", "POST", "//c/banks", b'{"name":"{BANK}","enabled_ratio":"0.5"}'
    ),
    _coop("verify bank", "GET", "//c/bank/{BANK}"),
    _coop_json("list banks, one per bank", "GET", "//c/bank/{BANK}"),
    _coop_json("update ratio", "PUT", "//c/bank/{BANK}", b'{"enabled_ratio":0.5}'),
    _coop("hash by address", "GET", "//h/hash?url={URL}"),
    _coop("lookup by signal", "GET", "//m/lookup?signal_type=pdq&signal={SIGNAL}"),
    _coop("lookup with an empty hash", "GET", "//m/lookup?signal_type=pdq"),
    _coop("add by address", "POST", f"{_COOP_CONTENT}?url={{URL}}"),
    _coop(
        "add by address with metadata",
        "POST",
        f"{_COOP_CONTENT}?url={{URL}}&content_id=c-1"
        "&content_uri=https%3A%2F%2Fexample.com%2Fo.jpg&metadata=%7B%22source%22%3A%22x%22%7D",
    ),
    _coop_form(
        "add by file",
        _part(b'name="photo"; filename="a.jpg"', b"@FILE@", b"Content-Type: image/jpeg"),
    ),
    _coop_form(
        "add by blob with content id",
        _part(
            b'name="photo"; filename="blob"', b"@FILE@", b"Content-Type: application/octet-stream"
        ),
        _part(b'name="content_id"', b"c-2"),
        _part(b'name="content_uri"', b"https://example.com/o.jpg"),
    ),
    _coop("exchange types", "GET", "//c/exchanges/apis"),
    _coop("exchange type", "GET", "//c/exchanges/api/ncmec"),
    _coop("exchange schema", "GET", "//c/exchanges/api/ncmec/schema"),
    _coop_json(
        "create exchange",
        "POST",
        "//c/exchanges",
        _EXCHANGE % b"https://report.cybertip.org/hashsharing",
    ),
    _coop_json("set credentials", "POST", "//c/exchanges/api/ncmec", _CREDENTIALS),
    _coop("exchange of a bank", "GET", "//c/exchange/{BANK}"),
    _coop("exchange fetch status", "GET", "//c/exchange/{BANK}_EX/status"),
    _coop("delete bank", "DELETE", "//c/bank/{BANK}"),
)

# Ruby

_FARADAY = {"User-Agent": "Faraday v2.14.2"}
_ACCEPTED = {"Accept-Encoding": "gzip;q=1.0,deflate;q=0.6,identity;q=0.3", "Accept": "*/*"}
_RUBY = {**_FARADAY, **_ACCEPTED}
_RUBY_JSON = {**_FARADAY, "Content-Type": "application/json", **_ACCEPTED}
_RUBY_EMPTY_POST = {**_RUBY, "Content-Type": "application/x-www-form-urlencoded"}
_RUBY_BOUNDARY = "-----------RubyMultipartPost-dbd30632879f68be7ade021e50a3ad1e"
_RUBY_FORM = {**_FARADAY, "Content-Type": _form_type(_RUBY_BOUNDARY), **_ACCEPTED}
_RUBY_CONTENT = "/c/bank/{BANK}/content"


def _ruby(name: str, path: str) -> Recorded:
    return Recorded("ruby", name, "GET", path, _RUBY)


def _ruby_json(name: str, path: str, body: bytes) -> Recorded:
    return Recorded("ruby", name, "POST", path, _RUBY_JSON, body)


def _ruby_url(name: str, query: str) -> Recorded:
    return Recorded("ruby", name, "POST", f"{_RUBY_CONTENT}?{query}", _RUBY_EMPTY_POST)


def _ruby_file(name: str, path: str, file: str = "a.jpg", metadata: bytes = b"") -> Recorded:
    field, mime = {
        "a.jpg": ("photo", "image/jpeg"),
        "v.mp4": ("video", "video/mp4"),
        "local.path": ("photo", "application/octet-stream"),
    }[file]
    part = _part(
        f'name="{field}"; filename="{file}"'.encode(),
        b"@FILE@",
        b"Content-Length: @LEN@",
        f"Content-Type: {mime}".encode(),
        b"Content-Transfer-Encoding: binary",
    )
    more = (_part(b'name="metadata"', metadata),) if metadata else ()
    return Recorded("ruby", name, "POST", path, _RUBY_FORM, _form(_RUBY_BOUNDARY, part, *more))


RUBY = (
    _ruby("status", "/status"),
    _ruby_json(
        "create bank",
        "/c/banks",
        b'{"name":"{BANK}","enabled":"true","matching_enabled_ratio":1.0}',
    ),
    _ruby_json(
        "create bank, disabled",
        "/c/banks",
        b'{"name":"{BANK}","enabled":"false","matching_enabled_ratio":0.0}',
    ),
    _ruby("bank", "/c/bank/{BANK}"),
    _ruby("hash by address", "/h/hash?url={URL}"),
    _ruby("hash by address, all options", "/h/hash?content_type=photo&types=pdq&url={URL}"),
    _ruby_file("hash photo", "/h/hash"),
    _ruby_file("hash video", "/h/hash", "v.mp4"),
    _ruby_file("hash from memory", "/h/hash", "local.path"),
    _ruby_url("add by address", "content_type=photo&url={URL}"),
    _ruby_url(
        "add by address with metadata",
        "metadata=%7B%22content_id%22%3A%22unique-content-123%22%2C"
        "%22content_uri%22%3A%22https%3A%2F%2Fexample.com%2Fo.jpg%22%2C%22json%22%3A%7B"
        "%22source%22%3A%22user_report%22%2C%22priority%22%3A%22high%22%7D%7D&url={URL}",
    ),
    _ruby_file("add by file", _RUBY_CONTENT),
    _ruby_file(
        "add by file with metadata",
        _RUBY_CONTENT,
        metadata=b'{"content_id":"unique-content-456","content_uri":"https://example.com/o.jpg",'
        b'"json":{"source":"file_upload","priority":"high"}}',
    ),
    _ruby("lookup by address", "/m/lookup?url={URL}"),
    _ruby("lookup by address, all options", "/m/lookup?content_type=photo&types=pdq&url={URL}"),
    _ruby_file("lookup by file", "/m/lookup"),
    _ruby("lookup by signal", "/m/lookup?signal={SIGNAL}&signal_type=pdq"),
    _ruby("raw lookup", "/m/raw_lookup?include_distance=false&signal={SIGNAL}&signal_type=pdq"),
    _ruby(
        "raw lookup with distance",
        "/m/raw_lookup?include_distance=true&signal={SIGNAL}&signal_type=pdq",
    ),
    _ruby("exchange types", "/c/exchanges/apis"),
    _ruby("exchange type", "/c/exchanges/api/ncmec"),
    _ruby_json("set credentials", "/c/exchanges/api/ncmec", _CREDENTIALS),
    _ruby_json(
        "create exchange", "/c/exchanges", b'{"api":"sample","bank":"{BANK}_EX","api_json":{}}'
    ),
    _ruby("exchange", "/c/exchange/{BANK}_EX"),
    _ruby("exchange fetch status", "/c/exchange/{BANK}_EX/status"),
)

# Matrix

_GO = {"User-Agent": "Go-http-client/1.1", "Authorization": "Bearer {KEY}"}
_MATRIX = {**_GO, "Accept-Encoding": "gzip"}
_MATRIX_BOUNDARY = "9cf7e9ba833643ade064219ecc5adba5741b81200b5f047ca95ce771cd30"
_MATRIX_FORM = {**_GO, "Content-Type": _form_type(_MATRIX_BOUNDARY), "Accept-Encoding": "gzip"}


def _matrix_hash(field: str) -> Recorded:
    part = _part(
        f'name="{field}"; filename="x"'.encode(),
        b"@FILE@",
        b"Content-Type: application/octet-stream",
    )
    body = _form(_MATRIX_BOUNDARY, part)
    return Recorded("policyserv", f"hash {field}", "POST", "/h/hash", _MATRIX_FORM, body)


def _matrix_lookup(name: str, query: str, key: str = "Bearer {KEY}") -> Recorded:
    headers = {**_MATRIX, "Authorization": key}
    return Recorded("policyserv", name, "GET", f"/m/lookup?{query}", headers)


MATRIX = (
    _matrix_hash("photo"),
    _matrix_hash("video"),
    _matrix_lookup("lookup", "signal_type=pdq&signal={SIGNAL}"),
    _matrix_lookup("lookup video", "signal_type=video_md5&signal=b8cf81f6b1bd646397c469e437595dc1"),
    _matrix_lookup("lookup with an empty hash", "signal_type=pdq&signal="),
    _matrix_lookup("lookup without a key", "signal_type=pdq&signal={SIGNAL}", "Bearer"),
)

# HMA's own pages and documentation, and another user

_PAGE = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " HeadlessChrome/156.0.0.0 Safari/537.36",
    "Accept": "*/*",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-US,en;q=0.9",
}
_PAGE_JSON = {**_PAGE, "Content-Type": "application/json"}
_PAGE_BOUNDARY = "----WebKitFormBoundaryL7y50HdZuPKW9lvi"
_PAGE_FORM = {**_PAGE, "Content-Type": _form_type(_PAGE_BOUNDARY)}
_PAGE_FILE = _part(b'name="photo"; filename="a.jpg"', b"@FILE@", b"Content-Type: image/jpeg")
_CURL_BOUNDARY = "------------------------b31b9a22d4231752"
_CURL = {
    "User-Agent": "curl/7.88.1",
    "Accept": "*/*",
    "Content-Type": _form_type(_CURL_BOUNDARY),
}
_CURL_BODY = _form(
    _CURL_BOUNDARY,
    _part(b'name="photo"; filename="example.png"', b"@FILE@", b"Content-Type: image/png"),
)
_LIB_BOUNDARY = "acda1b7558834b41dfaca332af2bb25b"
_LIB = {
    "User-Agent": "python-requests/2.32.3",
    "Accept-Encoding": "gzip, deflate",
    "Accept": "*/*",
}


def _page(
    name: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] = _PAGE_JSON
) -> Recorded:
    return Recorded("hma-ui", name, method, path, headers if body else _PAGE, body)


def _page_form(name: str, path: str, *parts: bytes) -> Recorded:
    return _page(name, "POST", path, _form(_PAGE_BOUNDARY, *parts), _PAGE_FORM)


OWN = (
    _page(
        "create bank",
        "POST",
        "/c/banks",
        b'{"name":"{BANK}"}',
        {**_PAGE_JSON, "Accept": "application/json"},
    ),
    _page("bank", "GET", "/c/bank/{BANK}"),
    _page_form("add by file", _RUBY_CONTENT, _PAGE_FILE),
    _page_form(
        "add by file with metadata and note",
        _RUBY_CONTENT,
        _PAGE_FILE,
        _part(b'name="metadata"', b'{"content_id":"c1","json":{"k":"v"}}'),
        _part(b'name="note"', b"n"),
    ),
    _page("add by address", "POST", f"{_RUBY_CONTENT}?url={{URL}}&content_type=photo"),
    _page(
        "add by address with metadata and note",
        "POST",
        f"{_RUBY_CONTENT}?url={{URL}}&content_type=photo",
        b'{"metadata":{"content_id":"c1"},"note":"n"}',
    ),
    _page("add by signal", "POST", "/c/bank/{BANK}/signal", b'{"pdq":"{SIGNAL}"}'),
    _page(
        "add by signal with note", "POST", "/c/bank/{BANK}/signal", b'{"pdq":"{SIGNAL}","note":"n"}'
    ),
    _page("remove content", "DELETE", "/c/bank/{BANK}/content/{ID}"),
    _page_form("hash for comparison", "/h/hash", _PAGE_FILE),
    Recorded("hma-docs", "hash, curl", "POST", "/h/hash", _CURL, _CURL_BODY),
    Recorded(
        "hma-docs", "lookup, curl", "POST", "/m/lookup?bypass_coinflip=false", _CURL, _CURL_BODY
    ),
    Recorded(
        "altitude",
        "hash bytes",
        "POST",
        "/h/hash",
        {**_LIB, "Content-Type": _form_type(_LIB_BOUNDARY)},
        _form(_LIB_BOUNDARY, _part(b'name="photo"; filename="photo"', b"@FILE@")),
    ),
    Recorded("altitude", "hash address", "GET", "/h/hash?url={RAWURL}", _LIB),
)

ALL = (*COOP, *RUBY, *MATRIX, *OWN)
