// Winograd's convolution with 3 x 3 taps that move by one: four by four places at a time, of 6 x 6 numbers of the picture.
//
// Patches and kernels are turned by small sums, and multiplied cell by cell, summed over channels: 36 products of matrices,
// whose sums are turned into places. That is 36 multiply-adds for sixteen places where plain sums take 144. The weights'
// gradient is the same read backwards: turned patches times turned gradients. (Lavin and Gray 2016, "Fast algorithms for
// convolutional neural networks", section 4.2, F(4x4, 3x3). Their polynomials are told apart at 0, 1, -1, 2 and -2; here
// at 0 and plus and minus the roots of 1/2 and 2, whose powers stay near 1: a quarter of the largest error, some five
// times that of plain sums. A number that isn't finite reaches all places of the tiles that see it.)

#pragma once

#include <algorithm>

#include "gemm.h"

namespace lamina::winograd {

constexpr int kTaps = 3, kPlaces = 4, kSide = kPlaces + kTaps - 1;  // along each axis
constexpr int kAllTaps = kTaps * kTaps, kAllPlaces = kPlaces * kPlaces, kCells = kSide * kSide;
constexpr int kTogether = 36;  // tiles that go through all of it at a time

constexpr float kNear = 0.70710678118654752f, kFar = 1.41421356237309505f;  // the points, of which both signs count
constexpr float kNear2 = 0.5f, kFar2 = 2.0f, kNear3 = kNear * kNear2, kFar3 = kFar * kFar2;
constexpr float kBoth = kNear2 + kFar2;
constexpr float kOfNear = -2.0f / 3.0f, kOfFar = 1.0f / 6.0f;  // 1 / the product of a point's distances from the others

// What is done along each axis, from what to how many numbers. Cells: at 0, at the near points, at the far ones, and at
// infinity; what is even and what is odd in a point is the same for both its signs.
struct TurnPatch {
  static constexpr int kFrom = kSide, kTo = kSide;
  static void go(const V* a, V* to) {
    const V near = a[4] - kFar2 * a[2], odd_near = a[3] - kFar2 * a[1];
    const V far = a[4] - kNear2 * a[2], odd_far = a[3] - kNear2 * a[1];
    to[0] = a[0] - kBoth * a[2] + a[4];
    to[1] = near + kNear * odd_near, to[2] = near - kNear * odd_near;
    to[3] = far + kFar * odd_far, to[4] = far - kFar * odd_far;
    to[5] = a[1] - kBoth * a[3] + a[5];
  }
};
struct TurnKernel {
  static constexpr int kFrom = kTaps, kTo = kSide;
  static void go(const V* a, V* to) {
    const V near = (a[0] + kNear2 * a[2]) * kOfNear, odd_near = a[1] * (kNear * kOfNear);
    const V far = (a[0] + kFar2 * a[2]) * kOfFar, odd_far = a[1] * (kFar * kOfFar);
    to[0] = a[0];
    to[1] = near + odd_near, to[2] = near - odd_near;
    to[3] = far + odd_far, to[4] = far - odd_far;
    to[5] = a[2];
  }
};
struct TurnSums {
  static constexpr int kFrom = kSide, kTo = kPlaces;
  static void go(const V* a, V* to) {
    const V near = a[1] + a[2], odd_near = a[1] - a[2], far = a[3] + a[4], odd_far = a[3] - a[4];
    to[0] = a[0] + near + far;
    to[1] = kNear * odd_near + kFar * odd_far;
    to[2] = kNear2 * near + kFar2 * far;
    to[3] = kNear3 * odd_near + a[5] + kFar3 * odd_far;
  }
};
struct TurnGradient {
  static constexpr int kFrom = kPlaces, kTo = kSide;
  static void go(const V* a, V* to) {
    const V near = a[0] + kNear2 * a[2], odd_near = kNear * a[1] + kNear3 * a[3];
    const V far = a[0] + kFar2 * a[2], odd_far = kFar * a[1] + kFar3 * a[3];
    to[0] = a[0];
    to[1] = near + odd_near, to[2] = near - odd_near;
    to[3] = far + odd_far, to[4] = far - odd_far;
    to[5] = a[3];
  }
};
struct TurnBack {
  static constexpr int kFrom = kSide, kTo = kTaps;
  static void go(const V* a, V* to) {
    const V near = (a[1] + a[2]) * kOfNear, odd_near = (a[1] - a[2]) * (kNear * kOfNear);
    const V far = (a[3] + a[4]) * kOfFar, odd_far = (a[3] - a[4]) * (kFar * kOfFar);
    to[0] = a[0] + near + far;
    to[1] = odd_near + odd_far;
    to[2] = kNear2 * near + kFar2 * far + a[5];
  }
};

// Along both axes: `get(y, x)` gives what is turned, `put(y, x, turned)` takes it, row by row. Columns outside [first, end)
// are zeros that nobody asks for. Loops, lest more numbers be at hand than registers.
template <class Turn, class Get, class Put>
inline __attribute__((always_inline)) void both_ways(const Get& get, const Put& put, int first = 0,
                                                     int end = Turn::kFrom) {
  constexpr int F = Turn::kFrom, T = Turn::kTo;
  V half[T * F];
#pragma GCC unroll 1
  for (int x = 0; x < F; ++x) {
    V in[F], out[T] = {};
    if (x >= first && x < end) {
      for (int y = 0; y < F; ++y) in[y] = get(y, x);
      Turn::go(in, out);
    }
    for (int y = 0; y < T; ++y) half[y * F + x] = out[y];
  }
#pragma GCC unroll 1
  for (int y = 0; y < T; ++y) {
    V out[T];
    Turn::go(half + y * F, out);
    for (int x = 0; x < T; ++x) put(y, x, out[x]);
  }
}

// How many tiles so many places in a row are.
inline int64_t tiles_of(int64_t places) { return (places + kPlaces - 1) / kPlaces; }

// Pictures [number][height][width][channels] with zeros before and around them, in tiles of four by four places.
struct Pictures {
  const float* data;
  int64_t height, width, channels, top, left;
  int64_t down, along;  // tiles of a picture

