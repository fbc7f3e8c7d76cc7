"""Columns: a table as simple models see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lamina.judgement.fold import Matrix

if TYPE_CHECKING:
    from lamina.data.schema import Schema
    from lamina.data.table import Table

ONE_HOT = 200  # the most frequent categories of a column that linear models see


@dataclass(frozen=True)
class Columns:
    """A table as numbers [rows, numbers] (NaN missing) and category codes [rows, categories] (-1 missing)."""

    numbers: np.ndarray
    codes: np.ndarray

    @property
    def width(self) -> int:
        """How many columns."""
        return self.numbers.shape[1] + self.codes.shape[1]

    about_scaled = "standardised numbers and one-hot categories"
    about_binned = "numbers and categories as they are"
    about_compact = about_scaled

    def scaled(self, known: np.ndarray) -> Matrix:
        """Standardised numbers (missing: the mean, and an indicator), and a column for each frequent category."""
        blocks = [self._standardised(known)]
        for codes in self.codes.T:
            counts = np.bincount(codes[known] + 1)
            frequent = np.argsort(-counts, kind="stable")[:ONE_HOT]
            blocks.append((codes[:, None] + 1 == frequent[counts[frequent] > 0]).astype(np.float64))
        whole = np.concatenate(blocks, axis=1)
        return lambda rows: whole[rows]

    def compact(self, known: np.ndarray) -> Matrix:
        """The same: tables are narrow."""
        return self.scaled(known)

    def _standardised(self, known: np.ndarray) -> np.ndarray:
        missing = np.isnan(self.numbers)
        seen = ~missing[known]
        count = np.maximum(seen.sum(axis=0), 1)
        filled = np.where(missing, 0.0, self.numbers)
        mean = filled[known].sum(axis=0) / count
        centred = np.where(missing, 0.0, self.numbers - mean)
        spread = np.sqrt((centred[known] ** 2).sum(axis=0) / count)
        indicated = missing[:, missing[known].any(axis=0)].astype(np.float64)
        return np.concatenate([centred / np.where(spread > 0, spread, 1.0), indicated], axis=1)

    def binned(self, known: np.ndarray, most: int) -> tuple[Matrix, np.ndarray]:
        """Numbers and codes as they are (NaN: missing, or rarer than the ``most`` categories), and which are codes."""
        columns = [self.numbers]
        for codes in self.codes.T:
            frequent = np.argsort(-np.bincount(codes[known] + 1)[1:], kind="stable")[:most]
            place = np.full(max(int(codes.max(initial=-1)), len(frequent)) + 2, np.nan)
            place[frequent] = np.arange(len(frequent))
            columns.append(place[codes][:, None])  # -1, missing, is the last place, which no category has
        whole = np.concatenate(columns, axis=1)
        return lambda rows: whole[rows], np.arange(whole.shape[1]) >= self.numbers.shape[1]


def read_columns(table: Table, schema: Schema) -> Columns:
    """The columns of the schema that are learnt from; a point in time becomes its days, month, weekday and hour."""
    from lamina.data.schema import cast

    numbers: list[np.ndarray] = []
    codes: list[np.ndarray] = []
    for column in schema.features:
        values = cast(table.columns[column.name], column.kind, name=column.name)
        if column.kind == "number":
            numbers.append(values)
        elif column.kind == "datetime":
            moments = _moments(values)
            numbers.append(moments[0])
            codes.extend(moments[1:])
        else:
            codes.append(_codes(values))
    rows = len(table)
    return Columns(
        np.stack(numbers, axis=1) if numbers else np.zeros((rows, 0)),
        np.stack(codes, axis=1).astype(np.int64) if codes else np.zeros((rows, 0), np.int64),
    )


def _codes(words: np.ndarray) -> np.ndarray:
    """Words as numbers from 0; -1 for missing. Spellings of one number ("3", "3.0") are one."""
    from lamina.data.words import match_key

    keys = {word: match_key(word) for word in dict.fromkeys(words.tolist()) if word is not None}
    places = {key: i for i, key in enumerate(dict.fromkeys(keys.values()))}
    code_of = {None: -1} | {word: places[key] for word, key in keys.items()}
    return np.array([code_of[word] for word in words.tolist()], np.int64)


def _moments(moments: np.ndarray) -> list[np.ndarray]:
    """Days since 1970 (NaN missing), and month, weekday and hour as codes (-1 missing)."""
    missing = np.isnat(moments)
    hours = np.where(missing, np.datetime64(0, "us"), moments).astype("datetime64[h]").astype(np.int64)
    months = np.where(missing, np.datetime64(0, "us"), moments).astype("datetime64[M]").astype(np.int64)
    parts = [np.where(missing, -1, part) for part in (months % 12, (hours // 24) % 7, hours % 24)]
    return [np.where(missing, np.nan, hours / 24), *parts]
