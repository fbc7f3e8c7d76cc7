"""Every error that a user can meet, in one tree.

A message has up to three parts: what was given, what was expected and how to mend it. The command line prints them
without a traceback and exits with ``exit_code``: 2 where the input is at fault, 1 where Lamina or the machine is.
"""

from __future__ import annotations


class LaminaError(Exception):
    """The root of the tree: what happened, what was expected, and how to mend it.

    >>> str(LaminaError("epochs is 0.", expected="A whole number from 1.", mend="--epochs 20"))
    'epochs is 0.\\n  Expected: A whole number from 1.\\n  To mend it: --epochs 20'
    """

    exit_code = 1

    def __init__(self, given: str, *, expected: str = "", mend: str = "") -> None:
        self.given, self.expected, self.mend = given, expected, mend
        super().__init__(given)

    def __str__(self) -> str:
        lines = [self.given]
        if self.expected:
            lines.append(f"  Expected: {self.expected}")
        if self.mend:
            lines.append(f"  To mend it: {self.mend}")
        return "\n".join(lines)


class InputError(LaminaError):
    """What was given is at fault (exit 2)."""

    exit_code = 2


class DataError(InputError):
    """A data file or folder can't be used as it is."""


class TargetError(DataError):
    """The target column is not named, not there, or not usable."""


class SchemaError(DataError):
    """Rows to predict don't fit the schema the model was trained on."""


class NotationError(InputError):
    """A network written in the notation can't be read."""


class ShapeError(InputError):
    """A network's shapes don't fit each other or the data."""


class OptionError(InputError):
    """An option or a recipe's number is out of range, or two don't go together."""


class ModelFileError(InputError):
    """A model file is missing, truncated, altered, or not one."""


class RunError(InputError):
    """A run can't be found, opened, resumed or named so."""


class OutputError(LaminaError):
    """The output can't be written: no permission, no room (exit 1)."""


class TooLargeError(LaminaError):
    """A training needs more memory than there is (exit 1)."""


class DivergedError(LaminaError):
    """Every member of the population went to NaN or infinity (exit 1)."""