  int64_t tiles() const { return down * along; }
  int64_t stride() const { return round_up(channels, kWidth); }  // between the turned patches of a cell
  int64_t plane() const { return kTogether * stride() + kWidth; }  // between cells: not a power of two
};

struct Tile {
  int64_t picture, y, x;
};

// `count` tiles from number `from` on.
inline void list_tiles(const Pictures& p, int64_t from, int64_t count, Tile* tiles) {
  Tile at{from / p.tiles(), from % p.tiles() / p.along, from % p.along};
  for (int64_t i = 0; i < count; ++i) {
    tiles[i] = at;
    if (++at.x < p.along) continue;
    at.x = 0;
    if (++at.y < p.down) continue;
    at.y = 0;
    ++at.picture;
  }
}

struct PatchScratch {};
struct SumScratch {};
struct TapScratch {};

// A square of numbers [Side][Side][depth] of a picture at (y, x), what is beyond the picture being zeros.
template <int Side>
struct Square {
  const float* rows[Side];  // where x = 0 of each would be; beyond the picture zeros
  int first, end;           // the columns that there are

  // `nothing` has Side * depth zeros.
  Square(const float* picture, int64_t height, int64_t width, int64_t depth, int64_t y, int64_t x, const float* nothing)
      : first(static_cast<int>(std::clamp<int64_t>(-x, 0, Side))),
        end(static_cast<int>(std::clamp<int64_t>(width - x, 0, Side))) {
    for (int row = 0; row < Side; ++row)
      rows[row] = y + row >= 0 && y + row < height ? picture + ((y + row) * width + x) * depth : nothing;
  }
};

struct NothingScratch {};

inline const float* zeros(int64_t count) {
  float* nothing = scratch<NothingScratch>(static_cast<size_t>(count));
  std::fill(nothing, nothing + count, 0.0f);
  return nothing;
}

// Turned patches [cell][tile][channel] of the tiles, each cell a plane() apart.
inline void turn_patches(const Pictures& p, const Tile* tiles, int64_t count, float* to) {
  const int64_t height = p.height, width = p.width, channels = p.channels, plane = p.plane(), stride = p.stride();
  const float *data = p.data, *nothing = zeros(kSide * channels);
  for (int64_t i = 0; i < count; ++i, to += stride) {
    const Square<kSide> patch(data + tiles[i].picture * height * width * channels, height, width, channels,
                              kPlaces * tiles[i].y - p.top, kPlaces * tiles[i].x - p.left, nothing);
    for (int64_t channel = 0; channel < channels; channel += kWidth) {
      const auto get = [&](int y, int x) __attribute__((always_inline)) {
        return load_some(patch.rows[y] + x * channels + channel, channels - channel);
      };
      const auto put = [&](int y, int x, V turned) __attribute__((always_inline)) {
        store(to + (y * kSide + x) * plane + channel, turned);
      };
      both_ways<TurnPatch>(get, put, patch.first, patch.end);
    }
  }
}

// How wide the panel of columns is that begins at `from`: the last may be one vector alone.
inline int64_t panel_width(int64_t from, int64_t columns) { return columns - from <= kWidth ? kWidth : kPanel; }

// The turned kernels' size, and they themselves: [panel][cell][depth][its width]. `tap(t)` is a tap's matrix [depth,
// columns].
inline int64_t kernels_size(int64_t depth, int64_t columns) { return kCells * depth * round_up(columns, kPanel); }

template <class Tap>
void turn_kernels(const Tap& tap, int64_t depth, int64_t columns, float* to) {
  const bool packed = tap(0).column != 1;
  float* taps = packed ? scratch<TapScratch>(static_cast<size_t>(kAllTaps * depth * kPanel)) : nullptr;
  for (int64_t from = 0; from < columns; from += kPanel) {
    const int64_t width = panel_width(from, columns);
    for (int t = 0; packed && t < kAllTaps; ++t) pack(taps + t * depth * kPanel, tap(t), 0, depth, from, columns);
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t j = 0; j < width; j += kWidth) {
        const auto get = [&](int y, int x) {
          const int t = y * kTaps + x;
          return packed ? load(taps + (t * depth + k) * kPanel + j)
                        : load_some(tap(t).at(k, from + j), columns - from - j);
        };
        both_ways<TurnKernel>(get, [&](int y, int x, V turned) {
          store(to + ((y * kSide + x) * depth + k) * width + j, turned);
        });
      }
    to += kCells * depth * width;
  }
}

