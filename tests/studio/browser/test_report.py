"""The report in one file: its network is opened by the same clicks as the studio's, and shows the model's numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina.inside import trace
from lamina.inside.opened import opened as built
from lamina.network import leaves
from lamina.page.writer import page as written
from lamina.views.opened import Opened
from lamina.views.run import view
from lamina.views.within import within
from on_page import chosen, value

pytestmark = pytest.mark.browser


def opened(page: Any, run: Path) -> Any:
    """The report, read from the disk as a person would who was sent it."""
    page.goto((run / "report.html").as_uri())
    page.wait_for_selector("#inside [data-testid=map]")
    return page


def test_from_a_mistake_to_the_multiplication_that_weighed_most(page: Any, studio: Any) -> None:
    run = studio.runs / "digits"
    opened(page, run)
    page.get_by_test_id("open-mistake").first.click()
    page.wait_for_selector(".example[aria-pressed=true].mistake")
    model, inputs = chosen(page, run)
    traced = {step.path: np.asarray(step.output) for step in trace(model, inputs).steps}
    shares = [value(page, f"probability-answer-{at}") for at in range(10)]
    np.testing.assert_allclose(shares, traced["answer"], rtol=1e-4, atol=1e-6)
    top, pooled = int(np.argmax(shares)), np.ravel(traced["3.pool"])
    page.get_by_test_id(f"unit-5.dense-{top}").click()
    most = page.get_by_test_id("part-0-term-0")
    most.wait_for()
    weights = np.asarray(leaves(built(model), "parameter")["5.dense.weight"])[:, top]
    place = int(most.get_attribute("data-at"))
    assert abs(pooled * weights)[place] == pytest.approx(abs(pooled * weights).max(), rel=1e-4)
    numbers = [value(page, f"part-0-{name}-{place}") for name in ("input", "weight", "product")]
    np.testing.assert_allclose(numbers, [pooled[place], weights[place], pooled[place] * weights[place]], rtol=1e-4)
    most.get_by_role("button").click()  # and on to where its input was made
    assert value(page, "pool-value") == pytest.approx(float(pooled[place]), rel=1e-4)


def test_a_convolution_is_worked_out_from_what_the_file_holds(page: Any, studio: Any) -> None:
    run = studio.runs / "digits"
    opened(page, run)
    model, inputs = chosen(page, run)
    page.get_by_test_id("unit-1.conv-2").click()
    page.wait_for_selector("[data-testid=elastic-output-value]")
    place = tuple(int(word) for word in re.search(r"cell=(\d+),(\d+)", page.url)[1:3]) if "cell=" in page.url else None
    output = np.asarray(next(step.output for step in trace(model, inputs).steps if step.path == "1.conv"))[..., 2]
    at = place or np.unravel_index(np.abs(output).argmax(), output.shape)
    assert value(page, "elastic-output-value") == pytest.approx(float(output[at]), abs=1e-5)
    page.go_back()
    page.wait_for_selector(".stage-hint")


def test_what_the_file_does_not_hold_says_what_opens_it(page: Any, studio: Any, tmp_path: Path) -> None:
    run = studio.runs / "digits"
    inside = within(Opened("digits", run), most=70_000)
    assert not inside["whole"]
    (tmp_path / "report.html").write_text(written({**view(run), "inside": inside}), encoding="utf-8")
    opened(page, tmp_path)
    assert page.get_by_test_id("one-step").count() == 0  # nobody could work out a step of training here
    held = [at for at in inside["answers"] if at.startswith("unit?")]
    some = str(inside["answers"]["examples"]["items"][-1]["id"])
    lost = next(at for at in range(10) if not any(f"example={some}&index={at}&layer=5.dense" in one for one in held))
    page.get_by_test_id(f"example-{some}").click()
    page.get_by_test_id(f"unit-5.dense-{lost}").click()
    page.wait_for_selector("#inside [data-testid=failure]")
    assert "lamina studio digits" in page.locator("#inside [data-testid=failure]").inner_text()


def test_a_recurrence_is_opened(page: Any, studio: Any) -> None:
    opened(page, studio.runs / "steps")
    page.get_by_test_id("unit-1.lstm-0").click()
    page.wait_for_selector("#inside .gate-lines")
    assert page.locator("#inside [data-testid=failure]").count() == 0


@pytest.mark.slow
def test_it_is_accessible_and_fits_a_phone(page: Any, studio: Any, accessible: Any) -> None:
    opened(page, studio.runs / "digits")
    accessible()
