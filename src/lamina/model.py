"""The model file: what is shipped. One network or an ensemble, with its preprocessing and its schema; JSON and
safetensors in a zip.

Opening a file from a stranger runs nothing and writes nothing: there is no pickle and no code in it, its members'
names are fixed, and a digest over the whole file tells a truncated or altered one.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.data import kinds
from lamina.data.examples import Kind, Note, Task
from lamina.errors import LaminaError, ModelFileError
from lamina.files import write_whole

if TYPE_CHECKING:
    from lamina.data.preprocess import TablePreprocessing

FORMAT = 1
FACTS, WEIGHTS = "model.json", "weights.safetensors"
MOST_BYTES = 4 << 30
DIGEST = b"lamina sha256 "


@dataclass(frozen=True)
class Predictions:
    """Answers to examples without labels.

    ``names`` say which example ("line 12", a file's name). Classification: ``labels`` [n] and ``probabilities`` [n,
    classes]; regression: ``values`` [n] in the target's units. ``notes`` say what had to be handled.
    """

    names: np.ndarray
    labels: np.ndarray | None
    probabilities: np.ndarray | None
    values: np.ndarray | None
    classes: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class NetworkPart:
    """One network of a model: its shape and weights, the preprocessing it was trained behind, and its target's
    scale.
    """

    network: Any
    shape: tuple[int, ...]
    loss: str
    preprocessing: TablePreprocessing | kinds.Preprocessing
    parameters: np.ndarray
    state: Mapping[str, np.ndarray]
    shift: float = 0.0
    scale: float = 1.0

    def answer(self, inputs: np.ndarray, task: Task) -> np.ndarray:
        """Class probabilities [n, classes], or values [n] in the target's units, for prepared inputs."""
        answers = self._asked(task.kind)(inputs)
        return answers if task.kind == "classification" else answers * self.scale + self.shift

    def _asked(self, kind: Any) -> Callable[[np.ndarray], np.ndarray]:
        """What answers prepared inputs: made at the first question."""
        if kind not in self._askers:
            self._askers[kind] = self._new_asker(kind)
        return self._askers[kind]

    @functools.cached_property
    def _askers(self) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        return {}

    def _new_asker(self, kind: Any) -> Callable[[np.ndarray], np.ndarray]:
        from lamina.training.device import answer_at_once
        from lamina.training.predict import asker

        answer_at_once()
        return asker(self.network, self.shape, self.loss, kind, self.parameters, self.state)


