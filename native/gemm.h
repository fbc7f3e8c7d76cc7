// Products of matrices: C = A B, the smallest part of it in registers.
//
// The heart is `multiply`: a few rows of A against a panel of B a few vectors wide, summed in registers over k. Every
// number of C is one chain of fused multiply-adds over ascending k, cut at multiples of `kDepth` that depend on shapes
// only, so how the rows and columns are split over threads never changes a bit of it.

#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#if defined(__AVX512BF16__)
#include "amx.h"
#endif
#include "parallel.h"
#include "product.h"
#include "vector.h"

namespace lamina {

// With 32 registers 12 x 2 sums, 2 of B and room; with 16 registers 6 x 2, 2 of B and one of A.
constexpr int kRows = kWidth == 16 ? 12 : 6;
constexpr int kVectors = 2;
constexpr int kPanel = kVectors * kWidth;  // columns of B that stay together
constexpr int64_t kDepth = 256;            // of a panel: what stays in the first cache
constexpr int64_t kColumns = 256;          // of a task

template <int M, int N = kVectors>
struct Sums {
  V at[M][N];

  void clear() {
    for (int i = 0; i < M; ++i)
      for (int j = 0; j < N; ++j) at[i][j] = V{};
  }
};

// sums[i][j] += a(i, k) * b(k, j) over `depth` k: row i of A begins at a + at(i), and its next k is `next` further; row k of
// B begins at b + k * width.
template <int M, int N, class At>
inline __attribute__((always_inline)) void multiply_rows(Sums<M, N>& sums, const float* a, const At& at, int64_t next,
                                                         const float* b, int64_t width, int64_t depth) {
  for (int64_t k = 0; k < depth; ++k) {
    V row[N];
    for (int j = 0; j < N; ++j) row[j] = load(b + j * kWidth);
    for (int i = 0; i < M; ++i)
      for (int j = 0; j < N; ++j) sums.at[i][j] += row[j] * a[at(i)];
    a += next;
    b += width;
  }
}

// The same, its rows `step` apart.
template <int M, int N>
inline __attribute__((always_inline)) void multiply(Sums<M, N>& sums, const float* a, int64_t step, int64_t next,
                                                    const float* b, int64_t width, int64_t depth) {
  multiply_rows(sums, a, [step](int i) __attribute__((always_inline)) { return i * step; }, next, b, width, depth);
}

// Calls go(size) with `count`, 1 to Most, as a constant.
template <int Most, class Go>
inline void with_count(int64_t count, const Go& go) {
#define LAMINA_COUNT(M)                                            \
  case M:                                                          \
    if constexpr (M <= Most) go(std::integral_constant<int, M>{}); \
    return;
  switch (count) {
    LAMINA_COUNT(1) LAMINA_COUNT(2) LAMINA_COUNT(3) LAMINA_COUNT(4) LAMINA_COUNT(5) LAMINA_COUNT(6)
    LAMINA_COUNT(7) LAMINA_COUNT(8) LAMINA_COUNT(9) LAMINA_COUNT(10) LAMINA_COUNT(11) LAMINA_COUNT(12)
    LAMINA_COUNT(13) LAMINA_COUNT(14) LAMINA_COUNT(15) LAMINA_COUNT(16)
  }
#undef LAMINA_COUNT
}

template <class Go>
inline void with_rows(int64_t rows, const Go& go) {
  with_count<kRows>(rows, go);
}

// Calls go(vectors) with how many vectors a panel needs for the columns that are left, as a constant.
template <class Go>
inline void with_vectors(int64_t columns, const Go& go) {
  columns <= kWidth ? go(std::integral_constant<int, 1>{}) : go(std::integral_constant<int, kVectors>{});
}

// Splits [begin, end) into runs of nearly equal length, at most `most` each: 14 rows are 7 and 7, not 12 and a slow 2.
template <class Go>
inline void evenly(int64_t begin, int64_t end, int64_t most, const Go& go) {
  const int64_t size = end - begin, runs = (size + most - 1) / most;
  if (runs <= 0) return;
  const int64_t each = size / runs, more = size % runs;
  for (int64_t run = 0, from = begin, over = 0; run < runs; ++run) {
    over += more;  // what the runs so far are short of size * run / runs
    const int64_t count = over < runs ? each : each + 1;
    if (over >= runs) over -= runs;
    go(from, count);
    from += count;
  }
}

// Columns [from, from + kPanel) of B, rows [top, top + depth), as a panel [depth][kPanel] with zeros beyond `columns`; of
// these the first N vectors.
template <int N = kVectors>
void pack(float* panel, const Matrix& b, int64_t top, int64_t depth, int64_t from, int64_t columns) {
  const int64_t there = columns - from < kPanel ? columns - from : kPanel;
  if (b.column == 1) {
    for (int64_t k = 0; k < depth; ++k)
      for (int j = 0; j < N; ++j)
        store(panel + k * kPanel + j * kWidth, load_some(b.at(top + k, from + j * kWidth), there - j * kWidth));
    return;
  }
  for (int64_t k = 0; k < depth; k += kWidth)
    for (int64_t j = 0; j < N * kWidth; j += kWidth) {
      V square[kWidth];
      for (int64_t i = 0; i < kWidth; ++i)
        square[i] = j + i < there ? load_some(b.at(top + k, from + j + i), depth - k) : V{};
      transpose(square);
      for (int64_t i = 0; i < kWidth && k + i < depth; ++i) store(panel + (k + i) * kPanel + j, square[i]);
    }
}

namespace detail {

struct PanelScratch {};
struct NearScratch {};

// M rows of C from row i on, N vectors of columns, for k in [top, top + depth); `a` begins at row i and k = top.
template <int M, int N, class Finish>
void tile(const Product& p, const Finish& finish, const Matrix& a, int64_t i, int64_t from, int64_t top, int64_t depth,
          const float* panel, int64_t width) {
  Sums<M, N> sums;
  sums.clear();
  // The distance that is 1 as a constant spares registers.
  if (a.row == 1)
    multiply(sums, a.data, 1, a.column, panel, width, depth);
  else
    multiply(sums, a.data, a.row, 1, panel, width, depth);
  const bool first = top == 0 && !p.add, last = top + depth == p.depth;
  for (int m = 0; m < M; ++m)
    for (int j = 0; j < N; ++j) {
      const int64_t column = from + j * kWidth, there = p.columns - column;
      float* c = p.c + (i + m) * p.stride + column;
      V value = sums.at[m][j];
      if (!first) value += load_some(c, there);
      if (last) value = finish(value, i + m, column);
      store_some(c, value, there);
    }
}

// Rows [i0, i1) of A, k in [top, top + depth), by tiles of at most Most rows as [depth][Most]: where A lies by columns,
// every k is a line, and often a page, of its own.
template <int Most>
void bring_near(float* to, const Matrix& a, int64_t i0, int64_t i1, int64_t top, int64_t depth) {
  evenly(i0, i1, Most, [&](int64_t i, int64_t rows) {
    for (int64_t k = 0; k < depth; ++k, to += Most) store(to, load_some(a.at(i, top + k), rows));
  });
}

// Whether so many rows of C read so many columns of B as they lie. Few rows read B a few times: packing it would cost as
// much. But rows a power of two apart crowd into few lines of the cache.
inline bool lies_well(const Product& p, int64_t rows, int64_t columns) {
  const bool near = p.b.row <= 256 || rows <= 2 * kRows;
  return p.b.column == 1 && rows <= 6 * kRows && columns % kPanel == 0 && near;
}

// One task's rows [i0, i1) and columns [j0, j1) of C. j0 is a multiple of kPanel.
template <class Finish>
void block(const Product& p, const Finish& finish, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
  const bool as_it_is = lies_well(p, i1 - i0, j1 - j0);
  const bool copied = p.a.row == 1 && (j1 - j0) > 2 * kPanel;
  float* packed = as_it_is ? nullptr : scratch<PanelScratch>(static_cast<size_t>(kDepth * kPanel));
  float* nearer = copied ? scratch<NearScratch>(static_cast<size_t>(kDepth * round_up(i1 - i0, kRows))) : nullptr;
  for (int64_t top = 0; top < p.depth || top == 0; top += kDepth) {
    const int64_t depth = p.depth - top < kDepth ? p.depth - top : kDepth;
    if (copied) bring_near<kRows>(nearer, p.a, i0, i1, top, depth);
    for (int64_t from = j0; from < j1; from += kPanel) {
      const bool narrow = p.columns - from <= kWidth;
      if (!as_it_is)
        narrow ? pack<1>(packed, p.b, top, depth, from, p.columns) : pack(packed, p.b, top, depth, from, p.columns);
      const float* panel = as_it_is ? p.b.at(top, from) : packed;
      const int64_t width = as_it_is ? p.b.row : kPanel;
      const float* next = nearer;
      evenly(i0, i1, kRows, [&](int64_t i, int64_t rows) {
        const Matrix a = copied ? Matrix{next, 1, kRows} : Matrix{p.a.at(i, top), p.a.row, p.a.column};
        if (copied) next += depth * kRows;
        with_rows(rows, [&](auto size) {
          constexpr int M = decltype(size)::value;
          narrow ? tile<M, 1>(p, finish, a, i, from, top, depth, panel, width)
                 : tile<M, kVectors>(p, finish, a, i, from, top, depth, panel, width);
        });
      });
    }
  }
}

}  // namespace detail

namespace detail {

struct PartScratch {};
struct ListScratch {};

// One row of A: what counts is to read B once and in order. It is read in parts of its rows, whose sums are added up in
// order; how many there are depends on shapes only. Rows that meet a zero, as half of them do behind relu, stay unread
// where that changes nothing.
template <class Finish>
void one_row(const Threads& threads, const Product& p, const Finish& finish) {
  constexpr int64_t kWide = 8 * kWidth, kAhead = 6, kLine = 16;  // columns, rows, floats of the cache's line
  const int64_t work = p.depth * p.columns, parts = work < (1 << 16) ? 1 : work < (1 << 18) ? 4 : 16;
  const int64_t columns = round_up(p.columns, kWidth);
  float* sums = scratch<PartScratch>(static_cast<size_t>(parts * columns));
  parallel(threads, parts, [&](int64_t part) {
    const auto [top, end] = share(p.depth, parts, part);
    auto* list = reinterpret_cast<int32_t*>(scratch<ListScratch>(static_cast<size_t>(end - top)));
    int64_t count = 0;
    for (int64_t k = top; k < end; ++k) {
      list[count] = static_cast<int32_t>(k);
      count += !p.finite || *p.a.at(0, k) != 0.0f;
    }
    for (int64_t from = 0; from < p.columns; from += kWide) {
      V total[8] = {};
      const int64_t there = p.columns - from;
      const auto add = [&](int64_t k) __attribute__((always_inline)) {
        const V a = broadcast(*p.a.at(0, k));
        for (int j = 0; j < 8; ++j) total[j] += load(p.b.at(k, from + j * kWidth)) * a;
      };
      if (there >= kWide && count == end - top) {
        for (int64_t k = top; k < end; ++k) add(k);  // in order: what comes next the processor knows by itself
      } else if (there >= kWide) {
        for (int64_t i = 0; i < count; ++i) {
          const int64_t ahead = list[std::min(i + kAhead, count - 1)];
          for (int64_t j = 0; j < kWide; j += kLine) __builtin_prefetch(p.b.at(ahead, from + j));
          add(list[i]);
        }
      } else {
        for (int64_t i = 0; i < count; ++i) {
          const int64_t k = list[i];
          for (int64_t j = 0; j * kWidth < there; ++j)
            total[j] += load_some(p.b.at(k, from + j * kWidth), there - j * kWidth) * *p.a.at(0, k);
        }
      }
      for (int64_t j = 0; j < 8 && j * kWidth < there; ++j) store(sums + part * columns + from + j * kWidth, total[j]);
    }
  });
  for (int64_t column = 0; column < p.columns; column += kWidth) {
    V value = load(sums + column);
    for (int64_t part = 1; part < parts; ++part) value += load(sums + part * columns + column);
    if (p.add) value += load_some(p.c + column, p.columns - column);
    store_some(p.c + column, finish(value, 0, column), p.columns - column);
  }
}

}  // namespace detail

// C = A B, or C += A B, each finished number through `finish(value, row, column)`, which gets and gives vectors.
template <class Finish = Plain>
void gemm(const Threads& threads, const Product& p, const Finish& finish = {}) {
  constexpr int64_t kWork = 1 << 17;  // multiply-adds that are worth a task of their own
  if (p.rows <= 0 || p.columns <= 0) return;
  if (p.rows == 1 && p.b.column == 1) return detail::one_row(threads, p, finish);
#if defined(__AVX512BF16__)
  if (amx::pays(p)) return amx::gemm<amx::Split>(threads, p, finish);
#endif
  const int64_t most = p.rows * p.columns * p.depth / kWork, hands = most < 2 ? 1 : threads.count();
  const int64_t across = (p.columns + kColumns - 1) / kColumns, units = (p.rows + kRows - 1) / kRows;
  // Each task packs its part of B for itself: few of them, but some more than threads, as one may begin late.
  const int64_t wanted = hands == 1 ? 1 : 2 * hands < most ? 2 * hands : most;
  const int64_t rows = (wanted + across - 1) / across, down = rows < units ? rows : units;
  parallel(hands == 1 ? Threads{} : threads, across * down, [&](int64_t task) {
    const auto [i0, i1] = share(p.rows, down, task % down);
    const int64_t j0 = task / down * kColumns, j1 = j0 + kColumns < p.columns ? j0 + kColumns : p.columns;
    detail::block(p, finish, i0, i1, j0, j1);
  });
}

}  // namespace lamina
