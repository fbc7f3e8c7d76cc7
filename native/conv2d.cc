// Convolution of pictures [number, height, width, channels] with bias, relu and max pooling, forward and backward.
//
// Forward: with a picture's zeros around it, the taps of one row of the kernel are neighbours in memory (a run of
// width x channels floats), so a place's sum is a few plain products of runs with rows of weights: no patches are made.
// Backward, two ways. Dense: the same products again, with the turned weights for the pictures, with patches as columns
// for the weights. Sparse, behind a pool: at most one place in four got a gradient, and relu silences more of them, so
// for each feature the places that are alive are walked one by one, a kernel's patch of weights, their gradient and the
// picture at a time, in blocks of as many channels as a vector holds.
// Three by three taps that move by one: forward, and backward where that would be dense, in Winograd's form (winograd.h).

#include <algorithm>
#include <vector>

#include "conv2d.h"
#include "gemm.h"
#include "winograd.h"

namespace lamina {
namespace {

struct PictureScratch {};
struct WeightScratch {};
struct PlacesScratch {};
struct GradientScratch {};
struct ChunkScratch {};
struct PanelScratch {};
struct TurnedScratch {};
struct TurnedSumScratch {};

// Rows [from, from + rows) of a picture with its zeros, into [rows][padded_width][channels].
void pad_picture(const Window& w, const float* picture, int64_t from, int64_t rows, float* padded) {
  const int64_t line = w.padded_width() * w.channels;
  // A stride may step over the picture altogether: then the kernel sees nothing but zeros.
  const int64_t first = std::min(w.left, w.padded_width()), there = std::min(w.width, w.padded_width() - first);
  for (int64_t y = 0; y < rows; ++y) {
    const int64_t source = from + y - w.top;
    float* to = padded + y * line;
    if (source < 0 || source >= w.height) {
      std::fill(to, to + line, 0.0f);
      continue;
    }
    std::fill(to, to + first * w.channels, 0.0f);
    std::copy_n(picture + source * w.width * w.channels, there * w.channels, to + first * w.channels);
    std::fill(to + (first + there) * w.channels, to + line, 0.0f);
  }
}

// Calls go(at, rows) for [begin, end) in tiles of nearly equal height, `rows` as a constant.
template <class Go>
void in_tiles(int64_t begin, int64_t end, const Go& go) {
  evenly(begin, end, kRows, [&](int64_t at, int64_t count) { with_rows(count, [&](auto rows) { go(at, rows); }); });
}

// One vector of features needs a load for each multiply-add, more than the processor has: there a number is taken once
// for the three taps of a row that see it. For kernels three wide that move by one.
constexpr int kThree = 3, kNarrowRows = kWidth == 16 ? 16 : 8;

// sums[i] += the run of three taps from place i on, each of C numbers, times the run's part of a panel.
template <int M, int C>
inline __attribute__((always_inline)) void multiply_narrow(Sums<M, 1>& sums, const float* at, const float* panel) {
  for (int64_t c = 0; c < C; ++c) {
    V tap[kThree];
    for (int t = 0; t < kThree; ++t) tap[t] = load(panel + (t * C + c) * kPanel);
#pragma GCC unroll 32
    for (int i = 0; i < M + kThree - 1; ++i) {
      const V number = broadcast(at[i * C + c]);
      for (int t = 0; t < kThree; ++t)
        if (i >= t && i - t < M) sums.at[i - t][0] += number * tap[t];
    }
  }
}

// Calls go(channels) with their number as a constant where there is a narrow form for it; whether there was.
template <class Go>
bool with_narrow(int64_t channels, int64_t taps, int64_t stride, const Go& go) {
  if (taps != kThree || stride != 1) return false;
  if (channels == kWidth) return go(std::integral_constant<int, kWidth>{}), true;
  if (channels == kThree) return go(std::integral_constant<int, kThree>{}), true;
  return false;
}

// M neighbours in a row by one vector, or fewer of them: `rows` rows of three taps, `line` apart.
template <int C, class Store>
void narrow_row(const float* at, int64_t line, int64_t rows, const float* panel, int64_t count, const Store& store) {
  evenly(0, count, kNarrowRows, [&](int64_t x, int64_t size) {
    auto go = [&](auto m) {
      constexpr int M = decltype(m)::value;
      Sums<M, 1> sums;
      sums.clear();
      for (int64_t row = 0; row < rows; ++row)
        multiply_narrow<M, C>(sums, at + row * line + x * C, panel + row * kThree * C * kPanel);
      for (int i = 0; i < M; ++i) store(x + i, sums.at[i][0]);
    };
    constexpr int kHalf = kNarrowRows / 2;
    if (size <= kHalf)
      with_count<kHalf>(size, go);
    else
      with_count<kHalf>(size - kHalf,
                        [&](auto more) { go(std::integral_constant<int, kHalf + decltype(more)::value>{}); });
  });
}

// Weights [depth][columns] as panels [columns / kPanel][depth][kPanel].
void pack_panels(float* packed, const Matrix& weights, int64_t depth, int64_t columns) {
  for (int64_t from = 0; from < columns; from += kPanel) pack(packed + from * depth, weights, 0, depth, from, columns);
}

// ---- forward ---------------------------------------------------------------------------------------------------------

V activated(const Convolution& f, V value, int64_t feature) {
  value += load_some(f.bias + feature, f.window.features - feature);
  return f.relu ? relu(value) : value;
}

// A pooled vector through bias and relu, with its winners.
inline __attribute__((always_inline)) void finish_pooled(const Convolution& f, V best, I winner, int64_t place,
                                                         int64_t feature) {
  const int64_t count = f.window.features - feature;
  const V value = activated(f, best, feature);
  store_some(f.out + place * f.window.features + feature, value, count);
  if (f.winners == nullptr) return;
  if (f.relu) winner = value > V{} ? winner : I{} + int32_t{kNobody};
  store_bytes(f.winners + place * f.window.features + feature, winner, count);
}

// Two by two places.
inline __attribute__((always_inline)) void finish_four(const Convolution& f, V best, V right, V below, V beyond,
                                                       int64_t place, int64_t feature) {
  I winner{};
  if (f.winners == nullptr) {
    for (const V other : {right, below, beyond}) best = larger(other, best) ? other : best;
  } else {
    compete(best, winner, right, 1);
    compete(best, winner, below, 2);
    compete(best, winner, beyond, 3);
  }
  finish_pooled(f, best, winner, place, feature);
}

// The sums of M places, N vectors of features: place i sees the picture from at(i) on.
template <int M, int N, class At>
inline __attribute__((always_inline)) void place_sums(Sums<M, N>& sums, const Window& w, const float* padded,
                                                      const At& at, const float* panel) {
  const int64_t line = w.padded_width() * w.channels;
  sums.clear();
  auto go = [&](auto run) {
    for (int64_t row = 0; row < w.kernel_height; ++row)
      multiply_rows(sums, padded + row * line, at, 1, panel + row * run * kPanel, kPanel, run);
  };
  // Of a picture with one channel a loop would take longer than the three numbers it is for.
  w.run() == kThree ? go(std::integral_constant<int64_t, kThree>{}) : go(w.run());
}

// What the kernel sees from its place (y, x) on, in a padded piece.
const float* patch_at(const Window& w, const float* padded, int64_t y, int64_t x) {
  return padded + (y * w.stride_y * w.padded_width() + x * w.stride_x) * w.channels;
}

// The same of M neighbours in a row of the output.
template <int M, int N>
inline __attribute__((always_inline)) void row_sums(Sums<M, N>& sums, const Window& w, const float* padded, int64_t y,
                                                    int64_t x, const float* panel) {
  const int64_t step = w.stride_x * w.channels;
  place_sums(sums, w, patch_at(w, padded, y, x), [=](int i) { return i * step; }, panel);
}

// One panel of features over rows [0, rows) of a padded piece that begins at output row `top` of picture `n`.
template <int N>
void convolve_plain(const Convolution& f, const float* padded, int64_t n, int64_t top, int64_t rows, int64_t feature,
                    const float* panel) {
  const Window& w = f.window;
  if constexpr (N == 1) {
    auto narrow = [&](auto channels) {
      const int64_t line = w.padded_width() * w.channels;
      for (int64_t y = 0; y < rows; ++y) {
        float* to = f.out + (n * w.out_height + top + y) * w.out_width * w.features + feature;
        narrow_row<decltype(channels)::value>(
            padded + y * w.stride_y * line, line, w.kernel_height, panel, w.out_width, [&](int64_t x, V sum) {
              store_some(to + x * w.features, activated(f, sum, feature), w.features - feature);
            });
      }
    };
    if (with_narrow(w.channels, w.kernel_width, w.stride_x, narrow)) return;
  }
  for (int64_t y = 0; y < rows; ++y)
    in_tiles(0, w.out_width, [&](int64_t x, auto size) {
      constexpr int M = decltype(size)::value;
      Sums<M, N> sums;
      row_sums(sums, w, padded, y, x, panel);
      float* to = f.out + ((n * w.out_height + top + y) * w.out_width + x) * w.features;
      for (int m = 0; m < M; ++m)
        for (int j = 0; j < N; ++j) {
          const int64_t at = feature + j * kWidth;
          store_some(to + m * w.features + at, activated(f, sums.at[m][j], at), w.features - at);
        }
    });
}

// The same with a 2x2 pool, whose places are compared while they are still in registers.
template <int N>
void convolve_two_by_two(const Convolution& f, const float* padded, int64_t n, int64_t top, int64_t rows, int64_t feature,
                         const float* panel) {
  const Window& w = f.window;
  constexpr int kPairs = kRows / 4;
  for (int64_t y = 0; y < rows; ++y)
    evenly(0, f.pool.out_width, kPairs, [&](int64_t x, int64_t count) {
      with_count<kPairs>(count, [&](auto size) {
        constexpr int P = decltype(size)::value;
        constexpr int kAlong = 2 * P;
        Sums<2 * kAlong, N> sums;  // of the row above, and of the row below
        const int64_t along = w.stride_x * w.channels, down = w.stride_y * w.padded_width() * w.channels;
        const auto at = [=](int i) __attribute__((always_inline)) { return i % kAlong * along + i / kAlong * down; };
        place_sums(sums, w, patch_at(w, padded, 2 * y, 2 * x), at, panel);
        const int64_t place = (n * f.pool.out_height + top + y) * f.pool.out_width + x;
        for (int p = 0; p < P; ++p)
          for (int j = 0; j < N; ++j)
            finish_four(f, sums.at[2 * p][j], sums.at[2 * p + 1][j], sums.at[kAlong + 2 * p][j],
                        sums.at[kAlong + 2 * p + 1][j], place + p, feature + j * kWidth);
      });
    });
}

// Any other pool: the places of a panel go through a picture of sums that stays in the cache.
template <int N>
void convolve_pooled(const Convolution& f, const float* padded, int64_t n, int64_t top, int64_t rows, int64_t feature,
                     const float* panel) {
  const Window& w = f.window;
  const int64_t tall = (rows - 1) * f.pool.stride_y + f.pool.height;
  float* places = scratch<PlacesScratch>(static_cast<size_t>(tall * w.out_width * kPanel));
  for (int64_t y = 0; y < tall; ++y)
    in_tiles(0, w.out_width, [&](int64_t x, auto size) {
      constexpr int M = decltype(size)::value;
      Sums<M, N> sums;
      row_sums(sums, w, padded, y, x, panel);
      for (int m = 0; m < M; ++m)
        for (int j = 0; j < N; ++j) store(places + ((y * w.out_width + x + m) * kPanel + j * kWidth), sums.at[m][j]);
    });
  for (int64_t y = 0; y < rows; ++y)
    for (int64_t x = 0; x < f.pool.out_width; ++x)
      for (int j = 0; j < N; ++j) {
        const float* corner = places + (y * f.pool.stride_y * w.out_width + x * f.pool.stride_x) * kPanel + j * kWidth;
        V best = load(corner);
        I winner{};
        for (int64_t tap = 1; tap < f.pool.height * f.pool.width; ++tap)
          compete(best, winner, load(corner + (tap / f.pool.width * w.out_width + tap % f.pool.width) * kPanel),
                  static_cast<int32_t>(tap));
        const int64_t place = (n * f.pool.out_height + top + y) * f.pool.out_width + x;
        finish_pooled(f, best, winner, place, feature + j * kWidth);
      }
}

// Rows [top, top + rows) of the output (of the pool's, where there is one) of picture n, all features.
void convolve_rows(const Convolution& f, const float* panels, int64_t n, int64_t top, int64_t rows) {
  const Window& w = f.window;
  const int64_t first = f.pool.exists() ? top * f.pool.stride_y : top;
  const int64_t places = f.pool.exists() ? (rows - 1) * f.pool.stride_y + f.pool.height : rows;
  const int64_t tall = (places - 1) * w.stride_y + w.kernel_height;
  float* padded = scratch<PictureScratch>(static_cast<size_t>(tall * w.padded_width() * w.channels));
  pad_picture(w, f.pictures + n * w.height * w.width * w.channels, first * w.stride_y, tall, padded);
  for (int64_t feature = 0; feature < w.features; feature += kPanel) {
    const float* panel = panels + feature * w.taps();
    auto go = [&](auto vectors) {
      constexpr int N = decltype(vectors)::value;
      if (!f.pool.exists())
        convolve_plain<N>(f, padded, n, top, rows, feature, panel);
      else if (f.pool.two_by_two())
        convolve_two_by_two<N>(f, padded, n, top, rows, feature, panel);
      else
        convolve_pooled<N>(f, padded, n, top, rows, feature, panel);
    };
    with_vectors(w.features - feature, go);
  }
}

// Where Winograd's form needs fewer multiply-adds, has whole vectors to do them on, and tiles enough to turn kernels for.
bool by_tiles(const Window& w) {
  constexpr int64_t kFewest = 8;
  const int64_t tiles = winograd::tiles_of(w.out_height) * winograd::tiles_of(w.out_width);
  return w.kernel_height == winograd::kTaps && w.kernel_width == winograd::kTaps && w.stride_y == 1 &&
         w.stride_x == 1 && w.channels >= kWidth && w.features >= kWidth &&
         tiles * winograd::kCells < w.places() * winograd::kAllTaps && w.number * tiles >= kFewest;
}

// The same forward: a pool behind it must lie within a tile.
bool goes_by_tiles(const Convolution& f) { return by_tiles(f.window) && (!f.pool.exists() || f.pool.two_by_two()); }

// The pictures in the tiles that so many places are.
winograd::Pictures tiled(const Window& w, const float* pictures, int64_t height, int64_t width) {
  return {pictures,           w.height, w.width, w.channels, w.top, w.left, winograd::tiles_of(height),
          winograd::tiles_of(width)};
}

// What becomes of a tile's places.
inline __attribute__((always_inline)) void finish_tile(const Convolution& f, const winograd::Tile& tile, int64_t feature,
                                                       const V* places) {
  const Window& w = f.window;
  if (!f.pool.exists())
    return winograd::put_places(f.out, w.out_height, w.out_width, w.features, tile, feature, places,
                                [&](V value) { return activated(f, value, feature); });
  constexpr int kSide = winograd::kPlaces, kPools = kSide / 2;
  for (int pool = 0; pool < kPools * kPools; ++pool) {
    const int64_t y = kPools * tile.y + pool / kPools, x = kPools * tile.x + pool % kPools;
    if (y >= f.pool.out_height || x >= f.pool.out_width) continue;
    const V* four = places + 2 * (pool / kPools * kSide + pool % kPools);
    finish_four(f, four[0], four[1], four[kSide], four[kSide + 1],
                (tile.picture * f.pool.out_height + y) * f.pool.out_width + x, feature);
  }
}

void turn_forward(const Convolution& f, float* turned) {
  const Window& w = f.window;
  const auto tap = [&](int t) { return Matrix{f.weights + t * w.channels * w.features, w.features, 1}; };
  winograd::turn_kernels(tap, w.channels, w.features, turned);
}

void forward_by_tiles(const Threads& threads, const Convolution& f) {
  const Window& w = f.window;
  const bool pooled = f.pool.exists();
  const auto pictures = tiled(w, f.pictures, pooled ? 2 * f.pool.out_height : w.out_height,
                              pooled ? 2 * f.pool.out_width : w.out_width);
  const uint64_t call = call_number();
  const auto size = static_cast<size_t>(winograd::kernels_size(w.channels, w.features));
  // A tile's numbers don't depend on who stands beside it.
  const int64_t tiles = w.number * pictures.tiles(), hands = threads.count();
  const int64_t tasks = round_up((tiles + winograd::kTogether - 1) / winograd::kTogether, hands);
  parallel(threads, tasks, [&](int64_t task) {
    const auto [from, to] = share(tiles, tasks, task);
    const float* kernels = f.turned;
    if (kernels == nullptr)
      kernels = prepared<WeightScratch>(call, size, [&](float* turned) { turn_forward(f, turned); });
    winograd::convolve(pictures, from, to - from, kernels, w.features,
                       [&](const auto& tile, int64_t feature, const V* places) { finish_tile(f, tile, feature, places); });
  });
}

}  // namespace

int64_t turn_kernels(const Convolution& f, float* to) {
  Convolution many = f;
  many.window.number = 1 << 20;  // whether tiles are enough to turn kernels for is not the question
  if (!goes_by_tiles(many)) return 0;
  if (to != nullptr) turn_forward(f, to);
  return winograd::kernels_size(f.window.channels, f.window.features);
}

void convolve(const Threads& threads, const Convolution& f) {
  const Window& w = f.window;
  if (w.number == 0) return;
  if (f.turned != nullptr || goes_by_tiles(f)) return forward_by_tiles(threads, f);
  if (w.one_by_one() && !f.pool.exists()) {
    const Product product{w.number * w.places(), w.features, w.channels, {f.pictures, w.channels, 1},
                          {f.weights, w.features, 1}, f.out, w.features};
    gemm(threads, product, [&](V value, int64_t, int64_t feature) { return activated(f, value, feature); });
    return;
  }
  const auto packed = static_cast<size_t>(round_up(w.features, kPanel) * w.taps());
  const uint64_t call = call_number();
  const int64_t rows = f.pool.exists() ? f.pool.out_height : w.out_height;
  const int64_t pieces = w.number >= 8 ? 1 : std::min<int64_t>(rows, 2 * threads.count());
  parallel(threads, w.number * pieces, [&](int64_t task) {
    const auto [from, to] = share(rows, pieces, task % pieces);
    if (from == to) return;
    const float* panels = prepared<WeightScratch>(call, packed, [&](float* to_panels) {
      pack_panels(to_panels, {f.weights, w.features, 1}, w.taps(), w.features);
    });
    convolve_rows(f, panels, task / pieces, from, to - from);
  });
}

namespace {

// ---- backward --------------------------------------------------------------------------------------------------------

// `out` is what the activation made, needed where relu stands without a pool; `winners` where a pool does.
struct Backward {
  Window window;
  Pool pool;
  bool relu, to_pictures, to_bias;  // whose gradient is wanted, beside the weights'
  const float *pictures, *out, *gradient;
  const uint8_t* winners;
  const float* turned;  // weights as each way of the pictures' gradient wants them
  float* to_picture;
};

// The gradient at each place of the convolution, with margins of zeros, so that every input sees a full set of taps.
struct Places {
  int64_t above, left, height, width;

