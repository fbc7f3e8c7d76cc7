"""The chunk: a fixed number of batches for every member of a population, compiled as one program, dispatched once.

A chunk is a row of *segments*; a segment is an epoch of a small data set or a part of an epoch of a large one. Behind
the last segment of an epoch a member is measured on its validation rows, its best weights are kept and its early
stopping is decided: all of it as data, inside the program. A member that has stopped costs a branch, not its
arithmetic.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as Spec

from lamina import losses, optimizers
from lamina.kernels import adam, native, precision
from lamina.network import Context, apply, build, leaves, skeleton, with_leaves
from lamina.training import stack as stacks
from lamina.training.augment import augment
from lamina.training.compiler import brief
from lamina.training.lengths import cut_to
from lamina.training.plan import Plan
from lamina.training.recipe import Program
from lamina.training.vector import Layout

INITIAL, DROPOUT, AUGMENT = 0, 1, 2  # what a random key is for


class Data(NamedTuple):
    """What a population learns from, on the device, the same for all its members.

    ``inputs`` [fits, n, ...]: the examples as each preprocessing fitted sees them; ``targets`` [n]: class numbers or
    values; ``weights`` [n]: what each row counts; ``fit`` [parts]: which of ``inputs`` a part uses; ``shift``,
    ``scale`` [parts]: a regression target is learned as (target - shift) / scale; ``validation`` [parts, batches,
    batch]: row numbers, -1 for padding; ``state`` {path: [parts, ...]}: initial states that come from training rows
    (the mean of the images).
    """

    inputs: jax.Array
    targets: jax.Array
    weights: jax.Array
    fit: jax.Array
    shift: jax.Array
    scale: jax.Array
    validation: jax.Array
    state: dict[str, jax.Array]


class Fixed(NamedTuple):
    """What a member is, for the whole of its training; every leaf has a leading axis of members outside the program."""

    numbers: dict[str, jax.Array]
    rates: dict[str, jax.Array]
    seed: jax.Array
    part: jax.Array
    epochs: jax.Array
    patience: jax.Array


class Moving(NamedTuple):
    """What training changes of a member: what a checkpoint holds.

    ``parameters`` are the flat vector; within a segment whose updates are native, arrays by path.
    """

    parameters: Any
    state: dict[str, jax.Array]
    optimizer: Any
    step: jax.Array
    epoch: jax.Array
    running: jax.Array
    diverged: jax.Array
    waited: jax.Array
    best_loss: jax.Array
    best_epoch: jax.Array
    best_parameters: jax.Array
    best_state: dict[str, jax.Array]
    sums: dict[str, jax.Array]


@dataclass(frozen=True)
class Compiled:
    """The compiled faces of one (network, program, plan): made once a process, whatever recipes follow.

    ``measured``: the shape and kind of each measurement of an epoch.
    """

    layout: Layout
    unit_paths: tuple[str, ...]
    measured: dict[str, jax.ShapeDtypeStruct]
    initial: Callable[[Fixed, Data], Moving]
    advance: Callable[..., tuple[Moving, jax.Array]]

    def unpacked(self, measures: np.ndarray) -> dict[str, np.ndarray]:
        """By name what :func:`packed` made one array of: [members, segments, ...]."""
        shapes, tree = jax.tree.flatten(self.measured)
        parts = np.split(measures, np.cumsum([math.prod(of.shape) for of in shapes])[:-1], axis=-1)
        found = [
            part.reshape(*part.shape[:-1], *of.shape).astype(of.dtype) for of, part in zip(shapes, parts, strict=True)
        ]
        return jax.tree.unflatten(tree, found)


class Form(NamedTuple):
    """A network's form under its program: all that tracing needs and no numbers."""

    network: Any
    shape: tuple[int, ...]
    template: Any
    layout: Layout
    program: Program
    task: losses.TaskKind


