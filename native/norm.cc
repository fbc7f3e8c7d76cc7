// Batch norm in training, with what may follow it in one pass: the sum with a shortcut, relu, max pooling.
//
// A picture's numbers are read from memory twice forward (statistics, result) and twice backward (sums, gradient);
// behind a pool only the winners are written, and only what they got is read back.

#include <algorithm>
#include <cmath>

#include "parallel.h"
#include "vector.h"
#include "window.h"

namespace lamina {
namespace {

struct PieceScratch {};

// Numbers [number][places][channels]; places are height x width where there is a pool.
struct Shape {
  int64_t number, height, width, channels;
  int64_t places() const { return height * width; }
  int64_t size() const { return places() * channels; }
  int64_t pieces() const { return std::clamp<int64_t>(number, 1, 16); }  // one of no pictures: its sums are zero
};

// Pictures [from, to) of a piece: of the shape alone, so that the order of sums is too.
std::pair<int64_t, int64_t> pictures_of(const Shape& s, int64_t piece) { return share(s.number, s.pieces(), piece); }

// f(piece, picture) for all of them.
template <class F>
void by_pictures(const Threads& threads, const Shape& s, const F& f) {
  parallel(threads, s.pieces(), [&](int64_t piece) {
    const auto [from, to] = pictures_of(s, piece);
    for (int64_t n = from; n < to; ++n) f(piece, n);
  });
}

// Asks for what the same place of the next picture needs: the strides of channels hide it from the hardware.
template <class T>
void ahead(const T* p, int64_t distance) {
  __builtin_prefetch(p + distance);
}

// f(channel, how many channels from there on, at most a vector's).
template <class F>
void by_channels(const Shape& s, const F& f) {
  for (int64_t c = 0; c < s.channels; c += kWidth) f(c, s.channels - c);
}

// The distance to what will be needed: beyond a page, where the hardware stops to look.
constexpr int64_t kAhead = 1024;

// f(channel, vectors, there) for blocks of neighbouring channels: of 4, 2 or 1 whole vectors, both numbers being constants,
// and of what remains, a part of one.
template <class F>
void by_blocks(const Shape& s, const F& f) {
  constexpr std::integral_constant<int64_t, kWidth> whole{};
  int64_t c = 0;
  for (; c + 4 * kWidth <= s.channels; c += 4 * kWidth) f(c, std::integral_constant<int, 4>{}, whole);
  for (; c + 2 * kWidth <= s.channels; c += 2 * kWidth) f(c, std::integral_constant<int, 2>{}, whole);
  for (; c + kWidth <= s.channels; c += kWidth) f(c, std::integral_constant<int, 1>{}, whole);
  if (c < s.channels) f(c, std::integral_constant<int, 1>{}, s.channels - c);
}

// add(at, chain) for all places of a picture, `at` from `begin` on: sums of different chains don't wait for each other.
template <int Chains, class F>
inline __attribute__((always_inline)) void in_chains(const Shape& s, int64_t begin, const F& add) {
  const int64_t places = s.places(), step = s.channels;
  int64_t place = 0, at = begin;
  for (; place + Chains <= places; place += Chains)
    for (int chain = 0; chain < Chains; ++chain, at += step) add(at, chain);
  for (; place < places; ++place, at += step) add(at, 0);
}

// The mean of each channel of a picture, and the squares of the differences from it added up.
template <int N, class There>
void picture_moments(const Shape& s, const float* x, int64_t channel, There there, V* mean, V* squares) {
  constexpr int kChains = 4 / N;
  const auto total = [&](const auto& of, V* to) __attribute__((always_inline)) {
    V sums[kChains][N] = {};
    in_chains<kChains>(s, channel, [&](int64_t at, int chain) __attribute__((always_inline)) {
      for (int j = 0; j < N; ++j) sums[chain][j] += of(load_some(x + at + j * kWidth, there), j);
    });
    for (int j = 0; j < N; ++j) {
      to[j] = sums[0][j];
      for (int chain = 1; chain < kChains; ++chain) to[j] += sums[chain][j];
    }
  };
  total([](V v, int) { return v; }, mean);
  for (int j = 0; j < N; ++j) mean[j] /= static_cast<float>(s.places());
  total([&](V v, int j) { return (v - mean[j]) * (v - mean[j]); }, squares);
}

// `a` becomes the moments of both (Chan et al. 1979, updating formulae).
void join(V& mean, V& squares, double count, V other_mean, V other_squares, double other_count) {
  const auto share_of_other = static_cast<float>(other_count / (count + other_count));
  const V apart = other_mean - mean;
  mean += apart * share_of_other;
  squares += other_squares + apart * apart * (static_cast<float>(count) * share_of_other);
}

// Mean and variance of each channel over the pictures that live; how many numbers that was, a channel.
double statistics(const Threads& threads, const Shape& s, const float* x, const float* live, float* mean,
                  float* variance) {
  const int64_t pieces = s.pieces(), c = s.channels;
  float* sums = scratch<PieceScratch>(static_cast<size_t>(pieces * 2 * c));
  double counts[16] = {};
  std::fill(sums, sums + pieces * 2 * c, 0.0f);
  by_pictures(threads, s, [&](int64_t piece, int64_t n) {
    if (live[n] <= 0.0f) return;
    float *means = sums + piece * 2 * c, *squares = means + c;
    by_blocks(s, [&](int64_t channel, auto vectors, auto there) {
      constexpr int N = decltype(vectors)::value;
      V m[N], q[N];
      picture_moments<N>(s, x + n * s.size(), channel, there, m, q);
      for (int j = 0; j < N; ++j) {
        float *mean_at = means + channel + j * kWidth, *squares_at = squares + channel + j * kWidth;
        V m0 = load_some(mean_at, there), q0 = load_some(squares_at, there);
        join(m0, q0, counts[piece], m[j], q[j], static_cast<double>(s.places()));
        store_some(mean_at, m0, there);
        store_some(squares_at, q0, there);
      }
    });
    counts[piece] += static_cast<double>(s.places());
  });
  double count = 0;
  std::fill(mean, mean + c, 0.0f);
  std::fill(variance, variance + c, 0.0f);
  for (int64_t piece = 0; piece < pieces; ++piece) {
    if (counts[piece] == 0) continue;
    by_channels(s, [&](int64_t channel, int64_t there) {
      V m0 = load_some(mean + channel, there), q0 = load_some(variance + channel, there);
      const float *means = sums + piece * 2 * c + channel, *squares = means + c;
      join(m0, q0, count, load_some(means, there), load_some(squares, there), counts[piece]);
      store_some(mean + channel, m0, there);
      store_some(variance + channel, q0, there);
    });
    count += counts[piece];
  }
  for (int64_t i = 0; i < c; ++i) variance[i] /= static_cast<float>(std::max(count, 1.0));
  return count;
}

// What follows the normalisation.
struct After {
  Pool pool;
  bool relu;
};

struct Forward {
  Shape shape;
  After after;
  float epsilon;
  const float *x, *scale, *shift, *residual, *mean, *variance;
  float* y;
  uint8_t* winners;
};

// The normalisation of one vector of channels as x * factor + offset.
struct Affine {
  V factor, offset, mean;