  explicit Places(const Window& w)
      : above((w.kernel_height - 1) / w.stride_y),
        left((w.kernel_width - 1) / w.stride_x),
        height(above + std::max(w.out_height, (w.height - 1 + w.top) / w.stride_y + 1)),
        width(left + std::max(w.out_width, (w.width - 1 + w.left) / w.stride_x + 1)) {}
  Places(int64_t height, int64_t width) : above(0), left(0), height(height), width(width) {}
  int64_t at(int64_t y, int64_t x) const { return (y + above) * width + x + left; }
};

// Where relu let it through: the gradient itself.
void spread_plain(const Backward& b, const Places& grid, int64_t n, float* places) {
  const Window& w = b.window;
  const int64_t line = w.out_width * w.features;
  for (int64_t y = 0; y < w.out_height; ++y) {
    const float* from = b.gradient + (n * w.out_height + y) * line;
    const float* out = b.out + (n * w.out_height + y) * line;
    float* to = places + grid.at(y, 0) * w.features;
    if (!b.relu) {
      std::copy_n(from, line, to);
      continue;
    }
    for (int64_t i = 0; i < line; i += kWidth) {
      const V g = load_some(from + i, line - i), o = load_some(out + i, line - i);
      store_some(to + i, o > V{} ? g : V{}, line - i);
    }
  }
}

// Behind a pool: each window's gradient to the place that won it.
void spread_pooled(const Backward& b, const Places& grid, int64_t n, float* places) {
  const Window& w = b.window;
  for (int64_t y = 0; y < b.pool.out_height; ++y)
    for (int64_t x = 0; x < b.pool.out_width; ++x) {
      const int64_t at = ((n * b.pool.out_height + y) * b.pool.out_width + x) * w.features;
      float* corner = places + grid.at(y * b.pool.stride_y, x * b.pool.stride_x) * w.features;
      for (int64_t tap = 0; tap < b.pool.height * b.pool.width; ++tap) {
        float* to = corner + (tap / b.pool.width * grid.width + tap % b.pool.width) * w.features;
        for (int64_t f = 0; f < w.features; ++f) to[f] += b.winners[at + f] == tap ? b.gradient[at + f] : 0.0f;
      }
    }
}

// One kind of place of the pictures under a stride, along one axis: the taps that meet it and the first such place.
struct Phase {
  int64_t taps, first_tap, begin, first_place;

