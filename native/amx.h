// Products on the tiles of AMX (Intel 64 Architectures Software Developer's Manual, volume 1, chapter 18), which multiply
// numbers of bfloat16 and sum in float32: of numbers rounded to that, or of float32 as sums of three such numbers.
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

#include "parallel.h"
#include "product.h"
#include "vector.h"

#if !defined(__AVX512BF16__)
#error "this is for the library with AMX alone (CMakeLists.txt)"
#endif

namespace lamina {

using Bf16 = uint16_t;  // the bits

namespace amx {

constexpr int64_t kSide = 16;             // rows of a tile, columns of a tile of B or C
constexpr int64_t kStep = 32;             // numbers of k that one tile holds
constexpr int64_t kTile = kSide * kStep;  // numbers in a tile
constexpr int64_t kPair = 2 * kSide;      // rows, or columns, of two tiles
constexpr int64_t kDeep = 512;            // of k that is summed before C is looked at
constexpr int64_t kTall = 256;            // rows of A that stay in the second cache

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

// Which parts of A and of B are multiplied: from one product to the next only one of the two changes.
template <int Parts>
struct Order {
  static constexpr int kCount = 1, kA[] = {0}, kB[] = {0};
};
template <>
struct Order<3> {
  static constexpr int kCount = 6, kA[] = {0, 0, 0, 1, 1, 2}, kB[] = {2, 0, 1, 1, 0, 0};
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