  Affine(const float* scale, const float* shift, const float* mean_of, const float* variance, float epsilon,
         int64_t there) {
    mean = load_some(mean_of, there);
    factor = load_some(scale, there) / sqrt(load_some(variance, there) + epsilon);
    offset = load_some(shift, there);
  }
  V operator()(V x) const { return (x - mean) * factor + offset; }
};

// Those of neighbouring vectors.
template <int Count>
struct Affines {
  V factor[Count], offset[Count], mean[Count];

  // `norm`: a Forward or a Backward.
  template <class Norm>
  Affines(const Norm& norm, int64_t channel, int64_t there) {
    for (int j = 0; j < Count; ++j) {
      const int64_t c = channel + j * kWidth;
      const Affine one(norm.scale + c, norm.shift + c, norm.mean + c, norm.variance + c, norm.epsilon, there);
      factor[j] = one.factor, offset[j] = one.offset, mean[j] = one.mean;
    }
  }
  // Of what is so far off the mean.
  V of(V off, int j) const { return off * factor[j] + offset[j]; }
};

template <int N, class There>
void normalise_plain(const Forward& f, int64_t n, int64_t channel, There there) {
  const Shape& s = f.shape;
  const int64_t begin = n * s.size() + channel;
  const Affines<N> affine(f, channel, there);
  const float *from = f.x, *residual = f.residual;
  const bool cut = f.after.relu;
  float* to = f.y;
  const int64_t places = s.places(), step = s.channels;
  for (int64_t at = begin, place = 0; place < places; ++place, at += step)
    for (int j = 0; j < N; ++j) {
      const int64_t i = at + j * kWidth;
      ahead(from + i, kAhead);
      V y = affine.of(load_some(from + i, there) - affine.mean[j], j);
      if (residual != nullptr) y += load_some(residual + i, there);
      store_some(to + i, cut ? relu(y) : y, there);
    }
}

void normalise_pooled(const Forward& f, int64_t n, int64_t channel, int64_t there, const Affine& affine) {
  const Shape& s = f.shape;
  const Pool& p = f.after.pool;
  for (int64_t y = 0; y < p.out_height; ++y)
    for (int64_t x = 0; x < p.out_width; ++x) {
      const float* corner = f.x + n * s.size() + (y * p.stride_y * s.width + x * p.stride_x) * s.channels + channel;
      V best = affine(load_some(corner, there));
      I winner{};
      for (int64_t row = 0, tap = 0; row < p.height; ++row)
        for (int64_t column = 0; column < p.width; ++column, ++tap) {
          const float* from = corner + (row * s.width + column) * s.channels;
          const V other = affine(load_some(from, there));
          ahead(from, s.size());
          const I better = (other > best) | (other != other);
          best = better ? other : best;
          winner = better ? static_cast<int32_t>(tap) + I{} : winner;
        }
      if (f.after.relu) {
        best = relu(best);
        winner = best > V{} ? winner : I{} + int32_t{kNobody};
      }
      const int64_t at = ((n * p.out_height + y) * p.out_width + x) * s.channels + channel;
      store_some(f.y + at, best, there);
      store_bytes(f.winners + at, winner, there);
    }
}

void forward(const Threads& threads, const Forward& f) {
  by_pictures(threads, f.shape, [&](int64_t, int64_t n) {
    if (!f.after.pool.exists())
      return by_blocks(f.shape, [&](int64_t c, auto vectors, auto there) {
        normalise_plain<decltype(vectors)::value>(f, n, c, there);
      });
    by_channels(f.shape, [&](int64_t c, int64_t there) {
      const Affine affine(f.scale + c, f.shift + c, f.mean + c, f.variance + c, f.epsilon, there);
      normalise_pooled(f, n, c, there, affine);
    });
  });
}

// ---- backward --------------------------------------------------------------------------------------------------------

struct Backward {
  Shape shape;
  After after;
  float epsilon;
  const float *x, *scale, *shift, *mean, *variance, *live, *y, *gradient;  // y: null unless a shortcut was added
  const uint8_t* winners;
  float *to_x, *to_residual, *to_scale, *to_shift;  // to_residual: null where there is none
};

// The gradient of a vector of the windows, zero where nobody won, and the winners.
struct Won {
  V gradient;
  I winner;