  // `phase` of (place + pad) % stride.
  Phase(int64_t phase, int64_t kernel, int64_t stride, int64_t pad)
      : taps(kernel > phase ? (kernel - phase + stride - 1) / stride : 0),
        first_tap(phase),
        begin(((phase - pad) % stride + stride) % stride),
        first_place((begin + pad - phase) / stride) {}
};

// The weights of all phases, each [taps y][taps x][features] by [channels] in panels, last tap first.
int64_t turned_size(const Window& w) {
  return round_up(w.channels, kPanel) * w.kernel_height * w.kernel_width * w.features;
}

void turn_weights(const Window& w, const float* weights, float* turned) {
  for (int64_t a = 0; a < w.stride_y; ++a)
    for (int64_t b = 0; b < w.stride_x; ++b) {
      const Phase down(a, w.kernel_height, w.stride_y, w.top), along(b, w.kernel_width, w.stride_x, w.left);
      const int64_t depth = down.taps * along.taps * w.features;
      for (int64_t u = 0; u < down.taps; ++u)
        for (int64_t v = 0; v < along.taps; ++v) {
          const int64_t y = a + (down.taps - 1 - u) * w.stride_y, x = b + (along.taps - 1 - v) * w.stride_x;
          const Matrix tap{weights + (y * w.kernel_width + x) * w.channels * w.features, 1, w.features};
          for (int64_t from = 0; from < w.channels; from += kPanel)
            pack(turned + from * depth + (u * along.taps + v) * w.features * kPanel, tap, 0, w.features, from,
                 w.channels);
        }
      turned += round_up(w.channels, kPanel) * depth;
    }
}

// M inputs of one phase in a row, N vectors of channels.
template <int M, int N>
void input_tile(const Backward& b, const float* at, int64_t line, const Phase& down, const Phase& along,
                const float* panel, float* to, int64_t channel) {
  const Window& w = b.window;
  const int64_t run = along.taps * w.features;
  Sums<M, N> sums;
  sums.clear();
  for (int64_t u = 0; u < down.taps; ++u)
    multiply(sums, at + u * line, w.features, 1, panel + u * run * kPanel, kPanel, run);
  for (int m = 0; m < M; ++m)
    for (int j = 0; j < N; ++j)
      store_some(to + m * w.stride_x * w.channels + j * kWidth, sums.at[m][j], w.channels - channel - j * kWidth);
}

template <int N>
void input_panel(const Backward& b, const Places& grid, const float* places, float* picture, const Phase& down,
                 const Phase& along, const float* panel, int64_t channel) {
  const Window& w = b.window;
  const int64_t line = grid.width * w.features, count = (w.width - along.begin + w.stride_x - 1) / w.stride_x;
  if constexpr (N == 1) {
    auto narrow = [&](auto features) {
      for (int64_t y = down.begin, place = down.first_place; y < w.height; y += w.stride_y, ++place) {
        const float* at =
            places + grid.at(place - (down.taps - 1), along.first_place - (along.taps - 1)) * w.features;
        float* to = picture + y * w.width * w.channels + channel;
        narrow_row<decltype(features)::value>(at, line, down.taps, panel, w.width, [&](int64_t x, V sum) {
          store_some(to + x * w.channels, sum, w.channels - channel);
        });
      }
    };
    if (with_narrow(w.features, w.kernel_width, w.stride_x, narrow)) return;
  }
  for (int64_t y = down.begin, place = down.first_place; y < w.height; y += w.stride_y, ++place)
    in_tiles(0, count, [&](int64_t i, auto rows) {
      const int64_t first = grid.at(place - (down.taps - 1), along.first_place + i - (along.taps - 1));
      float* to = picture + (y * w.width + along.begin + i * w.stride_x) * w.channels + channel;
      input_tile<decltype(rows)::value, N>(b, places + first * w.features, line, down, along, panel, to, channel);
    });
}

void input_phase(const Backward& b, const Places& grid, const float* places, float* picture, const Phase& down,
                 const Phase& along, const float* turned) {
  const Window& w = b.window;
  for (int64_t channel = 0; channel < w.channels; channel += kPanel) {
    const float* panel = turned + channel * down.taps * along.taps * w.features;
    w.channels - channel <= kWidth ? input_panel<1>(b, grid, places, picture, down, along, panel, channel)
                                   : input_panel<kVectors>(b, grid, places, picture, down, along, panel, channel);
  }
}

// A picture's gradient from the gradient at its places: for each phase of the stride a convolution without zeros.
void input_gradient(const Backward& b, const Places& grid, const float* places, float* picture) {
  const Window& w = b.window;
  const float* turned = b.turned;
  for (int64_t p = 0; p < w.stride_y; ++p)
    for (int64_t q = 0; q < w.stride_x; ++q) {
      const Phase down(p, w.kernel_height, w.stride_y, w.top), along(q, w.kernel_width, w.stride_x, w.left);
      input_phase(b, grid, places, picture, down, along, turned);
      turned += round_up(w.channels, kPanel) * down.taps * along.taps * w.features;
    }
}

// The gradient at the places for a panel of features: where it begins, and how far it is to the next place and row.
struct Panel {
  const float* data;
  int64_t width, line;
};

// Many features' strides would crowd a panel into a few lines of the first cache: it is copied side by side.
Panel panel_of(const Window& w, const Places& grid, const float* places, int64_t feature) {
  if (w.features <= kPanel) return {places + grid.at(0, 0) * w.features, w.features, grid.width * w.features};
  float* panel = scratch<PanelScratch>(static_cast<size_t>(w.places() * kPanel));
  const int64_t there = w.features - feature;
  for (int64_t y = 0; y < w.out_height; ++y) {
    const float* from = places + grid.at(y, 0) * w.features + feature;
    for (int64_t x = 0; x < w.out_width; ++x, from += w.features)
      for (int j = 0; j < kVectors; ++j)
        store(panel + (y * w.out_width + x) * kPanel + j * kWidth, load_some(from + j * kWidth, there - j * kWidth));
  }
  return {panel, kPanel, w.out_width * kPanel};
}

// M floats of a row's run by N vectors of features: their part of the weights' gradient, over all places.
template <int M, int N>
void weight_tile(const Window& w, const float* padded, const Panel& panel, int64_t feature, float* to) {
  const int64_t line = w.padded_width() * w.channels, step = w.stride_x * w.channels;
  Sums<M, N> sums;
  sums.clear();
  for (int64_t y = 0; y < w.out_height; ++y)
    multiply(sums, padded + y * w.stride_y * line, 1, step, panel.data + y * panel.line, panel.width, w.out_width);
  for (int m = 0; m < M; ++m)
    for (int j = 0; j < N; ++j) {
      const int64_t there = w.features - feature - j * kWidth;
      float* sum = to + m * w.features + feature + j * kWidth;
      store_some(sum, load_some(sum, there) + sums.at[m][j], there);
    }
}

// M channels of the three taps of a row by one vector of features. A picture's number meets the gradient of the three
// places that saw it; beyond the row's ends there is none.
template <int M>
void narrow_weight_tile(const Window& w, const float* padded, const Panel& panel, int64_t feature, float* to) {
  const int64_t line = w.padded_width() * w.channels;
  Sums<M, kThree> sums;
  sums.clear();
  for (int64_t y = 0; y < w.out_height; ++y) {
    const float *at = padded + y * w.stride_y * line, *from = panel.data + y * panel.line;
    V near[kThree] = {};
    for (int64_t x = 0; x < w.out_width + kThree - 1; ++x, at += w.channels) {
      near[2] = near[1];
      near[1] = near[0];
      near[0] = x < w.out_width ? load(from + x * panel.width) : V{};
      for (int m = 0; m < M; ++m)
        for (int t = 0; t < kThree; ++t) sums.at[m][t] += near[t] * at[m];
    }
  }
  const int64_t there = w.features - feature;
  for (int m = 0; m < M; ++m)
    for (int t = 0; t < kThree; ++t) {
      float* sum = to + (t * w.channels + m) * w.features + feature;
      store_some(sum, load_some(sum, there) + sums.at[m][t], there);
    }
}

void narrow_weights(const Window& w, const float* padded, const Panel& panel, int64_t feature, float* to) {
  constexpr int kMost = kWidth == 16 ? 8 : 3;
  for (int64_t row = 0; row < w.kernel_height; ++row)
    evenly(0, w.channels, kMost, [&](int64_t channel, int64_t count) {
      with_count<kMost>(count, [&](auto channels) {
        narrow_weight_tile<decltype(channels)::value>(w, padded + row * w.padded_width() * w.channels + channel, panel,
                                                      feature, to + (row * w.run() + channel) * w.features);
      });
    });
}

template <int N>
void weight_panel(const Window& w, const float* padded, const Panel& panel, int64_t feature, float* to) {
  for (int64_t row = 0; row < w.kernel_height; ++row)
    in_tiles(0, w.run(), [&](int64_t at, auto rows) {
      const float* from = padded + row * w.padded_width() * w.channels + at;
      weight_tile<decltype(rows)::value, N>(w, from, panel, feature, to + (row * w.run() + at) * w.features);
    });
}

// Adds a picture's part of the weights' gradient [kernel_height][run][features].
void weight_gradient(const Window& w, const Places& grid, const float* padded, const float* places, float* to) {
  for (int64_t feature = 0; feature < w.features; feature += kPanel) {
    const Panel panel = panel_of(w, grid, places, feature);
    if (w.features - feature > kWidth)
      weight_panel<kVectors>(w, padded, panel, feature, to);
    else if (w.kernel_width == kThree && w.stride_x == 1)
      narrow_weights(w, padded, panel, feature, to);
    else
      weight_panel<1>(w, padded, panel, feature, to);
  }
}

// Adds the sums of columns [count][features].
void bias_gradient(const float* gradient, int64_t count, int64_t features, float* to) {
  for (int64_t f = 0; f < features; f += kWidth) {
    const int64_t there = features - f;
    V sums[4] = {};
    for (int64_t i = 0; i < count; ++i) sums[i & 3] += load_some(gradient + i * features + f, there);
    store_some(to + f, load_some(to + f, there) + ((sums[0] + sums[1]) + (sums[2] + sums[3])), there);
  }
}

// One picture's part of the weights' and the bias' gradient (added to `to`), and the picture's own. The zeros around its
// places stay from picture to picture: they are written with the `first` of them.
void dense_picture(const Backward& b, int64_t n, bool first, float* to) {
  const Window& w = b.window;
  const Places grid(w);
  const int64_t cells = grid.height * grid.width * w.features;
  float* places = scratch<PlacesScratch>(static_cast<size_t>(cells));
  if (first || b.pool.exists()) std::fill(places, places + cells, 0.0f);
  b.pool.exists() ? spread_pooled(b, grid, n, places) : spread_plain(b, grid, n, places);
  float* padded = scratch<PictureScratch>(static_cast<size_t>(w.padded_height() * w.padded_width() * w.channels));
  pad_picture(w, b.pictures + n * w.height * w.width * w.channels, 0, w.padded_height(), padded);
  weight_gradient(w, grid, padded, places, to);
  for (int64_t y = 0; b.to_bias && y < w.out_height; ++y)
    bias_gradient(places + grid.at(y, 0) * w.features, w.out_width, w.features, to + w.taps() * w.features);
  if (b.to_pictures) input_gradient(b, grid, places, b.to_picture + n * w.height * w.width * w.channels);
}

// ---- backward by tiles -----------------------------------------------------------------------------------------------

// The pictures' part of the weights' and the bias' gradient (added to `to`), and their own.
void tiled_pictures(const Backward& b, int64_t from, int64_t end, float* to) {
  const Window& w = b.window;
  const int64_t line = w.places() * w.features, inputs = w.height * w.width * w.channels;
  const auto pictures = tiled(w, b.pictures, w.out_height, w.out_width);
  const auto size = static_cast<size_t>(winograd::gradient_size(w.channels, w.features));
  float* sums = scratch<TurnedSumScratch>(size);
  std::fill(sums, sums + size, 0.0f);
  // Small pictures together, so that what is added up is read and written less often.
  const int64_t together = std::max<int64_t>(1, winograd::kTogether / pictures.tiles());
  for (int64_t n = from; n < end; n += together) {
    const int64_t count = std::min(together, end - n);
    const float* gradient = b.gradient + n * line;
    if (b.relu || b.pool.exists()) {
      const Places grid(w.out_height, w.out_width);
      float* masked = scratch<PlacesScratch>(static_cast<size_t>(count * line));
      if (b.pool.exists()) std::fill(masked, masked + count * line, 0.0f);
      for (int64_t i = 0; i < count; ++i)
        b.pool.exists() ? spread_pooled(b, grid, n + i, masked + i * line)
                        : spread_plain(b, grid, n + i, masked + i * line);
      gradient = masked;
    }
    if (b.to_bias) bias_gradient(gradient, count * w.places(), w.features, to + w.taps() * w.features);
    auto these = pictures;
    these.data += n * inputs;
    evenly(0, count * these.tiles(), winograd::kTogether, [&](int64_t tile, int64_t tiles) {
      winograd::add_gradient(these, tile, tiles, gradient, w.out_height, w.out_width, w.features, sums);
    });
    if (!b.to_pictures) continue;
    constexpr int64_t kLast = winograd::kTaps - 1;
    const winograd::Pictures places{gradient, w.out_height, w.out_width, w.features, kLast - w.top, kLast - w.left,
                                    winograd::tiles_of(w.height), winograd::tiles_of(w.width)};
    evenly(0, count * places.tiles(), winograd::kTogether, [&](int64_t tile, int64_t tiles) {
      winograd::convolve(places, tile, tiles, b.turned, w.channels, [&](const auto& at, int64_t channel, const V* all) {
        winograd::put_places(b.to_picture + n * inputs, w.height, w.width, w.channels, at, channel, all,
                             [](V value) { return value; });
      });
    });
  }
  winograd::turn_back(sums, w.channels, w.features, to);
}

// Turned kernels for the pictures' gradient: the last tap first, features to channels.
void turn_kernels_back(const Window& w, const float* weights, float* turned) {
  constexpr int kLast = winograd::kTaps * winograd::kTaps - 1;
  const auto tap = [&](int t) { return Matrix{weights + (kLast - t) * w.channels * w.features, 1, w.features}; };
  winograd::turn_kernels(tap, w.features, w.channels, turned);
}

// ---- backward behind a pool, place by place --------------------------------------------------------------------------

constexpr int kSpanY = 3, kSpanX = kWidth == 16 ? 3 : 2;  // taps of a patch that fit the registers with their gradient

// The places that are alive, in two orders: for each feature its places, for the weights; for each place its features,
// for the pictures. A place is told by where its patch begins in a block of channels.
struct Alive {
  std::vector<int32_t> places, place_counts;  // [features][windows of the pool], [features]
  std::vector<float> by_feature;
  std::vector<int32_t> features, feature_counts;  // [windows][taps][features], [windows][taps]
  std::vector<float> by_place;

