"""A network whose answer is a number: the view Network says it in the target's units."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina import answer
from lamina.data.examples import Reading
from lamina.inside import trace
from lamina.settings import Place, Settings
from on_page import chosen, value

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def slope(browser_runs: Path) -> Path:
    """The run "slope": a price that falls with age and grows with size."""
    draw = np.random.default_rng(0)
    age, size = draw.uniform(0, 40, 120), draw.uniform(20, 200, 120)
    price = 900 - 8 * age + 3 * size + draw.normal(0, 10, 120)
    data = browser_runs.with_name("slope.csv")
    np.savetxt(data, np.stack([age, size, price], 1), "%.3f", ",", header="age,size,price", comments="")
    settings = Settings(epochs=10, learning_rates=(0.01,), repeats=1, networks=("dense 4",))
    answer.train(
        str(data),
        settings=settings,
        reading=Reading(target="price", test="0.3"),
        place=Place(runs=browser_runs, name="slope"),
    )
    return browser_runs / "slope"


def test_the_answer_is_in_the_targets_units(show: Callable[[str], Any], slope: Path, studio: Any) -> None:
    page = show("view=network&run=slope")
    page.wait_for_selector("[data-testid=value-answer-0]")
    traced = {step.path: step.output for step in trace(*chosen(page, slope)).steps}
    assert value(page, "value-answer-0") == pytest.approx(float(np.ravel(traced["answer"])[0]), rel=1e-4)
    column = page.locator('[data-path="answer"]')
    assert "%" not in column.inner_text()
    assert column.inner_text().startswith("answer")
    column.locator(".unit").click()
    page.wait_for_selector("[data-testid=stage-title]")
    assert page.get_by_test_id("rival").count() == 0  # there is no other class