  Won(const Backward& b, int64_t at, int64_t there) {
    winner = load_bytes(b.winners + at, there);
    gradient = load_some(b.gradient + at, there);
    gradient = winner != static_cast<int32_t>(kNobody) ? gradient : V{};
  }
};

// Sums over a picture of the gradient, and of the gradient times the difference from the mean, added to `to`.
template <int N, class There>
void sums_plain(const Backward& b, int64_t n, int64_t channel, There there, float* totals_to, float* products_to) {
  constexpr int kChains = 4 / N;
  const Affines<N> affine(b, channel, there);
  V totals[kChains][N] = {}, products[kChains][N] = {};
  const float *xs = b.x, *gs = b.gradient, *ys = b.y;
  float* kept = b.to_residual;
  const bool cut = b.after.relu;
  in_chains<kChains>(b.shape, n * b.shape.size() + channel, [&](int64_t at, int chain) __attribute__((always_inline)) {
    for (int j = 0; j < N; ++j) {
      const int64_t i = at + j * kWidth;
      ahead(xs + i, kAhead);
      ahead(gs + i, kAhead);
      const V off = load_some(xs + i, there) - affine.mean[j];
      V g = load_some(gs + i, there);
      if (cut) g = (ys != nullptr ? load_some(ys + i, there) : affine.of(off, j)) > V{} ? g : V{};
      if (kept != nullptr) store_some(kept + i, g, there);
      totals[chain][j] += g;
      products[chain][j] += g * off;
    }
  });
  for (int j = 0; j < N; ++j) {
    V total = totals[0][j], product = products[0][j];
    for (int chain = 1; chain < kChains; ++chain) total += totals[chain][j], product += products[chain][j];
    const int64_t c = channel + j * kWidth;
    store_some(totals_to + c, load_some(totals_to + c, there) + total, there);
    store_some(products_to + c, load_some(products_to + c, there) + product, there);
  }
}

void sums_pooled(const Backward& b, int64_t n, int64_t channel, int64_t there, V mean, V& total, V& product) {
  const Shape& s = b.shape;
  const Pool& p = b.after.pool;
  total = product = V{};
  for (int64_t y = 0; y < p.out_height; ++y)
    for (int64_t x = 0; x < p.out_width; ++x) {
      const Won window(b, ((n * p.out_height + y) * p.out_width + x) * s.channels + channel, there);
      const float* corner = b.x + n * s.size() + (y * p.stride_y * s.width + x * p.stride_x) * s.channels + channel;
      V won = mean;
      for (int64_t row = 0, tap = 0; row < p.height; ++row)
        for (int64_t column = 0; column < p.width; ++column, ++tap) {
          const float* from = corner + (row * s.width + column) * s.channels;
          const V number = load_some(from, there);
          ahead(from, s.size());
          won = window.winner == static_cast<int32_t>(tap) ? number : won;
        }
      total += window.gradient;
      product += window.gradient * (won - mean);
    }
}

// dx = factor * (g - centre - (x - mean) * slope), the last two for pictures that live.
struct Back {
  V factor, centre, slope, mean;

