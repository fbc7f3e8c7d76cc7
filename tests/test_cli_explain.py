"""`lamina explain`: what it prints is what the network computed, and what is asked of it wrongly is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lamina import cli, explanation
from lamina.data.examples import Reading, Task
from lamina.data.image import ImagePreprocessing
from lamina.data.labelled import table_examples
from lamina.data.preprocess import TablePreprocessing
from lamina.inside import keep, trace
from lamina.inside.arithmetic import Choice, Formula, Function, Lookup, choice, formula, function, products, row, shares
from lamina.model import Model, NetworkPart, load
from lamina.network import Conv, Dense, Flatten, ImageInput, MaxPool, Sequential, TableInput, build, leaves
from lamina.training.vector import Layout

Typed = Callable[..., tuple[int, str, str]]


def drawn(network: Sequential, shape: tuple[int, ...], seed: int, preprocessing: object, **scale: float) -> NetworkPart:
    built = build(network, shape, seed)
    vector = np.asarray(Layout.of(built).pack(leaves(built, "parameter")))
    state = {path: np.asarray(of) for path, of in leaves(built, "state").items()}
    loss = "squared" if scale else "cross entropy"
    return NetworkPart(network, shape, loss, preprocessing, vector, state, **scale)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two networks that take pictures of 6 x 6."""
    network = Sequential([ImageInput(), Conv(4), MaxPool(), Flatten(), Dense(70), Dense(3, "linear")])
    parts = tuple(drawn(network, (6, 6, 1), seed, ImagePreprocessing(6, 6, 1, "given")) for seed in (1, 2))
    task = Task("classification", "animal", ("ant", "[bee]", "cat"))
    return Model(task, "image", parts, {}).save(tmp_path_factory.mktemp("pictures") / "model.lamina")


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 6)).astype(np.uint8)
    path = tmp_path_factory.mktemp("new") / "one.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def penguins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the penguins' mass in a folder of kept examples."""
    examples = table_examples("sample:penguins", Reading(target="body_mass_g"))
    folder, rows = tmp_path_factory.mktemp("penguins"), np.arange(100)
    fitted = TablePreprocessing.fit(examples.schema, examples.inputs)  # pyright: ignore[reportArgumentType]
    network = Sequential([TableInput(fitted.numbers, fitted.cardinalities), Dense(1, "linear")])
    part = drawn(network, (fitted.numbers + len(fitted.cardinalities),), 0, fitted, scale=800.0, shift=4200.0)
    keep(folder, examples, rows, np.arange(3))
    return Model(examples.task, "table", (part,), {"header": None}).save(folder / "model.lamina")


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Typed:
    """A function that types a command: its exit code, stdout, stderr."""

    def typed(*arguments: object) -> tuple[int, str, str]:
        code = cli.run_command(["explain", *map(str, arguments)])
        out = capsys.readouterr()
        return code, out.out, out.err

    return typed


def test_the_answer_the_layers_and_what_weighed_most(pictures: Path, picture: Path, typed: Typed) -> None:
    code, out, err = typed(pictures, picture)
    model = load(pictures)
    answers, x = model.predict(str(picture)), np.asarray(Image.open(picture))[:, :, None]
    assert (code, err) == (0, "")
    assert answers.labels is not None
    assert answers.probabilities is not None
    assert f"one.png: animal is taken to be {answers.labels[0]}." in out
    for name, share in zip(answers.classes, answers.probabilities[0], strict=True):
        assert [name, f"{share:.1%}"] in [line.split()[:2] for line in out.splitlines()]
    assert "the mean of 2 networks" in out
    seen = trace(model, x)
    zeros = f"{np.mean(seen['1.conv'].output == 0):.0%}"
    (line,) = [line.split() for line in out.splitlines() if line.startswith("1.conv")]
    assert zeros in line
    assert f"what weighed most in 5.dense {answers.probabilities[0].argmax()}, {answers.labels[0]}" in out
    heaviest = out[out.index("what weighed most") :].splitlines()[2].split()
    products = seen["5.dense"].inputs[0] * logits(model)[:, answers.probabilities[0].argmax()]
    at = int(np.argmax(np.abs(products)))
    assert heaviest[-1] == str(at)
    assert float(heaviest[0]) == pytest.approx(products[at], rel=1e-3)


