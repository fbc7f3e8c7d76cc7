// Products of bfloat16 numbers with sums in float32, on the tiles of AMX (Intel 64 Architectures Software Developer's
// Manual, volume 1, chapter 18).
//
// A tile is 16 rows of 64 bytes: of A, 16 rows of 32 numbers; of B, 32 rows of 16 columns, each two rows interleaved; of
// C, 16 by 16 floats. Two tiles of A by two of B are summed over k in four tiles of C, which leave through memory.
//
// A column of C, and a row, depends on its own column of B and row of A alone: beyond the edges anything may stand there.
// Only along k there must be zeros up to the next multiple of 32, in both. Sums are made in an order that shapes alone
// say. Numbers that are too small to be normal count as zero.
//
// lamina/kernels/native.py asks the operating system for the tiles before it opens the library.

#pragma once

#include <cstdint>
#include <type_traits>

#include "gemm.h"
#include "parallel.h"
#include "vector.h"

#if !defined(__AVX512BF16__)
#error "native/*_bf16.cc are for the library with AMX alone (CMakeLists.txt)"
#endif

namespace lamina {

using Bf16 = uint16_t;  // the bits

namespace amx {

constexpr int64_t kSide = 16;             // rows of a tile, columns of a tile of B or C
constexpr int64_t kStep = 32;             // numbers of k that one tile holds
constexpr int64_t kTile = kSide * kStep;  // numbers in a tile
constexpr int64_t kPair = 2 * kSide;      // rows, or columns, of two tiles
constexpr int64_t kDeep = 512;            // of k: a panel of B stays in the first cache
constexpr int64_t kTall = 256;            // rows of A that stay in the second one

// The tiles of the thread, for as long as this lives: all eight of full size. Others (oneDNN) set them up as they like
// between calls, so each task does it anew.
class Tiles {
 public:
  Tiles() {
    struct alignas(64) {
      uint8_t palette = 1, start = 0, reserved[14] = {};
      uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } shapes;
    static_assert(sizeof shapes == 64);
    asm volatile("ldtilecfg %0" ::"m"(shapes));
  }
  ~Tiles() { asm volatile("tilerelease"); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

// As instructions and not as GCC's intrinsics: those of older versions don't say that they read memory.
template <int Tile>
inline void load_tile(const void* from, int64_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(Tile) : "memory");
}
template <int Tile>
inline void store_tile(void* to, int64_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(Tile) : "memory");
}
template <int Tile>
inline void clear_tile() {
  asm volatile("tilezero %%tmm%c0" ::"i"(Tile));
}
template <int Sum, int A, int B>
inline void multiply_tiles() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(Sum), "i"(A), "i"(B));
}

// Two tiles' rows of A: where they begin, in numbers how far the next row and the next 32 of k are.
struct Rows {
  const Bf16 *first, *second;
  int64_t row = kStep, step = kTile;
};

// R by C tiles of C: tiles 0 to 3, those of a row together. A passes through 4 and 5, B through 6 and 7.
template <int R, int C>
struct Sums {
  static_assert(R >= 1 && R <= 2 && C >= 1 && C <= 2);

  static void clear() {
    clear_tile<0>();
    if constexpr (C == 2) clear_tile<1>();
    if constexpr (R == 2) clear_tile<2>();
    if constexpr (R == 2 && C == 2) clear_tile<3>();
  }

  // The sums so far, and where they go: floats, `stride` of them to the next row.
  static void load(const float* from, int64_t stride) {
    const int64_t bytes = stride * 4;
    load_tile<0>(from, bytes);
    if constexpr (C == 2) load_tile<1>(from + kSide, bytes);
    if constexpr (R == 2) load_tile<2>(from + kSide * stride, bytes);
    if constexpr (R == 2 && C == 2) load_tile<3>(from + kSide * stride + kSide, bytes);
  }
  static void store(float* to, int64_t stride) {
    const int64_t bytes = stride * 4;
    store_tile<0>(to, bytes);
    if constexpr (C == 2) store_tile<1>(to + kSide, bytes);
    if constexpr (R == 2) store_tile<2>(to + kSide * stride, bytes);
    if constexpr (R == 2 && C == 2) store_tile<3>(to + kSide * stride + kSide, bytes);
  }

  // Adds `steps` times 32 of k. `b` is a panel [steps][2][kTile]; with one tile of columns the second is not read.
  static inline __attribute__((always_inline)) void multiply(const Rows& a, const Bf16* b, int64_t steps) {
    const Bf16 *first = a.first, *second = a.second;
    const int64_t bytes = a.row * 2, next = a.step;
    for (int64_t k = 0; k < steps; ++k, b += 2 * kTile) {
      load_tile<6>(b, 64);
      load_tile<4>(first, bytes);
      multiply_tiles<0, 4, 6>();
      if constexpr (C == 2) {
        load_tile<7>(b + kTile, 64);
        multiply_tiles<1, 4, 7>();
      }
      if constexpr (R == 2) {
        load_tile<5>(second, bytes);
        multiply_tiles<2, 5, 6>();
        if constexpr (C == 2) multiply_tiles<3, 5, 7>();
        second += next;
      }
      first += next;
    }
  }
};