  // `sums`: of gradients, and of gradients times differences from the mean; `part`: what of them is a picture's.
  Back(const Backward& b, const float* sums, int64_t c, int64_t there, float part) {
    const V inverse = 1.0f / sqrt(load_some(b.variance + c, there) + b.epsilon);
    factor = load_some(b.scale + c, there) * inverse;
    centre = load_some(sums + c, there) * part;
    slope = load_some(sums + b.shape.channels + c, there) * inverse * inverse * part;
    mean = load_some(b.mean + c, there);
  }
  V operator()(V g, V x) const { return factor * (g - centre - (x - mean) * slope); }
};

template <int N, class There>
void gradient_plain(const Backward& b, int64_t n, int64_t channel, There there, const float* sums, float part) {
  const Shape& s = b.shape;
  const int64_t begin = n * s.size() + channel;
  const Affines<N> affine(b, channel, there);
  V centre[N], slope[N];
  for (int j = 0; j < N; ++j) {
    const Back back(b, sums, channel + j * kWidth, there, part);
    centre[j] = back.centre, slope[j] = back.slope;
  }
  const float *xs = b.x, *gs = b.to_residual != nullptr ? b.to_residual : b.gradient;
  const bool cut = b.after.relu && b.to_residual == nullptr;
  float* to = b.to_x;
  const int64_t places = s.places(), step = s.channels;
  for (int64_t at = begin, place = 0; place < places; ++place, at += step)
    for (int j = 0; j < N; ++j) {
      const int64_t i = at + j * kWidth;
      ahead(xs + i, kAhead);
      ahead(gs + i, kAhead);
      ahead(to + i, kAhead);
      const V off = load_some(xs + i, there) - affine.mean[j];
      V g = load_some(gs + i, there);
      if (cut) g = affine.of(off, j) > V{} ? g : V{};
      store_some(to + i, affine.factor[j] * (g - centre[j] - off * slope[j]), there);
    }
}

// Windows that don't overlap: what each place got is known from its window alone.
void gradient_pooled(const Backward& b, int64_t n, int64_t channel, int64_t there, const Back& back) {
  const Shape& s = b.shape;
  const Pool& p = b.after.pool;
  const int64_t begin = n * s.size() + channel;
  const bool covered = p.out_height * p.height == s.height && p.out_width * p.width == s.width && p.stride_y == p.height &&
                       p.stride_x == p.width;
  if (!covered)
    for (int64_t at = begin, place = 0; place < s.places(); ++place, at += s.channels)
      store_some(b.to_x + at, back(V{}, load_some(b.x + at, there)), there);
  for (int64_t y = 0; y < p.out_height; ++y)
    for (int64_t x = 0; x < p.out_width; ++x) {
      const Won window(b, ((n * p.out_height + y) * p.out_width + x) * s.channels + channel, there);
      const int64_t corner = begin + (y * p.stride_y * s.width + x * p.stride_x) * s.channels;
      for (int64_t row = 0, tap = 0; row < p.height; ++row)
        for (int64_t column = 0; column < p.width; ++column, ++tap) {
          const int64_t at = corner + (row * s.width + column) * s.channels;
          const V g = window.winner == static_cast<int32_t>(tap) ? window.gradient : V{};
          ahead(b.x + at, s.size());
          ahead(b.to_x + at, s.size());
          store_some(b.to_x + at, back(g, load_some(b.x + at, there)), there);
        }
    }
}

void backward(const Threads& threads, const Backward& b) {
  const Shape& s = b.shape;
  const int64_t pieces = s.pieces(), c = s.channels;
  float* sums = scratch<PieceScratch>(static_cast<size_t>(pieces * 2 * c));
  std::fill(sums, sums + pieces * 2 * c, 0.0f);
  by_pictures(threads, s, [&](int64_t piece, int64_t n) {
    float* to = sums + piece * 2 * c;
    if (!b.after.pool.exists())
      return by_blocks(s, [&](int64_t channel, auto vectors, auto there) {
        sums_plain<decltype(vectors)::value>(b, n, channel, there, to, to + c);
      });
    by_channels(s, [&](int64_t channel, int64_t there) {
      V total, product;
      sums_pooled(b, n, channel, there, load_some(b.mean + channel, there), total, product);
      store_some(to + channel, load_some(to + channel, there) + total, there);
      store_some(to + c + channel, load_some(to + c + channel, there) + product, there);
    });
  });
  for (int64_t piece = 1; piece < pieces; ++piece)
    for (int64_t i = 0; i < 2 * c; ++i) sums[i] += sums[piece * 2 * c + i];
  double alive = 0;
  for (int64_t n = 0; n < s.number; ++n) alive += b.live[n] > 0.0f ? static_cast<double>(s.places()) : 0.0;
  const auto share_of_one = static_cast<float>(1.0 / std::max(alive, 1.0));
  by_pictures(threads, s, [&](int64_t, int64_t n) {
    const float part = b.live[n] > 0.0f ? share_of_one : 0.0f;
    if (!b.after.pool.exists())
      return by_blocks(s, [&](int64_t channel, auto vectors, auto there) {
        gradient_plain<decltype(vectors)::value>(b, n, channel, there, sums, part);
      });
    by_channels(s, [&](int64_t channel, int64_t there) {
      gradient_pooled(b, n, channel, there, Back(b, sums, channel, there, part));
    });
  });
  for (int64_t i = 0; i < c; ++i) {
    b.to_shift[i] = sums[i];
    b.to_scale[i] = sums[c + i] / std::sqrt(b.variance[i] + b.epsilon);
  }
}

// ---- the doors -------------------------------------------------------------------------------------------------------

using Floats = ffi::Buffer<ffi::F32>;
using Bytes = ffi::Buffer<ffi::U8>;
using Numbers = ffi::Span<const int64_t>;

Shape shape_of(Numbers g) { return {g[0], g[1], g[2], g[3]}; }
After after_of(Numbers p, int64_t relu) { return {{p[0], p[1], p[2], p[3], p[4], p[5]}, relu != 0}; }
const float* some(const Floats& of) { return of.element_count() == 0 ? nullptr : of.typed_data(); }

// `geometry`: number, height, width, channels; `pooling` as the convolution's; an empty residual is none.
ffi::Error batch_norm_forward(ffi::ThreadPool pool, Floats x, Floats scale, Floats shift, Floats live, Floats residual,
                              ffi::Result<Floats> y, ffi::Result<Bytes> winners, ffi::Result<Floats> mean,
                              ffi::Result<Floats> variance, ffi::Result<Floats> count, Numbers geometry,
                              Numbers pooling, int64_t relu, float epsilon, int64_t threads) {
  const Threads hands{&pool, threads};
  const Shape shape = shape_of(geometry);
  count->typed_data()[0] = static_cast<float>(
      statistics(hands, shape, x.typed_data(), live.typed_data(), mean->typed_data(), variance->typed_data()));
  forward(hands, {shape, after_of(pooling, relu), epsilon, x.typed_data(), scale.typed_data(), shift.typed_data(),
                  some(residual), mean->typed_data(), variance->typed_data(), y->typed_data(), winners->typed_data()});
  return ffi::Error::Success();
}

ffi::Error batch_norm_backward(ffi::ThreadPool pool, Floats x, Floats scale, Floats shift, Floats live, Floats mean,
                               Floats variance, Floats y, Bytes winners, Floats gradient, ffi::Result<Floats> to_x,
                               ffi::Result<Floats> to_residual, ffi::Result<Floats> to_scale,
                               ffi::Result<Floats> to_shift, Numbers geometry, Numbers pooling, int64_t relu,
                               float epsilon, int64_t threads) {
  float* residual = to_residual->element_count() == 0 ? nullptr : to_residual->typed_data();
  backward({&pool, threads},
           {shape_of(geometry), after_of(pooling, relu), epsilon, x.typed_data(), scale.typed_data(),
            shift.typed_data(), mean.typed_data(), variance.typed_data(), live.typed_data(), some(y),
            gradient.typed_data(), winners.typed_data(),
            to_x->typed_data(), residual, to_scale->typed_data(), to_shift->typed_data()});
  return ffi::Error::Success();
}

}  // namespace
}  // namespace lamina