  // Adds `steps` times 32 of k, of numbers in `Parts` parts: those whose numbers add up to less than that. `b` is a panel
  // [steps][Parts][2][kTile]; with one tile of columns the second is not read.
  template <int Parts = 1>
  static inline __attribute__((always_inline)) void multiply(const Rows& a, const Bf16* b, int64_t steps) {
    const Bf16 *first = a.first, *second = a.second;
    const int64_t bytes = a.row * 2, next = a.step;
    using Order = amx::Order<Parts>;
    for (int64_t k = 0; k < steps; ++k, b += Parts * 2 * kTile) {
#pragma GCC unroll 6
      for (int at = 0; at < Order::kCount; ++at) {
        const int i = Order::kA[at], j = Order::kB[at];
        const bool other_a = at == 0 || i != Order::kA[at - 1], other_b = at == 0 || j != Order::kB[at - 1];
        if (other_b) load_tile<6>(b + j * 2 * kTile, 64);
        if (other_a) load_tile<4>(first + i * kTile, bytes);
        multiply_tiles<0, 4, 6>();
        if constexpr (C == 2) {
          if (other_b) load_tile<7>(b + (j * 2 + 1) * kTile, 64);
          multiply_tiles<1, 4, 7>();
        }
        if constexpr (R == 2) {
          if (other_a) load_tile<5>(second + i * kTile, bytes);
          multiply_tiles<2, 5, 6>();
          if constexpr (C == 2) multiply_tiles<3, 5, 7>();
        }
      }
      if constexpr (R == 2) second += next;
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

template <int N>
struct Parts {
  __m512i at[N];
};

// How float32 goes into a product. Rounded to bfloat16: one part, neighbours along k side by side.
struct Rounded {
  static constexpr int kParts = 1;
  // The two k of a step that share a pair of the tiles.
  static constexpr int64_t first(int64_t pair) { return 2 * pair; }
  static constexpr int64_t second(int64_t pair) { return 2 * pair + 1; }

  // 32 of k in a row of A, and two k of 16 columns of B.
  static Parts<1> along(V low, V high) { return {{narrow(low, high)}}; }
  static Parts<1> across(V first, V second) { return {{interleave(first, second)}}; }

  // A row's 32 numbers again, of parts so far `apart`; and of two rows the first 16 of k, or the last, one number of each
  // by turns.
  static void widen(const Bf16* from, int64_t, V& low, V& high) {
    low = wide(from);
    high = wide(from + kSide);
  }
  static __m512i first_16(__m512i even, __m512i odd) { return by_turns(even, odd, 0); }
  static __m512i last_16(__m512i even, __m512i odd) { return by_turns(even, odd, 16); }

 private:
  static V wide(const Bf16* from) {
    using Half = Bf16 __attribute__((vector_size(32), aligned(2), may_alias));
    return floats(reinterpret_cast<I>(__builtin_convertvector(*reinterpret_cast<const Half*>(from), U) << 16));
  }
  static __m512i by_turns(__m512i even, __m512i odd, short from) {
    alignas(64) static constexpr uint16_t kTurns[32] = {0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
                                                        8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
    const __m512i turns = _mm512_add_epi16(_mm512_load_si512(kTurns), _mm512_set1_epi16(from));
    return _mm512_permutex2var_epi16(even, turns, odd);
  }
};

// As it is: the sum of three parts, each a number of bfloat16. What the products of the smaller parts would add, which
// are left out, is below 2^-24 of a product, as much as float32 rounds by itself (Henry, Tang and Heinecke 2019,
// "Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision Computations", arXiv 1904.06376). The k
// that share a pair are 16 apart: so a shift brings them together. Infinite numbers become NaN; parts below 2^-126 count
// as zero.
struct Split {
  static constexpr int kParts = 3;
  static constexpr int64_t first(int64_t pair) { return pair; }
  static constexpr int64_t second(int64_t pair) { return pair + kSide; }

  static inline __attribute__((always_inline)) Parts<3> along(V low, V high) {
    Parts<3> parts;
#pragma GCC unroll 3
    for (__m512i& part : parts.at) {
      const V l = top(low), h = top(high);
      part = reinterpret_cast<__m512i>(reinterpret_cast<U>(l) >> 16 | reinterpret_cast<U>(h));
      low -= l;
      high -= h;
    }
    return parts;
  }
  static Parts<3> across(V first, V second) { return along(first, second); }

  static void widen(const Bf16* from, int64_t apart, V& low, V& high) {
    low = high = V{};
    for (int part = kParts; part-- > 0;) {
      const __m512i both = _mm512_loadu_si512(from + part * apart);
      low += reinterpret_cast<V>(shifted(both, 16));
      high += reinterpret_cast<V>(reinterpret_cast<U>(both) & 0xffff0000u);
    }
  }
  static __m512i first_16(__m512i even, __m512i odd) { return _mm512_mask_blend_epi16(kOdd, even, shifted(odd, 16)); }
  static __m512i last_16(__m512i even, __m512i odd) { return _mm512_mask_blend_epi16(kOdd, shifted(even, -16), odd); }

 private:
  static constexpr __mmask32 kOdd = 0xaaaaaaaa;
  static __m512i shifted(__m512i x, int up) {
    const auto u = reinterpret_cast<U>(x);
    return reinterpret_cast<__m512i>(up > 0 ? u << up : u >> -up);
  }
  // The nearest number of bfloat16.
  static V top(V x) { return floats((bits(x) + 0x8000) & static_cast<int32_t>(0xffff0000)); }
};

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

// 32 numbers of a row of A, `columns` of which are there.
template <class As>
inline auto row_of(const float* from, int64_t columns) {
  return As::along(load_some(from, columns), load_some(from + kWidth, columns - kWidth));
}

template <class As>
inline void store_parts(Bf16* to, int64_t apart, const Parts<As::kParts>& parts) {
#pragma GCC unroll 3
  for (int part = 0; part < As::kParts; ++part) _mm512_storeu_si512(to + part * apart, parts.at[part]);
}

// Rows [0, 16) by [0, 32) of a matrix whose rows are runs of memory, `rows` by `columns` of which are there: as a tile of
// A for each part, `apart` numbers from one to the next.
template <class As>
inline void tile_of_rows(Bf16* to, int64_t apart, const float* from, int64_t stride, int64_t rows, int64_t columns) {
  if (rows >= kSide && columns >= kStep) {
    for (int64_t i = 0; i < kSide; ++i, from += stride, to += kStep) store_parts<As>(to, apart, row_of<As>(from, kStep));
    return;
  }
  for (int64_t i = 0; i < kSide; ++i, from += stride, to += kStep)
    store_parts<As>(to, apart, i < rows ? row_of<As>(from, columns) : Parts<As::kParts>{});
}

// Rows [0, 32) by [0, 16) of such a matrix, as a tile of B for each part.
template <class As>
inline void tile_of_pairs(Bf16* to, int64_t apart, const float* from, int64_t stride, int64_t rows, int64_t columns) {
  const auto turn = [=](const auto& row) {
    for (int64_t pair = 0; pair < kSide; ++pair)
      store_parts<As>(to + pair * kStep, apart, As::across(row(As::first(pair)), row(As::second(pair))));
  };
  if (rows >= kStep && columns >= kSide)
    turn([=](int64_t k) { return lamina::load(from + k * stride); });
  else
    turn([=](int64_t k) { return k < rows ? load_some(from + k * stride, columns) : V{}; });
}

// What `make(to, apart)` makes, tile by tile transposed.
template <class As, class Make>
inline void transposed(Bf16* to, int64_t apart, const Make& make) {
  alignas(64) Bf16 tiles[As::kParts * kTile];
  make(tiles, kTile);
  for (int part = 0; part < As::kParts; ++part, to += apart) {
    __m512i row[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) row[i] = _mm512_load_si512(tiles + part * kTile + i * kStep);
    transpose(to, row);
  }
}

// Rows [i, i + rows) of A, k in [top, top + depth), as [row tiles][steps][parts][kTile].
template <class As>
void pack_rows(Bf16* to, const Matrix& a, int64_t i, int64_t rows, int64_t top, int64_t depth) {
  for (int64_t r = 0; r < rows; r += kSide)
    for (int64_t k = 0; k < depth; k += kStep, to += As::kParts * kTile) {
      const float* from = a.at(i + r, top + k);
      if (a.column == 1)
        tile_of_rows<As>(to, kTile, from, a.row, rows - r, depth - k);
      else
        transposed<As>(to, kTile, [&](Bf16* tiles, int64_t apart) {
          tile_of_pairs<As>(tiles, apart, from, a.column, depth - k, rows - r);
        });
    }
}

// Columns [j, j + columns) of B, at most 32 of them, k in [top, top + depth), as a panel [steps][parts][2][kTile].
template <class As = Rounded>
void pack_panel(Bf16* to, const Matrix& b, int64_t j, int64_t columns, int64_t top, int64_t depth) {
  for (int64_t k = 0; k < depth; k += kStep, to += As::kParts * 2 * kTile)
    for (int64_t c = 0; c < columns && c < kPair; c += kSide) {
      const float* from = b.at(top + k, j + c);
      if (b.column == 1)
        tile_of_pairs<As>(to + c * kStep, 2 * kTile, from, b.row, depth - k, columns - c);
      else
        transposed<As>(to + c * kStep, 2 * kTile, [&](Bf16* tiles, int64_t apart) {
          tile_of_rows<As>(tiles, apart, from, b.column, columns - c, depth - k);
        });
    }
}

// --- whole products -------------------------------------------------------------------------------------------------

namespace detail {

struct RowsScratch {};
struct PanelScratch {};

inline Bf16* room(float* floats) { return reinterpret_cast<Bf16*>(floats); }

// Rows of C from i on and columns from j on, at most 32 each, for k in [top, top + depth).
template <class As, class Finish>
void tiles(const Product& p, const Finish& finish, int64_t i, int64_t rows, int64_t j, int64_t columns, int64_t top,
           int64_t depth, const Bf16* a, const Bf16* panel) {
  const int64_t steps = round_up(depth, kStep) / kStep;
  alignas(64) float sums[kPair * kPair];
  with_tiles(rows, columns, [&](auto r, auto c) {
    using Here = Sums<r.value, c.value>;
    constexpr int64_t step = As::kParts * kTile;
    Here::clear();
    Here::template multiply<As::kParts>({a, a + steps * step, kStep, step}, panel, steps);
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
template <class As, class Finish>
void block(const Product& p, const Finish& finish, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
  constexpr int64_t halves = As::kParts * kDeep / 2;
  const Tiles there;
  Bf16* rows = room(scratch<RowsScratch>(static_cast<size_t>(kTall * halves)));
  Bf16* panel = room(scratch<PanelScratch>(static_cast<size_t>(kPair * halves)));
  for (int64_t high = i0; high < i1; high += kTall)
    for (int64_t top = 0; top < p.depth || top == 0; top += kDeep) {
      const int64_t tall = i1 - high < kTall ? i1 - high : kTall, depth = p.depth - top < kDeep ? p.depth - top : kDeep;
      const int64_t row = As::kParts * round_up(depth, kStep);
      pack_rows<As>(rows, p.a, high, tall, top, depth);
      for (int64_t j = j0; j < j1; j += kPair) {
        pack_panel<As>(panel, p.b, j, j1 - j, top, depth);
        for (int64_t i = 0; i < tall; i += kPair)
          tiles<As>(p, finish, high + i, tall - i, j, j1 - j, top, depth, rows + i * row, panel);
      }
    }
}

}  // namespace detail

// Whether a product of float32 is faster so: smaller ones are packed and unpacked for too few sums (measured).
inline bool pays(const Product& p) {
  constexpr int64_t kFewest = 48;  // rows: all of B is packed for them
  return p.rows >= kFewest && p.columns >= kPair && p.depth >= kStep && p.rows * p.columns * p.depth >= 1 << 19;
}

// C = A B, or C += A B, of numbers as `As` takes them; each finished sum through `finish(value, row, column)`, as
// lamina::gemm does it.
template <class As, class Finish = Plain>
void gemm(const Threads& threads, const Product& p, const Finish& finish = {}) {
  constexpr int64_t kWork = 1 << 19;  // multiply-adds that are worth a task of their own
  if (p.rows <= 0 || p.columns <= 0) return;
  const int64_t hands = threads.count(), most = p.rows * p.columns * p.depth / kWork;
  if (hands == 1 || most <= 1) return detail::block<As>(p, finish, 0, p.rows, 0, p.columns);
  // Along the longer side, in whole tiles; the other operand is packed by each task for itself, so one for each hand.
  const bool by_rows = p.rows >= p.columns;
  const int64_t size = by_rows ? p.rows : p.columns, units = round_up(size, kPair) / kPair;
  int64_t tasks = hands;
  tasks = tasks < most ? tasks : most;
  tasks = tasks < units ? tasks : units;
  parallel(threads, tasks, [&](int64_t task) {
    const auto [from, to] = share(size, tasks, task, kPair);
    if (from == to) return;
    by_rows ? detail::block<As>(p, finish, from, to, 0, p.columns) : detail::block<As>(p, finish, 0, p.rows, from, to);
  });
}

}  // namespace amx
}  // namespace lamina
