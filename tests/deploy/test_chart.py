"""The Helm chart installs what `deploy/kubernetes` has, and what is optional, and nothing else."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from hashmatch import __version__
from tests.deploy.chart import (
    CHART,
    TEMPLATES,
    Path,
    Values,
    at,
    containers,
    kubernetes_problems,
    leaves,
    merged,
    pods,
    problems,
    read_chart,
    read_schema,
    read_values,
    render,
    render_text,
    replaced,
    run_helm,
)
from tests.deploy.chart_tools import KUBERNETES
from tests.deploy.places import ALERTS, CONFIG, DATA, DEPLOY, parse_command

# Which every chart adds, and which are no part of what is compared.
CONVENTIONAL = {
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
    "helm.sh/chart",
}
RESOURCES = {"requests": {"cpu": "3", "memory": "3Gi"}, "limits": {"memory": "9Gi"}}
JOB = {"enabled": True, "schedule": "1 2 3 4 5", "resources": RESOURCES}
PODS = {
    "replicas": 3,
    "resources": RESOURCES,
    "terminationGracePeriodSeconds": 300,
    "indexSize": "17Gi",
    "temporarySize": "3Gi",
}
# Everything that can be installed, and no value as it is by default, except where those are none.
EVERYTHING: dict[str, Any] = {
    "fullnameOverride": "screening",
    "image": {
        "repository": "registry.example:5000/safety/hashmatch",
        "tag": "1.2.3",
        "digest": f"sha256:{'0' * 64}",
        "pullPolicy": "Always",
        "pullSecrets": ["of-the-registry"],
    },
    "config": {"existingSecret": "own-config"},
    "keys": {"existingSecret": "own-keys"},
    "database": {"existingSecret": "cluster-app", "urlKey": "uri"},
    "service": {**PODS, "startupMinutes": 60},
    "worker": {**PODS, "enabled": True, "brokerPorts": [9092, 9093]},
    "sync": {**JOB, "enabled": True},
    "claim": {"name": "own", "create": True, "storageClass": "fast", "size": "5Gi"},
    "retroMatch": JOB,
    "retainedHashes": {"existingClaim": "shared"},
    "outbox": JOB,
    "retention": JOB,
    "auditVerify": JOB,
    "networkPolicy": {
        "enabled": True,
        "callers": [{"app": "uploads"}, {"app": "chats", "tier": "front"}],
        "monitoringNamespace": "observability",
        "dnsNamespace": "dns",
        "databasePort": 6432,
        "databasePeers": [{"ipBlock": {"cidr": "10.1.0.0/16"}}],
        "extraEgress": [{"ports": [{"protocol": "TCP", "port": 9000}]}],
    },
    "ingress": {
        "enabled": True,
        "className": "public",
        "annotations": {"example.com/body-size": "64m"},
        "host": "screening.example.com",
        "tlsSecret": "certificate",
        "controllerNamespace": "edge",
    },
    "serviceMonitor": {
        "enabled": True,
        "labels": {"release": "prometheus"},
        "interval": "15s",
        "clusterDomain": "cluster.example",
        "token": {"existingSecret": "metrics-token", "key": "secret"},
    },
    "serviceAccount": {
        "create": True,
        "name": "screening-account",
        "annotations": {"example.com/role": "reader"},
    },
    "extraEnv": [
        {"name": "HTTPS_PROXY", "value": "http://proxy.internal:3128"},
        {"name": "PGPASSWORD", "valueFrom": {"secretKeyRef": {"name": "other", "key": "one"}}},
    ],
    "podAnnotations": {"example.com/team": "safety"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "screening", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
}
EVERY_JOB = {"sync", "retro-match", "outbox", "retention", "audit-verify"}


def _without_conventional(thing: Any) -> Any:
    if isinstance(thing, dict):
        kept = {key: one for key, one in thing.items() if key not in CONVENTIONAL}
        return {key: _without_conventional(one) for key, one in kept.items()}
    return [_without_conventional(one) for one in thing] if isinstance(thing, list) else thing


def _by_name(objects: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    found = {(one["kind"], one["metadata"]["name"]): one for one in objects}
    assert len(found) == len(objects)
    return found


def test_by_default_the_chart_is_what_deploy_kubernetes_has() -> None:
    files = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    plain = [one for file in files for one in yaml.safe_load_all(file.read_text())]
    assert len(plain) == 5
    assert _without_conventional(_by_name(render())) == _by_name(plain)


def test_the_chart_is_for_this_version_and_says_which_kubernetes_it_needs() -> None:
    chart = read_chart()
    assert (chart["apiVersion"], chart["appVersion"]) == ("v2", __version__)
    assert re.fullmatch(r"\d+\.\d+\.\d+", chart["version"])
    (needed,) = re.findall(
        r"needs Kubernetes (\S+),", (DEPLOY / "kubernetes/service.yaml").read_text()
    )
    assert chart["kubeVersion"] == f">={needed}.0-0"
    assert KUBERNETES[0] == f"{needed}.0"


def test_an_older_kubernetes_is_refused() -> None:
    done = run_helm("template", "--kube-version", "1.29.9", "hashmatch")
    assert done.returncode != 0
    assert "kubeVersion" in done.stderr


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_helm_finds_nothing_wrong(values: Values) -> None:
    done = run_helm("lint", "--strict", "--quiet", values=values)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_value_is_explained_where_it_stands() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    unexplained, inside = [], -1
    for above, line in zip(["", *lines], lines, strict=False):
        key = re.match(r"( *)(\w+):", line)
        if key is None or (0 <= inside < len(key[1])):
            continue
        inside = len(key[1]) if key[2] == "resources" else -1
        if not above.strip().startswith("# "):
            unexplained.append(line)
    assert unexplained == []


def _walk_schema(
    schema: Values, path: Path = (), *, is_required: bool = True
) -> Iterator[tuple[Path, bool]]:
    """Yield the path of each value that a schema has, and whether null cannot take it away."""
    while "$ref" in schema:
        schema = at(read_schema(), tuple(schema["$ref"].removeprefix("#/").split("/")))
    if schema.get("additionalProperties") is False and (not path or path[-1] != "resources"):
        for key, one in schema["properties"].items():
            needs_it = is_required and key in schema["required"]
            yield from _walk_schema(one, (*path, key), is_required=needs_it)
    else:
        yield path, is_required


def test_the_schema_has_every_value_and_no_other() -> None:
    jsonschema.Draft7Validator.check_schema(read_schema())
    of_helm = {("global",): False}
    assert dict(_walk_schema(read_schema())) == dict.fromkeys(leaves(read_values()), True) | of_helm
    assert problems({}) == problems(EVERYTHING) == []


@pytest.mark.parametrize("path", tuple(leaves(read_values())), ids=".".join)
def test_every_value_changes_what_is_rendered(path: Path) -> None:
    values = merged(read_values(), EVERYTHING)
    if path == ("image", "tag"):
        values["image"]["digest"] = ""
    default = at(read_values(), path)
    other = not default if path[-1] in {"enabled", "create"} else at(values, path)
    assert other != default
    one = replaced(values, path, default)
    if path in NEEDED and not default:
        one = replaced(values, path, f"{other}-other")
    assert render_text(one) != render_text(replaced(values, path, other))


# Without which what is installed with everything would be refused.
NEEDED = {
    ("retainedHashes", "existingClaim"),
    ("ingress", "host"),
    ("ingress", "tlsSecret"),
    ("serviceMonitor", "token", "existingSecret"),
}
WRONG: dict[str, Values] = {
    "a misspelt value": {"service": {"replica": 3}},
    "no pods": {"service": {"replicas": 0}},
    "a value that is taken away": {"service": {"startupMinutes": None}},
    "no processors": {"service": {"resources": {"requests": {"cpu": None}}}},
    "a digest that is none": {"image": {"digest": "sha256:1"}},
    "a tag with a digest": {"image": {"tag": "1@sha256:1"}},
    "a schedule that is none": {"sync": {"schedule": "hourly"}},
    "callers without labels": {"networkPolicy": {"callers": [{}]}},
    "a rule that permits everything": {"networkPolicy": {"extraEgress": [{}]}},
    "a broker without ports": {"worker": {"brokerPorts": []}},
    "an ingress without TLS": {"ingress": {"enabled": True, "host": "one.example"}},
    "an ingress for any host": {"ingress": {"enabled": True, "tlsSecret": "one"}},
    "metrics without a token": {"serviceMonitor": {"enabled": True}},
    "retained hashes without a place": {"retroMatch": {"enabled": True}},
    "a secret as a value": {"keys": {"HASHMATCH_WEBHOOK_KEY": "one"}},
    "an address with a password": {"database": {"url": "postgresql://u:p@host/d"}},
    "a database in extraEnv": {"extraEnv": [{"name": "HASHMATCH_DATABASE_URL", "value": "one"}]},
    "a key in extraEnv": {"extraEnv": [{"name": "HASHMATCH_WEBHOOK_KEY", "value": "one"}]},
    "a password in extraEnv": {"extraEnv": [{"name": "pgpassword", "value": "one"}]},
    "a password in an address": {"extraEnv": [{"name": "PROXY", "value": "http://u:p@host"}]},
    "a variable without a value": {"extraEnv": [{"name": "ONE"}]},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_value_is_refused(wrong: str) -> None:
    assert problems(WRONG[wrong])
    done = run_helm("template", "hashmatch", values=WRONG[wrong])
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert "meet the specifications of the schema" in done.stderr


def test_no_value_is_a_secret_and_the_chart_makes_none() -> None:
    assert "Secret" not in {one["kind"] for one in render(EVERYTHING)}
    secret = re.compile(r"password|passwd|credential|secret|token|key", re.IGNORECASE)
    named = {".".join(path) for path in leaves(read_values()) if secret.search(path[-1])}
    # Each is the name of a secret in the cluster, or of a key in one.
    assert named == {
        *("config.existingSecret", "keys.existingSecret", "database.existingSecret"),
        *("database.urlKey", "ingress.tlsSecret", "image.pullSecrets"),
        *("serviceMonitor.token.existingSecret", "serviceMonitor.token.key"),
    }
    for pod in pods(render(EVERYTHING)).values():
        for container in containers(pod):
            plain = {one["name"] for one in container["env"] if "value" in one}
            assert plain == {"HASHMATCH_DATA_DIR", "HTTPS_PROXY"}


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_kubernetes_knows_every_field(values: Values, version: str) -> None:
    objects = [one for one in render(values) if one["kind"] != "ServiceMonitor"]
    found = {one["kind"]: kubernetes_problems(one, version) for one in objects}
    assert not any(found.values()), found
    assert kubernetes_problems(replaced(objects[0], ("spec", "misspelt"), 1), version)


def test_everything_that_is_optional_is_rendered() -> None:
    names = {(one["kind"], one["metadata"]["name"]) for one in render(EVERYTHING)}
    of_service = {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "Ingress"}
    assert names == {
        *((kind, "screening") for kind in (*of_service, "ServiceMonitor")),
        *((kind, "screening-worker") for kind in ("Deployment", "NetworkPolicy")),
        *(("CronJob", f"screening-{job}") for job in EVERY_JOB),
        ("PersistentVolumeClaim", "own"),
        ("ServiceAccount", "screening-account"),
    }


def test_a_long_name_of_a_release_fits_every_object() -> None:
    objects = render({**EVERYTHING, "fullnameOverride": ""}, "r" * 53)
    limits = {"CronJob": 52}
    assert {one["metadata"]["name"] for one in objects} > {"r" * 39}
    for one in objects:
        assert len(one["metadata"]["name"]) <= limits.get(one["kind"], 63)


def _commands() -> dict[str, list[str]]:
    found = {}
    for name, pod in pods(render(EVERYTHING)).items():
        for container in containers(pod):
            words = container["command"]
            if words[:2] == ["sh", "-c"]:
                words = shlex.split(words[2].partition("||")[0])
            found[f"{name} {container['name']}"] = words
    return found


def test_every_command_is_one_that_there_is() -> None:
    parsed = {place: parse_command(words) for place, words in _commands().items()}
    assert {str(options["config"]) for _, options in parsed.values()} == {CONFIG}
    assert {place: command for place, (command, _) in parsed.items()} == {
        "screening service": "serve",
        "screening upgrade": "db upgrade",
        "screening-worker worker": "worker",
        "screening-worker upgrade": "db upgrade",
        "screening-sync sync": "lists sync",
        "screening-retro-match retro-match": "backfill",
        "screening-outbox outbox": "outbox send",
        "screening-retention retention": "retention apply",
        "screening-audit-verify audit-verify": "audit verify",
    }
    assert parsed["screening-sync sync"][1]["is_all"]
    assert parsed["screening-retro-match retro-match"][1]["is_of_hashes"]


def test_a_match_is_no_failure_of_the_comparison() -> None:
    (container,) = pods(render(EVERYTHING))["screening-retro-match"]["containers"]
    _, sharp, tail = container["command"][2].partition("||")
    assert (sharp, tail.strip()) == ("||", "[ $? -eq 1 ]")


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_no_pod_may_do_more_than_it_has_to(values: Values) -> None:
    for pod in pods(render(values)).values():
        assert pod["automountServiceAccountToken"] is pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        volumes = {one["name"] for one in pod["volumes"]}
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"].keys() == {"requests", "limits"}
            mounts = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
            assert {"/etc/hashmatch", DATA, "/tmp"} <= mounts.keys()
            assert set(mounts.values()) <= volumes


def test_one_pod_alone_does_not_block_the_draining_of_its_node() -> None:
    kinds = {one["kind"] for one in render({"service": {"replicas": 1}})}
    assert "Deployment" in kinds
    assert "PodDisruptionBudget" not in kinds


def test_without_callers_nobody_reaches_the_service() -> None:
    nobody = {"networkPolicy": {"callers": [], "monitoringNamespace": ""}}
    (policy,) = (one for one in render(nobody) if one["kind"] == "NetworkPolicy")
    assert policy["spec"]["ingress"] == []
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_what_is_before_the_service_speaks_tls_and_reaches_it() -> None:
    objects = _by_name(render(EVERYTHING))
    ingress = objects["Ingress", "screening"]["spec"]
    assert ingress["tls"] == [{"hosts": ["screening.example.com"], "secretName": "certificate"}]
    assert [one["host"] for one in ingress["rules"]] == ingress["tls"][0]["hosts"]
    (rule,) = objects["NetworkPolicy", "screening"]["spec"]["ingress"]
    assert {"kubernetes.io/metadata.name": "edge"} in [
        one["namespaceSelector"]["matchLabels"] for one in rule["from"] if "podSelector" not in one
    ]


def test_prometheus_calls_pods_by_names_that_can_be_allowed() -> None:
    values = replaced(EVERYTHING, ("serviceMonitor", "clusterDomain"), "cluster.local")
    objects = _by_name(render(values))
    monitor = objects["ServiceMonitor", "screening"]["spec"]
    (endpoint,) = monitor["endpoints"]
    (rule,) = endpoint["relabelings"]
    header = ALERTS.read_text().partition("groups:")[0]
    assert f"regex: {rule['regex']}\n" in header
    assert f"replacement: {rule['replacement']}\n" in header
    labels = objects["Service", "screening"]["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    assert labels[monitor["jobLabel"]] == "hashmatch"


def test_two_releases_in_a_namespace_do_not_share_pods() -> None:
    one, two = (
        at(_by_name(render(release=name))["Service", f"{name}-hashmatch"], ("spec", "selector"))
        for name in ("one", "two")
    )
    assert one != two


def test_no_template_is_left_out() -> None:
    done = run_helm("template", "hashmatch", values=EVERYTHING)
    rendered = set(re.findall(r"# Source: hashmatch/templates/(\S+)", done.stdout))
    files = {path.name for path in TEMPLATES if path.suffix == ".yaml"}
    assert rendered == files
