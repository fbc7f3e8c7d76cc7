"""The options of the command line: what each is called, and what is typed after it as the value that it means.

Only the form is judged here. Whether a number makes sense is judged where it is used: Python gets the same answer.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from lamina.errors import OptionError

RUNS = Path("runs")


def _of(panel: str, names: str, metavar: str | None, help_text: str) -> Any:
    return Option(*names.split(), metavar=metavar, help=help_text, rich_help_panel=panel)


def _data(names: str, metavar: str | None, help_text: str) -> Any:
    return _of("What to learn from", names, metavar, help_text)


def _training(names: str, metavar: str, help_text: str) -> Any:
    return _of("The network and its training", names, metavar, help_text)


def _place(names: str, metavar: str | None, help_text: str) -> Any:
    return _of("Where and how", names, metavar, help_text)


_DATA_HELP = """A table (CSV, TSV, Parquet, Arrow, JSON lines, ARFF; .gz of each), a folder or zip of class folders of
images or recordings, idx or .npz files, .ts files or others of the UCR archive, sample:penguins or sample:digits."""

Data = Annotated[str | None, Argument(metavar="DATA", help=_DATA_HELP, show_default=False)]
DataToCheck = Annotated[str, Argument(metavar="DATA", help=f"{_DATA_HELP} - reads CSV from stdin.")]
_MODEL_HELP = (
    "A run's name, its folder or a model file (left out: the latest run's), and the examples (-: CSV from stdin)."
)
ModelAndFile = Annotated[list[str], Argument(metavar="[MODEL] FILE", help=_MODEL_HELP)]
_EXAMPLE_HELP = """A run's name, its folder or a model file (left out: the latest run's), and a file with the example:
an image, a recording, a table (-: CSV from stdin) ...; no file with --example."""
ModelAndExample = Annotated[
    list[str] | None, Argument(metavar="[MODEL] EXAMPLE", help=_EXAMPLE_HELP, show_default=False)
]
RunText = Annotated[
    str | None, Argument(metavar="[RUN]", show_default=False, help="A run's name or its folder; left out, the latest.")
]
Output = Annotated[
    str, Option("--output", "-o", metavar="FILE", help="A .csv, .tsv, .jsonl or .parquet file; - is stdout.")
]

Target = Annotated[str | None, _data("--target", "COLUMN", "What to predict: a name, or a position (-1 is the last).")]
Header = Annotated[
    bool | None, _data("--header/--no-header", None, "Whether the first line names the columns; found out if not said.")
]
Types = Annotated[
    list[str] | None, _data("--types", "COLUMN=KIND", "Kinds of columns, such as zip=category,age=number.")
]
Drop = Annotated[list[str] | None, _data("--drop", "COLUMNS", "Columns to leave out.")]
Group = Annotated[
    str | None, _data("--group", "COLUMN", "Rows of equal value stay in one part: one person, one machine.")
]
SplitByTime = Annotated[str | None, _data("--split-by-time", "COLUMN", "Train on the past, judge on the future.")]
Test = Annotated[str | None, _data("--test", "SHARE|FILE", "A share of the rows, or a file, to judge on.")]
Validation = Annotated[float | None, _data("--validation", "SHARE", "The share of the other rows to choose by.")]
Positive = Annotated[str | None, _data("--positive", "LABEL", "The class that AUC and the like look at.")]
Kind = Annotated[
    str | None, _data("--kind", "series", "Each row of the table is one time series; else that is found out.")
]
Series = Annotated[
    str | None, _data("--series", "COLUMN", "Rows of equal value are the steps of one time series: a long table.")
]
Order = Annotated[
    str | None, _data("--order", "COLUMN", "When each step of --series was measured: a time or a number.")
]
LabelFromName = Annotated[
    str | None,
    _data(
        "--label-from-name",
        "PATTERN",
        'Parts of recordings\' names: "{digit}_{speaker}_{take}"; see --target, --group.',
    ),
]
SampleRate = Annotated[int | None, _data("--sample-rate", "HERTZ", "The rate that all recordings are brought to.")]
ImageSize = Annotated[str | None, _data("--image-size", "HEIGHTxWIDTH", "The size that all images are brought to.")]

Network = Annotated[
    list[str] | None,
    _training("--network", "NOTATION", 'Such as "conv 32, pool, dense 128, dropout 0.5"; several are compared.'),
]
Epochs = Annotated[int | None, _training("--epochs", "N", "Passes over the training rows.")]
BatchSize = Annotated[int | None, _training("--batch-size", "ROWS", "Rows to a step.")]
LearningRate = Annotated[
    list[str] | None,
    _training(
        "--learning-rate", "NUMBERS", "One, several (0.001,0.003) or 8 in a range (1e-4..1e-2); all are trained."
    ),
]
Repeats = Annotated[int | None, _training("--repeats", "N", "How many seeds to train each with.")]
WeightDecay = Annotated[float | None, _training("--weight-decay", "NUMBER", "Decoupled weight decay.")]
ClipNorm = Annotated[
    float | None,
    _training("--clip-norm", "NUMBER", "The longest gradient; 0: any. Left out: 1 for networks with memory."),
]
Optimizer = Annotated[
    str | None, _training("--optimizer", "NAME", "adamw, adam, sgd, nesterov, lion, rmsprop or muon.")
]
Schedule = Annotated[str | None, _training("--schedule", "NAME", "constant, cosine, warmup-cosine, one-cycle or step.")]
Loss = Annotated[
    str | None,
    _training("--loss", "NAME", "cross-entropy, sigmoid-cross-entropy, focal; squared, absolute, huber, quantile."),
]
ClassWeight = Annotated[
    str | None, _training("--class-weight", "balanced", "Rare classes count as much as common ones.")
]
Precision = Annotated[
    str | None, _training("--precision", "auto|float32|bfloat16", "What the products of training are made of.")
]
Metric = Annotated[str | None, _training("--metric", "NAME", "accuracy, auc, log-loss, f1 ...; rmse, mae, r2.")]
Augment = Annotated[
    list[str] | None,
    _training("--augment", "KINDS", "Images: shift,flip,rotate,cutout; sound: shift,stretch,time-mask,frequency-mask."),
]
Seed = Annotated[int | None, _training("--seed", "N", "Where randomness starts; the test rows don't depend on it.")]
TimeLimit = Annotated[str | None, _training("--time-limit", "TIME", "Stop training after 90s, 10m or 1h.")]

Resume = Annotated[str | None, _place("--resume", "RUN", "Go on with a run that was stopped; DATA is left out.")]
Name = Annotated[str | None, _place("--run", "NAME", "What to call the run.")]
Device = Annotated[str | None, _place("--device", "cpu|gpu", "What to compute on.")]
Threads = Annotated[int | None, _place("--threads", "N", "How many processor cores to use.")]
Plan = Annotated[
    str | None, _place("--plan", "map|vmap|threads", "A member a core, members side by side, or all cores on one.")
]
Runs = Annotated[
    Path,
    Option(
        "--runs", metavar="FOLDER", envvar="LAMINA_RUNS", help="Where runs are kept.", rich_help_panel="Where and how"
    ),
]
Studied = Annotated[
    str | None,
    Argument(
        metavar="[RUN | DATA]",
        show_default=False,
        help="A run's name or folder, a model file, or a data file; left out, all runs.",
    ),
]
Port = Annotated[int | None, _place("--port", "N", "The port to listen on; taken, the next free one. 0: any.")]
Browser = Annotated[bool, _place("--browser/--no-browser", None, "Open a browser, or only print the address.")]
Row = Annotated[int | None, _of("What to explain", "--row", "N", "Which of the file's examples, counted from 1.")]
Example = Annotated[int | None, _of("What to explain", "--example", "N", "One of those that the run kept, from 0.")]
Layer = Annotated[
    str | None, _of("What to explain", "--layer", "PATH", "The layer to look into, such as 1.conv; answer is the last.")
]
Unit = Annotated[
    str | None,
    _of("What to explain", "--unit", "PLACE", "One number of --layer's output: 3,4,0; if not said, the largest."),
]
Json = Annotated[bool, _place("--json", None, "The last line of stdout is one JSON object; all else goes to stderr.")]
Quiet = Annotated[bool, _place("--quiet -q", None, "Only the verdict's sentence, and errors.")]

STEPS_OF_A_RANGE = 8
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def numbers(texts: Iterable[str], option: str) -> tuple[float, ...]:
    """Each number that is named: one, several with commas between, or a range of 8 evenly spaced in their logarithm.

    >>> numbers(["0.001, 0.003"], "--learning-rate")
    (0.001, 0.003)
    >>> numbers(["1e-4:1e-2"], "--learning-rate")[::7]
    (0.0001, 0.01)
    """
    return tuple(number for text in texts for part in text.split(",") for number in _numbers(part.strip(), option))


def _numbers(text: str, option: str) -> tuple[float, ...]:
    ends = [_number(end, text, option) for end in re.split(r"\.\.|:", text)]
    if len(ends) == 1:
        return (ends[0],)
    if len(ends) > 2 or not 0 < ends[0] < ends[1] < math.inf:
        raise OptionError(
            f"{option} {text} is no range.",
            expected="A range goes from a smaller to a larger number, both above 0.",
            mend=f"{option} 1e-4..1e-2",
        )
    low, high = ends
    steps = (low * (high / low) ** (step / (STEPS_OF_A_RANGE - 1)) for step in range(STEPS_OF_A_RANGE))
    return tuple(float(f"{number:.4g}") for number in steps)


def _number(end: str, text: str, option: str) -> float:
    try:
        return float(end)
    except ValueError:
        raise OptionError(
            f"{option} {text} is no number.",
            expected="A number, several with commas between, or a range.",
            mend=f"{option} 0.001   or   {option} 0.001,0.003   or   {option} 1e-4..1e-2",
        ) from None


def seconds(text: str | None, option: str) -> float | None:
    """A duration in seconds: "90", "90s", "10m", "1.5h"; None stays None.

    >>> seconds("10m", "--time-limit")
    600.0
    """
    if text is None:
        return None
    match = re.fullmatch(r"\s*([-+.\deE]+?|nan|inf)\s*(s|m|min|h)?\s*", text)
    try:
        return float(match[1]) * _SECONDS[match[2] or ""] if match else _no_duration(text, option)
    except ValueError:
        return _no_duration(text, option)


def _no_duration(text: str, option: str) -> float:
    raise OptionError(
        f"{option} {text} is no duration.",
        expected="A number of seconds, or a number with s, m or h.",
        mend=f"{option} 90   or   {option} 10m",
    )


def size(text: str | None, option: str) -> tuple[int, int] | None:
    """An image's height and width in pixels: "64" is square, "48x64" is 48 high and 64 wide.

    >>> size("64", "--image-size"), size("48x64", "--image-size")
    ((64, 64), (48, 64))
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)(?:\s*[xX×]\s*(\d+))?", text.strip())
    if not match or int(match[1]) == 0 or int(match[2] or 1) == 0:
        raise OptionError(
            f"{option} {text} is no size.",
            expected="A side in pixels, or HEIGHTxWIDTH.",
            mend=f"{option} 64   or   {option} 48x64",
        )
    return int(match[1]), int(match[2] or match[1])