// Calls go(R, C) with one or two tiles of rows and of columns as constants: as many as hold so many rows and columns.
template <class Go>
inline void with_tiles(int64_t rows, int64_t columns, const Go& go) {
  using One = std::integral_constant<int, 1>;
  using Two = std::integral_constant<int, 2>;
  if (rows > kSide)
    columns > kSide ? go(Two{}, Two{}) : go(Two{}, One{});
  else
    columns > kSide ? go(One{}, Two{}) : go(One{}, One{});
}

// --- from float32 ---------------------------------------------------------------------------------------------------

// 32 numbers, rounded to the nearest, ties to even.
inline __m512i narrow(V low, V high) {
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(reinterpret_cast<__m512>(high), reinterpret_cast<__m512>(low)));
}

// `count` numbers, and zeros up to the next multiple of 32.
inline void narrow(Bf16* to, const float* from, int64_t count) {
  for (int64_t k = 0; k < count; k += kStep)
    _mm512_storeu_si512(to + k, narrow(load_some(from + k, count - k), load_some(from + k + kWidth, count - k - kWidth)));
}

// A number of the first and one of the second by turns: two rows of B as a tile has them.
inline __m512i interleave(V first, V second) {
  alignas(64) static constexpr uint16_t kTurns[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(kTurns), narrow(first, second));
}

// Numbers of lanes for two vectors of pairs to exchange what lies across the diagonal of their 2 by 2 blocks of W pairs.
template <int W>
struct Exchange {
  alignas(64) int32_t low[16], high[16];

  constexpr Exchange() : low(), high() {
    for (int lane = 0; lane < 16; ++lane) {
      low[lane] = (lane & W) != 0 ? 16 + lane - W : lane;
      high[lane] = (lane & W) != 0 ? 16 + lane : lane + W;
    }
  }
};

template <int W>
inline __attribute__((always_inline)) void exchange(__m512i (&row)[16]) {
  static constexpr Exchange<W> lanes;
  const __m512i low = _mm512_load_si512(lanes.low), high = _mm512_load_si512(lanes.high);
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    if ((i & W) != 0) continue;
    const __m512i first = row[i], second = row[i + W];
    row[i] = _mm512_permutex2var_epi32(first, low, second);
    row[i + W] = _mm512_permutex2var_epi32(first, high, second);
  }
}

// 16 rows of 16 pairs become 16 columns: a tile of B is one of A transposed so, and the other way round.
inline __attribute__((always_inline)) void transpose(__m512i (&row)[16]) {
  exchange<8>(row);
  exchange<4>(row);
  exchange<2>(row);
  exchange<1>(row);
}

inline void transpose(Bf16* to, __m512i (&row)[16]) {
  transpose(row);
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) _mm512_storeu_si512(to + i * kStep, row[i]);
}

// Rows [0, 16) by [0, 32) of a matrix whose rows are runs of memory, `rows` by `columns` of which are there: as a tile of
// A; or transposed, as a tile of B.
inline void tile_of_rows(Bf16* to, const float* from, int64_t stride, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < kSide; ++i)
    i < rows ? narrow(to + i * kStep, from + i * stride, columns < kStep ? columns : kStep)
             : _mm512_storeu_si512(to + i * kStep, _mm512_setzero_si512());
}

// Row i of a tile of rows, in a register.
inline __m512i row_of(const float* from, int64_t columns) {
  return narrow(load_some(from, columns), load_some(from + kWidth, columns - kWidth));
}

inline void transposed_tile_of_rows(Bf16* to, const float* from, int64_t stride, int64_t rows, int64_t columns) {
  __m512i row[16];
#pragma GCC unroll 16
  for (int64_t i = 0; i < kSide; ++i) row[i] = i < rows ? row_of(from + i * stride, columns) : _mm512_setzero_si512();
  transpose(to, row);
}

// Rows [0, 32) by [0, 16) of such a matrix, as a tile of B; or transposed, as a tile of A.
inline __m512i pair_of(const float* from, int64_t stride, int64_t rows, int64_t columns, int64_t pair) {
  const V first = 2 * pair < rows ? load_some(from + 2 * pair * stride, columns) : V{};
  const V second = 2 * pair + 1 < rows ? load_some(from + (2 * pair + 1) * stride, columns) : V{};
  return interleave(first, second);
}

inline void tile_of_pairs(Bf16* to, const float* from, int64_t stride, int64_t rows, int64_t columns) {
  for (int64_t pair = 0; pair < kSide; ++pair)
    _mm512_storeu_si512(to + pair * kStep, pair_of(from, stride, rows, columns, pair));
}

inline void transposed_tile_of_pairs(Bf16* to, const float* from, int64_t stride, int64_t rows, int64_t columns) {
  __m512i row[16];
#pragma GCC unroll 16
  for (int64_t pair = 0; pair < kSide; ++pair) row[pair] = pair_of(from, stride, rows, columns, pair);
  transpose(to, row);
}

