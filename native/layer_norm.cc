// Layer norm with relu behind it where there is one: each row to mean 0 and variance 1, scaled and shifted.
//
// A row is read from memory once forward and once backward: what follows finds it in the first cache.

#include <algorithm>

#include "parallel.h"
#include "vector.h"

namespace lamina {
namespace {

struct PieceScratch {};

// Rows [number][features].
struct Rows {
  int64_t number, features;
  int64_t pieces() const { return std::clamp<int64_t>(number, 1, 16); }
  bool small() const { return number * features < (1 << 14); }  // not worth a second thread
};

// f(piece, from row, to row): of the shape alone, so that the order of sums is too.
template <class F>
void by_pieces(const Threads& threads, const Rows& rows, const F& f) {
  const Threads hands = rows.small() ? Threads{} : threads;
  parallel(hands, rows.pieces(), [&](int64_t piece) {
    const auto [from, to] = share(rows.number, rows.pieces(), piece);
    f(piece, from, to);
  });
}

// f(i, how many numbers from there on) for each vector of a row; all but the last are whole.
template <class F>
inline __attribute__((always_inline)) void along(const Rows& rows, const F& f) {
  int64_t i = 0;
  for (; i + kWidth <= rows.features; i += kWidth) f(i, int64_t{kWidth});
  if (i < rows.features) f(i, rows.features - i);
}

// ---- forward ---------------------------------------------------------------------------------------------------------

struct Forward {
  Rows rows;
  bool relu;
  float epsilon;
  const float *x, *scale, *shift;
  float *y, *mean, *inverse;
};

void forward_row(const Forward& f, int64_t row) {
  const float* x = f.x + row * f.rows.features;
  float* y = f.y + row * f.rows.features;
  const auto share = 1.0f / static_cast<float>(f.rows.features);
  V total{}, squares{};
  along(f.rows, [&](int64_t i, int64_t there) { total += load_some(x + i, there); });
  const float mean = sum(total) * share;
  along(f.rows, [&](int64_t i, int64_t there) {
    const V off = load_some(x + i, there) - mean;
    squares += there >= kWidth ? off * off : select(lanes() < static_cast<int32_t>(there), off * off, V{});
  });
  const float inverse = 1.0f / __builtin_sqrtf(sum(squares) * share + f.epsilon);
  along(f.rows, [&](int64_t i, int64_t there) {
    const V made = (load_some(x + i, there) - mean) * inverse * load_some(f.scale + i, there) + load_some(f.shift + i, there);
    store_some(y + i, f.relu ? relu(made) : made, there);
  });
  f.mean[row] = mean;
  f.inverse[row] = inverse;
}

void forward(const Threads& threads, const Forward& f) {
  by_pieces(threads, f.rows, [&](int64_t, int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) forward_row(f, row);
  });
}

// ---- backward --------------------------------------------------------------------------------------------------------

struct Backward {
  Rows rows;
  const float *x, *scale, *mean, *inverse, *y, *gradient;  // y: null where there is no relu
  float *to_x, *to_scale, *to_shift;
};

V arrived(const Backward& b, int64_t at, int64_t there) {
  const V g = load_some(b.gradient + at, there);
  return b.y == nullptr ? g : select(load_some(b.y + at, there) > V{}, g, V{});
}

// The row's gradient, and its parts of those of scale and shift, added.
void backward_row(const Backward& b, int64_t row, float* to_scale, float* to_shift) {
  const int64_t begin = row * b.rows.features;
  const float mean = b.mean[row], inverse = b.inverse[row], share = 1.0f / static_cast<float>(b.rows.features);
  V total{}, product{};
  along(b.rows, [&](int64_t i, int64_t there) {
    const V g = arrived(b, begin + i, there), normal = (load_some(b.x + begin + i, there) - mean) * inverse;
    const V scaled = g * load_some(b.scale + i, there);
    total += scaled;
    product += scaled * normal;
    store_some(to_scale + i, load_some(to_scale + i, there) + g * normal, there);
    store_some(to_shift + i, load_some(to_shift + i, there) + g, there);
  });
  const float centre = sum(total) * share, slope = sum(product) * share;
  along(b.rows, [&](int64_t i, int64_t there) {
    const V g = arrived(b, begin + i, there), normal = (load_some(b.x + begin + i, there) - mean) * inverse;
    store_some(b.to_x + begin + i, (g * load_some(b.scale + i, there) - centre - normal * slope) * inverse, there);
  });
}

void backward(const Threads& threads, const Backward& b) {
  const int64_t pieces = b.rows.pieces(), features = b.rows.features;
  float* sums = scratch<PieceScratch>(static_cast<size_t>(pieces * 2 * features));
  by_pieces(threads, b.rows, [&](int64_t piece, int64_t from, int64_t to) {
    float* to_scale = sums + piece * 2 * features;
    std::fill(to_scale, to_scale + 2 * features, 0.0f);
    for (int64_t row = from; row < to; ++row) backward_row(b, row, to_scale, to_scale + features);
  });
  std::copy_n(sums, features, b.to_scale);
  std::copy_n(sums + features, features, b.to_shift);
  for (int64_t piece = 1; piece < pieces; ++piece)
    for (int64_t i = 0; i < features; ++i) {
      b.to_scale[i] += sums[piece * 2 * features + i];
      b.to_shift[i] += sums[(piece * 2 + 1) * features + i];
    }
}

// ---- the doors -------------------------------------------------------------------------------------------------------

using Floats = ffi::Buffer<ffi::F32>;

ffi::Error layer_norm_forward(ffi::ThreadPool pool, Floats x, Floats scale, Floats shift, ffi::Result<Floats> y,
                              ffi::Result<Floats> mean, ffi::Result<Floats> inverse, int64_t relu, float epsilon,
                              int64_t threads) {
  forward({&pool, threads},
          {{x.dimensions()[0], x.dimensions()[1]}, relu != 0, epsilon, x.typed_data(), scale.typed_data(),
           shift.typed_data(), y->typed_data(), mean->typed_data(), inverse->typed_data()});
  return ffi::Error::Success();
}

// An empty y: there is no relu.
ffi::Error layer_norm_backward(ffi::ThreadPool pool, Floats x, Floats scale, Floats mean, Floats inverse, Floats y,
                               Floats gradient, ffi::Result<Floats> to_x, ffi::Result<Floats> to_scale,
                               ffi::Result<Floats> to_shift, int64_t threads) {
  backward({&pool, threads},
           {{x.dimensions()[0], x.dimensions()[1]}, x.typed_data(), scale.typed_data(), mean.typed_data(),
            inverse.typed_data(), y.element_count() == 0 ? nullptr : y.typed_data(), gradient.typed_data(),
            to_x->typed_data(), to_scale->typed_data(), to_shift->typed_data()});
  return ffi::Error::Success();
}

}  // namespace
}  // namespace lamina

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_layer_norm_forward, lamina::layer_norm_forward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Attr<int64_t>("relu")
                                  .Attr<float>("epsilon")
                                  .Attr<int64_t>("threads"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_layer_norm_backward, lamina::layer_norm_backward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Attr<int64_t>("threads"));
