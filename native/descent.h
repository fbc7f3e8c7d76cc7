// The weights of a dense layer, moved by Adam while their gradient is summed.
//
// A processor takes roots and divides beside its multiply-adds, if only it finds both among the next few hundred
// instructions. So the sums of a tile, a vector of columns wide, stand between the updates of the tile before, row by
// row, and the gradient is never in memory. Tiles are one vector wide as each number of A is then read by the
// multiply-add itself: numbers that take no register leave the processor more instructions to look ahead.

#pragma once

#include <algorithm>

#include "adam.h"
#include "gemm.h"

namespace lamina {
namespace detail {

constexpr int kTall = kWidth == 16 ? 16 : 8;  // rows of a tile

// A tile whose sums wait for their update.
struct Waiting {
  int64_t place = 0;  // of its first number among the weights
  int rows = 0;
  V sums[kTall];
};

// What moves the weights; it keeps the squares of their gradient.
template <bool Decays>
struct Mover {
  Pace pace;
  Updated weights;
  V squares{};

  __attribute__((always_inline)) void operator()(V gradient, int64_t i) {
    squares += gradient * gradient;
    const V p = load(weights.parameters + i);
    V m = load(weights.first + i), v = load(weights.second + i);
    V step = pace.descent(gradient, m, v);
    if constexpr (Decays) step += load(weights.decays + i) * pace.decay * p;
    store(weights.first + i, m);
    store(weights.second + i, v);
    store(weights.parameters + i, p - step);
  }
};

// The sums of M rows and one vector of columns, between the updates of the tile that waits; then they wait themselves.
template <int M, class Move>
inline __attribute__((always_inline)) void tile_beside(Waiting& waiting, Move& move, int64_t stride, int64_t place,
                                                       const float* a, int64_t next, const float* b, int64_t width,
                                                       int64_t depth) {
  Sums<M, 1> sums;
  sums.clear();
  const int64_t some = depth / kTall;
  int64_t before = waiting.place;
  for (int row = 0; row < waiting.rows; ++row, before += stride, a += some * next, b += some * width) {
    multiply(sums, a, 1, next, b, width, some);
    move(waiting.sums[row], before);
  }
  multiply(sums, a, 1, next, b, width, depth - some * waiting.rows);
  waiting.place = place;
  waiting.rows = M;
  for (int row = 0; row < M; ++row) waiting.sums[row] = sums.at[row][0];
}

// Rows [i0, i1) and columns [j0, j1) of the gradient, and so of the weights. Gives the sum of its squares.
template <bool Decays>
float block_beside(const Product& p, const Pace& pace, const Updated& weights, int64_t i0, int64_t i1, int64_t j0,
                   int64_t j1) {
  const bool as_it_is = lies_well(p, i1 - i0, j1 - j0);
  const bool copied = (j1 - j0) > 2 * kPanel;
  float* packed = as_it_is ? nullptr : scratch<PanelScratch>(static_cast<size_t>(p.depth * kPanel));
  float* nearer = copied ? scratch<NearScratch>(static_cast<size_t>(p.depth * round_up(i1 - i0, kTall))) : nullptr;
  if (copied) bring_near<kTall>(nearer, p.a, i0, i1, 0, p.depth);
  // Of its own: what is stored can't be what it says.
  Mover<Decays> move{pace, weights};
  Waiting waiting;
  const int64_t stride = p.stride, depth = p.depth;
  for (int64_t from = j0; from < j1; from += kWidth) {
    const int64_t inside = (from - j0) % kPanel;
    if (!as_it_is && inside == 0) pack(packed, p.b, 0, depth, from, p.columns);
    const float* b = as_it_is ? p.b.at(0, from) : packed + inside;
    const int64_t width = as_it_is ? p.b.row : kPanel;
    const float* near = nearer;
    evenly(i0, i1, kTall, [&](int64_t i, int64_t rows) {
      const float* a = copied ? near : p.a.at(i, 0);
      if (copied) near += depth * kTall;
      with_count<kTall>(rows, [&](auto size) {
        tile_beside<decltype(size)::value>(waiting, move, stride, i * stride + from, a, copied ? kTall : p.a.column, b,
                                           width, depth);
      });
    });
  }
  for (int row = 0; row < waiting.rows; ++row) move(waiting.sums[row], waiting.place + row * stride);
  return sum(move.squares);
}

struct SquareScratch {};

}  // namespace detail

// Whether the weights of a layer with so many outputs are moved as their gradient is summed over so many rows. Behind
// more rows the update is a small part, and narrow tiles cost as much (measured). What isn't whole vectors would be read
// again before the processor has written it.
inline bool descends(int64_t out, int64_t rows) { return out % kWidth == 0 && rows <= 64; }

// Moves the weights [in][out] against their gradient, the product of `x` [rows][in] and `slopes` [rows][out] over the
// rows; gives the gradient's sum of squares. Its tasks, and so its bits, hang on shapes only.
inline float descend(const Threads& threads, const Pace& pace, const Updated& weights, const float* x,
                     const float* slopes, int64_t rows, int64_t in, int64_t out) {
  constexpr int64_t kWork = 1 << 19, kTasks = 16;  // multiply-adds that are worth a task of their own, and most tasks
  const Product p{in, out, rows, {x, 1, in}, {slopes, out, 1}, weights.parameters, out};
  const int64_t across = (out + kColumns - 1) / kColumns, wanted = std::min(kTasks, in * out * rows / kWork);
  const int64_t down = std::clamp<int64_t>(wanted / across, 1, (in + detail::kTall - 1) / detail::kTall);
  float* squares = scratch<detail::SquareScratch>(static_cast<size_t>(across * down));
  parallel(threads, across * down, [&](int64_t task) {
    const auto [i0, i1] = share(in, down, task % down);
    const int64_t j0 = task / down * kColumns, j1 = std::min(j0 + kColumns, out);
    squares[task] = pace.decay == 0.0f ? detail::block_beside<false>(p, pace, weights, i0, i1, j0, j1)
                                       : detail::block_beside<true>(p, pace, weights, i0, i1, j0, j1);
  });
  float total = 0.0f;
  for (int64_t task = 0; task < across * down; ++task) total += squares[task];
  return total;
}

}  // namespace lamina
