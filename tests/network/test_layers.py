"""Every layer against torch, finite differences, and itself under vmap and lax.map."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array, lax

from lamina.errors import LaminaError, OptionError, ShapeError
from lamina.kernels import native
from lamina.network import (
    GRU,
    LSTM,
    RNN,
    Activation,
    Attention,
    AvgPool,
    BatchNorm,
    Concatenate,
    Context,
    Conv,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Frames,
    GlobalPool,
    ImageInput,
    Last,
    Layer,
    LayerNorm,
    Max,
    MaxPool,
    Mean,
    Periodic,
    Positions,
    Residual,
    Sequential,
    Shape,
    TableInput,
    Transformer,
    apply,
    build,
    image_statistics,
    leaves,
    with_leaves,
)
from lamina.network.activation import FUNCTIONS
from lamina.network.image_input import channel_statistics
from lamina.network.initialisers import NAMES, Draw, default_for, initial


def drawn(*shape: int, seed: int = 0) -> Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def shaken(network: Layer, shape: Shape) -> Layer:
    """A built network whose every parameter, the biases too, is away from zero."""
    built = build(network, shape, 1)
    return with_leaves(built, {p: a + 0.1 * drawn(*a.shape) for p, a in leaves(built, "parameter").items()})


EVERY: list[tuple[Layer, Shape]] = [
    (Conv(4, (2, 3), "sigmoid", padding=1, dilation=2, groups=2), (6, 7, 2)),
    (Conv(3, 3, "tanh", padding="valid"), (7, 2)),
    (MaxPool(), (5, 4, 2)),
    (MaxPool(3, 2, 1), (7, 2)),
    (AvgPool((3, 2), 2, "same"), (5, 4, 2)),
    (GlobalPool(), (3, 4, 2)),
    (GlobalPool("max"), (3, 4, 2)),
    (Flatten(), (2, 3)),
    (Frames(), (3, 2, 2)),
    (LayerNorm(), (3, 4)),
    (BatchNorm(), (3, 4)),
    (Dropout(0.5), (6,)),
    (Embedding(5, 3), ()),
    (Embedding(300, 3), ()),
    (TableInput(2, (4, 12), 3), (4,)),
    (ImageInput(), (2, 2, 3)),
    (Residual([Dense(4, "tanh")]), (2, 3)),
    (Residual([Conv(4, activation="tanh", stride=2)]), (4, 4, 2)),
    (Sequential([Conv(3), MaxPool()]), (4, 4, 1)),
    (Concatenate([Activation(name) for name in FUNCTIONS]), (5,)),
    (RNN(3), (4, 2)),
    (LSTM(3, bidirectional=True), (4, 2)),
    (GRU(3), (4, 2)),
    (RNN(3, recurrent_dropout=0.4), (4, 2)),
    (LSTM(3, bidirectional=True, recurrent_dropout=0.4), (4, 2)),
    (GRU(3, recurrent_dropout=0.4), (4, 2)),
    (Conv(3, 3, "tanh", stride=2, causal=True), (7, 2)),
    (Sequential([GRU(2, bidirectional=True), Last(bidirectional=True)]), (4, 2)),
    (Concatenate([Last(), Mean(), Max()]), (4, 2)),
    (Attention(2), (4, 6)),
    (Attention(2, causal=True), (4, 6)),
    (Positions(), (4, 2)),
    (Transformer(2, causal=True, hidden_features=5, dropout=0.3), (4, 6)),
]


def inputs(layer: Layer, shape: Shape, rows: int = 6) -> Array:
    """Batches for two members, without ties or zeros, where a maximum has no slope; codes for what takes codes."""
    if isinstance(layer, Embedding):
        return jnp.asarray(np.arange(2 * rows).reshape(2, rows) % layer.codes, jnp.float32)
    size = 2 * rows * int(np.prod(shape))
    values = (np.random.default_rng(2).permutation(size) + 0.5) / size * 4 - 2
    if isinstance(layer, TableInput):
        return jnp.asarray(np.concatenate([drawn(2, rows, 2), np.arange(4 * rows).reshape(2, rows, 2) % 12], 2))
    return jnp.asarray(values.reshape(2, rows, *shape), jnp.float32)


def slopes(member: Layer, x: Array, *, coded: bool) -> tuple[Array, Array, Array]:
    """The slope along one direction by the gradient and by finite differences, and the output."""

    def outcome(parameters: dict[str, Array], x: Array) -> tuple[Array, Array]:
        y = with_leaves(member, parameters).apply(x, Context(training=True, key=jax.random.key(3)))[0]
        return jnp.sum(y * jnp.cos(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape)), y

    point = leaves(member, "parameter"), x
    towards = jax.tree.map(lambda a: jnp.sin(1 + 7 * jnp.arange(a.size, dtype=jnp.float32)).reshape(a.shape), point)
    if coded:
        towards = towards[0], jnp.zeros_like(x)
    length = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(towards))) / 1e-2
    step = jax.tree.map(lambda a: a / length, towards)
    gradient, y = jax.grad(outcome, argnums=(0, 1), has_aux=True)(*point)
    by_gradient = sum(jnp.sum(a * b) for a, b in zip(jax.tree.leaves(gradient), jax.tree.leaves(step), strict=True))
    ends = lax.map(
        lambda sign: outcome(*jax.tree.map(lambda a, b: a + sign * b, point, step))[0], jnp.array([1.0, -1.0])
    )
    return jnp.asarray(by_gradient), (ends[0] - ends[1]) / 2, y


# What takes long to compile: the others stand for them in the quick suite.
COSTLY = (RNN, LSTM, GRU, Transformer, Attention, Concatenate, Residual, Sequential)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        pytest.param(*each, marks=pytest.mark.slow if isinstance(each[0], COSTLY) and each[1] != (2, 3) else ())
        for each in EVERY
    ],
    ids=lambda v: repr(v) if isinstance(v, Layer) else "",
)
def test_gradient_against_finite_differences_mapped_and_batched(layer: Layer, shape: Shape) -> None:
    members = jax.jit(jax.vmap(lambda seed: build(layer, shape, jax.random.key(seed))))(jnp.arange(2))
    coded = isinstance(layer, Embedding | TableInput)

    def both(members: Layer, x: Array) -> tuple:
        def one(pair: tuple[Layer, Array]) -> tuple[Array, Array, Array]:
            return slopes(*pair, coded=coded)

        return lax.map(one, (members, x)), jax.vmap(lambda *pair: one(pair))(members, x)

    # Compiled in haste: most of this test would be the compiler's time.
    hasty = jax.jit(both, compiler_options={"xla_backend_optimization_level": 0})
    mapped, batched = hasty(members, inputs(layer, shape))
    assert mapped[2].shape[2:] == layer.output_shape(shape)
    np.testing.assert_allclose(mapped[0], mapped[1], rtol=2e-2, atol=3e-5)
    for a, b in zip(mapped, batched, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=3e-5)


WHOLE = {
    (6, 6, 2): Sequential(
        [
            Conv(4),
            MaxPool(),
            Conv(4, 3, "linear", groups=2),
            BatchNorm(),
            Activation("relu"),
            Dropout(0.2),
            Flatten(),
            Dense(3),
        ]
    ),
    (4,): Sequential([TableInput(2, (4, 12), 4), Dense(8, "gelu"), LayerNorm(), Dropout(0.5), Dense(2)]),
    (5, 3): Sequential(
        [
            LSTM(4, bidirectional=True, recurrent_dropout=0.3),
            Dropout(0.2),
            GRU(3, truncate=2),
            RNN(3, "relu"),
            Last(),
            Dense(2),
        ]
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("shape", list(WHOLE))
def test_a_member_alone_is_bit_equal_to_itself_in_a_population(shape: Shape) -> None:
    network = WHOLE[shape]
    x = inputs(network.layers[0], shape)[0]
    population = jax.jit(jax.vmap(lambda seed: build(network, shape, jax.random.key(seed))))(jnp.arange(3))

    def step(member: Sequential) -> tuple[dict[str, Array], Sequential]:
        def loss(parameters: dict[str, Array]) -> tuple[Array, Sequential]:
            context = Context(training=True, key=jax.random.key(3))
            y, after = with_leaves(member, parameters).apply(x, context)
            return jnp.sum(jnp.sin(y)), after

        return jax.grad(loss, has_aux=True)(leaves(member, "parameter"))

    mapped = jax.jit(lambda members: lax.map(step, members))
    together, alone = mapped(population), mapped(jax.tree.map(lambda a: a[1:2], population))
    assert jax.tree.structure(together[1]) == jax.tree.structure(population)
    for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
        np.testing.assert_array_equal(a[1], b[0])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([LayerNorm(), Activation("relu")], (5, 7)),
        ([BatchNorm(), Activation("relu")], (4, 4, 3)),
        ([BatchNorm(), Activation("relu"), MaxPool()], (4, 4, 3)),
        ([BatchNorm(), Activation("relu"), MaxPool(3, 1)], (4, 4, 3)),
        ([BatchNorm(), Activation("relu"), MaxPool()], (6, 3)),
        ([Conv(3), MaxPool()], (4, 4, 2)),
        ([Residual([Conv(3), BatchNorm()]), Activation("relu")], (4, 4, 3)),
    ],
    ids=str,
)
def test_layers_that_run_as_one_make_what_they_make_one_by_one(layers, shape: Shape, training: bool) -> None:
    """Who asks for records gets them one by one."""
    network = shaken(Sequential(layers), shape)
    x = inputs(layers[0], shape)[0]

    def run(records: dict[str, Array] | None) -> Any:
        def loss(parameters: dict[str, Array], x: Array) -> Any:
            y, after = with_leaves(network, parameters).apply(x, Context(training=training, records=records))
            return jnp.sum(jnp.sin(y)), (y, after)

        return jax.value_and_grad(loss, (0, 1), has_aux=True)(leaves(network, "parameter"), x)

    together, one_by_one = jax.jit(lambda: (run(None), run({})))()
    for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(one_by_one), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_convolution_and_dense_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    x, conv = (
        drawn(2, 6, 5, 4),
        shaken(Conv(6, (3, 2), "relu", stride=2, padding=1, dilation=(1, 2), groups=2), (6, 5, 4)),
    )
    weight, bias = (torch.tensor(np.asarray(a)) for a in leaves(conv, "parameter").values())
    theirs = f.relu(
        f.conv2d(torch.tensor(np.asarray(x)).permute(0, 3, 1, 2), weight.permute(3, 2, 0, 1), bias, 2, 1, (1, 2), 2)
    )
    np.testing.assert_allclose(apply(conv, x)[0], theirs.permute(0, 2, 3, 1), atol=1e-5)
    x, conv = drawn(2, 9, 3), shaken(Conv(5, 4, "linear", stride=2, padding="valid"), (9, 3))
    weight, bias = (torch.tensor(np.asarray(a)) for a in leaves(conv, "parameter").values())
    theirs = f.conv1d(torch.tensor(np.asarray(x)).permute(0, 2, 1), weight.permute(2, 1, 0), bias, 2)
    np.testing.assert_allclose(apply(conv, x)[0], theirs.permute(0, 2, 1), atol=1e-5)
    x, dense = drawn(2, 4), shaken(Dense(3, "tanh"), (4,))
    weight, bias = (torch.tensor(np.asarray(a)) for a in leaves(dense, "parameter").values())
    np.testing.assert_allclose(apply(dense, x)[0], torch.tanh(torch.tensor(np.asarray(x)) @ weight + bias), atol=1e-6)


@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (4, 2, 1), (2, 3, 3), (1, 1, 1)])
def test_a_causal_convolution_is_that_of_torch_padded_before_and_sees_nothing_later(
    kernel: int, stride: int, dilation: int
) -> None:
    torch = pytest.importorskip("torch")
    layer = shaken(Conv(5, kernel, "linear", stride=stride, dilation=dilation, causal=True), (9, 3))
    x = drawn(2, 9, 3)
    weight, bias = (torch.tensor(np.asarray(a)) for a in leaves(layer, "parameter").values())
    padded = torch.nn.functional.pad(torch.tensor(np.asarray(x)).permute(0, 2, 1), ((kernel - 1) * dilation, 0))
    theirs = torch.nn.functional.conv1d(padded, weight.permute(2, 1, 0), bias, stride, dilation=dilation)
    y = np.asarray(apply(layer, x)[0])
    np.testing.assert_allclose(y, theirs.permute(0, 2, 1), atol=1e-5)
    for step in range(0, 9, stride):
        seen = np.asarray(apply(layer, x.at[:, step + 1 :].set(99.0))[0])
        np.testing.assert_array_equal(seen[:, : step // stride + 1], y[:, : step // stride + 1])


def test_no_picture_is_causal() -> None:
    with pytest.raises(ShapeError, match="no time to be causal in"):
        build(Conv(3, causal=True), (4, 4, 1))


def test_activations_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    f, x = torch.nn.functional, np.linspace(-6, 6, 50, dtype=np.float32).reshape(5, 10)
    theirs = {
        "linear": lambda t: t,
        "leaky relu": f.leaky_relu,
        "softmax": lambda t: f.softmax(t, -1),
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
    }
    for name in FUNCTIONS:
        reference = theirs.get(name) or getattr(f, name)
        np.testing.assert_allclose(
            apply(Activation(name), jnp.asarray(x))[0], reference(torch.tensor(x)), atol=2e-6, err_msg=name
        )


def test_batch_norm_is_that_of_torch_in_training_and_after() -> None:
    torch = pytest.importorskip("torch")
    x, layer = drawn(4, 3, 2, 5), shaken(BatchNorm(), (3, 2, 5))
    reference = torch.nn.BatchNorm2d(5)
    with torch.no_grad():
        for theirs, name in ((reference.weight, "scale"), (reference.bias, "shift")):
            theirs.copy_(torch.tensor(np.asarray(leaves(layer, "parameter")[name])))
    t = torch.tensor(np.asarray(x)).permute(0, 3, 1, 2)
    y, after = apply(layer, x, Context(training=True))
    np.testing.assert_allclose(y, reference(t).detach().permute(0, 2, 3, 1), atol=1e-5)
    assert isinstance(after, BatchNorm)
    np.testing.assert_allclose(after.mean, reference.running_mean, atol=1e-6)
    np.testing.assert_allclose(after.variance, reference.running_var, atol=1e-6)
    reference.eval()
    np.testing.assert_allclose(apply(after, x)[0], reference(t).detach().permute(0, 2, 3, 1), atol=1e-5)
    assert apply(after, x)[1] is after


def test_layer_norm_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    x, layer = drawn(4, 3, 5), shaken(LayerNorm(), (3, 5))
    scale, shift = (torch.tensor(np.asarray(a)) for a in leaves(layer, "parameter").values())
    theirs = torch.nn.functional.layer_norm(torch.tensor(np.asarray(x)), [5], scale, shift)
    np.testing.assert_allclose(apply(layer, x)[0], theirs, atol=1e-5)


def test_batch_norm_leaves_out_rows_of_zero_weight() -> None:
    x, layer = drawn(6, 2, 2, 3), shaken(BatchNorm(), (2, 2, 3))
    weights = jnp.asarray([1.0, 0.0, 0.3, 2.0, 0.0, 1.0])
    live = np.asarray(weights) > 0
    wild = jnp.where(live[:, None, None, None], x, 1e4)
    y, after = apply(layer, wild, Context(training=True, weights=weights))
    expected, expected_after = apply(layer, x[live], Context(training=True))
    np.testing.assert_allclose(y[live], expected, atol=1e-5)
    for path, array in leaves(after, "state").items():
        np.testing.assert_allclose(array, leaves(expected_after, "state")[path], rtol=1e-5)


@pytest.mark.parametrize("alive", [0, 1])
def test_batch_norm_survives_a_batch_of_padding(alive: int) -> None:
    layer = build(BatchNorm(), (3,))
    y, after = apply(layer, drawn(4, 3), Context(training=True, weights=(jnp.arange(4) < alive).astype(jnp.float32)))
    assert bool(jnp.isfinite(y).all())
    assert isinstance(after, BatchNorm)
    np.testing.assert_array_equal(after.variance, np.ones(3))


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    x, context = jnp.ones((200, 100)), Context(training=True, key=jax.random.key(0))
    y = apply(Dropout(0.3), x, context)[0]
    assert float(jnp.mean(y == 0)) == pytest.approx(0.3, abs=0.01)
    np.testing.assert_allclose(y[y != 0], 1 / 0.7, rtol=1e-6)
    assert apply(Dropout(0.3), x)[0] is x
    np.testing.assert_array_equal(apply(Dropout(0.0), x, context)[0], x)


def test_dropout_at_two_places_drops_differently_and_the_same_again() -> None:
    network, x = Sequential([Dropout(0.5), Dropout(0.5)]), jnp.ones((4, 50))
    context = Context(training=True, key=jax.random.key(0))
    records: dict[str, Array] = {}
    apply(network, x, Context(training=True, key=jax.random.key(0), records=records))
    first = np.asarray(records["0.dropout"]) > 0
    both = np.asarray(records["1.dropout"]) > 0
    assert 0.3 < both[first].mean() < 0.7
    np.testing.assert_array_equal(apply(network, x, context)[0], records["1.dropout"])


def test_dropout_without_a_key_says_where() -> None:
    with pytest.raises(LaminaError, match="1.dropout"):
        apply(Sequential([Activation("relu"), Dropout(0.5)]), jnp.ones((1, 2)), Context(training=True))


def test_another_dropout_rate_does_not_recompile() -> None:
    network = build(Sequential([Dense(3), Dropout(0.5)]), (4,))
    traced = []

    @jax.jit
    def step(network: Sequential, x: Array) -> Array:
        traced.append(1)
        return network.apply(x, Context(training=True, key=jax.random.key(0)))[0]

    for rate in (0.5, 0.0, np.float32(0.25), jnp.float32(0.9)):
        step(with_leaves(network, {"1.dropout.rate": jnp.asarray(rate, jnp.float32)}), jnp.ones((2, 4)))
    assert len(traced) == 1


def test_embedding_gives_zeros_for_what_was_not_seen() -> None:
    for codes in (5, 300):
        layer = build(Embedding(codes, 3), ())
        y = apply(layer, jnp.asarray([0.0, 1.0, codes - 1.0]))[0]
        np.testing.assert_array_equal(y[0], np.zeros(3))
        np.testing.assert_array_equal(y[1:], np.asarray(layer.vectors)[[0, -1]])


def test_table_input_by_hand() -> None:
    layer = build(TableInput(1, (3, 12, 4)), (4,))
    assert layer.embeddings is not None
    y = np.asarray(apply(layer, jnp.asarray([[7.0, 2.0, 5.0, 0.0], [-1.0, 0.0, 0.0, 3.0]]))[0])
    vector = np.asarray(layer.embeddings[0].vectors)[4]
    np.testing.assert_array_equal(y[0], [7, 0, 1, 0, 0, 0, *vector])
    np.testing.assert_array_equal(y[1], [-1, 0, 0, 0, 0, 1, *np.zeros(6)])
    assert list(leaves(layer, "parameter")) == ["0.embedding.vectors"]


def test_table_of_numbers_only_and_of_categories_only() -> None:
    x = drawn(3, 2)
    np.testing.assert_array_equal(apply(build(TableInput(2), (2,)), x)[0], x)
    y = apply(build(TableInput(0, (3,), 8), (1,)), jnp.asarray([[1.0], [2.0]]))[0]
    np.testing.assert_array_equal(y, np.eye(2))


def test_periodic_by_hand() -> None:
    layer, x = shaken(Periodic(4), (3,)), drawn(5, 3)
    waves, phases, weight, bias = (np.asarray(a, np.float64) for a in leaves(layer, "parameter").values())
    made = np.cos(2 * np.pi * np.asarray(x, np.float64)[:, :, None] * waves + phases)
    expected = np.stack([made[:, n] @ weight[n] + bias[n] for n in range(3)], axis=1).reshape(5, -1)
    np.testing.assert_allclose(apply(layer, x)[0], np.concatenate([x, expected], axis=1), atol=1e-5)


def test_image_input_standardises_by_the_training_pictures() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (7, 4, 5, 3)).astype(np.uint8)
    pictures[..., 2] = 9
    network = image_statistics(build(Sequential([ImageInput()]), (4, 5, 3)), pictures)
    y = np.asarray(jax.jit(lambda n, x: n.apply(x, Context())[0])(network, jnp.asarray(pictures)))
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((0, 1, 2)), [1, 1, 0], atol=1e-5)
    scaled = pictures / 255
    np.testing.assert_allclose(channel_statistics(pictures)[0], scaled.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(channel_statistics(pictures)[1][:2], scaled.std((0, 1, 2))[:2], rtol=1e-6)


def test_statistics_of_many_pictures_are_those_of_all() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2500, 2, 2, 1), np.uint8)
    pictures[1024:] //= 2  # more than are counted at a time
    mean, deviation = channel_statistics(pictures)
    assert (mean[0], deviation[0]) == pytest.approx(((pictures / 255).mean(), (pictures / 255).std()), rel=1e-6)


def test_a_residual_with_a_stride_takes_any_size() -> None:
    for size, stride in ((7, 2), (8, 2), (7, 3), (4, 3)):
        layer, x = shaken(Residual([Conv(4, stride=stride)]), (size, 2)), drawn(2, size, 2)
        assert isinstance(layer, Residual)
        weight, bias = (np.asarray(a) for p, a in leaves(layer, "parameter").items() if p.startswith("projection"))
        expected = apply(layer.body, x)[0] + np.asarray(x)[:, ::stride] @ weight[0] + bias
        np.testing.assert_allclose(apply(layer, x)[0], expected, atol=1e-5)
        assert layer.output_shape((size, size, 2)) == (-(-size // stride), -(-size // stride), 4)


@pytest.mark.slow
def test_a_residual_built_for_one_length_takes_others() -> None:
    layer, x = shaken(Residual([MaxPool(), Conv(3, activation="linear")]), (8, 2)), drawn(2, 7, 2)
    np.testing.assert_allclose(apply(layer, x)[0], apply(layer, x[:, :6])[0], atol=1e-6)
    with pytest.raises(ShapeError, match="can't be brought"):
        apply(shaken(Residual([MaxPool(stride=2, padding=1)]), (1, 2)), x)


def test_residual_adds_what_it_was_given() -> None:
    layer, x = shaken(Residual([Dense(4, "tanh")]), (4,)), drawn(3, 4)
    assert isinstance(layer, Residual)
    assert layer.projection is None
    np.testing.assert_allclose(apply(layer, x)[0], x + apply(layer.body, x)[0])


def test_concatenate_puts_its_branches_side_by_side() -> None:
    layer, x = shaken(Concatenate([Dense(2), Dense(3)]), (4,)), drawn(3, 4)
    assert isinstance(layer, Concatenate)
    np.testing.assert_array_equal(apply(layer, x)[0], np.concatenate([apply(b, x)[0] for b in layer.branches], 1))


@pytest.mark.parametrize("activation", ["relu", "leaky relu", "gelu"])
def test_pooling_before_bias_and_activation_changes_nothing(activation: str) -> None:
    network, x = shaken(Sequential([Conv(3, activation=activation), MaxPool(3, 2, 1)]), (6, 6, 2)), drawn(4, 6, 6, 2)
    records: dict[str, Array] = {}
    with native.kept_out():  # a pool with padding isn't native, so apart the convolution would round otherwise
        watched = apply(network, x, Context(records=records))[0]
        np.testing.assert_array_equal(jax.jit(lambda n: apply(n, x)[0])(network), watched)
    assert list(records) == ["0.conv", "1.pool"]


@pytest.mark.parametrize("name", NAMES)
def test_initialisers_keep_the_size_of_a_signal(name: str) -> None:
    weight = np.asarray(initial(name, "relu", Draw(jax.random.key(0), 28800), (3, 3, 16, 200)))
    fan_in, fan_out = 9 * 16, 9 * 200
    deviation = {"he": (2 / fan_in) ** 0.5, "glorot": (2 / (fan_in + fan_out)) ** 0.5, "lecun": (1 / fan_in) ** 0.5}
    if name in deviation:
        assert weight.std() == pytest.approx(deviation[name], rel=0.02)
    if name == "orthogonal":
        rows = weight.reshape(fan_in, 200)
        np.testing.assert_allclose(rows @ rows.T, np.eye(fan_in), atol=1e-5)
    assert (name == "zeros") == (not weight.any())


def test_the_activation_calls_for_an_initialiser() -> None:
    assert {name: default_for(name) for name in ("relu", "gelu", "tanh", "linear", "selu")} == {
        "relu": "he",
        "gelu": "he",
        "tanh": "glorot",
        "linear": "glorot",
        "selu": "lecun",
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda: Dense(0),
        lambda: Dense(2.5),  # type: ignore[arg-type]
        lambda: Dense(3, "rellu"),
        lambda: Dense(3, initialiser="xavier"),
        lambda: Conv(3, 0),
        lambda: Conv(3, ()),
        lambda: Conv(3, padding="full"),  # type: ignore[arg-type]
        lambda: Conv(3, padding=-1),
        lambda: MaxPool(2, padding=2),
        lambda: GlobalPool("median"),  # type: ignore[arg-type]
        lambda: Dropout(1.0),
        lambda: Dropout(float("nan")),
        lambda: BatchNorm(momentum=0.0),
        lambda: Embedding(1, 3),
        lambda: TableInput(-1),
        lambda: Sequential([]),
        lambda: Sequential(["relu"]),  # type: ignore[list-item]
        lambda: Concatenate([]),
        lambda: Activation("swoosh"),
    ],
)
def test_what_is_out_of_range_is_refused_at_once(make) -> None:
    with pytest.raises(OptionError):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (Conv(3), (12,), "12 features"),
        (Conv(3, (3, 3, 3)[:2], padding="valid"), (2, 2, 1), "does not fit"),
        (Conv(3, (3, 5)), (9, 2), "2 sizes"),
        (Conv(3, groups=2), (4, 4, 3), "2 groups"),
        (MaxPool(), (1, 1, 8), "does not fit into 1x1"),
        (GlobalPool(), (5,), "5 features"),
        (Residual([MaxPool()]), (5, 5, 2), "can't be brought"),
        (Residual([Flatten()]), (5, 5, 2), "can't be brought"),
        (Concatenate([Conv(3), MaxPool()]), (4, 4, 3), "the branches make"),
        (Sequential([Dense(3), Conv(3)]), (4,), r"layer 2 \(conv\): "),
        (Concatenate([Dense(3), Sequential([Conv(3)])]), (4,), r"branch 2 \(sequential\): layer 1 \(conv\): "),
        (TableInput(2, (3,)), (4,), "input layer"),
        (ImageInput(), (4,), "input layer"),
        (Dense(3), (), "single numbers"),
        (BatchNorm(), (), "single numbers"),
        (Periodic(3), (2, 2), "periodic"),
    ],
)
def test_shapes_that_cannot_fit_are_refused_with_the_layer_and_the_reason(
    layer: Layer, shape: Shape, words: str
) -> None:
    with pytest.raises(ShapeError, match=words):
        layer.output_shape(shape)
    with pytest.raises(ShapeError, match=words):
        build(layer, shape)