def names(texts: Iterable[str]) -> tuple[str, ...]:
    """Names with commas between, a name with a comma in quotes; an empty list of none.

    >>> names(["age,fare", '"sex, as told"'])
    ('age', 'fare', 'sex, as told')
    """
    found = next(iter(csv.reader([",".join(texts)], skipinitialspace=True)), [])
    return tuple(name.strip() for name in found if name.strip())


def kinds(texts: Iterable[str], option: str) -> dict[str, str]:
    """Columns and the kind that each is said to be.

    >>> kinds(["zip=category, age=number"], "--types")
    {'zip': 'category', 'age': 'number'}
    """
    return dict(_kind(entry, option) for entry in names(texts))


def _kind(entry: str, option: str) -> tuple[str, str]:
    column, equals, kind = entry.rpartition("=")
    if not equals or not column.strip() or not kind.strip():
        raise OptionError(
            f"{option} {entry} names no column and kind.",
            expected="COLUMN=KIND, several with commas between.",
            mend=f"{option} {column.strip() or kind.strip() or 'zip'}=category",
        )
    return column.strip(), kind.strip().lower()


def word(text: str | None) -> str | None:
    """A name as Lamina writes it, whichever way its words were joined; None stays None.

    >>> word("warmup-cosine")
    'warmup cosine'
    """
    return None if text is None else " ".join(text.replace("-", " ").replace("_", " ").lower().split())


