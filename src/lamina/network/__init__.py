"""Networks: immutable trees of layers, a notation to write them in, and what is known of their shapes and sizes."""

from lamina.network.activation import Activation
from lamina.network.attention import Attention
from lamina.network.combine import Concatenate, Residual, Sequential
from lamina.network.complete import complete
from lamina.network.conv import Conv
from lamina.network.dense import Dense
from lamina.network.dropout import Dropout
from lamina.network.embedding import Embedding, Periodic, TableInput
from lamina.network.frames import Frames
from lamina.network.image_input import ImageInput, image_statistics
from lamina.network.layer import Context, Layer, Shape
from lamina.network.norm import BatchNorm, LayerNorm
from lamina.network.over_time import Last, Max, Mean
from lamina.network.pool import AvgPool, Flatten, GlobalPool, MaxPool
from lamina.network.positions import Positions
from lamina.network.recurrent import GRU, LSTM, RNN
from lamina.network.serial import from_json, to_json
from lamina.network.series_input import SeriesInput
from lamina.network.sound_input import SoundInput
from lamina.network.spec_augment import SpecAugment
from lamina.network.summary import LayerRow, summarize
from lamina.network.transformer import Transformer
from lamina.network.tree import apply, build, leaves, skeleton, trace, walk, with_leaves

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Attention",
    "AvgPool",
    "BatchNorm",
    "Concatenate",
    "Context",
    "Conv",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Frames",
    "GlobalPool",
    "ImageInput",
    "Last",
    "Layer",
    "LayerNorm",
    "LayerRow",
    "Max",
    "MaxPool",
    "Mean",
    "Periodic",
    "Positions",
    "Residual",
    "Sequential",
    "SeriesInput",
    "Shape",
    "SoundInput",
    "SpecAugment",
    "TableInput",
    "Transformer",
    "apply",
    "build",
    "complete",
    "from_json",
    "image_statistics",
    "leaves",
    "skeleton",
    "summarize",
    "to_json",
    "trace",
    "walk",
    "with_leaves",
]