// The convolution at the tiles [from, from + count): put(tile, feature, places) gets four by four places of a vector
// of features.
template <class Put>
void convolve(const Pictures& p, int64_t from, int64_t count, const float* kernels, int64_t features, const Put& put) {
  Tile tiles[kTogether];
  list_tiles(p, from, count, tiles);
  float* patches = scratch<PatchScratch>(static_cast<size_t>(kCells * p.plane()));
  float* sums = scratch<SumScratch>(static_cast<size_t>(kCells * (kTogether * kPanel + kWidth)));
  turn_patches(p, tiles, count, patches);
  const int64_t plane = p.plane(), stride = p.stride();
  for (int64_t feature = 0; feature < features; feature += kPanel) {
    auto go = [&](auto vectors) {
      constexpr int N = decltype(vectors)::value;
      constexpr int64_t kLine = N * kWidth, kPlane = kTogether * kLine + kWidth;
      for (int cell = 0; cell < kCells; ++cell, kernels += p.channels * kLine)
        evenly(0, count, kRows, [&](int64_t i, int64_t rows) {
          with_rows(rows, [&](auto size) {
            constexpr int M = decltype(size)::value;
            Sums<M, N> product;
            product.clear();
            multiply(product, patches + cell * plane + i * stride, stride, 1, kernels, kLine, p.channels);
            float* to = sums + cell * kPlane + i * kLine;
            for (int m = 0; m < M; ++m)
              for (int j = 0; j < N; ++j) store(to + m * kLine + j * kWidth, product.at[m][j]);
          });
        });
      for (int64_t i = 0; i < count; ++i)
        for (int j = 0; j < N; ++j) {
          V places[kAllPlaces];
          const float* from = sums + i * kLine + j * kWidth;
          both_ways<TurnSums>([&](int y, int x) { return load(from + (y * kSide + x) * kPlane); },
                              [&](int y, int x, V place) { places[y * kPlaces + x] = place; });
          put(tiles[i], feature + j * kWidth, places);
        }
    };
    with_vectors(features - feature, go);
  }
}

