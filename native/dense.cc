// A dense layer, relu(x W + b), forward and backward.

#include <algorithm>

#include "dense.h"

namespace lamina {
namespace {

struct MaskedScratch {};

using Floats = ffi::Buffer<ffi::F32>;

ffi::Error dense_forward(ffi::ThreadPool pool, Floats x, Floats weight, Floats bias, ffi::Result<Floats> y,
                         int64_t relu, int64_t threads) {
  const DenseLayer layer{x.dimensions()[1], weight.dimensions()[1], weight.typed_data(), bias.typed_data(), relu != 0};
  dense({&pool, threads}, layer, x.dimensions()[0], x.typed_data(), y->typed_data());
  return ffi::Error::Success();
}

// The gradient where relu let it through, and its column sums; columns are shared out, so sums don't depend on threads.
void mask(const Threads& threads, const float* gradient, const float* y, int64_t rows, int64_t columns, float* masked,
          float* sums) {
  const int64_t units = (columns + kWidth - 1) / kWidth, tasks = rows * columns < (1 << 15) ? 1 : std::min<int64_t>(units, 8);
  parallel(threads, tasks, [&](int64_t task) {
    const auto [from, to] = share(columns, tasks, task, kWidth);
    for (int64_t c = from; c < to; c += kWidth) {
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
  });
}

// `y` is empty where there is no relu, `to_x` where nobody wants it.
ffi::Error dense_backward(ffi::ThreadPool pool, Floats x, Floats weight, Floats y, Floats gradient,
                          ffi::Result<Floats> to_x, ffi::Result<Floats> to_weight, ffi::Result<Floats> to_bias,
                          int64_t wanted, int64_t threads) {
  const Threads hands{&pool, threads};
  const int64_t rows = x.dimensions()[0], in = x.dimensions()[1], out = weight.dimensions()[1];
  const bool relu = y.element_count() > 0;
  float* masked = relu ? scratch<MaskedScratch>(static_cast<size_t>(rows * out)) : nullptr;
  mask(hands, gradient.typed_data(), relu ? y.typed_data() : nullptr, rows, out, masked, to_bias->typed_data());
  const float* g = relu ? masked : gradient.typed_data();
  gemm(hands, {in, out, rows, {x.typed_data(), 1, in}, {g, out, 1}, to_weight->typed_data(), out});
  if (wanted != 0)
    gemm(hands, {rows, in, out, {g, out, 1}, {weight.typed_data(), 1, out}, to_x->typed_data(), in});
  return ffi::Error::Success();
}

}  // namespace
}  // namespace lamina

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_dense_forward, lamina::dense_forward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Attr<int64_t>("relu")
                                  .Attr<int64_t>("threads"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_dense_backward, lamina::dense_backward,
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
