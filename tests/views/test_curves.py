"""Learning curves as values: what is kept of them, checked by hand on small histories."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from lamina.views.curves import curves_view, metric_title, thin
from lamina.views.record import Record, read


def line(epoch: int, training: list[float | None], validation: list[float | None], **more: Any) -> dict[str, Any]:
    return {"group": 0, "epoch": epoch, "training_loss": training, "validation_loss": validation, **more}


def member(id: int, *, epochs: int = 3, best: int = 2, loss: float | None = 0.5) -> dict[str, Any]:
    return {
        "id": id,
        "network": 0,
        "part": 0,
        "epochs": epochs,
        "best_epoch": best,
        "validation_loss": loss,
        "state": "done",
    }


def record(lines: list[dict[str, Any]], members: list[dict[str, Any]], winners: tuple[int, ...] = ()) -> Record:
    return Record({"members": members, "selection": {"winners": list(winners)}}, tuple(lines))


def test_two_members_by_hand():
    lines = [line(1, [1.0, 2.0], [1.5, 2.5]), line(2, [0.5, 1.0], [0.7, 1.4]), line(3, [0.25, math.nan], [0.9, None])]
    view = curves_view(record(lines, [member(0), member(1, epochs=2, loss=1.4)], winners=(1,)))
    assert view["series"] == [{"name": "loss", "title": "Loss", "share": False}]
    assert view["groups"] == [{"id": 0, "epochs": [1, 2, 3]}]
    assert [m["id"] for m in view["members"]] == [1, 0], "winners come first"
    first, second = view["members"]
    assert first["curves"]["loss"] == {"training": [2.0, 1.0], "validation": [2.5, 1.4]}
    assert second["curves"]["loss"] == {"training": [1.0, 0.5, 0.25], "validation": [1.5, 0.7, 0.9]}
    assert second["best"] == {"epoch": 2, "loss": 0.7}
    assert first["winner"]
    assert not second["winner"]


def test_every_metric_of_the_history_is_a_series():
    more = {"training_rmse": [1.0], "validation_rmse": [2.0], "training_r2": [0.1], "validation_r2": [0.2]}
    view = curves_view(record([line(1, [1.0], [1.0], **more)], [member(0, epochs=1, best=1)]))
    assert [s["title"] for s in view["series"]] == ["Loss", "RMSE", "R²"]
    assert view["members"][0]["best"] == {"epoch": 1, "loss": 1.0, "rmse": 2.0, "r2": 0.2}


def test_a_metric_without_a_name_is_the_verdicts():
    assert metric_title("metric", {"verdict": {"metric": "auc"}}) == "AUC"


def test_after_a_resume_the_later_line_of_an_epoch_counts():
    lines = [line(1, [1.0], [1.0]), line(2, [9.0], [9.0]), line(2, [0.5], [0.6])]
    view = curves_view(record(lines, [member(0, epochs=2)]))
    assert view["members"][0]["curves"]["loss"]["validation"] == [1.0, 0.6]


def test_members_of_two_networks_keep_their_places():
    lines = [line(1, [1.0], [1.1]), {**line(1, [2.0, 3.0], [2.1, 3.1]), "group": 1}]
    members = [
        member(0, epochs=1, best=1),
        {**member(1, epochs=1, best=1), "network": 1},
        {**member(2, epochs=1, best=1), "network": 1},
    ]
    view = curves_view(record(lines, members))
    found = {m["id"]: (m["group"], m["curves"]["loss"]["training"]) for m in view["members"]}
    assert found == {0: (0, [1.0]), 1: (1, [2.0]), 2: (1, [3.0])}


def test_thinning_keeps_the_ends_and_what_is_asked_for():
    epochs = list(range(1, 501))
    kept = thin(epochs, 40, keep=[123, None, 9999])
    assert kept[0] == 1
    assert kept[-1] == 500
    assert 123 in kept
    assert len(kept) <= 41
    assert max(np.diff(kept)) <= math.ceil(499 / 39), "no gap is wider than an even spread"
    assert thin([1, 2, 3], 40) == [1, 2, 3]


def test_sixty_members_of_five_hundred_epochs_stay_small(made_run):
    made = read(made_run("penguins"))
    history = tuple({**made.history[e % 120], "epoch": e + 1} for e in range(500))
    members = [{**m, "epochs": 500, "best_epoch": 137} for m in made.run["members"]]
    view = curves_view(Record({**made.run, "members": members}, history))
    assert len(json.dumps(view)) < 800_000
    assert 137 in view["groups"][0]["epochs"]
    assert view["groups"][0]["epochs"][-1] == 500
    assert len(view["details"]) == 12


def test_details_follow_layers_and_their_epochs(made_run):
    view = curves_view(read(made_run("penguins")))
    winner = view["members"][0]
    details = view["details"][str(winner["id"])]
    assert set(details["update_ratio"]) == {"1.dense", "2.dense", "4.dense"}
    assert set(details["dead"]) == {
        "1.dense",
        "2.dense",
    }
    assert all(len(values) == len(details["epochs"]) for values in details["update_ratio"].values())


@pytest.mark.parametrize(
    ("validation", "training", "best", "said"),
    [
        ([1.0, 0.5, 0.6, 1.0], [1.0, 0.6, 0.4, 0.2], 2, "rose by 100 %: overfitting"),
        ([1.0, 0.8, 0.6, 0.5], [1.0, 0.8, 0.6, 0.5], 4, "more epochs might help"),
        ([1.0, 0.5, 0.51, 0.51], [1.0, 0.6, 0.55, 0.5], 2, "stopped improving after epoch 2 of 4"),
    ],
)
def test_the_reading_names_what_the_curve_shows(validation, training, best, said):
    lines = [line(e + 1, [t], [v]) for e, (t, v) in enumerate(zip(training, validation, strict=True))]
    assert said in curves_view(record(lines, [member(0, epochs=4, best=best)], winners=(0,)))["reading"]