// Four by four places of a vector of numbers, through `finish`, into [picture][height][width][depth].
template <class Finish>
inline __attribute__((always_inline)) void put_places(float* to, int64_t height, int64_t width, int64_t depth,
                                                      const Tile& tile, int64_t at, const V* places,
                                                      const Finish& finish) {
  const int64_t y = kPlaces * tile.y, x = kPlaces * tile.x;
  float* corner = to + ((tile.picture * height + y) * width + x) * depth + at;
  const auto put = [&](int place) __attribute__((always_inline)) {
    store_some(corner + (place / kPlaces * width + place % kPlaces) * depth, finish(places[place]), depth - at);
  };
  if (y + kPlaces <= height && x + kPlaces <= width) {
    for (int place = 0; place < kAllPlaces; ++place) put(place);
  } else {
    for (int place = 0; place < kAllPlaces; ++place)
      if (y + place / kPlaces < height && x + place % kPlaces < width) put(place);
  }
}

struct GradientScratch {};

// The size of the turned kernels' gradient, [cell][channel][feature] with features in whole vectors.
inline int64_t gradient_size(int64_t channels, int64_t features) {
  return kCells * channels * round_up(features, kWidth);
}

// Adds to it what tiles [from, from + count) say: `gradient` [picture][height][width][features] at their places.
inline void add_gradient(const Pictures& p, int64_t from, int64_t count, const float* gradient, int64_t height,
                         int64_t width, int64_t features, float* to) {
  const int64_t line = round_up(features, kWidth), plane = kTogether * line + kWidth;
  Tile tiles[kTogether];
  list_tiles(p, from, count, tiles);
  float* patches = scratch<PatchScratch>(static_cast<size_t>(kCells * p.plane()));
  float* turned = scratch<GradientScratch>(static_cast<size_t>(kCells * plane));
  turn_patches(p, tiles, count, patches);
  const float* nothing = zeros(kPlaces * features);
  for (int64_t i = 0; i < count; ++i) {
    const Square<kPlaces> places(gradient + tiles[i].picture * height * width * features, height, width, features,
                                 kPlaces * tiles[i].y, kPlaces * tiles[i].x, nothing);
    for (int64_t feature = 0; feature < features; feature += kWidth) {
      float* at = turned + i * line + feature;
      const auto get = [&](int y, int x) __attribute__((always_inline)) {
        return load_some(places.rows[y] + x * features + feature, features - feature);
      };
      const auto put = [&](int y, int x, V cell) __attribute__((always_inline)) {
        store(at + (y * kSide + x) * plane, cell);
      };
      both_ways<TurnGradient>(get, put, places.first, places.end);
    }
  }
  for (int cell = 0; cell < kCells; ++cell)
    for (int64_t feature = 0; feature < line; feature += kPanel) {
      auto go = [&](auto vectors) {
        constexpr int N = decltype(vectors)::value;
        evenly(0, p.channels, kRows, [&](int64_t channel, int64_t rows) {
          with_rows(rows, [&](auto size) {
            constexpr int M = decltype(size)::value;
            Sums<M, N> sums;
            const int64_t apart = line;  // in a register: as far as the compiler knows, a store might change `line`
            float* at = to + (cell * p.channels + channel) * apart + feature;
            for (int m = 0; m < M; ++m)
              for (int j = 0; j < N; ++j) sums.at[m][j] = load(at + m * apart + j * kWidth);
            multiply(sums, patches + cell * p.plane() + channel, 1, p.stride(), turned + cell * plane + feature, apart,
                     count);
            for (int m = 0; m < M; ++m)
              for (int j = 0; j < N; ++j) store(at + m * apart + j * kWidth, sums.at[m][j]);
          });
        });
      };
      with_vectors(line - feature, go);
    }
}

// The turned kernels' gradient as that of the weights [tap][channel][feature], added to it.
inline void turn_back(const float* from, int64_t channels, int64_t features, float* to) {
  const int64_t line = round_up(features, kWidth);
  for (int64_t channel = 0; channel < channels; ++channel)
    for (int64_t feature = 0; feature < features; feature += kWidth) {
      const auto get = [&](int y, int x) {
        return load(from + ((y * kSide + x) * channels + channel) * line + feature);
      };
      both_ways<TurnBack>(get, [&](int y, int x, V tap) {
        float* at = to + ((y * kTaps + x) * channels + channel) * features + feature;
        store_some(at, load_some(at, features - feature) + tap, features - feature);
      });
    }
}

}  // namespace lamina::winograd
