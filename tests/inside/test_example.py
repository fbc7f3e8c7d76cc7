"""One example of a file or of a run: as the networks take it, and refused where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina.errors import OptionError, RunError
from lamina.inside.example import example_of, kept_example
from lamina.inside.kept import keep


def test_a_row_is_what_the_model_reads(penguins: Any) -> None:
    model, examples = penguins
    found = example_of(model, "sample:penguins", 3)
    whole = model.parts[0].preprocessing.transform(examples.inputs)
    np.testing.assert_array_equal(found.x, whole[2])
    np.testing.assert_allclose(model.outputs(found.inputs)[0], model.outputs(examples.inputs)[0][2:3], rtol=1e-5)
    assert (found.name, found.rows, found.truth) == (str(examples.names[2]), len(examples), None)


def test_a_kept_example_knows_its_truth(penguins: Any, tmp_path: Path) -> None:
    model, examples = penguins
    keep(tmp_path, examples, np.arange(20, 60), np.arange(3))
    found = kept_example(model, tmp_path, 5)
    at = examples.names.tolist().index(found.name)
    assert found.truth == examples.task.classes[examples.targets[at]]
    np.testing.assert_allclose(found.x, model.parts[0].preprocessing.transform(examples.inputs)[at], rtol=1e-6)


@pytest.mark.parametrize("row", [0, -1, 345])
def test_there_is_no_such_row(penguins: Any, row: int) -> None:
    with pytest.raises(OptionError, match="There is no row"):
        example_of(penguins[0], "sample:penguins", row)


def test_a_run_that_kept_nothing(penguins: Any, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="keeps no examples"):
        kept_example(penguins[0], tmp_path)