using LaminaFloats = xla::ffi::Buffer<xla::ffi::F32>;
using LaminaBytes = xla::ffi::Buffer<xla::ffi::U8>;
using LaminaNumbers = xla::ffi::Span<const int64_t>;

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_batch_norm_forward, lamina::batch_norm_forward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<LaminaFloats>()
                                  .Arg<LaminaFloats>()
                                  .Arg<LaminaFloats>()
                                  .Arg<LaminaFloats>()
                                  .Arg<LaminaFloats>()
                                  .Ret<LaminaFloats>()
                                  .Ret<LaminaBytes>()
                                  .Ret<LaminaFloats>()
                                  .Ret<LaminaFloats>()
                                  .Ret<LaminaFloats>()
                                  .Attr<LaminaNumbers>("geometry")
                                  .Attr<LaminaNumbers>("pooling")
                                  .Attr<int64_t>("relu")
                                  .Attr<float>("epsilon")
                                  .Attr<int64_t>("threads"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_batch_norm_backward, lamina::batch_norm_backward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<LaminaFloats>()
                                  .Arg<LaminaFloats>()
                                  .Arg<LaminaFloats>()
                                  .Arg<LaminaFloats>()
                                  .Arg<LaminaFloats>()
                                  .Arg<LaminaFloats>()
                                  .Arg<LaminaFloats>()
                                  .Arg<LaminaBytes>()
                                  .Arg<LaminaFloats>()
                                  .Ret<LaminaFloats>()
                                  .Ret<LaminaFloats>()
                                  .Ret<LaminaFloats>()
                                  .Ret<LaminaFloats>()
                                  .Attr<LaminaNumbers>("geometry")
                                  .Attr<LaminaNumbers>("pooling")
                                  .Attr<int64_t>("relu")
                                  .Attr<float>("epsilon")
                                  .Attr<int64_t>("threads"));
