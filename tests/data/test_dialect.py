"""Dialects: every combination of delimiter, quotes and header that Python's csv module writes is found again."""

from __future__ import annotations

import csv
import io
import itertools

import numpy as np
import pytest

from lamina.data.dialect import decode, sniff
from lamina.errors import DataError


def rows(seed: int) -> list[list[object]]:
    r = np.random.default_rng(seed)
    return [
        [int(r.integers(100)), round(float(r.normal()), 3), str(r.choice(["a b", "c,d", "e;f", 'g"h', "i"]))]
        for _ in range(40)
    ]


@pytest.mark.parametrize(("delimiter", "header", "seed"), list(itertools.product(",;\t|", [True, False], range(3))))
def test_what_csv_writes_is_found_again(delimiter: str, header: bool, seed: int) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    writer.writerows([["x", "y", "some words"]] * header + rows(seed))
    found = sniff(stream.getvalue())
    assert (found.delimiter, found.quote, found.width, bool(found.names)) == (delimiter, '"', 3, header)


def test_comments_and_blank_lines_before_the_table() -> None:
    found = sniff("\n# made by hand\n# twice\na,b\n1,2\n")
    assert (found.comments, found.begin, found.names) == (2, 4, ("a", "b"))


def test_a_few_ragged_rows_do_not_hide_the_delimiter() -> None:
    found = sniff("a,b,c\n" + "1,2,3\n" * 40 + "1,2\n1,2,3,4\n")
    assert (found.delimiter, found.width) == (",", 3)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_decode(encoding: str) -> None:
    text = "größe,b\n" + "1,ü\n" * 50
    assert decode(text.encode(encoding))[0] == text


def test_decode_refuses_what_is_no_text() -> None:
    noise = np.random.default_rng(0).integers(0, 256, 5000).astype(np.uint8).tobytes()
    for content in (noise, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xfe\0\xd8\0\xd8"):
        with pytest.raises(DataError, match="not text"):
            decode(content)