def choices(texts: Iterable[str] | None) -> tuple[str, ...] | None:
    """Several names with commas between; "none" is none of them, and nothing said is None.

    >>> choices(["shift,flip"]), choices(["none"]), choices(None)
    (('shift', 'flip'), (), None)
    """
    if not texts:
        return None
    found = names(texts)
    return () if found == ("none",) else found


def model_and_file(words: list[str]) -> tuple[str | None, str]:
    """Which of one or two words is the model and which the file: one alone is the file.

    >>> model_and_file(["new.csv"]), model_and_file(["penguins", "new.csv"])
    ((None, 'new.csv'), ('penguins', 'new.csv'))
    """
    if len(words) > 2 or words[-1].endswith(".lamina"):
        given = (
            f"{len(words)} words were given"
            if len(words) > 2
            else f"{words[-1]} is a model, and no examples were named"
        )
        raise OptionError(
            f"{given}.", expected="A model (or none: the latest run's) and one file.", mend="MODEL new.csv"
        )
    return (None, words[0]) if len(words) == 1 else (words[0], words[1])


def model_and_example(words: list[str], example: int | None) -> tuple[str | None, str | None]:
    """Which word is the model and which the file; the file is left out where a kept example is asked for.

    >>> model_and_example(["digits", "seven.png"], None), model_and_example(["digits"], 3), model_and_example([], 3)
    (('digits', 'seven.png'), ('digits', None), (None, None))
    """
    if example is None:
        if not words:
            raise OptionError(
                "No example was named.", expected="A file, or --example N.", mend="lamina explain --example 0"
            )
        return model_and_file(words)
    if len(words) > 1:
        raise OptionError(
            f"--example {example} is one that the run kept, and a file was named too.",
            expected="Either --example or a file.",
            mend=f"{words[0]} --example {example}",
        )
    return (words[0] if words else None), None


def place(text: str, option: str) -> tuple[int, ...]:
    """A place in an array: whole numbers with commas between.

    >>> place("3, 4,0", "--unit")
    (3, 4, 0)
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise OptionError(
            f"{option} {text} is no place.",
            expected="Whole numbers with commas between, one for each axis of the layer's output.",
            mend=f"{option} 3,4,0",
        ) from None
