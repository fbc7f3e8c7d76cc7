// Max pooling on its own, where no operation before it took the pool along.
//
// Backward, each place gathers from the windows that it lies in: it is written once, and nothing is cleared before.

#include <algorithm>

#include "parallel.h"
#include "vector.h"

namespace lamina {
namespace {

struct Range {
  int64_t from, to;
};

// One axis of a picture, and the windows that move along it.
struct Axis {
  int64_t length, window, stride, padding, windows;  // padding: before the picture

  int64_t begin(int64_t w) const { return w * stride - padding; }
  // The places of a window that are in the picture.
  Range places_of(int64_t w) const { return {std::max<int64_t>(begin(w), 0), std::min(begin(w) + window, length)}; }
  // From the windows that an earlier place lies in, to those of this one.
  void move(Range& from_earlier, int64_t place) const {
    auto& [from, to] = from_earlier;
    while (from < windows && begin(from) + window <= place) ++from;
    while (to < windows && begin(to) <= place) ++to;
  }
};

// Whole vectors of channels: what has others runs faster on the JAX form.
//
// Pictures [number][down.length][along.length][channels], pooled numbers [number][down.windows][along.windows][channels].
struct Pooling {
  int64_t number, channels;
  Axis down, along;
};

// f(picture, row of it) for each row of all pictures.
template <class F>
ffi::Error by_rows(const Threads& threads, const Pooling& p, int64_t rows, const F& f) {
  if (p.channels % kWidth != 0) return ffi::Error::InvalidArgument("a pool of channels that fill no vector");
  const bool small = p.number * p.down.length * p.along.length * p.channels < (1 << 14);  // not worth a second thread
  const int64_t pieces = std::min<int64_t>(p.number * rows, 32);
  parallel(small ? Threads{} : threads, pieces, [&](int64_t piece) {
    const auto [from, to] = share(p.number * rows, pieces, piece);
    for (int64_t row = from; row < to; ++row) f(row / rows, row % rows);
  });
  return ffi::Error::Success();
}

// The windows of a row: the largest number of each, and where in the window it is. `p` by value: as far as the compiler
// knows, a store of floats might change what is behind a reference.
void pool_row(const Pooling p, const float* pictures, int64_t picture, int64_t row, float* pooled, uint8_t* winners) {
  const Range rows = p.down.places_of(row);
  const int64_t out = (picture * p.down.windows + row) * p.along.windows * p.channels;
  for (int64_t w = 0; w < p.along.windows; ++w) {
    const Range columns = p.along.places_of(w);
    for (int64_t c = 0; c < p.channels; c += kWidth) {
      const int64_t at = out + w * p.channels + c;
      V best = broadcast(-__builtin_inff());
      I winner{};
      for (int64_t y = rows.from; y < rows.to; ++y)
        for (int64_t x = columns.from; x < columns.to; ++x) {
          const V other = load(pictures + ((picture * p.down.length + y) * p.along.length + x) * p.channels + c);
          const auto tap = static_cast<int32_t>((y - p.down.begin(row)) * p.along.window + x - p.along.begin(w));
          compete(best, winner, other, tap);
        }
      store(pooled + at, best);
      store_bytes(winners + at, winner, kWidth);
    }
  }
}

// The gradient of a row of a picture: of each window that a place lies in all of it where it won. Later windows first, as
// in the JAX form: the same sums to the bit.
void spread_row(const Pooling p, const float* gradient, const uint8_t* winners, int64_t picture, int64_t row,
                float* to_pictures) {
  Range rows{}, columns{};
  p.down.move(rows, row);
  float* to = to_pictures + (picture * p.down.length + row) * p.along.length * p.channels;
  for (int64_t x = 0; x < p.along.length; ++x, to += p.channels) {
    p.along.move(columns, x);
    for (int64_t c = 0; c < p.channels; c += kWidth) {
      V total{};
      for (int64_t v = rows.to; v-- > rows.from;)
        for (int64_t w = columns.to; w-- > columns.from;) {
          const int64_t at = ((picture * p.down.windows + v) * p.along.windows + w) * p.channels + c;
          const auto tap = static_cast<int32_t>((row - p.down.begin(v)) * p.along.window + x - p.along.begin(w));
          total += select(load_bytes(winners + at, kWidth) == tap, load(gradient + at), V{});
        }
      store(to + c, total);
    }
  }
}

// ---- the doors -------------------------------------------------------------------------------------------------------

using Floats = ffi::Buffer<ffi::F32>;
using Bytes = ffi::Buffer<ffi::U8>;
using Numbers = ffi::Span<const int64_t>;

// `down`, `along`: a window's size, its stride, the padding before the picture.
Pooling pooling_of(const Floats& pictures, const Floats& pooled, Numbers down, Numbers along) {
  const auto x = pictures.dimensions(), y = pooled.dimensions();
  return {x[0], x[3], {x[1], down[0], down[1], down[2], y[1]}, {x[2], along[0], along[1], along[2], y[2]}};
}

ffi::Error max_pool_forward(ffi::ThreadPool pool, Floats pictures, ffi::Result<Floats> pooled,
                            ffi::Result<Bytes> winners, Numbers down, Numbers along, int64_t threads) {
  const Pooling p = pooling_of(pictures, *pooled, down, along);
  return by_rows({&pool, threads}, p, p.down.windows, [&](int64_t picture, int64_t row) {
    pool_row(p, pictures.typed_data(), picture, row, pooled->typed_data(), winners->typed_data());
  });
}

ffi::Error max_pool_backward(ffi::ThreadPool pool, Floats gradient, Bytes winners, ffi::Result<Floats> to_pictures,
                             Numbers down, Numbers along, int64_t threads) {
  const Pooling p = pooling_of(*to_pictures, gradient, down, along);
  return by_rows({&pool, threads}, p, p.down.length, [&](int64_t picture, int64_t row) {
    spread_row(p, gradient.typed_data(), winners.typed_data(), picture, row, to_pictures->typed_data());
  });
}

}  // namespace
}  // namespace lamina

using LaminaFloats = xla::ffi::Buffer<xla::ffi::F32>;
using LaminaBytes = xla::ffi::Buffer<xla::ffi::U8>;
using LaminaNumbers = xla::ffi::Span<const int64_t>;

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_max_pool_forward, lamina::max_pool_forward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<LaminaFloats>()
                                  .Ret<LaminaFloats>()
                                  .Ret<LaminaBytes>()
                                  .Attr<LaminaNumbers>("down")
                                  .Attr<LaminaNumbers>("along")
                                  .Attr<int64_t>("threads"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_max_pool_backward, lamina::max_pool_backward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<LaminaFloats>()
                                  .Arg<LaminaBytes>()
                                  .Ret<LaminaFloats>()
                                  .Attr<LaminaNumbers>("down")
                                  .Attr<LaminaNumbers>("along")
                                  .Attr<int64_t>("threads"));
