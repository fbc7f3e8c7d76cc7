"""Views are plain values: JSON-ready, complete for every run, right by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lamina.views.record import Record, read
from lamina.views.run import (
    members_view,
    network_view,
    notes_view,
    repeat_view,
    schema_view,
    verdict_view,
    view,
    view_record,
)

KINDS = ["penguins", "pictures", "prices", "diverged", "hostile"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_run_gives_strict_json(made_run, kind):
    values = view(made_run(kind))
    assert json.loads(json.dumps(values, allow_nan=False)) == values


def test_a_run_that_has_only_begun_has_every_view():
    values = view_record(Record({"format": 1, "name": "new", "state": "training", "selection": None, "verdict": None}))
    assert values["verdict"]["sentence"] == "This run is still training, so there is no score yet."
    assert set(values) == set(view_record(Record({})))
    for name in ("curves", "members", "confusion", "calibration", "mistakes", "network", "schema"):
        assert values[name]["absent"].endswith(".")


def test_a_run_without_a_score_says_what_is_best_so_far(made_run):
    folder = made_run("penguins", state="stopped", verdict=None, selection=None)
    sentence = verdict_view(read(folder))["sentence"]
    assert sentence.startswith(
        "This run was stopped before its score was read. The best so far is member 43, learning rate 0.003"
    )


def test_a_failure_is_told():
    told = verdict_view(Record({"state": "failed", "failure": "The disk is full."}))["sentence"]
    assert told == "This run failed before it had a score. The disk is full."


def verdict(
    score: float | None, baselines: dict[str, Any], *, greater: bool = True, interval: Any = None
) -> dict[str, Any]:
    run = {
        "metric": "accuracy",
        "greater_is_better": greater,
        "score": score,
        "interval": interval,
        "best_baseline": "simple",
    }
    return verdict_view(Record({"state": "judged", "verdict": {**run, "sentence": "S.", "baselines": baselines}}))


@pytest.mark.parametrize(
    ("between", "standing"), [([-0.01, 0.02], "level"), ([0.01, 0.02], "ahead"), ([-0.02, -0.01], "behind")]
)
@pytest.mark.parametrize("greater", [True, False])
def test_the_standing_follows_how_much_better_the_network_is(between, standing, greater):
    view = verdict(0.9, {"simple": {"score": 0.8, "difference": 0.1, "difference_interval": between}}, greater=greater)
    assert view["standing"] == standing


def test_the_best_comes_first_in_either_direction():
    baselines = {"simple": {"score": 0.8}, "other": {"score": 0.95}, "unknown": {"score": None}}
    assert [e["name"] for e in verdict(0.9, baselines)["entries"]] == ["other", "network", "simple", "unknown"]
    assert [e["name"] for e in verdict(0.9, baselines, greater=False)["entries"]] == [
        "simple",
        "network",
        "other",
        "unknown",
    ]


def test_a_baseline_far_away_is_off_the_scale():
    baselines = {
        "simple": {"score": 0.97, "interval": [0.96, 0.98]},
        "majority": {"score": 0.4, "interval": [0.38, 0.42]},
    }
    view = verdict(0.98, baselines, interval=[0.97, 0.99])
    assert [e["off_scale"] for e in view["entries"]] == [False, False, True]
    low, high = view["domain"]
    assert 0.95 < low < 0.96
    assert 0.99 < high <= 1.0


def test_a_network_that_is_worst_by_far_stays_on_the_scale():
    baselines = {"simple": {"score": 0.97}, "other": {"score": 0.96}}
    view = verdict(0.4, baselines, interval=[0.38, 0.42])
    assert not any(e["off_scale"] for e in view["entries"])


@pytest.mark.parametrize(
    ("interval", "decimals"), [([0.97, 0.99], 3), ([0.9781, 0.9799], 4), ([48_800, 51_200], 0), ([0.3, 0.9], 2)]
)
def test_decimals_follow_the_interval(interval, decimals):
    assert verdict(sum(interval) / 2, {}, interval=interval)["decimals"] == decimals


def test_a_score_that_cannot_be_told_is_still_a_page():
    view = verdict(None, {})
    assert view["domain"] is None
    assert view["entries"][0]["score"] is None


def test_facts_name_rows_and_network(made_run):
    facts = {f["name"]: f["text"] for f in verdict_view(read(made_run("pictures")))["facts"]}
    assert facts["Judged on"] == "1,797 rows, out of fold"
    assert facts["Network"] == "151,306 parameters"
    assert facts["Test rows opened"] == "twice"
    assert facts["Time"] == "8.2 s"


def test_members_are_sorted_and_show_what_varies(made_run):
    view = members_view(read(made_run("penguins")))
    assert [c["key"] for c in view["columns"]] == [
        "id",
        "learning_rate",
        "part",
        "seed",
        "epochs",
        "best_epoch",
        "validation_loss",
        "state",
    ]
    losses = [row["validation_loss"] for row in view["rows"]]
    assert losses == sorted(losses)
    assert len(losses) == 60
    assert sum(row["winner"] for row in view["rows"]) == 5
    assert sum(view["states"].values()) == 60


def test_members_that_vary_in_dropout_get_a_column():
    rates = [0.1, 0.5]
    members = [{"id": i, "recipe": {"learning_rate": 0.01, "dropout": {"3.dropout": r}}} for i, r in enumerate(rates)]
    view = members_view(Record({"members": members}))
    assert {"key": "dropout 3.dropout", "title": "dropout 3.dropout"} in view["columns"]
    assert [row["dropout 3.dropout"] for row in view["rows"]] == rates


def test_the_shipped_network_comes_first():
    networks = [
        {"notation": "dense 8", "layers": [], "parameters": 10},
        {"notation": "dense 16", "layers": [], "parameters": 20},
    ]
    run = {
        "networks": networks,
        "members": [{"id": 0, "network": 0}, {"id": 1, "network": 1}],
        "selection": {"winners": [1]},
    }
    assert [n["notation"] for n in network_view(Record(run))["networks"]] == ["dense 16", "dense 8"]


def test_layers_have_shapes_and_shares(made_run):
    layers = network_view(read(made_run("pictures")))["networks"][0]["layers"]
    assert layers[1]["shape"] == "8 × 8 × 32"
    assert layers[5]["weight"] == 1.0
    assert layers[3]["weight"] == pytest.approx(18496 / 131200, abs=1e-4)


def column(**changes: Any) -> dict[str, Any]:
    run = {
        "schema": {
            "columns": [{"name": "c", "kind": "number", "role": "feature", **changes}],
            "target": "y",
            "rows": 200,
        }
    }
    return schema_view(Record(run))["columns"][0]


def test_a_column_tells_its_missing_share():
    assert column(missing=11)["missing_share"] == 0.055


@pytest.mark.parametrize(
    ("statistics", "text"),
    [
        ({"minimum": 1.5, "maximum": 1234567.0}, "1.5 to 1.235e+06"),
        (
            {"first": "2011-01-01T00:00:00.000000", "last": "2012-12-31T23:00:00.000000"},
            "2011-01-01 00:00:00 to 2012-12-31 23:00:00",
        ),
        ({"height": 8, "width": 9, "channels": 3, "rule": "r"}, "8 × 9 pixels, 3 channels"),
        ({}, ""),
    ],
)
def test_a_column_tells_its_range(statistics, text):
    assert column(statistics=statistics)["range"] == text


def test_top_values_and_histograms_are_kept():
    assert column(statistics={"top": [["x", 3], ["y", 1]]})["top"] == [
        {"value": "x", "count": 3},
        {"value": "y", "count": 1},
    ]
    assert column(statistics={"histogram": {"edges": [0, 1, 2], "counts": [4, 0]}})["histogram"] == {
        "counts": [4, 0],
        "edges": [0, 1, 2],
    }


def test_of_a_thousand_columns_four_hundred_are_listed():
    run = {"schema": {"columns": [{"name": str(i)} for i in range(1000)], "rows": 1}}
    view = schema_view(Record(run))
    assert len(view["columns"]) == 400
    assert view["left_out"] == 600


def test_notes_that_matter_come_first(made_run):
    assert [n["kind"] for n in notes_view(read(made_run("penguins")))["items"]] == ["small-class", "missing-target"]


def test_how_to_repeat_names_command_hash_and_seeds(made_run):
    view = repeat_view(read(made_run("penguins")))
    assert view["command"] == "lamina train penguins.csv --target species"
    assert view["seeds"] == "0, 1, 2"
    assert {"name": "sha-256", "text": "9f" * 32} in view["data"]
    assert {"name": "jax", "text": "0.10.2"} in view["versions"]
    assert view["plan"] == [
        {"name": "plan", "text": "spread over 2 cpu devices"},
        {"name": "products", "text": "float32"},
    ]
