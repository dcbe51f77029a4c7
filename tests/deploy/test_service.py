"""What is under `deploy/` for the service: it runs there as it should."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
import yaml
from sqlalchemy.engine import make_url

from hashmatch import __version__
from hashmatch.config import Settings, load_settings
from tests.deploy.places import (
    BESIDE_THE_REQUESTS_S,
    COMPOSE,
    CONFIG,
    CONTAINER_CONFIG,
    CONTAINERFILE,
    DATA,
    DEFAULTS,
    DEPLOY,
    OURS,
    ROOT,
    SYNC_UNIT,
    UNIT,
    in_seconds,
    parse_command,
    read_command_lines,
    read_containers,
    read_directives,
    read_image_environment,
    read_instruction,
    read_instructions,
    read_objects,
    read_our_services,
    read_pod,
    read_services,
)
from tests.programs import require_program
from tests.service.serving import PATIENCE_S, Served


@pytest.mark.parametrize("place", read_command_lines())
def test_what_is_run_is_a_command_that_there_is(place: str) -> None:
    words = read_command_lines()[place]
    command, options = parse_command(words)
    is_first = "upgrade" in place or "ExecStartPre" in place
    assert command == ("db upgrade" if is_first else "serve")
    if place.startswith("unit"):
        assert words[0] == "/opt/hashmatch/bin/hashmatch"
    elif command == "serve":  # Else nothing from outside of the container would reach it.
        assert options["host"] == "0.0.0.0"
    given = options["config"]
    image_has_it = read_image_environment()["HASHMATCH_CONFIG"] == CONFIG
    assert str(given) == CONFIG if given else image_has_it


def test_the_containers_are_of_this_version() -> None:
    compose = {one["image"] for one in read_our_services().values()}
    pods = {one["image"] for one in read_containers().values()}
    assert compose | pods == {f"hashmatch:{__version__}"}


def test_one_port_runs_through_everything() -> None:
    (port,) = read_containers()["service"]["ports"]
    (of_service,) = read_objects()["Service"]["spec"]["ports"]
    (published,) = read_services()["hashmatch"]["ports"]
    assert int(read_instruction("EXPOSE")) == port["containerPort"] == DEFAULTS.port
    assert of_service["targetPort"] == port["name"]
    # Without a certificate, only this host may reach it.
    assert published == f"127.0.0.1:{DEFAULTS.port}:{DEFAULTS.port}"


def test_the_image_runs_as_nobody_and_holds_what_was_built_alone() -> None:
    user, _, group = read_instruction("USER").partition(":")
    pod = read_pod()["securityContext"]
    assert user == group == str(pod["runAsUser"]) == str(pod["runAsGroup"])
    assert int(user) > 0
    assert not [rest for name, rest in read_instructions() if name == "ADD"]
    assert read_instruction("COPY") == "--from=build /opt/hashmatch /opt/hashmatch"
    after_the_user = [name for name, _ in read_instructions()].index("USER")
    assert "RUN" not in [name for name, _ in read_instructions()[after_the_user:]]


def test_the_extras_of_the_image_are_some_that_there_are() -> None:
    text = CONTAINERFILE.read_text()
    (extras,) = re.findall(r"(?m)^ARG EXTRAS=(\S+)$", text)
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras.split(",") == ["postgresql", "object-storage", "telemetry", "oidc", "pdf"]
    (others,) = re.findall(r"other extras, such as ([a-z, ]+)\.\n", text)
    assert {*extras.split(","), *re.split(", | or ", others)} <= set(known)
    assert re.findall(r'"(\S*)\[\$EXTRAS\]"', text) == ["hashmatch"]


def test_the_build_is_let_see_what_the_wheel_is_made_of_and_no_more() -> None:
    everything, *some = (ROOT / ".containerignore").read_text().splitlines()[1:]
    let_in = {line.removeprefix("!") for line in some if line.startswith("!")}
    copied = re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", CONTAINERFILE.read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    own = ["README.md", *project["project"]["license-files"]]
    assert everything == "*"
    assert {"pyproject.toml", "deploy/locked.txt", *own, *wheel} == let_in
    assert {one for line in copied for one in line.split()} == let_in
    assert all((ROOT / one).exists() for one in let_in)


@pytest.mark.parametrize("name", read_our_services())
def test_a_service_may_do_no_more_than_it_has_to(name: str) -> None:
    service = read_our_services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]
    assert not {"cap_add", "privileged", "user", "devices", "pid", "network_mode"} & set(service)
    places = {one.split(":")[1]: one.split(":")[2:] for one in service["volumes"]}
    assert places == {CONFIG: ["ro"], DATA: []}


@pytest.mark.parametrize("name", read_containers())
def test_a_container_of_the_pod_may_do_no_more_than_it_has_to(name: str) -> None:
    pod, container = read_pod(), read_containers()[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounts = {one["mountPath"]: one for one in container["volumeMounts"]}
    assert mounts.keys() == {str(Path(CONFIG).parent), DATA, "/tmp"}
    assert mounts[str(Path(CONFIG).parent)]["readOnly"] is True
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert {one["name"] for one in mounts.values()} == volumes.keys()
    # Two processes that are not of one host must not share an index.
    assert "emptyDir" in volumes[mounts[DATA]["name"]]


def test_systemd_finds_nothing_wrong_with_the_service(tmp_path: Path) -> None:
    require_program("systemd-analyze")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/hashmatch/bin/hashmatch", "/bin/true"))
    command = ["systemd-analyze", "verify", str(unit)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_is_as_confined_as_the_sync_but_may_confine_its_decoders() -> None:
    own, sync = read_directives(UNIT), read_directives(SYNC_UNIT)
    confining = re.compile("Protect|Private|Restrict|Lock|SystemCall|Capability|NoNew|State|UMask")
    wanted = {name: values for name, values in sync.items() if confining.match(name)}
    assert len(wanted) > 15
    assert {name: own.get(name, [])[: len(values)] for name, values in wanted.items()} == wanted
    assert own["User"] == sync["User"]  # They share the index.
    allowed = " ".join(own["SystemCallFilter"]).split()
    assert {"landlock_create_ruleset", "landlock_restrict_self", "seccomp"} <= set(allowed)
    assert not [one for one in allowed if one.startswith("~")]
    assert own.get("MemoryDenyWriteExecute", ["no"]) == ["no"]


def test_processes_that_decode_find_what_was_compiled_by_their_users_home() -> None:
    (home,) = re.findall(r"--home-dir (\S+)", "".join(rest for _, rest in read_instructions()))
    assert home == read_image_environment()["HASHMATCH_DATA_DIR"] == DATA
    assert read_image_environment()["NUMBA_CACHE_DIR"] == f"{DATA}/.cache/numba"
    assert f"NUMBA_CACHE_DIR={DATA}/.cache/numba" in read_directives(UNIT)["Environment"]
    assert f"--home-dir {DATA}" in UNIT.read_text()


def test_nothing_is_served_before_the_schema_is_new() -> None:
    waits = read_services()["hashmatch"]["depends_on"]
    assert waits["upgrade"] == {"condition": "service_completed_successfully"}
    assert waits["database"] == {"condition": "service_healthy"}
    assert read_services()["upgrade"]["depends_on"] == {
        "database": {"condition": "service_healthy"}
    }
    assert read_services()["upgrade"]["restart"] == "no"
    assert [one["name"] for one in read_pod()["initContainers"]] == ["upgrade"]


def test_whoever_ends_the_service_waits_until_it_is_done() -> None:
    needed_s = DEFAULTS.shutdown_timeout_s + BESIDE_THE_REQUESTS_S
    pause_s = read_containers()["service"]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert read_pod()["terminationGracePeriodSeconds"] > pause_s + needed_s
    assert in_seconds(read_directives(UNIT)["TimeoutStopSec"][0]) > needed_s
    assert read_directives(UNIT)["KillMode"] == ["mixed"]
    assert in_seconds(read_services()["hashmatch"]["stop_grace_period"]) > needed_s


def test_everything_in_the_manifest_is_about_the_pods_of_the_service_alone() -> None:
    objects = read_objects()
    deployment = objects["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    job = yaml.safe_load((DEPLOY / "kubernetes" / "sync.yaml").read_text())
    of_job = job["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        deployment["selector"]["matchLabels"],
        objects["Service"]["spec"]["selector"],
        objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        *(one["labelSelector"]["matchLabels"] for one in read_pod()["topologySpreadConstraints"]),
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not selector.items() <= of_job.items()
    assert deployment["replicas"] > objects["PodDisruptionBudget"]["spec"]["minAvailable"] > 0


def test_the_network_policy_leaves_what_the_service_needs() -> None:
    policy = read_objects()["NetworkPolicy"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (ingress,) = policy["ingress"]
    assert [one["port"] for one in ingress["ports"]] == ["http"]
    assert all(ingress["from"])  # An empty one would be everybody.
    assert {one["port"] for rule in policy["egress"] for one in rule["ports"]} == {53, 443, 5432}


def test_no_password_stands_in_what_is_deployed() -> None:
    database = read_services()["database"]
    own = database["environment"]
    secrets = yaml.safe_load(COMPOSE.read_text())["secrets"]
    for service in read_our_services().values():
        environment = service["environment"]
        url = make_url(environment["HASHMATCH_DATABASE_URL"])
        assert (url.username, url.database) == (own["POSTGRES_USER"], own["POSTGRES_DB"])
        assert (url.host, url.password) == ("database", None)
        assert Path(environment["PGPASSFILE"]) == Path("/run/secrets", *service["secrets"])
        # The file that the header says how to make is one that libpq looks this address up in.
        line = f"sed 's/^/{url.host}:5432:{url.database}:{url.username}:/'"
        assert line in COMPOSE.read_text()
    assert "POSTGRES_PASSWORD" not in own
    assert Path(own["POSTGRES_PASSWORD_FILE"]) == Path("/run/secrets", *database["secrets"])
    # Outside of the checkout, where nobody commits them or sends them to a build.
    assert all(Path(one["file"]).is_absolute() for one in secrets.values())
    for container in read_containers().values():
        (given,) = (one for one in container["env"] if one["name"] == "HASHMATCH_DATABASE_URL")
        key = given["valueFrom"]["secretKeyRef"]
        assert key == {"name": "hashmatch-keys", "key": "HASHMATCH_DATABASE_URL"}


def test_the_database_of_the_containers_is_reached_by_them_alone() -> None:
    database = read_services()["database"]
    assert yaml.safe_load(COMPOSE.read_text())["networks"]["database"]["internal"] is True
    assert database["networks"] == ["database"]
    assert "ports" not in database
    assert all("database" in one["networks"] for one in read_our_services().values())


def test_the_configuration_of_the_containers_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in read_services()["hashmatch"]["environment"].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HASHMATCH_DATA_DIR", read_image_environment()["HASHMATCH_DATA_DIR"])
    settings = load_settings(CONTAINER_CONFIG)
    assert settings.service.host == "0.0.0.0"
    # As the health check, and as other containers call it.
    assert {"localhost", "hashmatch"} <= set(settings.service.allowed_hosts)
    assert (settings.database_url, settings.data_dir) == (
        "postgresql://hashmatch@database/hashmatch",
        Path(DATA),
    )


def test_every_setting_that_is_named_is_one_that_there_is() -> None:
    named = re.compile(r"\b(service|index|intake|policy|outbox|database|guards)\.([a-z]\w*)")
    settings = Settings()
    found = set()
    for path in OURS:
        for section, key in named.findall(path.read_text()):
            if key != "yaml":
                found.add(f"{section}.{key}")
                assert hasattr(getattr(settings, section), key), f"{path.name}: {section}.{key}"
    assert {"service.allowed_hosts", "service.shutdown_timeout_s", "index.max_age_s"} <= found


PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_is_answered_as_it_asks(served: Served, name: str) -> None:
    probe = read_containers()["service"][name]["httpGet"]
    assert probe["port"] == "http"
    headers = {one["name"]: one["value"] for one in probe["httpHeaders"]}
    url = served.url + probe["path"]
    answer = httpx.get(url, headers=headers, timeout=PATIENCE_S)
    assert answer.status_code == HTTPStatus.OK
    # What the kubelet would say by itself.
    by_address = {**headers, "Host": f"10.1.2.3:{DEFAULTS.port}"}
    refused = httpx.get(url, headers=by_address, timeout=PATIENCE_S)
    assert refused.status_code == HTTPStatus.BAD_REQUEST


def test_the_probes_ask_whether_it_lives_and_whether_it_is_ready() -> None:
    probes = [read_containers()["service"][name]["httpGet"]["path"] for name in PROBES]
    assert probes == ["/healthz", "/healthz", "/readyz"]


def test_the_health_check_distinguishes_a_service_that_answers_from_one_that_does_not(
    served: Served,
) -> None:
    _, _, check = read_instruction("HEALTHCHECK").partition(" CMD ")
    python, *arguments = json.loads(check)
    assert python == "python"
    asked = f"localhost:{DEFAULTS.port}"
    (code,) = (one for one in arguments if asked in one)

    def outcome(url: str) -> int:
        there = code.replace(f"http://{asked}", url)
        command = [sys.executable, *(there if one == code else one for one in arguments)]
        return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode

    assert outcome(served.url) == 0
    assert outcome(f"{served.url}/nothing") != 0
    assert outcome("http://127.0.0.1:1") != 0
