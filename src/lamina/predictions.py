"""Predictions as a file: CSV, TSV, JSON lines or Parquet, by the ending of its name; written whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.errors import OptionError, OutputError

if TYPE_CHECKING:
    from lamina.model import Predictions

ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")


def columns(predictions: Predictions) -> dict[str, list[Any]]:
    """Predictions as columns: the row's name, the prediction, and the probability of each class."""
    made: dict[str, list[Any]] = {"row": [str(name) for name in predictions.names]}
    if predictions.values is not None:
        return made | {"prediction": predictions.values.tolist()}
    assert predictions.labels is not None
    assert predictions.probabilities is not None
    made["prediction"] = [str(label) for label in predictions.labels]
    for position, label in enumerate(predictions.classes):
        made[f"probability_{label}"] = predictions.probabilities[:, position].tolist()
    return made


def check(output: Path, inputs: Sequence[Path]) -> None:
    """Refuse a file that is one of the inputs or of no known form, before any work is done."""
    if output.suffix.lower() not in ENDINGS:
        raise OptionError(
            f"{output} is of no form that Lamina writes.",
            expected=f"A name that ends in {', '.join(ENDINGS)}.",
            mend=f"-o {output.with_suffix('.csv')}",
        )
    if any(_same(output, given) for given in inputs):
        raise OptionError(
            f"{output} is also the input.",
            expected="Another file: the input is never written over.",
            mend=f"-o {output.with_name(f'{output.stem}-predicted{output.suffix}')}",
        )


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other))


def write(made: Mapping[str, Sequence[Any]], output: Path) -> None:
    """Write columns to a new file, which then takes the name of ``output``. OutputError where that fails."""
    fresh = output.with_name(f".{output.name}.{os.getpid()}.new")
    try:
        if output.suffix.lower() == ".parquet":
            _write_parquet(made, fresh)
        else:
            fresh.write_bytes(text(made, output.suffix.lower()).encode())
        fresh.replace(output)
    except OSError as error:
        raise OutputError(
            f"{output} can't be written: {error.strerror or error}.",
            expected="A file in a folder that is there, that you may write to, with room left.",
            mend="name another file with -o",
        ) from None
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()


def text(made: Mapping[str, Sequence[Any]], ending: str = ".csv") -> str:
    r"""Columns as CSV, TSV or JSON lines. Numbers are written so that reading gives the same number.

    >>> text({"row": ["line 2"], "prediction": ["a,b"], "probability_a": [0.25]})
    'row,prediction,probability_a\nline 2,"a,b",0.25\n'
    """
    rows = zip(*made.values(), strict=True)
    if ending == ".jsonl":
        return "".join(json.dumps(dict(zip(made, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)
    lines = io.StringIO()
    writer = csv.writer(lines, delimiter="\t" if ending == ".tsv" else ",", lineterminator="\n")
    writer.writerow(made)
    writer.writerows(rows)
    return lines.getvalue()


def _write_parquet(made: Mapping[str, Sequence[Any]], path: Path) -> None:
    """Through JSON lines with every type said, since a class named "1" or "2020-01-01" is still a word."""
    import duckdb

    types = {name: "DOUBLE" if made[name] and isinstance(made[name][0], float) else "VARCHAR" for name in made}
    lines = path.with_name(f"{path.name}.jsonl")
    try:
        lines.write_bytes(text(made, ".jsonl").encode())
        with duckdb.connect() as connection:
            connection.read_json(str(lines), columns=types, format="newline_delimited").write_parquet(str(path))
    except duckdb.IOException as error:
        raise OSError(None, str(error).splitlines()[0]) from None
    finally:
        lines.unlink(missing_ok=True)