@functools.cache
def compile_chunk(
    network: Any, shape: tuple[int, ...], program: Program, task: losses.TaskKind, plan: Plan
) -> Compiled:
    """The two programs of a population: initial weights and a chunk of training. Compiled at first use."""
    optimizers.check(program.optimizer, program.schedule)
    losses.loss(program.loss, task)
    template = skeleton(network, shape)
    if plan.mode == "vmap":  # side by side a branch is a choice between all of them
        program = dataclasses.replace(program, lengths=())
    form = Form(network, shape, template, Layout.of(template), program, task)
    spread = functools.partial(over_members, plan=plan)
    compiled = functools.partial(jax.jit, compiler_options=brief() if on_kernels(plan) else None)
    return Compiled(
        layout=form.layout,
        unit_paths=unit_paths(form),
        measured=jax.eval_shape(lambda: no_measures(form)),
        initial=compiled(spread(functools.partial(initial, form), shared=1)),
        advance=compiled(spread(functools.partial(advance, form), shared=2, own=3), donate_argnums=0),
    )


def on_kernels(plan: Plan) -> bool:
    """Whether operations call the native library, where they have a kernel there."""
    return plan.forms == "native" and plan.platform == "cpu" and native.usable()


def over_members(one: Callable[..., Any], *, plan: Plan, shared: int, own: int = 1) -> Callable[..., Any]:
    """One member's function as a population's: ``own`` arguments with a leading axis of members, then ``shared`` ones.

    On a CPU members are spread over its devices (one a core) and go one after the other on each, which keeps a member
    in cache and makes it equal to the bit whatever the population's size; on a GPU they go side by side.
    """

    def many(*args: Any) -> Any:
        mine, rest = args[:own], args[own:]
        with native.threads(plan.threads), native.kept_out(not on_kernels(plan)):
            return across(lambda *m: one(*m, *rest), mine, plan)

    if plan.devices == 1:
        return many
    specs = (Spec("members"),) * own + (Spec(),) * shared
    return jax.shard_map(many, mesh=mesh_of(plan), in_specs=specs, out_specs=Spec("members"), check_vma=False)


def mesh_of(plan: Plan) -> Mesh:
    """The devices of a plan, over which members are spread."""
    return Mesh(jax.devices(plan.platform)[: plan.devices], ("members",))


def across(one: Callable[..., Any], mine: tuple[Any, ...], plan: Plan) -> Any:
    """What a device does with its members: one after the other, side by side, or so many side by side at a time."""
    if plan.mode != "vmap":
        return lax.map(lambda m: one(*m), mine)
    together = unless_stopped(jax.vmap(one))
    size = jax.tree.leaves(mine)[0].shape[0]
    if plan.together in (0, size):
        return together(*mine)
    batches = jax.tree.map(lambda leaf: leaf.reshape(-1, plan.together, *leaf.shape[1:]), mine)
    found = lax.map(lambda m: together(*m), batches)
    return jax.tree.map(lambda leaf: leaf.reshape(size, *leaf.shape[2:]), found)


def unless_stopped(many: Callable[..., Any]) -> Callable[..., Any]:
    """A function of members side by side that costs a branch where all of them have stopped.

    Side by side a stopped member can't be left out by itself: a branch of its own becomes a choice between results.
    """

    def some(*mine: Any) -> Any:
        if not isinstance(mine[0], Moving):
            return many(*mine)
        nothing = jax.tree.map(lambda of: jnp.zeros(of.shape, of.dtype), jax.eval_shape(many, *mine)[1])
        return lax.cond(mine[0].running.any(), lambda: many(*mine), lambda: (mine[0], nothing))

    return some


# --- one member's beginning ------------------------------------------------------------------------------------------


def member_key(fixed: Fixed) -> jax.Array:
    """A member's random key: from its seed and its part, never from its place in the population."""
    return jax.random.fold_in(jax.random.key(fixed.seed), fixed.part)


def initial(form: Form, fixed: Fixed, data: Data) -> Moving:
    """A member before its first step."""
    network = build(form.network, form.shape, jax.random.fold_in(member_key(fixed), INITIAL))
    parameters = form.layout.pack(leaves(network, "parameter"))
    state = {path: jnp.asarray(leaf) for path, leaf in leaves(network, "state").items()}
    state |= {path: leaf[fixed.part] for path, leaf in data.state.items()}
    zero, no = jnp.zeros((), jnp.int32), jnp.zeros((), bool)
    return Moving(
        parameters=parameters,
        state=state,
        optimizer=make_optimizer(form, fixed).init(parameters),
        step=zero,
        epoch=zero,
        running=~no,
        diverged=no,
        waited=zero,
        best_loss=jnp.full((), jnp.inf, jnp.float32),
        best_epoch=zero,
        # Copies: two buffers of a donated argument must not be one.
        best_parameters=parameters + 0.0,
        best_state=jax.tree.map(lambda leaf: leaf + jnp.zeros_like(leaf), state),
        sums=no_sums(form.task),
    )