def logits(model: Model) -> np.ndarray:
    """The weights of the first network's last layer."""
    part = model.parts[0]
    return np.asarray(Layout.of(build(part.network, part.shape, 0)).unpack(part.parameters)["5.dense.weight"])


def test_what_is_shown_of_a_passed_number_is_where_it_was_made(pictures: Path, picture: Path, typed: Typed) -> None:
    _, out, _ = typed(pictures, picture, "--layer", "4.dense", "--unit", "0")
    assert "sum = sum of 36 products with 3.flatten" in out


def test_one_unit_line_by_line(pictures: Path, picture: Path, typed: Typed) -> None:
    code, out, _ = typed(pictures, picture, "--layer", "1.conv", "--unit", "0,2,3")
    assert code == 0
    x = np.asarray(Image.open(picture))[:, :, None]
    seen = trace(load(pictures), x)
    lines = [line.split() for line in out.splitlines()]
    assert ["-1,1,0", "padding"] in [line[:2] for line in lines]
    products = [float(line[3]) for line in lines if len(line) == 4 and line[0].count(",") == 2 and line[1] != "product"]
    (total,) = [line for line in out.splitlines() if line.startswith("sum = ")]
    assert sum(products) == pytest.approx(float(total.split()[-1]), abs=5e-3)  # the bias is 0 at first
    (last,) = [line for line in out.splitlines() if line.startswith("output = ")]
    assert float(last.split()[-1]) == pytest.approx(seen["1.conv"].output[0, 2, 3], rel=1e-5)


def test_the_largest_unit_where_none_is_named(pictures: Path, picture: Path, typed: Typed) -> None:
    _, out, _ = typed(pictures, picture, "--layer", "2.pool")
    output = trace(load(pictures), np.asarray(Image.open(picture))[:, :, None])["2.pool"].output
    at = np.unravel_index(np.argmax(output), output.shape)
    assert f"2.pool {','.join(map(str, at))}, pool: {output.max():.6g}" in out
    assert out.count("won") == 1


def test_the_classes_of_the_answer(pictures: Path, picture: Path, typed: Typed) -> None:
    _, out, _ = typed(pictures, picture, "--layer", "answer", "--unit", 1)
    assert "answer = exp(input) / " in out
    assert [line.split()[0] for line in out.splitlines()[-3:]] == ["ant", "[bee]", "cat"]


def test_values_for_a_script(pictures: Path, picture: Path, typed: Typed) -> None:
    code, out, err = typed(pictures, picture, "--layer", "answer", "--unit", 1, "--json")
    values = json.loads(out)
    assert (code, values["row"], values["networks"], values["truth"]) == (0, "one.png", 2, None)
    assert "one.png" in err
    assert [made["path"] for made in values["explanation"]["layers"]][:2] == ["", "0.image"]
    (part,) = values["unit"]["parts"]
    assert (part["type"], part["at"], values["unit"]["index"]) == ("Shares", 1, [1])
    assert part["value"] == values["unit"]["output"]
    assert json.loads(typed(pictures, picture, "--json")[1])["unit"] is None


def test_quiet_is_the_answer_alone(pictures: Path, picture: Path, typed: Typed) -> None:
    assert len(typed(pictures, picture, "-q")[1].splitlines()) == 1


def test_a_row_of_a_table(penguins: Path, typed: Typed) -> None:
    code, out, _ = typed(penguins, "sample:penguins", "--row", 3)
    assert code == 0
    assert "line 4: body_mass_g is taken to be " in out
    assert "One of 342 examples" in out or "One of 344 examples" in out
    assert "what weighed most in 1.dense 0, body_mass_g" in out
    assert "flipper_length_mm" in out  # the names of the table's columns
    assert "their sum" in out


def test_an_example_that_the_run_kept(penguins: Path, typed: Typed) -> None:
    code, out, _ = typed(penguins, "--example", 0)
    assert code == 0
    assert ", and it is " in out


