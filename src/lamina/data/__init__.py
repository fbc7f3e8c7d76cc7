"""From whatever a person points at to labelled examples, their parts, and their preprocessing."""

from lamina.data.examples import Examples, Note, Reading, Source, Task
from lamina.data.image import ImagePreprocessing
from lamina.data.read import read, test_fraction
from lamina.data.schema import Column, Schema
from lamina.data.split import Part, Split, split, test_identity
from lamina.data.table import Table, read_table

__all__ = [
    "Column",
    "Examples",
    "ImagePreprocessing",
    "Note",
    "Part",
    "Reading",
    "Schema",
    "Source",
    "Split",
    "Table",
    "Task",
    "read",
    "read_table",
    "split",
    "test_fraction",
    "test_identity",
]
