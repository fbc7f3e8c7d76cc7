"""A layer: one immutable step of a network, and a pytree.

A layer's fields have roles. ``parameter()`` fields hold arrays that training changes, ``state()`` fields arrays that
applying the layer in training changes (running averages), ``number()`` fields one float32 that a recipe may set (a
dropout rate), ``child()`` fields other layers. Every other field is static: hashable, and part of the compiled
program. Parameters and state are None until the layer is built for a shape.

>>> from lamina.network import Dense, build, leaves
>>> dense = build(Dense(2), (3,), seed=0)
>>> {path: array.shape for path, array in leaves(dense, "parameter").items()}
{'weight': (3, 2), 'bias': (2,)}
"""

from __future__ import annotations

import dataclasses
import zlib
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, dataclass_transform

import jax
import numpy as np
from jax import Array

from lamina.errors import LaminaError, OptionError
from lamina.network.initialisers import Draw

Shape = tuple[int, ...]
Role = Literal["parameter", "state", "number", "child"]


def parameter(*, init: Literal[False] = False) -> Any:
    """A field for an array that training changes; None until the layer is built."""
    del init  # says to type checkers that nobody gives it; dataclasses.replace does
    return dataclasses.field(default=None, kw_only=True, metadata={"role": "parameter"})


def state(*, init: Literal[False] = False) -> Any:
    """A field for an array that applying the layer in training changes; None until the layer is built."""
    del init
    return dataclasses.field(default=None, kw_only=True, metadata={"role": "state"})


def number(*, default: Any = dataclasses.MISSING, kw_only: bool = False) -> Any:
    """A field for one float32 that a recipe may set without a new compilation.

    Where the default is None there may be no such number: a program without it is another program.
    """
    return dataclasses.field(default=default, kw_only=kw_only, metadata={"role": "number"})


def shortest(value: Any) -> str:
    """A value in the fewest digits that give it back; arrays as float32.

    >>> shortest(np.asarray(0.1, np.float32)), shortest(32)
    ('0.1', '32')
    """
    return str(value) if isinstance(value, (str, int, float)) else str(np.float32(value))


def child() -> Any:
    """A field for a layer, or a tuple of layers, that is given."""
    return dataclasses.field(metadata={"role": "child"})


def built_child(*, init: Literal[False] = False) -> Any:
    """A field for a layer, or a tuple of layers, that the layer makes when it is built; None before."""
    del init
    return dataclasses.field(default=None, kw_only=True, metadata={"role": "child", "built": True})


@dataclass_transform(
    frozen_default=True,
    eq_default=False,
    field_specifiers=(parameter, state, number, child, built_child, dataclasses.field),
)
class Layer:
    """The base of all layers. Subclasses are frozen dataclasses and pytrees by being subclasses.

    >>> class Twice(Layer):
    ...     kind = "twice"
    ...     def apply(self, x, context):
    ...         return 2 * x, self
    >>> Twice().apply(3.0, Context())
    (6.0, Twice())
    """

    kind: ClassVar[str] = "layer"
    names_of: ClassVar[dict[str, tuple[str, ...]]] = {}
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, eq=False, repr=False)(cls)
        by_role: dict[str, list[str]] = {"parameter": [], "state": [], "number": [], "child": [], "static": []}
        for f in dataclasses.fields(cls):
            by_role[f.metadata.get("role", "static")].append(f.name)
        cls.names_of = {role: tuple(names) for role, names in by_role.items()}
        jax.tree_util.register_pytree_with_keys(cls, _flatten_with_keys, _unflattener(cls), _flatten)

    def __post_init__(self) -> None:
        for name in self.names_of["number"]:
            value = getattr(self, name)
            if value is None and self.__dataclass_fields__[name].default is None:
                continue
            if value is None or isinstance(value, (str, bool)):
                raise OptionError(f"{self.kind}: {name} is {value!r}.", expected="A number.", mend=f"{name}=0.5")
            if isinstance(value, (int, float)):
                object.__setattr__(self, name, np.asarray(value, np.float32))

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of one example (no batch) after this layer; ShapeError when ``shape`` can't go in."""
        return shape

    def build(self, shape: Shape, draw: Draw) -> Self:
        """The same layer with initial parameters and state for examples of ``shape``, from the numbers of ``draw``."""
        del draw
        self.output_shape(shape)
        return self

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        """What the layer makes of a batch ``x``, and the layer with its new state."""
        raise NotImplementedError(f"{type(self).__name__}.apply")

    def alive(self, mask: Array | None, x: Array) -> Array | None:
        """Which steps live behind this layer, [batch, time] booleans, given ``mask`` before it; None: there is no time.

        ``x`` is what goes into the layer, of which a layer that says by itself which steps are there makes the mask;
        every other looks at the mask alone. A layer that moves along time, or takes it away, says so here.
        """
        del x
        return mask

    def multiply_adds(self, shape: Shape) -> int:
        """How many multiplications followed by an addition one example of ``shape`` costs."""
        del shape
        return 0

    def describe(self) -> str:
        """What the layer is, in the words of the notation where it has them."""
        return self.kind

    def __eq__(self, other: object) -> bool:
        """Equal structure and equal arrays; numbers compare as floats."""
        if type(self) is not type(other):
            return NotImplemented
        (mine, kind), (theirs, other_kind) = jax.tree.flatten(self), jax.tree.flatten(other)
        return kind == other_kind and all(a is b or np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))

    def __hash__(self) -> int:
        return hash(jax.tree.structure(self))

    def __repr__(self) -> str:
        given = [f for f in dataclasses.fields(self) if f.init and f.metadata.get("role") not in ("parameter", "state")]
        shown = [f"{f.name}={_short(getattr(self, f.name))}" for f in given if getattr(self, f.name) is not f.default]
        return f"{type(self).__name__}({', '.join(shown)})"


