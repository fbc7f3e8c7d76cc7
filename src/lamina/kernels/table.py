"""How the rows of a table become features, in the words of the native library.

The operation is the input of a chain of dense layers, trained (:mod:`lamina.kernels.mlp`) or asked
(:mod:`lamina.kernels.feedforward`); its JAX form is :class:`lamina.network.TableInput`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

WAVES_MAKE = 3  # features of a number


class Category(NamedTuple):
    """A column of ``codes`` 0 (nothing), 1, 2, ... as ``features`` of the first layer, from the feature ``place`` on:
    an indicator for each code but 0, or a vector for each of these, which lie from the parameter ``vectors`` on.
    """

    codes: int
    features: int
    place: int
    vectors: int = -1


@dataclass(frozen=True)
class Table:
    """How a row of numbers, then codes, becomes what the first layer reads: :class:`lamina.network.TableInput`.

    With ``frequencies`` the waves of each number follow the numbers; ``waves`` and the next three say where among the
    parameters lies what :class:`lamina.network.Periodic` learns.
    """

    numbers: int
    frequencies: int = 0
    waves: int = -1
    phases: int = -1
    weight: int = -1
    bias: int = -1
    categories: tuple[Category, ...] = ()

    @property
    def width(self) -> int:
        """Numbers of a row."""
        return self.numbers + len(self.categories)

    def features(self) -> list[tuple[int, int]]:
        """First one and how many, of each stretch of features."""
        numbers = self.numbers * (1 + WAVES_MAKE) if self.frequencies else self.numbers
        return [(0, numbers), *((of.place, of.features) for of in self.categories)]

    def learned(self) -> list[tuple[int, int]]:
        """First one and how many, of each stretch of parameters."""
        of_wave = self.numbers * self.frequencies
        waves = [
            (self.waves, of_wave),
            (self.phases, of_wave),
            (self.weight, WAVES_MAKE * of_wave),
            (self.bias, WAVES_MAKE * self.numbers),
        ]
        vectors = [(of.vectors, (of.codes - 1) * of.features) for of in self.categories if of.vectors >= 0]
        return vectors if self.frequencies == 0 else waves + vectors

    def words(self) -> tuple[int, ...]:
        """All of it, as the library reads it."""
        places = (self.waves, self.phases, self.weight, self.bias)
        return (self.numbers, self.frequencies, *places, *(word for of in self.categories for word in of))


def side_by_side(stretches: list[tuple[int, int]], size: int) -> bool:
    """Whether stretches (first one, how many) are all of [0, size), each place once.

    >>> side_by_side([(2, 3), (0, 2)], 5), side_by_side([(0, 2), (1, 4)], 5)
    (True, False)
    """
    end = 0
    for at, length in sorted(stretches):
        if at != end:
            return False
        end += length
    return end == size