@pytest.mark.parametrize(
    ("more", "given", "mend"),
    [
        (["--layer", "1.konv"], "no layer '1.konv'", "--layer 1.conv"),
        (["--layer", "1.conv", "--unit", "9,0,0"], "9,0,0 is no place", "--layer 1.conv --unit 0,0,0"),
        (["--layer", "1.conv", "--unit", "0,0"], "0,0 is no place", "--layer 1.conv --unit 0,0,0"),
        (["--layer", "1.conv", "--unit", "0,0,0,0"], "0,0,0,0 is no place", "--layer 1.conv --unit 0,0,0"),
        (["--layer", "1.conv", "--unit", "first"], "--unit first is no place", "--unit 3,4,0"),
        (["--unit", "0,0,0"], "a place in no layer", "--layer answer --unit 0"),
        (["--row", "2"], "no row 2", "--row 1"),
        (["--row", "0"], "no row 0", "--row 1"),
    ],
)
def test_what_there_is_not(more: list[str], given: str, mend: str, pictures: Path, picture: Path, typed: Typed) -> None:
    code, _, err = typed(pictures, picture, *more)
    assert code == 2
    assert given in err
    assert f"to mend it: {mend}" in err
    if "layer" in given:
        assert "0.image, 1.conv, 2.pool, 3.flatten, 4.dense, 5.dense, answer" in err
    if not given.startswith("no row") and "first" not in given:
        assert typed(pictures, picture, *mend.split())[0] == 0


def test_an_example_must_be_named_once(penguins: Path, pictures: Path, typed: Typed) -> None:
    assert typed()[0] == 2
    assert typed(penguins, "sample:penguins", "--example", 1)[0] == 2
    code, _, err = typed(penguins, "--example", 5000)
    assert (code, "no example 5,000" in err) == (2, True)
    code, _, err = typed(pictures, "--example", 1)
    assert (code, "keeps no examples" in err) == (2, True)


def test_a_run_without_an_example_says_how(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "runs" / "digits").mkdir(parents=True)
    (tmp_path / "runs" / "digits" / "run.json").write_text("{}")
    code, _, err = typed("digits")
    assert (code, "to mend it: lamina explain digits --example 0" in err) == (2, True)


# ---- every kind of part ----------------------------------------------------------------------------------------------


def lines(*parts: Choice | Formula | Function | Lookup | object) -> list[str]:
    """What is printed of parts, without spaces that only align."""
    from rich.console import Console

    console = Console(width=120, highlight=False, markup=False)
    made = explanation.Unit("0.x", "x", (0,), tuple(parts), 0.0)  # pyright: ignore[reportArgumentType]
    with console.capture() as captured:
        for block in explanation.unit_blocks(made):
            console.print(block)
    return [" ".join(line.split()) for line in captured.get().splitlines() if line.strip()]


def test_parts_in_words() -> None:
    place = explanation.Place("1.conv", (3, 4))
    assert lines(function("output", "relu", "x", -2.0, place)) == ["output = relu(x) = relu(-2) = 0", "x is 1.conv 3,4"]
    assert lines(formula("y", "2 * x", {"x": 0.5}, {"x": place})) == ["y = 2 * x = 1", "x 0.5 1.conv 3,4"]
    table = Lookup("output", "vectors", 2, "Torgersen", np.array([1, 5], np.float32), 1, 5.0, place)
    assert lines(table) == ["output = number 1 of row 2 (Torgersen) of vectors = 5"]
    assert lines(choice("largest", "", row(np.float32([1, 3]))))[1:] == ["at input", "0 1.000", "1 3.000 won"]
    assert lines(shares("share", "x", [0.0, 0.0], 1))[0] == "share = exp(input) / 2, of x, the one at 1 = 0.5"


def test_of_a_long_sum_what_weighs_most_comes_first() -> None:
    found = lines(products("sum", "x", np.arange(70.0), np.where(np.arange(70) == 5, 100.0, 1.0), bias=2.0))
    assert found[0] == "sum = sum of 70 products with x + bias 2.000 = 2912"
    assert found[2] == "5 5.000 100.0 500.0"
    assert found[3] == "69 69.00 1.000 69.00"
    assert len(found) == 2 + explanation.LONGEST + 1
    rest = sum(k for k in range(31) if k != 5)
    assert found[-1] == f"30 others together {rest:.1f}"