def _short(value: Any) -> str:
    return str(value) if isinstance(value, np.ndarray | Array) else repr(value)


def _flatten(layer: Layer) -> tuple[list[Any], tuple[Any, ...]]:
    names = layer.names_of
    data = [getattr(layer, n) for role in ("parameter", "state", "number", "child") for n in names[role]]
    return data, tuple(getattr(layer, n) for n in names["static"])


def _flatten_with_keys(layer: Layer) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
    data, static = _flatten(layer)
    return [(jax.tree_util.GetAttrKey(n), v) for n, v in zip(_data_names(type(layer)), data, strict=True)], static


def _data_names(cls: type[Layer]) -> tuple[str, ...]:
    return tuple(n for role in ("parameter", "state", "number", "child") for n in cls.names_of[role])


def _unflattener(cls: type[Layer]) -> Any:
    """Makes a layer from its leaves without ``__init__``: JAX also puts tracers and placeholders there."""
    names = _data_names(cls) + cls.names_of["static"]

    def unflatten(static: tuple[Any, ...], data: Any) -> Layer:
        layer = object.__new__(cls)
        for name, value in zip(names, (*data, *static), strict=True):
            object.__setattr__(layer, name, value)
        return layer

    return unflatten


@dataclass(frozen=True)
class Context:
    """What a layer knows of the batch it is applied to.

    ``training`` turns dropout and batch statistics on; ``key`` is the step's random key; ``weights`` are the rows'
    weights [batch], of which statistics leave out the zeros; ``records``, when a dict, gets every layer's output under
    its path. ``mask`` [batch, time], booleans, says which steps of sequences, axis 1, live (None: all): those up to an
    example's end. Behind it a layer is given zeros; they count in no statistics and change no output, state, gradient.
    """

    training: bool = False
    key: Array | None = None
    weights: Array | None = None
    mask: Array | None = None
    records: dict[str, Array] | None = None
    path: str = ""

    def child(self, place: int, layer: Layer, name: str = "") -> Context:
        """The context of the layer at ``place``; its path ends in ``name``, or in "place.kind".

        >>> Context(path="0.residual.body").child(1, Layer()).path
        '0.residual.body.1.layer'
        """
        return dataclasses.replace(self, path=joined(self.path, name or f"{place}.{layer.kind}"))

    def random_key(self) -> Array:
        """The key of this place alone: the step's key folded with the path, so that no two layers share numbers."""
        if self.key is None:
            raise LaminaError(f"{self.path or 'A layer'} draws random numbers in training and was given no key.")
        return jax.random.fold_in(self.key, zlib.crc32(self.path.encode()))

    def record(self, y: Array) -> None:
        """Notes a layer's output under its path, when somebody asked for records."""
        if self.records is not None:
            self.records[self.path] = y


def joined(*parts: str) -> str:
    """Path segments joined by dots, empty ones left out.

    >>> joined("", "2.dense", "weight")
    '2.dense.weight'
    """
    return ".".join(part for part in parts if part)
