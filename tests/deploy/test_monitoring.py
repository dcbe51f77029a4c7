"""Alerts and dashboard: the service is bounded in full, by what it really exposes."""

from __future__ import annotations

import inspect
import json
import re
import shlex
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from hashmatch.config import Settings
from hashmatch.outcome import Reason
from hashmatch.service import create_app
from hashmatch.service.telemetry import metrics
from tests.deploy.places import (
    DASHBOARD,
    in_seconds,
    parse_command,
    read_panels,
    read_rules,
)
from tests.service.serving import Served

# Of Prometheus' own language, and what it knows of a target by itself.
WORDS = {
    *("sum", "min", "max", "rate", "increase", "deriv", "absent", "vector", "histogram_quantile"),
    *("and", "or", "unless"),
}
OF_TARGETS = {"job", "instance"}


@dataclass(frozen=True, slots=True)
class Query:
    """What a query asks for: series, with the labels that it picks by, and labels it groups by."""

    series: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, text: str) -> Query:
        """Take a query apart."""
        found = cls()
        text = re.sub(r"\[[^\]]*\]", "", text)
        for labels in re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", text):
            found.groups.update(one.strip() for one in labels.split(","))
        text = re.sub(
            r"\b(?:by|without|on|ignoring)\s*\([^)]*\)|\bgroup_(?:left|right)\b", "", text
        )
        for name, picked in re.findall(r"([A-Za-z_:][\w:]*)\s*(\{[^}]*\})?", text):
            if name not in WORDS:
                labels = re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', picked)
                found.series.setdefault(name, []).extend(labels)
        return found


def _alert_queries() -> dict[str, str]:
    return {rule["alert"]: rule["expr"] for rule in read_rules()}


def _panel_queries() -> dict[str, str]:
    return {
        f"{panel['title']} {target['refId']} ({panel['type']})": target["expr"]
        for panel in read_panels()
        for target in panel.get("targets", [])
    }


def _variable_queries() -> list[tuple[str, str]]:
    """The dashboard's variables: a series each, and the label that they are the values of."""
    variables = json.loads(DASHBOARD.read_text())["templating"]["list"]
    queries = [one["query"]["query"] for one in variables if one["type"] == "query"]
    return [re.fullmatch(r"label_values\((.*), (\w+)\)", one).groups() for one in queries]  # type: ignore[union-attr, misc]


@pytest.fixture(scope="module")
def exposed(served: Served) -> list[Metric]:
    """The metrics as Prometheus gets them."""
    answer = served.client.get("/metrics").raise_for_status()
    return list(text_string_to_metric_families(answer.text))


@pytest.fixture(scope="module")
def routes() -> set[str]:
    """The routes of the service, as its metrics name them."""
    return set(create_app(Settings()).openapi()["paths"])


def _series(exposed: list[Metric]) -> dict[str, dict[str, set[str]]]:
    """Return all series that there are, with their labels and the values seen."""
    found: dict[str, dict[str, set[str]]] = {}
    for sample in (sample for metric in exposed for sample in metric.samples):
        labels = found.setdefault(sample.name, {})
        for label, value in sample.labels.items():
            labels.setdefault(label, set()).add(value)
    return found


def test_the_service_exposes_all_metrics_that_its_source_names(exposed: list[Metric]) -> None:
    named = set(re.findall(r'"(hashmatch_[a-z_]+)"', inspect.getsource(metrics)))
    assert {metric.name for metric in exposed} == named
    assert all(metric.samples for metric in exposed)


@pytest.mark.parametrize("name", [*_alert_queries(), *_panel_queries()])
def test_a_query_asks_for_what_the_service_exposes(
    exposed: list[Metric], routes: set[str], name: str
) -> None:
    series = {**_series(exposed), "up": {}}
    known: dict[str, set[str]] = {
        "route": routes,
        "reason": {one.value for one in Reason},
        "outcome": {"clear", "matched", "unscreened"},
        "status": {str(one.value) for one in HTTPStatus},
    }
    query = Query.of((_alert_queries() | _panel_queries())[name])
    assert query.series
    assert query.series.keys() <= series.keys()
    labels_of_all = OF_TARGETS.union(*(series[one] for one in query.series))
    assert query.groups <= labels_of_all
    for one, picked in query.series.items():
        for label, pattern in picked:
            assert label in series[one].keys() | OF_TARGETS
            values = known.get(label, series[one].get(label, set()))
            for part in pattern.split("|") if label not in OF_TARGETS else ():
                assert any(re.fullmatch(part, value) for value in values), (label, part)


def test_the_variables_of_the_dashboard_are_labels_of_a_metric(exposed: list[Metric]) -> None:
    assert {label for _, label in _variable_queries()} == OF_TARGETS
    for query, _ in _variable_queries():
        assert Query.of(query).series.keys() <= _series(exposed).keys()


def test_the_dashboard_shows_every_metric(exposed: list[Metric]) -> None:
    shown = {one for text in _panel_queries().values() for one in Query.of(text).series}
    hidden = {metric.name for metric in exposed if not shown & {one.name for one in metric.samples}}
    assert hidden == set()


def test_the_dashboard_is_one_that_grafana_can_place() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["schemaVersion"] >= 39
    variables = {one["name"]: one["type"] for one in dashboard["templating"]["list"]}
    assert variables["datasource"] == "datasource"
    taken: set[tuple[int, int]] = set()
    for panel in read_panels():
        if panel["type"] != "row":
            sources = {one["datasource"]["uid"] for one in (panel, *panel["targets"])}
            assert sources == {"${datasource}"}
            assert panel["description"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        rows = range(place["y"], place["y"] + place["h"])
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in rows}
        assert not cells & taken
        taken |= cells
    assert len({panel["id"] for panel in read_panels()}) == len(read_panels())


@pytest.mark.parametrize("rule", read_rules(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert in_seconds(rule["for"]) >= 60
    assert rule["labels"]["severity"] in {"critical", "warning"}
    words = rule["annotations"]
    assert words.keys() == {"summary", "description"}
    assert len(words["summary"]) < len(words["description"])
    query = Query.of(rule["expr"])
    picked = {label for labels in query.series.values() for label, _ in labels}
    left = query.groups or picked | OF_TARGETS
    used = set(re.findall(r"\$labels\.(\w+)", words["summary"] + words["description"]))
    assert used <= left


def test_commands_that_alerts_name_can_be_run() -> None:
    places = {r"\{\{ \$labels\.\w+ \}\}": "one", "NUMBER": "1", "DATE": "2030-12-31"}
    found = set()
    for rule in read_rules():
        for words in re.findall(r"'(hashmatch [^']*)'", rule["annotations"]["description"]):
            for place, value in places.items():
                words = re.sub(place, value, words)
            found.add(parse_command(shlex.split(words))[0])
    assert {
        "doctor",
        "lists diff",
        "lists accept",
        "lists reject",
        "lists licence",
        "outbox retry",
    } <= found


def test_alerts_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in read_rules()]
    assert len(names) == len(set(names)) > 10