@dataclass(frozen=True)
class Model:
    """A trained answer to one question: an ensemble of one or more networks whose answers are averaged.

    ``about`` is where it comes from: run, data, versions, verdict. See :func:`load` and :meth:`predict`.
    """

    task: Task
    kind: Kind
    parts: tuple[NetworkPart, ...]
    about: Mapping[str, Any]

    def predict(self, data: Any) -> Predictions:
        """Answers to a file, a frame or arrays like those it was trained on, with or without the target.

        Errors: SchemaError where a column is missing or holds words for numbers; extra columns are noted and ignored.
        """
        inputs, names, notes = self.read(data)
        return self.answers(inputs, names, notes)

    def read(self, data: Any) -> tuple[Any, np.ndarray, tuple[Note, ...]]:
        """Read examples without labels: what :attr:`parts`' preprocessing takes, each example's name, and notes."""
        if self.kind == "table":
            from lamina.data.table import read_table

            table = read_table(data, header=self.about.get("header"))
            return table, np.array([table.row_name(row) for row in range(len(table))], object), table.notes
        return kinds.reader(self.kind).read_unlabelled(data, self.parts[0].preprocessing)

    def answers(self, inputs: Any, names: np.ndarray, notes: Sequence[Note] = ()) -> Predictions:
        """The mean of the networks' answers to inputs as :meth:`read` gives them."""
        mean, found = self.outputs(inputs)
        notes = tuple(dict.fromkeys((*notes, *found)))
        if self.task.kind == "regression":
            return Predictions(names, None, None, mean, (), notes)
        labels = np.array(self.task.classes, object)[mean.argmax(axis=1)]
        return Predictions(names, labels, mean, None, self.task.classes, notes)

    def outputs(self, inputs: Any) -> tuple[np.ndarray, tuple[Note, ...]]:
        """The networks' mean class probabilities [n, classes] or mean values [n], and what preprocessing had to
        handle.
        """
        prepared, notes = self._prepared(inputs)
        answers = (part.answer(prepared[id(part.preprocessing)], self.task) for part in self.parts)
        mean = next(answers).astype(np.float64)
        for answer in answers:
            mean += answer
        mean /= len(self.parts)
        return mean, notes

    def _prepared(self, inputs: Any) -> tuple[Mapping[int, Any], tuple[Note, ...]]:
        """The inputs as each preprocessing makes them, and what the first that had to handle something says."""
        if self.kind != "table":
            return {id(part.preprocessing): inputs for part in self.parts}, ()
        preprocessings = {id(part.preprocessing): part.preprocessing for part in self.parts}
        prepared = {key: of.transform(inputs) for key, of in preprocessings.items()}
        said = (of.notes(inputs) for of in preprocessings.values())  # pyright: ignore[reportAttributeAccessIssue]
        return prepared, next(filter(None, said), ())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model file, whole or not at all."""
        path = Path(path)
        write_whole(path, pack(*self._contents()))
        return path

    def _contents(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        from lamina.data.examples import plain
        from lamina.network import to_json

        networks: list[Any] = list(dict.fromkeys((part.network, part.shape) for part in self.parts))
        preprocessings = list({id(part.preprocessing): part.preprocessing for part in self.parts}.values())
        arrays: dict[str, np.ndarray] = {}
        members = []
        for at, part in enumerate(self.parts):
            arrays[f"{at}/parameters"] = part.parameters
            arrays |= {f"{at}/state/{path}": np.asarray(leaf) for path, leaf in part.state.items()}
            preprocessing = next(i for i, of in enumerate(preprocessings) if of is part.preprocessing)
            where = {"network": networks.index((part.network, part.shape)), "preprocessing": preprocessing}
            members.append({**where, "loss": part.loss, "shift": part.shift, "scale": part.scale})
        facts = {
            "format": FORMAT,
            "task": plain(self.task),
            "kind": self.kind,
            "networks": [{"network": to_json(network), "shape": list(shape)} for network, shape in networks],
            "preprocessings": [of.to_json() for of in preprocessings],
            "members": members,
            "about": plain(dict(self.about)),
        }
        return facts, arrays


def load(path: str | os.PathLike[str]) -> Model:
    """Open a model file. Nothing in it is run, nothing is written.

    ModelFileError where it is missing, truncated, altered, of another format version, or no model file.

    >>> load("nowhere.lamina")
    Traceback (most recent call last):
    ...
    lamina.errors.ModelFileError: There is no file nowhere.lamina.
      Expected: A model file, such as runs/NAME/model.lamina.
      To mend it: lamina runs
    """
    path = Path(path)
    if not path.is_file():
        expected = "A model file, such as runs/NAME/model.lamina."
        raise ModelFileError(f"There is no file {path}.", expected=expected, mend="lamina runs")
    facts, arrays = unpack(path)
    if facts.get("format") != FORMAT:
        raise ModelFileError(
            f"{path} has format version {facts.get('format')!r}.",
            expected=f"Version {FORMAT}, which this Lamina reads.",
            mend="train again with this Lamina, or open it with the one that wrote it",
        )
    try:
        return _assemble(facts, arrays)
    except ModelFileError:
        raise
    except (LaminaError, KeyError, TypeError, ValueError, IndexError, AttributeError) as problem:
        raise _broken(path, f"its contents don't fit together ({type(problem).__name__}: {problem})") from problem


def _assemble(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Model:
    from lamina.network import from_json, skeleton
    from lamina.training.vector import Layout

    task = Task(**{**facts["task"], "classes": tuple(facts["task"]["classes"])})
    kind: Kind = facts["kind"]
    networks = [(from_json(of["network"]), tuple(int(side) for side in of["shape"])) for of in facts["networks"]]
    # Once a network and not once a member: an ensemble has dozens of members of one network.
    sizes = [Layout.of(skeleton(network, shape)).size for network, shape in networks]
    preprocessings = [_preprocessing(kind, of) for of in facts["preprocessings"]]
    parts = []
    for at, member in enumerate(facts["members"]):
        network, shape = networks[member["network"]]
        start = f"{at}/state/"
        state = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
        preprocessing = preprocessings[member["preprocessing"]]
        part = NetworkPart(
            network,
            shape,
            str(member["loss"]),
            preprocessing,
            arrays[f"{at}/parameters"],
            state,
            float(member["shift"]),
            float(member["scale"]),
        )
        expected = sizes[member["network"]]
        if part.parameters.shape != (expected,):
            raise ValueError(f"{part.parameters.shape} weights where the network has {expected}")
        parts.append(part)
    if not parts:
        raise ValueError("no networks")
    return Model(task, kind, tuple(parts), dict(facts["about"]))


def _preprocessing(kind: Kind, facts: Mapping[str, Any]) -> Any:
    if kind == "table":
        from lamina.data.preprocess import TablePreprocessing

        return TablePreprocessing.from_json(facts)
    return kinds.preprocessing_from(kind, facts)


# --- the container ---------------------------------------------------------------------------------------------------


def pack(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """JSON and arrays as the bytes of a model file, ending in a digest of all the bytes before."""
    from safetensors.numpy import save

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ((FACTS, json.dumps(facts, allow_nan=False).encode()), (WEIGHTS, save(dict(arrays)))):
            # A fixed time stamp: equal models are equal files.
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
        archive.comment = DIGEST + b"0" * 64
    content = buffer.getvalue()[:-64]
    return content + hashlib.sha256(content).hexdigest().encode()


def unpack(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The JSON and the arrays of a model file, the digest being checked before anything is parsed."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as load_tensors

    if path.stat().st_size > MOST_BYTES:
        raise _broken(path, "it is larger than any model of Lamina's")
    content = path.read_bytes()
    if content[-64 - len(DIGEST) : -64] != DIGEST:
        raise _broken(path, "it is truncated, or not a model file")
    if hashlib.sha256(content[:-64]).hexdigest().encode() != content[-64:]:
        raise _broken(path, "it was altered: its digest doesn't fit its content")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sorted(archive.namelist()) != sorted((FACTS, WEIGHTS)):
                raise _broken(path, f"it holds {', '.join(archive.namelist()[:5])}")
            if sum(of.file_size for of in archive.infolist()) > MOST_BYTES:
                raise _broken(path, "it unpacks to more than any model of Lamina's")
            facts = json.loads(archive.read(FACTS))
            arrays = load_tensors(archive.read(WEIGHTS))
    except (zipfile.BadZipFile, SafetensorError, ValueError, RuntimeError) as problem:
        raise _broken(path, str(problem)) from problem
    if not isinstance(facts, dict):
        raise _broken(path, "its model.json is no object")
    return facts, arrays


def _broken(path: Path, why: str) -> ModelFileError:
    expected = "A model file as Lamina wrote it: a zip of model.json and weights.safetensors."
    return ModelFileError(
        f"{path} can't be opened: {why}.",
        expected=expected,
        mend="copy it again from where it was made, or train again",
    )
