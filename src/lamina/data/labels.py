"""Labels of images and recordings as targets, and what tells their examples apart: a hash of content and label."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from difflib import get_close_matches

import numpy as np

from lamina.data.examples import Note, Task
from lamina.data.medium import Medium, some
from lamina.errors import TargetError


def encoded(labels: np.ndarray, target: str, *, positive: str | None) -> tuple[Task, np.ndarray]:
    """The task and the class numbers, int32 [n], of labels that are text.

    Classes are ordered as numbers where all are, else as text. TargetError where ``positive`` is none of them.

    >>> task, targets = encoded(np.array(["no", "yes", "no"]), "class", positive=None)
    >>> task.classes, task.positive, targets.tolist()
    (('no', 'yes'), 'yes', [0, 1, 0])
    """
    classes = ordered_classes(labels)
    number = {label: i for i, label in enumerate(classes)}
    task = Task("classification", target, classes, _positive(classes, positive))
    return task, np.array([number[label] for label in labels.tolist()], np.int32)


def ordered_classes(labels: np.ndarray) -> tuple[str, ...]:
    """The different labels, in the order of numbers where all are numbers, else of text.

    >>> ordered_classes(np.array(["10", "9", "9"]))
    ('9', '10')
    """
    different = sorted(set(labels.tolist()))
    if all(re.fullmatch(r"[-+]?\d+", label) for label in different):
        different.sort(key=lambda label: (int(label), label))
    return tuple(different)


def known_targets(labels: np.ndarray, task: Task) -> np.ndarray:
    """Labels as a task numbers its classes, or values as they are; TargetError for a class that it doesn't know.

    >>> known_targets(np.array(["b", "a"]), Task("classification", "class", ("a", "b"))).tolist()
    [1, 0]
    """
    if task.kind == "regression":
        return labels.astype(np.float64)
    number = {label: i for i, label in enumerate(task.classes)}
    unknown = sorted(set(labels.astype(str).tolist()) - set(number))
    if unknown:
        raise TargetError(
            f"The model does not know {some(unknown)}.",
            expected=f"Its classes: {some(task.classes, 20)}.",
            mend="Leave out or rename those examples, or train a model with them.",
        )
    return np.array([number[label] for label in labels.astype(str).tolist()], np.int32)


def _positive(classes: tuple[str, ...], asked: str | None) -> str | None:
    if asked is None:
        return classes[1] if len(classes) == 2 else None
    if asked in classes:
        return asked
    near = get_close_matches(asked, classes, 1, 0) or [classes[0]]
    raise TargetError(
        f"There is no class {asked!r}.",
        expected=f"One of {', '.join(map(repr, classes[:20]))}.",
        mend=f"--positive {near[0]!r}",
    )


def hashed(inputs: np.ndarray, targets: np.ndarray, task: Task, medium: Medium) -> tuple[np.ndarray, tuple[Note, ...]]:
    """A uint64 of each example's numbers and label, [n], and notes on examples that repeat others.

    >>> medium = Medium("image", "images", "pixel by pixel", "png", bool, "Images.", "PNG")
    >>> task = Task("classification", "class", ("a", "b"))
    >>> [note.kind for note in hashed(np.zeros((2, 3)), np.array([0, 1]), task, medium)[1]]
    ['duplicate-images', 'contrary-labels']
    """
    rows = np.ascontiguousarray(inputs).reshape(len(inputs), -1)
    alone = _digests(row.data for row in rows)
    keys = _digests(label.encode() for label in task.classes)[targets] if task.classes else _bits(targets)
    hashes = (alone ^ (alone >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15) + keys
    return hashes, _equal_notes(alone, hashes, medium)


def _digests(contents: Iterable[bytes | memoryview]) -> np.ndarray:
    digests = b"".join(hashlib.blake2b(content, digest_size=8).digest() for content in contents)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def _bits(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float64).view(np.uint64)


def _equal_notes(alone: np.ndarray, hashes: np.ndarray, medium: Medium) -> tuple[Note, ...]:
    """Examples of equal numbers, and those among them with different labels."""
    notes = []
    repeated = len(alone) - len(np.unique(alone))
    if repeated:
        verb = "repeats" if repeated == 1 else "repeat"
        text = f"{medium.counted(repeated)} {verb} another, {medium.alike}."
        notes.append(Note(f"duplicate-{medium.many}", text))
    pairs = np.unique(np.stack([alone, hashes]), axis=1)[0]
    contrary = int((np.unique(pairs, return_counts=True)[1] > 1).sum())
    if contrary:
        text = f"{medium.counted(contrary)} {'has' if contrary == 1 else 'have'} copies under another label."
        notes.append(Note("contrary-labels", text, matters=True))
    return tuple(notes)