  Alive(const Window& w, const Pool& p)
      : places(static_cast<size_t>(p.places() * w.features)),
        place_counts(static_cast<size_t>(w.features)),
        by_feature(places.size()),
        features(places.size() * static_cast<size_t>(p.height * p.width)),
        feature_counts(static_cast<size_t>(p.places() * p.height * p.width)),
        by_place(features.size()) {}
};

// Where the patch of a tap of a window of the pool begins, in a padded block of channels.
int64_t patch_begin(const Backward& b, int64_t place, int64_t tap) {
  const Window& w = b.window;
  const int64_t y = place / b.pool.out_width * b.pool.stride_y + tap / b.pool.width;
  const int64_t x = place % b.pool.out_width * b.pool.stride_x + tap % b.pool.width;
  return (y * w.stride_y * w.padded_width() + x * w.stride_x) * kWidth;
}

void list_alive(const Backward& b, int64_t n, Alive& alive) {
  const Window& w = b.window;
  const int64_t windows = b.pool.places(), taps = b.pool.height * b.pool.width;
  std::fill(alive.place_counts.begin(), alive.place_counts.end(), 0);
  std::fill(alive.feature_counts.begin(), alive.feature_counts.end(), 0);
  for (int64_t place = 0; place < windows; ++place) {
    int32_t begin[kNobody + 1];
    for (int64_t tap = 0; tap < taps; ++tap) begin[tap] = static_cast<int32_t>(patch_begin(b, place, tap));
    const uint8_t* winners = b.winners + (n * windows + place) * w.features;
    const float* gradient = b.gradient + (n * windows + place) * w.features;
    int32_t* counts = alive.feature_counts.data() + place * taps;
    for (int64_t f = 0; f < w.features; ++f) {
      // Written always, counted only when alive: no branch to guess.
      const bool won = winners[f] != kNobody;
      const int32_t tap = won ? winners[f] : 0, counted = won & (gradient[f] != 0.0f);
      int32_t& count = alive.place_counts[static_cast<size_t>(f)];
      alive.places[static_cast<size_t>(f * windows + count)] = begin[tap];
      alive.by_feature[static_cast<size_t>(f * windows + count)] = gradient[f];
      count += counted;
      const auto at = static_cast<size_t>((place * taps + tap) * w.features + counts[tap]);
      alive.features[at] = static_cast<int32_t>(f);
      alive.by_place[at] = gradient[f];
      counts[tap] += counted;
    }
  }
}

// Weights [kernel_height][kernel_width][channels][features] as [channels / width][features][taps][width].
int64_t blocks_of(const Window& w) { return (w.channels + kWidth - 1) / kWidth; }

int64_t patch_size(const Window& w) { return w.kernel_height * w.kernel_width * kWidth; }

void pack_patches(const Window& w, const float* weights, float* patches) {
  const int64_t taps = w.kernel_height * w.kernel_width;
  for (int64_t block = 0; block < blocks_of(w); ++block)
    for (int64_t tap = 0; tap < taps; ++tap)
      for (int64_t lane = 0; lane < kWidth; ++lane) {
        const int64_t channel = block * kWidth + lane;
        const float* from = weights + (tap * w.channels + channel) * w.features;
        float* to = patches + (block * w.features * taps + tap) * kWidth + lane;
        for (int64_t f = 0; f < w.features; ++f) to[f * taps * kWidth] = channel < w.channels ? from[f] : 0.0f;
      }
}

// The gradient of patches, in their order, added up for the weights in theirs.
void unpack_patches(const Window& w, const float* patches, float* weights) {
  const int64_t taps = w.kernel_height * w.kernel_width;
  for (int64_t tap = 0; tap < taps; ++tap)
    for (int64_t channel = 0; channel < w.channels; ++channel) {
      const int64_t block = channel / kWidth, lane = channel % kWidth;
      const float* from = patches + (block * w.features * taps + tap) * kWidth + lane;
      for (int64_t f = 0; f < w.features; ++f) weights[(tap * w.channels + channel) * w.features + f] += from[f * taps * kWidth];
    }
}

// A block of channels of a picture, with its zeros: [padded_height][padded_width][width].
void pad_block(const Window& w, const float* picture, int64_t block, float* padded) {
  const int64_t there = std::min<int64_t>(kWidth, w.channels - block * kWidth);
  for (int64_t y = 0; y < w.padded_height(); ++y)
    for (int64_t x = 0; x < w.padded_width(); ++x) {
      const int64_t py = y - w.top, px = x - w.left;
      const bool inside = py >= 0 && py < w.height && px >= 0 && px < w.width;
      store(padded + (y * w.padded_width() + x) * kWidth,
            inside ? load_some(picture + (py * w.width + px) * w.channels + block * kWidth, there) : V{});
    }
}

void cut_block(const Window& w, const float* padded, int64_t block, float* picture) {
  const int64_t there = std::min<int64_t>(kWidth, w.channels - block * kWidth);
  for (int64_t y = 0; y < w.height; ++y)
    for (int64_t x = 0; x < w.width; ++x) {
      const int64_t py = y + w.top, px = x + w.left;
      const bool seen = py < w.padded_height() && px < w.padded_width();
      store_some(picture + (y * w.width + x) * w.channels + block * kWidth,
                 seen ? load(padded + (py * w.padded_width() + px) * kWidth) : V{}, there);
    }
}

// Calls go(y, x, rows, taps) for each part of a kernel whose patch fits the registers, the last two as constants.
template <class Go>
void by_spans(const Window& w, const Go& go) {
  for (int64_t y = 0; y < w.kernel_height; y += kSpanY)
    for (int64_t x = 0; x < w.kernel_width; x += kSpanX)
      with_count<kSpanY>(std::min<int64_t>(kSpanY, w.kernel_height - y), [&](auto rows) {
        with_count<kSpanX>(std::min<int64_t>(kSpanX, w.kernel_width - x), [&](auto taps) { go(y, x, rows, taps); });
      });
}

template <int R, int T>
struct Patch {
  V at[R][T];

