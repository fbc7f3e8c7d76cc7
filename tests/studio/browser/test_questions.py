"""Ten questions that a learner would ask, and one more: each is answered on the page in three clicks or fewer.

The questions were written before the page was built. A click is a press of the mouse on one thing; opening a list and
choosing from it are two. Every answer is compared with the model asked in Python, with NumPy, or with the run's files.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina.inside.backward import backward
from lamina.inside.counterfactual import counterfactual
from lamina.inside.gates import gates
from lamina.inside.kept import Kept, kept
from lamina.inside.opened import opened as opened_network
from lamina.inside.saliency import saliency
from lamina.inside.trace import Trace, outputs, trace
from lamina.model import Model, load
from lamina.network import leaves
from lamina.studio.brought import alone
from lamina.views.opened import answers_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CLOSE: dict[str, Any] = {"rtol": 2e-4, "atol": 2e-5}
MOST = 3


@dataclasses.dataclass
class Learner:
    """Who stands before an opened run with three clicks to spend."""

    page: Any
    folder: Path
    clicks: int = 0

    def click(self, name: str, at: tuple[int, ...] | None = None) -> None:
        """Press what has this test id, or a cell of it; a fourth time is refused."""
        self.clicks += 1
        assert self.clicks <= MOST, f"{name} would be click {self.clicks}"
        found = self.page.get_by_test_id(name).first
        found.wait_for()
        found.click(position=cell_of(found, at) if at else None)

    def number(self, name: str) -> float:
        found = self.page.get_by_test_id(name).first
        found.wait_for()
        return float(found.get_attribute("data-value"))

    def numbers(self, name: str, count: int) -> list[float]:
        return [self.number(f"{name}-{at}") for at in range(count)]

    def text(self, name: str) -> str:
        found = self.page.get_by_test_id(name).first
        found.wait_for()
        return plain(found.inner_text())

    def example(self) -> int:
        """The example that the view Network opened by itself."""
        found = self.page.locator('[data-testid^="example-"][aria-pressed="true"]')
        found.wait_for()
        return int(found.get_attribute("data-id"))

    @property
    def model(self) -> Model:
        return load(self.folder / "model.lamina")

    @property
    def kept(self) -> Kept:
        found = kept(self.folder)
        assert found is not None
        return found

    def trace(self, example: int) -> Trace:
        part = self.model.parts[0]
        return trace(part, self.kept.inputs_for(part, [example])[0])

    def weights(self) -> dict[str, np.ndarray]:
        found = leaves(opened_network(self.model), "parameter")
        return {path: np.asarray(array, float) for path, array in found.items()}

    def judged(self) -> tuple[np.ndarray, np.ndarray]:
        with np.load(self.folder / "predictions.npz") as file:
            return file["targets"].astype(int), file["predictions"].astype(float)


def plain(text: str) -> str:
    """With spaces and signs as Python writes them."""
    return text.replace("\u00a0", " ").replace("\u2212", "-")


def part_of(pattern: str, text: str) -> str:
    """What stands in the brackets of a pattern."""
    found = re.search(pattern, text)
    assert found, f"{pattern} is not in {text}"
    return found[1]


def cell_of(lens: Any, cell: tuple[int, ...]) -> dict[str, float]:
    """Where a cell of a map is, in pixels from its corner."""
    lens.scroll_into_view_if_needed()
    box, (rows, columns) = lens.bounding_box(), lens.locator("canvas").evaluate("c => [c.height, c.width]")
    return {"x": box["width"] * (cell[1] + 0.5) / columns, "y": box["height"] * (cell[0] + 0.5) / rows}


@pytest.fixture
def opened(show: Callable[[str], Any], studio: Any) -> Callable[[str], Learner]:
    """A function that opens the studio of a run as `lamina studio RUN` does, on the view Run."""
    return lambda run: Learner(show(f"run={run}"), studio.runs / run)


def test_1_which_pixel_decided_this_answer(opened):
    learner = opened("digits")
    learner.click("tab-try")
    learner.click("pick-5")
    learner.page.wait_for_selector("[data-testid=pick-5][aria-pressed=true]")
    places = saliency(learner.model, learner.kept.inputs[5], "integrated").places
    row, column = np.unravel_index(np.abs(places).argmax(), places.shape)
    learner.page.get_by_text(f"row {row + 1}, column {column + 1} speaks most").wait_for()


def test_1_which_column_decided_this_answer(opened):
    learner = opened("penguins")
    learner.click("tab-try")
    decided = learner.page.locator("[data-testid=decided]:not(:empty)")
    decided.wait_for()
    example = int(part_of(r"example=(\d+)", learner.page.get_by_test_id("open-network").get_attribute("href")))
    rows = learner.kept.inputs_for(learner.model.parts[0])
    lost = saliency(learner.model, rows[example], "occlusion", usual=rows).columns
    most = max(lost, key=lambda name: abs(lost[name]))
    assert decided.inner_text().startswith(f"{most} speaks most")


def test_2_why_is_this_unit_silent_for_this_example(opened):
    learner = opened("penguins")
    learner.click("tab-network")
    found = learner.trace(learner.example())
    silent = int(np.flatnonzero(found["1.dense"].output == 0)[0])
    learner.click(f"unit-1.dense-{silent}")
    said = learner.text("in-words")
    inputs, weights = found["1.dense"].inputs[0].astype(float), learner.weights()
    products = inputs * weights["1.dense.weight"][:, silent]
    total = products.sum() + weights["1.dense.bias"][silent]
    assert total < 0
    assert "silent here" in said
    assert "ReLU makes 0 of everything below zero" in said
    assert float(part_of(r"its sum is (\S+),", said)) == pytest.approx(total, rel=6e-3)
    assert float(part_of(r"pulled it down most: .*, (-\S+)\.", said)) == pytest.approx(products.min(), rel=6e-3)


def test_2_why_is_this_cell_of_a_map_silent(opened):
    learner = opened("digits")
    learner.click("tab-network")
    found = learner.trace(learner.example())
    map_ = found["2.conv"].output[..., 3]
    dark = tuple(int(n) for n in np.argwhere(map_ == 0)[0])
    learner.click("unit-2.conv-3")
    learner.click("window-output", dark)
    learner.page.get_by_text("silent here").wait_for()
    total = float(part_of(r"its sum is (\S+),", learner.text("in-words")))
    patch = np.pad(found["2.conv"].inputs[0].astype(float), ((1, 1), (1, 1), (0, 0)))
    patch = patch[dark[0] : dark[0] + 3, dark[1] : dark[1] + 3]
    weights = learner.weights()
    expected = (patch * weights["2.conv.weight"][..., 3]).sum() + weights["2.conv.bias"][3]
    assert total == pytest.approx(expected, rel=6e-3)


def test_3_what_would_change_the_answer(opened):
    learner = opened("digits")
    learner.click("tab-try")
    learner.page.wait_for_selector("[data-testid=predicted]")
    before = learner.text("predicted")
    learner.click("change")
    learner.page.wait_for_selector("[data-testid=put-in]")
    said = learner.text("change-words")
    example = int(part_of(r"example=(\d+)", learner.page.get_by_test_id("open-network").get_attribute("href")))
    found = counterfactual(learner.model, learner.kept.inputs[example])
    classes = learner.model.task.classes
    assert found.found
    assert found.target is not None
    assert classes[found.target] != before
    assert said == plain(found.words)
    shown = learner.number(f"after-{found.target}")
    # The model's own answer to the changed picture: the class is turned.
    assert found.changed is not None
    asked = answers_of(learner.model, alone(learner.model, found.changed), [0])[0]
    assert int(np.argmax(asked)) == found.target
    np.testing.assert_allclose(shown, asked[found.target], rtol=1e-3)


def test_4_what_does_this_unit_look_for(opened):
    learner = opened("digits")
    learner.click("tab-features")
    learner.click("rung-2.conv")
    learner.click("unit-3")
    learner.page.wait_for_selector("[data-testid=excitation]", timeout=60_000)
    part = learner.model.parts[0]
    each = outputs(part, learner.kept.inputs_for(part), "2.conv")[..., 3].max(axis=(1, 2))
    shown = learner.page.get_by_test_id("excitation").evaluate_all("all => all.map(e => Number(e.dataset.value))")
    half = len(shown) // 2
    np.testing.assert_allclose(shown[:half], np.sort(each)[::-1][:half], **CLOSE)
    # The picture made to excite it excites it more than the middle one of all examples does.
    assert learner.page.locator("[data-testid=detail] .feature-made canvas").is_visible()
    assert learner.number("optimised-value") > np.median(each)


def test_5_where_did_this_number_come_from(opened):
    learner = opened("digits")
    learner.click("tab-network")
    found = learner.trace(learner.example())
    row, column = 3, 2
    learner.click("unit-2.conv-3")
    learner.click("window-output", (row, column))
    learner.page.wait_for_function(
        "() => document.querySelector('[data-testid=window-place]').textContent.match(/3.*2/)"
    )
    patch = np.pad(found["2.conv"].inputs[0].astype(float), ((1, 1), (1, 1), (0, 0)))[
        row : row + 3, column : column + 3
    ]
    weights = learner.weights()
    products = patch * weights["2.conv.weight"][..., 3]
    total = products.sum() + weights["2.conv.bias"][3]
    channel = int(part_of(r"channel=(\d)", learner.page.url))
    np.testing.assert_allclose(learner.numbers("input", 9), patch[..., channel].ravel(), **CLOSE)
    np.testing.assert_allclose(learner.numbers("product", 9), products[..., channel].ravel(), **CLOSE)
    np.testing.assert_allclose(learner.numbers("channel-part", 4), products.sum(axis=(0, 1)), **CLOSE)
    np.testing.assert_allclose(learner.number("sum"), total, **CLOSE)
    np.testing.assert_allclose(learner.number("elastic-output-value"), max(0, total), **CLOSE)
    np.testing.assert_allclose(found["2.conv"].output[row, column, 3], max(0, total), rtol=1e-4, atol=1e-4)


def test_6_which_mistake_was_it_surest_of_and_what_did_it_look_like(opened):
    learner = opened("digits")
    targets, probabilities = learner.judged()
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != targets)
    surest = wrong[probabilities[wrong].max(axis=1).argmax()]
    learner.click("tab-mistakes")
    card = learner.page.get_by_test_id("example").first
    card.locator("canvas").wait_for()
    at = int(card.get_attribute("data-id"))
    assert learner.kept.rows[at] == surest
    assert f"said {probabilities[surest].argmax()}, {probabilities[surest].max():.0%}" in plain(
        card.inner_text()
    ).replace(" %", "%")
    drawn = card.locator("canvas").evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 4 === 0)"
    )
    assert np.corrcoef(drawn, np.asarray(learner.kept.inputs[at], float).ravel())[0, 1] > 0.999
    learner.click(f"network-{at}")
    assert learner.example() == at


def test_7_why_this_class_and_not_the_other(opened):
    learner = opened("digits")
    learner.click("tab-network")
    found = learner.trace(learner.example())
    logits = found["5.dense"].output.astype(float)
    second, first = (int(n) for n in np.argsort(logits)[-2:])
    learner.click(f"unit-5.dense-{first}")
    learner.click("rival-likeliest")
    learner.page.get_by_text(f"{first} rather than {second}").wait_for()
    np.testing.assert_allclose(learner.number("part-0-value"), logits[first] - logits[second], rtol=1e-3, atol=1e-4)
    weights = learner.weights()["5.dense.weight"]
    evidence = found["4.flatten"].output * (weights[:, first] - weights[:, second])
    strongest = learner.page.get_by_test_id("part-0-term-0").first
    at = int(strongest.get_attribute("data-at"))
    assert abs(evidence[at]) == pytest.approx(np.abs(evidence).max(), rel=1e-4)
    np.testing.assert_allclose(learner.number(f"part-0-product-{at}"), evidence[at], **CLOSE)


def test_8_how_does_training_change_this_weight(opened):
    learner = opened("digits")
    learner.click("tab-network")
    example = learner.example()
    learner.click("unit-5.dense-2")
    learner.click("one-step")
    found = backward(learner.model, learner.kept.inputs[example], int(learner.kept.targets[example]), rate=0.01)
    np.testing.assert_allclose(learner.number("loss"), found.loss, **CLOSE)
    np.testing.assert_allclose(learner.number("loss-after"), found.loss_after, rtol=1e-3, atol=1e-5)
    row = learner.page.get_by_test_id("step-0")
    weight = next(w for w in found.weights if w.path == row.get_attribute("data-array"))
    at = int(row.get_attribute("data-at"))
    value, gradient = float(weight.value.ravel()[at]), float(weight.gradient.ravel()[at])
    assert abs(gradient) == pytest.approx(
        max(np.abs(w.gradient.reshape(-1, 10)[:, 2]).max() for w in found.weights if w.path.startswith("5."))
    )
    shown = [learner.number(f"{name}-0") for name in ("before", "gradient", "change", "after")]
    np.testing.assert_allclose(shown, [value, gradient, -0.01 * gradient, value - 0.01 * gradient], **CLOSE)


def test_9_did_it_overfit_and_when_was_it_best(opened):
    learner = opened("digits")
    learner.page.wait_for_selector(".plot .axes text", state="attached")
    curves = learner.page.locator("#curves")
    shown = int(curves.locator("select").first.input_value())
    members = json.loads((learner.folder / "run.json").read_text())["members"]
    place = next(i for i, member in enumerate(members) if member["id"] == shown)
    lines = [json.loads(line) for line in (learner.folder / "history.jsonl").read_text().splitlines()]
    losses = {line["epoch"]: line["validation_loss"][place] for line in lines if line["group"] == 0}
    best = min((epoch for epoch in losses if epoch > 0), key=lambda epoch: losses[epoch])
    assert members[place]["best_epoch"] == best
    said = curves.inner_text()
    assert f"best epoch {best}" in curves.locator("svg").first.text_content()
    assert re.search(rf"epoch {best}\b", said)
    verdicts = ("overfitting", "more epochs might help", "stopped improving")
    assert sum(words in said.split("Both lines falling")[-1].split("What the curve")[-1] for words in verdicts) >= 1
    assert learner.clicks == 0


def test_10_can_i_trust_90_percent_sure(opened):
    learner = opened("digits")
    learner.click("tab-mistakes")
    targets, probabilities = learner.judged()
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    among = sure >= 0.9
    row = learner.page.locator("#calibration tbody tr").last
    row.wait_for()
    cells = [plain(text) for text in row.locator("td, th").all_inner_texts()]
    assert cells[0] == "90 % to 100 %"
    assert cells[1] == f"{among.sum():,}"
    assert float(cells[2].rstrip(" %")) == pytest.approx(100 * sure[among].mean(), abs=0.06)
    assert float(cells[3].rstrip(" %")) == pytest.approx(100 * right[among].mean(), abs=0.06)


def test_11_what_does_the_network_remember_at_this_step(opened):
    learner = opened("steps")
    learner.click("tab-network")
    example = learner.example()
    learner.click("unit-1.lstm-2")
    lstm: Any
    (lstm,) = gates(learner.model, learner.kept.inputs_for(learner.model.parts[0], [example])[0])
    last = len(lstm.cell) - 1
    for step, clicks in ((last, 2), (last - 1, 3)):
        if clicks == 3:
            learner.click("play-back")
        shown = [learner.number(f"gate-{name}") for name in ("forget", "input", "output", "cell", "hidden")]
        expected = [getattr(lstm, name)[step, 2] for name in ("forget", "input", "output", "cell", "hidden")]
        np.testing.assert_allclose(shown, expected, **CLOSE)
        # It remembers what it kept of before and what it took in: the cell is made of these, in NumPy.
        kept_ = lstm.forget[step, 2] * lstm.cell[step - 1, 2] + lstm.input[step, 2] * lstm.candidate[step, 2]
        np.testing.assert_allclose(shown[3], kept_, **CLOSE)