// Rows [i, i + rows) of A, k in [top, top + depth), as [row tiles][steps][kTile].
inline void pack_rows(Bf16* to, const Matrix& a, int64_t i, int64_t rows, int64_t top, int64_t depth) {
  for (int64_t r = 0; r < rows; r += kSide)
    for (int64_t k = 0; k < depth; k += kStep, to += kTile)
      if (a.column == 1)
        tile_of_rows(to, a.at(i + r, top + k), a.row, rows - r, depth - k);
      else
        transposed_tile_of_pairs(to, a.at(i + r, top + k), a.column, depth - k, rows - r);
}

// Columns [j, j + columns) of B, at most 32 of them, k in [top, top + depth), as a panel [steps][2][kTile].
inline void pack_panel(Bf16* to, const Matrix& b, int64_t j, int64_t columns, int64_t top, int64_t depth) {
  for (int64_t k = 0; k < depth; k += kStep, to += 2 * kTile)
    for (int64_t c = 0; c < columns && c < kPair; c += kSide)
      if (b.column == 1)
        tile_of_pairs(to + c * kStep, b.at(top + k, j + c), b.row, depth - k, columns - c);
      else
        transposed_tile_of_rows(to + c * kStep, b.at(top + k, j + c), b.column, columns - c, depth - k);
}

// --- whole products -------------------------------------------------------------------------------------------------

namespace detail {

struct RowsScratch {};
struct PanelScratch {};

inline Bf16* room(float* floats) { return reinterpret_cast<Bf16*>(floats); }

// Rows of C from i on and columns from j on, at most 32 each, for k in [top, top + depth).
template <class Finish>
void tiles(const Product& p, const Finish& finish, int64_t i, int64_t rows, int64_t j, int64_t columns, int64_t top,
           int64_t depth, const Bf16* a, const Bf16* panel) {
  const int64_t steps = round_up(depth, kStep) / kStep;
  alignas(64) float sums[kPair * kPair];
  with_tiles(rows, columns, [&](auto r, auto c) {
    using Here = Sums<r.value, c.value>;
    Here::clear();
    Here::multiply({a, a + steps * kTile}, panel, steps);
    Here::store(sums, kPair);
  });
  const bool first = top == 0 && !p.add, last = top + depth == p.depth;
  for (int64_t m = 0; m < rows && m < kPair; ++m)
    for (int64_t n = 0; n < columns && n < kPair; n += kWidth) {
      float* c = p.c + (i + m) * p.stride + j + n;
      V value = lamina::load(sums + m * kPair + n);
      if (!first) value += load_some(c, columns - n);
      if (last) value = finish(value, i + m, j + n);
      store_some(c, value, columns - n);
    }
}

// One task's rows [i0, i1) and columns [j0, j1) of C.
template <class Finish>
void block(const Product& p, const Finish& finish, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
  const Tiles there;
  Bf16* rows = room(scratch<RowsScratch>(static_cast<size_t>(kTall * kDeep / 2)));
  Bf16* panel = room(scratch<PanelScratch>(static_cast<size_t>(kPair * kDeep / 2)));
  for (int64_t high = i0; high < i1; high += kTall)
    for (int64_t top = 0; top < p.depth || top == 0; top += kDeep) {
      const int64_t tall = i1 - high < kTall ? i1 - high : kTall, depth = p.depth - top < kDeep ? p.depth - top : kDeep;
      pack_rows(rows, p.a, high, tall, top, depth);
      for (int64_t j = j0; j < j1; j += kPair) {
        pack_panel(panel, p.b, j, j1 - j, top, depth);
        for (int64_t i = 0; i < tall; i += kPair)
          tiles(p, finish, high + i, tall - i, j, j1 - j, top, depth, rows + i * round_up(depth, kStep), panel);
      }
    }
}

}  // namespace detail

// C = A B, or C += A B, of numbers rounded to bfloat16; each finished sum through `finish(value, row, column)`, as
// lamina::gemm does it.
template <class Finish = Plain>
void gemm(const Threads& threads, const Product& p, const Finish& finish = {}) {
  constexpr int64_t kWork = 1 << 20;  // multiply-adds that are worth a task of their own
  if (p.rows <= 0 || p.columns <= 0) return;
  const int64_t hands = threads.count(), most = p.rows * p.columns * p.depth / kWork;
  if (hands == 1 || most <= 1) return detail::block(p, finish, 0, p.rows, 0, p.columns);
  // Along the longer side, in whole tiles; the other operand is packed by each task for itself.
  const bool by_rows = p.rows >= p.columns;
  const int64_t size = by_rows ? p.rows : p.columns, units = round_up(size, kPair) / kPair;
  int64_t tasks = units < 2 * hands ? hands : 2 * hands;
  tasks = tasks < most ? tasks : most;
  tasks = tasks < units ? tasks : units;
  parallel(threads, tasks, [&](int64_t task) {
    const auto [from, to] = share(size, tasks, task, kPair);
    if (from == to) return;
    by_rows ? detail::block(p, finish, from, to, 0, p.columns) : detail::block(p, finish, 0, p.rows, from, to);
  });
}

}  // namespace amx
}  // namespace lamina