  void read(const float* from, int64_t line) {
    for (int r = 0; r < R; ++r)
      for (int t = 0; t < T; ++t) at[r][t] = load(from + r * line + t * kWidth);
  }
  void write(float* to, int64_t line) const {
    for (int r = 0; r < R; ++r)
      for (int t = 0; t < T; ++t) store(to + r * line + t * kWidth, at[r][t]);
  }
  void add(const float* from, int64_t line, float times) {
    for (int r = 0; r < R; ++r)
      for (int t = 0; t < T; ++t) at[r][t] += load(from + r * line + t * kWidth) * times;
  }
};

// A feature's patch of the weights' gradient: the pictures under its places.
void walk_places(const Window& w, const Alive& alive, int64_t windows, int64_t feature, const float* padded,
                 float* to_patch) {
  const int64_t line = w.padded_width() * kWidth, patch_line = w.kernel_width * kWidth;
  const int32_t* places = alive.places.data() + feature * windows;
  const float* gradients = alive.by_feature.data() + feature * windows;
  const int64_t count = alive.place_counts[static_cast<size_t>(feature)];
  by_spans(w, [&](int64_t y, int64_t x, auto rows, auto taps) {
    Patch<decltype(rows)::value, decltype(taps)::value> sums;
    float* to = to_patch + y * patch_line + x * kWidth;
    const float* from = padded + y * line + x * kWidth;
    sums.read(to, patch_line);
    for (int64_t i = 0; i < count; ++i) sums.add(from + places[i], line, gradients[i]);
    sums.write(to, patch_line);
  });
}

// A place's patch of the picture's gradient: the weights of its features.
void walk_features(const Window& w, const int32_t* features, const float* gradients, int64_t count,
                   const float* patches, float* to_padded) {
  const int64_t line = w.padded_width() * kWidth, patch_line = w.kernel_width * kWidth;
  const int64_t size = patch_size(w);
  by_spans(w, [&](int64_t y, int64_t x, auto rows, auto taps) {
    Patch<decltype(rows)::value, decltype(taps)::value> sums;
    float* to = to_padded + y * line + x * kWidth;
    const float* from = patches + y * patch_line + x * kWidth;
    sums.read(to, line);
    for (int64_t i = 0; i < count; ++i) sums.add(from + features[i] * size, patch_line, gradients[i]);
    sums.write(to, line);
  });
}

// As dense_picture, but `to` is [blocks][features][taps][width], then the bias.
void sparse_picture(const Backward& b, Alive& alive, int64_t n, float* to) {
  const Window& w = b.window;
  list_alive(b, n, alive);
  const int64_t windows = b.pool.places(), taps = b.pool.height * b.pool.width;
  for (int64_t f = 0; f < w.features; ++f) {
    float* bias = to + blocks_of(w) * w.features * patch_size(w) + f;
    const float* gradients = alive.by_feature.data() + f * windows;
    for (int32_t i = 0; i < alive.place_counts[static_cast<size_t>(f)]; ++i) *bias += gradients[i];
  }
  const int64_t cells = w.padded_height() * w.padded_width() * kWidth;
  float* padded = scratch<PictureScratch>(static_cast<size_t>(cells));
  float* to_padded = scratch<GradientScratch>(static_cast<size_t>(cells));
  for (int64_t block = 0; block < blocks_of(w); ++block) {
    const int64_t patches = block * w.features * patch_size(w);
    pad_block(w, b.pictures + n * w.height * w.width * w.channels, block, padded);
    for (int64_t f = 0; f < w.features; ++f)
      walk_places(w, alive, windows, f, padded, to + patches + f * patch_size(w));
    if (!b.to_pictures) continue;
    std::fill(to_padded, to_padded + cells, 0.0f);
    for (int64_t place = 0; place < windows; ++place)
      for (int64_t tap = 0; tap < taps; ++tap) {
        const int64_t at = place * taps + tap;
        walk_features(w, alive.features.data() + at * w.features, alive.by_place.data() + at * w.features,
                      alive.feature_counts[static_cast<size_t>(at)], b.turned + patches,
                      to_padded + patch_begin(b, place, tap));
      }
    cut_block(w, to_padded, block, b.to_picture + n * w.height * w.width * w.channels);
  }
}

// ---- backward behind a pool, few taps --------------------------------------------------------------------------------

constexpr int64_t kFewTaps = 12;

// The first layer of most networks: all taps of N vectors of features in registers, each tap of the pool masked.
template <int T, int N>
void few_taps_panel(const Backward& b, int64_t n, int64_t feature, const float* padded, const int64_t* offsets,
                    float* to) {
  const Window& w = b.window;
  Sums<T, N> sums;
  Sums<1, N> bias;
  sums.clear();
  bias.clear();
  for (int64_t place = 0; place < b.pool.places(); ++place) {
    const int64_t at = (n * b.pool.places() + place) * w.features + feature;
    V gradient[N];
    I winner[N];
    for (int j = 0; j < N; ++j) {
      const int64_t there = std::clamp<int64_t>(w.features - feature - j * kWidth, 0, kWidth);
      winner[j] = load_bytes(b.winners + at + j * kWidth, there);
      gradient[j] = load_some(b.gradient + at + j * kWidth, there);
    }
    for (int64_t tap = 0; tap < b.pool.height * b.pool.width; ++tap) {
      const int64_t y = place / b.pool.out_width * b.pool.stride_y + tap / b.pool.width;
      const int64_t x = place % b.pool.out_width * b.pool.stride_x + tap % b.pool.width;
      const float* from = padded + (y * w.stride_y * w.padded_width() + x * w.stride_x) * w.channels;
      for (int j = 0; j < N; ++j) {
        const V g = winner[j] == static_cast<int32_t>(tap) ? gradient[j] : V{};
        bias.at[0][j] += g;
        for (int t = 0; t < T; ++t) sums.at[t][j] += g * from[offsets[t]];
      }
    }
  }
  for (int j = 0; j < N; ++j) {
    const int64_t there = w.features - feature - j * kWidth;
    auto add = [&](float* sum, V value) { store_some(sum, load_some(sum, there) + value, there); };
    for (int t = 0; t < T; ++t) add(to + t * w.features + feature + j * kWidth, sums.at[t][j]);
    add(to + T * w.features + feature + j * kWidth, bias.at[0][j]);
  }
}

// As dense_picture, without a gradient for the picture.
void few_taps_picture(const Backward& b, int64_t n, float* to) {
  const Window& w = b.window;
  float* padded = scratch<PictureScratch>(static_cast<size_t>(w.padded_height() * w.padded_width() * w.channels));
  pad_picture(w, b.pictures + n * w.height * w.width * w.channels, 0, w.padded_height(), padded);
  int64_t offsets[kFewTaps];
  for (int64_t t = 0; t < w.taps(); ++t)
    offsets[t] = t / w.run() * w.padded_width() * w.channels + t % w.run();
  for (int64_t feature = 0; feature < w.features; feature += kPanel)
    with_count<kFewTaps>(w.taps(), [&](auto taps) {
      constexpr int T = decltype(taps)::value;
      w.features - feature <= kWidth ? few_taps_panel<T, 1>(b, n, feature, padded, offsets, to)
                                     : few_taps_panel<T, kVectors>(b, n, feature, padded, offsets, to);
    });
}

// ---- backward, all of it ---------------------------------------------------------------------------------------------

enum class Way { kDense, kTiles, kWalk, kFewTaps };

// The walk pays where at most one place in four is alive and there are enough channels to fill a vector.
Way way_of(const Backward& b) {
  const Window& w = b.window;
  const Way dense = by_tiles(w) ? Way::kTiles : Way::kDense;
  if (!b.pool.exists() || !b.pool.apart()) return dense;
  if (!b.to_pictures && w.taps() <= kFewTaps) return Way::kFewTaps;
  return b.pool.height * b.pool.width >= 4 && w.channels * 2 >= kWidth ? Way::kWalk : dense;
}

void one_by_one(const Threads& threads, const Backward& b, const float* weights, float* to_weights, float* to_bias) {
  const Window& w = b.window;
  const int64_t count = w.number * w.places(), size = count * w.features;
  const float* gradient = b.gradient;
  if (b.relu) {
    float* masked = scratch<PlacesScratch>(static_cast<size_t>(size));
    parallel(threads, 8, [&](int64_t task) {
      const auto [from, to] = share(size, 8, task, kWidth);
      for (int64_t i = from; i < to; i += kWidth) {
        const V g = load_some(b.gradient + i, to - i), o = load_some(b.out + i, to - i);
        store_some(masked + i, o > V{} ? g : V{}, to - i);
      }
    });
    gradient = masked;
  }
  gemm(threads, {w.channels, w.features, count, {b.pictures, 1, w.channels}, {gradient, w.features, 1}, to_weights,
                 w.features});
  if (b.to_bias) bias_gradient(gradient, count, w.features, to_bias);
  if (b.to_pictures)
    gemm(threads, {count, w.channels, w.features, {gradient, w.features, 1}, {weights, 1, w.features}, b.to_picture,
                   w.channels});
}

// How many sums of the weights' gradient are kept apart: of the shape alone, so that threads don't matter.
int64_t chunks_of(int64_t number, int64_t size) {
  constexpr int64_t kMost = 1 << 22;
  return std::min(number, std::clamp<int64_t>(kMost / size, 2, 16));
}

void backward(const Threads& threads, const Backward& b, const float* weights, float* to_weights, float* to_bias) {
  const Window& w = b.window;
  const int64_t size = w.taps() * w.features;
  std::fill(to_weights, to_weights + size, 0.0f);
  if (b.to_bias) std::fill(to_bias, to_bias + w.features, 0.0f);
  if (w.number == 0) return;
  if (w.one_by_one() && !b.pool.exists()) return one_by_one(threads, b, weights, to_weights, to_bias);
  const Way way = way_of(b);
  const bool sparse = way == Way::kWalk, tiles = way == Way::kTiles;
  const int64_t packed = sparse ? blocks_of(w) * w.features * patch_size(w) : size;
  const auto turned = static_cast<size_t>(sparse  ? packed
                                          : tiles ? winograd::kernels_size(w.features, w.channels)
                                                  : turned_size(w));
  const uint64_t call = call_number();
  const int64_t chunks = chunks_of(w.number, packed), stride = packed + w.features;
  float* sums = scratch<ChunkScratch>(static_cast<size_t>(chunks * stride));
  parallel(threads, chunks, [&](int64_t chunk) {
    float* to = sums + chunk * stride;
    std::fill(to, to + stride, 0.0f);
    Backward mine = b;
    if (b.to_pictures)
      mine.turned = prepared<TurnedScratch>(call, turned, [&](float* packed_weights) {
        sparse  ? pack_patches(w, weights, packed_weights)
        : tiles ? turn_kernels_back(w, weights, packed_weights)
                : turn_weights(w, weights, packed_weights);
      });
    const auto [from, end] = share(w.number, chunks, chunk);
    if (sparse) {
      Alive alive(w, b.pool);
      for (int64_t n = from; n < end; ++n) sparse_picture(mine, alive, n, to);
    } else if (tiles) {
      tiled_pictures(mine, from, end, to);
    } else {
      for (int64_t n = from; n < end; ++n)
        way == Way::kFewTaps ? few_taps_picture(mine, n, to) : dense_picture(mine, n, n == from, to);
    }
  });
  const int64_t shares = packed < (1 << 12) ? 1 : 8;
  parallel(threads, shares, [&](int64_t task) {
    const auto [from, end] = share(packed, shares, task, kWidth);
    for (int64_t chunk = 1; chunk < chunks; ++chunk)
      for (int64_t i = from; i < end; ++i) sums[i] += sums[chunk * stride + i];
  });
  if (sparse)
    unpack_patches(w, sums, to_weights);
  else
    std::copy_n(sums, size, to_weights);
  for (int64_t chunk = 0; b.to_bias && chunk < chunks; ++chunk)
    for (int64_t f = 0; f < w.features; ++f) to_bias[f] += sums[chunk * stride + packed + f];
}

// ---- the doors -------------------------------------------------------------------------------------------------------

using Floats = ffi::Buffer<ffi::F32>;
using Bytes = ffi::Buffer<ffi::U8>;
using Numbers = ffi::Span<const int64_t>;

// `geometry`: stride y, x, zeros above, left, places down, along; `pooling`: height, width, stride y, x, places y, x.
Window window_of(const Floats& pictures, const Floats& weights, Numbers geometry) {
  const auto x = pictures.dimensions(), k = weights.dimensions();
  return {x[0], x[1], x[2], x[3], k[0], k[1], k[3], geometry[0], geometry[1], geometry[2], geometry[3], geometry[4],
          geometry[5]};
}

Pool pool_of(Numbers p) { return {p[0], p[1], p[2], p[3], p[4], p[5]}; }

ffi::Error conv2d_forward(ffi::ThreadPool pool, Floats pictures, Floats weights, Floats bias, ffi::Result<Floats> out,
                          ffi::Result<Bytes> winners, Numbers geometry, Numbers pooling, int64_t relu,
                          int64_t threads) {
  convolve({&pool, threads}, {window_of(pictures, weights, geometry), pool_of(pooling), relu != 0,
                              pictures.typed_data(), weights.typed_data(), bias.typed_data(), out->typed_data(),
                              winners->element_count() > 0 ? winners->typed_data() : nullptr});
  return ffi::Error::Success();
}

ffi::Error conv2d_backward(ffi::ThreadPool pool, Floats pictures, Floats weights, Floats out, Bytes winners,
                           Floats gradient, ffi::Result<Floats> to_pictures, ffi::Result<Floats> to_weights,
                           ffi::Result<Floats> to_bias, Numbers geometry, Numbers pooling, int64_t relu,
                           int64_t wanted, int64_t threads) {
  Backward b{window_of(pictures, weights, geometry), pool_of(pooling), relu != 0, wanted != 0,
             to_bias->element_count() > 0, pictures.typed_data(), out.typed_data(), gradient.typed_data(),
             winners.typed_data(), nullptr, to_pictures->typed_data()};
  backward({&pool, threads}, b, weights.typed_data(), to_weights->typed_data(), to_bias->typed_data());
  return ffi::Error::Success();
}

}  // namespace
}  // namespace lamina

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_conv2d_forward, lamina::conv2d_forward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::U8>>()
                                  .Attr<xla::ffi::Span<const int64_t>>("geometry")
                                  .Attr<xla::ffi::Span<const int64_t>>("pooling")
                                  .Attr<int64_t>("relu")
                                  .Attr<int64_t>("threads"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_conv2d_backward, lamina::conv2d_backward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::U8>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Attr<xla::ffi::Span<const int64_t>>("geometry")
                                  .Attr<xla::ffi::Span<const int64_t>>("pooling")
                                  .Attr<int64_t>("relu")
                                  .Attr<int64_t>("wanted")
                                  .Attr<int64_t>("threads"));
