// A dense layer in bfloat16, relu(x W + b), forward and backward: products of rounded numbers with sums in float32, and
// all that follows them in float32. The shapes are those of dense.cc.

#include <algorithm>

#include "amx.h"

namespace lamina {
namespace {

struct MaskedScratch {};

using Floats = ffi::Buffer<ffi::F32>;

ffi::Error dense_forward(ffi::ThreadPool pool, Floats x, Floats weight, Floats bias, ffi::Result<Floats> y,
                         int64_t relu, int64_t threads) {
  const int64_t rows = x.dimensions()[0], in = x.dimensions()[1], out = weight.dimensions()[1];
  const float* offsets = bias.typed_data();
  amx::gemm<amx::Rounded>({&pool, threads},
            {rows, out, in, {x.typed_data(), in, 1}, {weight.typed_data(), out, 1}, y->typed_data(), out},
            [&](V value, int64_t, int64_t column) {
              value += load_some(offsets + column, out - column);
              return relu != 0 ? lamina::relu(value) : value;
            });
  return ffi::Error::Success();
}

// The gradient where relu let it through, and its column sums, in float32.
void mask(const float* gradient, const float* y, int64_t rows, int64_t columns, float* masked, float* sums) {
  for (int64_t c = 0; c < columns; c += kWidth) {
    const int64_t there = columns - c;
    V total{};
    for (int64_t row = 0; row < rows; ++row) {
      V g = load_some(gradient + row * columns + c, there);
      if (y != nullptr) {
        g = load_some(y + row * columns + c, there) > V{} ? g : V{};
        store_some(masked + row * columns + c, g, there);
      }
      total += g;
    }
    store_some(sums + c, total, there);
  }
}

// `y` is empty where there is no relu, `to_x` where nobody wants it.
ffi::Error dense_backward(ffi::ThreadPool pool, Floats x, Floats weight, Floats y, Floats gradient,
                          ffi::Result<Floats> to_x, ffi::Result<Floats> to_weight, ffi::Result<Floats> to_bias,
                          int64_t wanted, int64_t threads) {
  const Threads hands{&pool, threads};
  const int64_t rows = x.dimensions()[0], in = x.dimensions()[1], out = weight.dimensions()[1];
  const bool relu = y.element_count() > 0;
  float* masked = relu ? scratch<MaskedScratch>(static_cast<size_t>(rows * out)) : nullptr;
  mask(gradient.typed_data(), relu ? y.typed_data() : nullptr, rows, out, masked, to_bias->typed_data());
  const float* g = relu ? masked : gradient.typed_data();
  amx::gemm<amx::Rounded>(hands, {in, out, rows, {x.typed_data(), 1, in}, {g, out, 1}, to_weight->typed_data(), out});
  if (wanted != 0)
    amx::gemm<amx::Rounded>(hands, {rows, in, out, {g, out, 1}, {weight.typed_data(), 1, out}, to_x->typed_data(), in});
  return ffi::Error::Success();
}

}  // namespace
}  // namespace lamina

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_dense_forward_bf16, lamina::dense_forward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Attr<int64_t>("relu")
                                  .Attr<int64_t>("threads"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_dense_backward_bf16, lamina::dense_backward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Attr<int64_t>("wanted")
                                  .Attr<int64_t>("threads"));