def make_optimizer(form: Form, fixed: Fixed) -> Any:
    """The member's optimizer, its numbers being the member's own."""
    program, layout = form.program, form.layout
    tree = (layout.unpack, layout.pack)
    return optimizers.optimizer(program.optimizer, program.schedule, fixed.numbers, decays=layout.decays(), tree=tree)


def no_sums(task: losses.TaskKind) -> dict[str, jax.Array]:
    """What is summed over an epoch of training, at zero."""
    return dict.fromkeys(("loss", "weight", "norm", "steps", *errors_of(task)), jnp.zeros((), jnp.float32))


def errors_of(task: losses.TaskKind) -> tuple[str, ...]:
    """What is counted beside the loss: right answers, or squared and absolute errors."""
    return ("correct",) if task == "classification" else ("squared", "absolute")


# --- one step --------------------------------------------------------------------------------------------------------


def assemble(form: Form, parameters: jax.Array, state: dict[str, jax.Array], rates: dict[str, jax.Array]) -> Any:
    """The network with a member's own weights, state and numbers in it."""
    return with_leaves(form.template, {**form.layout.unpack(parameters), **state, **rates})


def batch_of(data: Data, fixed: Fixed, rows: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The inputs, targets and presence (1 for a row, 0 for padding) of a batch of row numbers."""
    at = jnp.maximum(rows, 0)
    targets = data.targets[at]
    if jnp.issubdtype(targets.dtype, jnp.floating):
        targets = (targets - data.shift[fixed.part]) / data.scale[fixed.part]
    return data.inputs[data.fit[fixed.part], at], targets, (rows >= 0).astype(jnp.float32)


def count_errors(
    task: losses.TaskKind, outputs: jax.Array, targets: jax.Array, present: jax.Array
) -> dict[str, jax.Array]:
    """The sums behind accuracy, or behind RMSE and MAE, of one batch (in the scaled units of the target)."""
    if task == "classification":
        return {"correct": jnp.where(outputs.argmax(axis=1) == targets, present, 0.0).sum()}
    off = outputs[:, 0] - targets
    return {"squared": (jnp.square(off) * present).sum(), "absolute": (jnp.abs(off) * present).sum()}


def step(form: Form, moving: Moving, fixed: Fixed, data: Data, rows: jax.Array) -> tuple[Moving, jax.Array]:
    """One batch forward and backward, and one update; what tells how far that went."""
    inputs, targets, present = batch_of(data, fixed, rows)
    weights = present * data.weights[jnp.maximum(rows, 0)]
    key = jax.random.fold_in(jax.random.fold_in(member_key(fixed), moving.epoch), moving.step)
    if form.program.augment:
        inputs = augment(inputs, jax.random.fold_in(key, AUGMENT), form.program.augment)
    context = Context(training=True, key=jax.random.fold_in(key, DROPOUT), weights=present)
    loss_of = losses.loss(form.program.loss, form.task)

    def objective(parameters: dict[str, jax.Array], x: jax.Array) -> tuple[jax.Array, Any]:
        network = with_leaves(form.template, {**parameters, **moving.state, **fixed.rates})
        outputs, after = apply(network, x, context)
        loss = losses.mean(loss_of(outputs, targets, fixed.numbers), weights)
        return loss, (outputs, leaves(after, "state"))

    # By name: the gradient of the slices themselves would be a sum of vectors, mostly of zeros.
    learn = functools.partial(jax.value_and_grad(objective, has_aux=True), by_name(form, moving))
    (loss, (outputs, state)), gradients = cut_to(form.program.lengths, inputs, present, learn)
    moving, norm, way = updated(form, moving, fixed, gradients)
    count = present.sum()
    found = {"loss": loss * count, "weight": count, "norm": norm, "steps": jnp.float32(1)}
    found |= count_errors(form.task, outputs, targets, present)
    sums = {name: moving.sums[name] + found[name] for name in moving.sums}
    return moving._replace(state=state, step=moving.step + 1, sums=sums), way


def by_name(form: Form, moving: Moving) -> dict[str, jax.Array]:
    """The parameters by their paths; within a segment of native updates they are so already."""
    return moving.parameters if isinstance(moving.parameters, dict) else form.layout.unpack(moving.parameters)


def updated(form: Form, moving: Moving, fixed: Fixed, gradients: dict[str, jax.Array]) -> tuple[Moving, jax.Array, Any]:
    """Parameters and optimizer after the update that a gradient asks for, the gradient's length, and what tells how far
    that went (:func:`update_ratios`).
    """
    if isinstance(moving.parameters, dict):
        return natively_updated(form, moving, fixed, gradients)
    gradient, before = form.layout.pack(gradients), moving.parameters
    updates, optimizer = make_optimizer(form, fixed).update(gradient, moving.optimizer, before)
    after = moving._replace(parameters=before + updates, optimizer=optimizer)
    return after, jnp.sqrt(jnp.vdot(gradient, gradient)), before


def natively_updated(
    form: Form, moving: Moving, fixed: Fixed, gradients: dict[str, jax.Array]
) -> tuple[Moving, jax.Array, jax.Array]:
    """The same for Adam, in one call on the arrays as they lie."""
    paths, numbers = form.layout.paths, fixed.numbers
    rate = optimizers.learning_rate(form.program.schedule, numbers, moving.step)
    pace = adam.Pace(rate, *(numbers[name] for name in adam.Pace._fields[1:-1]), done=moving.step)
    moments = adam.Moments(*optimizers.adam_moments(moving.optimizer))
    decays = [len(shape) > 1 for shape in form.layout.shapes]
    own, slopes = ([of[path] for path in paths] for of in (moving.parameters, gradients))
    found = adam.adam(own, slopes, moments, pace, decays=decays)
    first, second = found.moments
    optimizer = optimizers.with_adam_moments(moving.optimizer, first, second, jnp.int32(1))
    after = moving._replace(parameters=dict(zip(paths, found.parameters, strict=True)), optimizer=optimizer)
    return after, found.norm, found.squares


def update_ratios(layout: Layout, after: jax.Array, way: jax.Array) -> jax.Array:
    """The length of each layer's last update over the length of its parameters before it, [layers].

    ``after``: the parameters. ``way``: what they were before, or for each array the squares of both, [arrays, 2].
    """
    layers = layout.layers().values()
    if way.ndim == 1:
        squares = [jnp.stack([jnp.vdot(of, of) for of in (after[at] - way[at], way[at])]) for at in layers]
    else:
        arrays = [layout.slice(path) for path in layout.paths]
        inside = [[at for at, of in enumerate(arrays) if layer.start <= of.start < layer.stop] for layer in layers]
        squares = [way[min(of) : max(of) + 1].sum(axis=0) for of in inside]
    ratios = [jnp.sqrt(moved / jnp.maximum(before, 1e-30)) for moved, before in squares]
    return jnp.stack(ratios) if ratios else jnp.zeros((0,))


# --- one segment, one chunk ------------------------------------------------------------------------------------------


def advance(
    form: Form, moving: Moving, fixed: Fixed, batches: jax.Array, data: Data, ends: jax.Array
) -> tuple[Moving, jax.Array]:
    """One member through one chunk, and what was measured, packed.

    ``batches`` [segments, steps, batch]: the member's row numbers; ``ends`` [segments]: whether an epoch ends there, -1
    where there is nothing to do in that segment.
    """

    def segment(moving: Moving, here: tuple[jax.Array, jax.Array]) -> tuple[Moving, Any]:
        idle = lambda m: (m, no_measures(form))  # noqa: E731
        going = lambda m: lax.cond(m.running, lambda m: run_segment(form, m, fixed, data, here), idle, m)  # noqa: E731
        # Two branches: side by side the inner one becomes a choice, and a segment without work must not.
        return lax.cond(here[1] >= 0, going, idle, moving)

    moving, measures = lax.scan(segment, moving, (batches, ends))
    return moving, packed(measures)


def packed(measures: dict[str, jax.Array]) -> jax.Array:
    """The measurements of a chunk [segments, ...] as one array [segments, numbers]: each array that leaves a program
    takes the host some 0.7 ms, as what the host needs for it is cold by then.
    """
    flat = [of.reshape(of.shape[0], -1).astype(jnp.float32) for of in jax.tree.leaves(measures)]
    return jnp.concatenate(flat, axis=1)


def run_segment(
    form: Form, moving: Moving, fixed: Fixed, data: Data, here: tuple[jax.Array, jax.Array]
) -> tuple[Moving, Any]:
    """The batches of a segment and, where its epoch ends, the measurements."""
    with precision.computing(form.program.precision):  # and the measurements in float32
        moving, way = run_steps(form, moving, fixed, data, here[0])
    return lax.cond(
        here[1] > 0,
        lambda m: end_epoch(form, m, fixed, data, way),
        lambda m: (m, no_measures(form)),
        moving,
    )


def run_steps(form: Form, moving: Moving, fixed: Fixed, data: Data, batches: jax.Array) -> tuple[Moving, jax.Array]:
    """A member after the batches [steps, batch], and what tells how far the last update went."""
    stack = stacks.stack_of(form.template, form.shape, form.layout, form.program) if native.usable() else None
    if stack is not None:
        key = jax.random.fold_in(member_key(fixed), moving.epoch)
        return stacks.train(stack, form, moving, fixed, data, rows=batches, key=key)

    native_updates = native.usable() and form.program.optimizer in optimizers.ADAM and bool(form.layout.paths)
    if native_updates:
        moving = moving._replace(parameters=by_name(form, moving))

    def body(carry: tuple[Moving, jax.Array], rows: jax.Array) -> tuple[tuple[Moving, jax.Array], None]:
        # A batch of padding alone (a part with fewer rows than another) leaves everything as it is.
        moved = lambda c: step(form, c[0], fixed, data, rows)  # noqa: E731
        return lax.cond((rows >= 0).any(), moved, lambda c: c, carry), None

    way = jnp.zeros((len(form.layout.paths), 2)) if native_updates else moving.parameters
    moving, way = lax.scan(body, (moving, way), batches)[0]
    if native_updates:
        moving = moving._replace(parameters=form.layout.pack(moving.parameters))
    return moving, way


def no_measures(form: Form) -> dict[str, jax.Array]:
    """The measurements where no epoch ends: zeros of the right shapes, marked by epoch 0."""
    names = ("training_loss", "validation_loss", "gradient_norm", "learning_rate")
    errors = [f"{part}_{name}" for part in ("training", "validation") for name in errors_of(form.task)]
    zeros: dict[str, jax.Array] = dict.fromkeys((*names, *errors), jnp.zeros((), jnp.float32))
    zeros["epoch"] = jnp.zeros((), jnp.int32)
    zeros["update_ratio"] = jnp.zeros((len(form.layout.layers()),))
    zeros["dead"] = jnp.zeros((len(unit_paths(form)),))
    return zeros


def end_epoch(
    form: Form, moving: Moving, fixed: Fixed, data: Data, way: jax.Array
) -> tuple[Moving, dict[str, jax.Array]]:
    """Measure, keep the best weights, decide whether to go on. ``way`` tells how far the last update went."""
    validation = validate(form, moving, fixed, data)
    sums, count = moving.sums, jnp.maximum(moving.sums["weight"], 1.0)
    measures = {
        "epoch": moving.epoch + 1,
        "training_loss": sums["loss"] / count,
        "validation_loss": validation["loss"],
        "gradient_norm": sums["norm"] / jnp.maximum(sums["steps"], 1.0),
        "learning_rate": optimizers.learning_rate(form.program.schedule, fixed.numbers, moving.step - 1),
        "update_ratio": update_ratios(form.layout, moving.parameters, way),
        "dead": validation["dead"],
    }
    for name in errors_of(form.task):
        measures[f"training_{name}"] = sums[name] / count
        measures[f"validation_{name}"] = validation[name]
    loss = validation["loss"]
    finite = jnp.isfinite(loss) & jnp.isfinite(measures["training_loss"])
    better = finite & (loss < moving.best_loss)
    keep = functools.partial(jax.tree.map, functools.partial(jnp.where, better))
    waited = jnp.where(better, 0, moving.waited + 1)
    epoch = moving.epoch + 1
    tired = (fixed.patience > 0) & (waited >= fixed.patience)
    after = moving._replace(
        epoch=epoch,
        running=finite & ~tired & (epoch < fixed.epochs),
        diverged=~finite,
        waited=waited,
        best_loss=jnp.where(better, loss, moving.best_loss),
        best_epoch=jnp.where(better, epoch, moving.best_epoch),
        best_parameters=keep(moving.parameters, moving.best_parameters),
        best_state=keep(moving.state, moving.best_state),
        sums=no_sums(form.task),
    )
    return after, measures


def validate(form: Form, moving: Moving, fixed: Fixed, data: Data) -> dict[str, jax.Array]:
    """The weighted mean loss and the mean errors on the member's validation rows, and the share of each layer's units
    silent on all of
    them.
    """
    network = assemble(form, moving.parameters, moving.state, fixed.rates)
    plain = {**fixed.numbers, "label_smoothing": jnp.zeros((), jnp.float32)}
    loss_of = losses.loss(form.program.loss, form.task)

    def one(carry: tuple[dict[str, jax.Array], list[jax.Array]], rows: jax.Array) -> tuple[Any, None]:
        sums, alive = carry
        inputs, targets, present = batch_of(data, fixed, rows)

        def answer(x: jax.Array) -> tuple[jax.Array, list[jax.Array]]:
            records: dict[str, jax.Array] = {}
            outputs, _ = apply(network, x, Context(training=False, weights=present, records=records))
            return outputs, [active(records[path], present) for path in unit_paths(form)]

        outputs, awake = cut_to(form.program.lengths, inputs, present, answer)
        weights = present * data.weights[jnp.maximum(rows, 0)]
        loss = (loss_of(outputs, targets, plain) * weights).sum()
        found = {"loss": loss, "weight": weights.sum(), "present": present.sum()}
        found |= count_errors(form.task, outputs, targets, present)
        alive = [was | now for was, now in zip(alive, awake, strict=True)]
        return ({name: sums[name] + found[name] for name in sums}, alive), None

    sums = dict.fromkeys(("loss", "weight", "present", *errors_of(form.task)), jnp.zeros((), jnp.float32))
    alive = [jnp.zeros((units,), bool) for units in unit_counts(form)]
    (sums, alive), _ = lax.scan(one, (sums, alive), data.validation[fixed.part])
    means = {name: sums[name] / jnp.maximum(sums["present"], 1.0) for name in errors_of(form.task)}
    means["loss"] = sums["loss"] / jnp.maximum(sums["weight"], 1e-12)
    means["dead"] = jnp.stack([1 - units.mean() for units in alive]) if alive else jnp.zeros((0,))
    return means


def active(output: jax.Array, present: jax.Array) -> jax.Array:
    """Which units (last axis) answer something other than zero to any of the rows that are there."""
    some = (output != 0).reshape(output.shape[0], -1, output.shape[-1]).any(axis=1)
    return (some & (present > 0)[:, None]).any(axis=0)


def _records(form: Form) -> dict[str, Any]:
    """The shapes of what each layer puts out, by path."""

    def run(network: Any) -> dict[str, jax.Array]:
        records: dict[str, jax.Array] = {}
        dtype = jnp.uint8 if len(form.shape) == 3 else jnp.float32
        apply(network, jnp.zeros((1, *form.shape), dtype), Context(training=False, records=records))
        return records

    return jax.eval_shape(run, form.template)


@functools.cache
def _units(
    network: Any, shape: tuple[int, ...], layout: Layout, program: Program, task: losses.TaskKind
) -> dict[str, int]:
    template = skeleton(network, shape)
    records = _records(Form(network, shape, template, layout, program, task))
    learned = list(layout.layers())
    # Hidden layers that learn: the input's own layer encodes and the head answers, so neither can be dead.
    return {path: records[path].shape[-1] for path in learned[:-1] if path in records and not path.startswith("0.")}


def unit_paths(form: Form) -> tuple[str, ...]:
    """The hidden layers whose units are watched for dying."""
    return tuple(_units(form.network, form.shape, form.layout, form.program, form.task))


def unit_counts(form: Form) -> tuple[int, ...]:
    """How many units each of :func:`unit_paths` has."""
    return tuple(_units(form.network, form.shape, form.layout, form.program, form.task).values())
