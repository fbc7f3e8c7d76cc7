// The recurrent networks of recurrence.h on the tiles of AMX (amx.h): what a step multiplies, forward and backward, is
// rounded to bfloat16 or goes in three parts of it; sums, functions, states and what is kept of the gates are float32.
//
// The weights are one matrix from [h, x], each rounded up to whole steps of k, to the sums of 16 units after 16 units.
// Where a cell keeps apart what comes of h and of x (kAside), the matrix has zeros. A block of examples is two to four
// tiles high. On the way back the gradients of the last steps' sums wait as steps of k, each 32 examples of one step.

#pragma once

#include "amx.h"
#include "recurrence.h"

namespace lamina {
namespace tiles {

using amx::kPair;
using amx::kSide;
using amx::kStep;

constexpr int64_t kTile = amx::kTile;    // not the one of recurrence.h
constexpr int64_t kMost = 2 * kBlock;    // rows of a block
constexpr int64_t kWaitingSteps = 16;    // steps of k that wait for the weights' gradient

template <class Cell>
constexpr int kPairs = kSummed<Cell> / 2;  // of tiles that a panel has

template <class As, class Cell>
struct Shape {
  const Sizes& s;

  int64_t depth() const { return s.units() + round_up(s.inputs, kStep); }
  int64_t steps() const { return depth() / kStep; }
  int64_t pairs() const { return panels<Cell>(s) * kPairs<Cell>; }
  int64_t columns() const { return pairs() * kPair; }
  int64_t stride() const { return columns() + kSide; }  // of the gradient's rows: no power of two
  int64_t rows() const { return round_up((s.batch + s.blocks() - 1) / s.blocks(), kPair); }  // of any block; as in Python
  int64_t block() const { return As::kParts * rows() * depth(); }  // numbers that a block multiplies at a step

  // Where row k of the weights (the bias: depth()) is in the matrix, and a vector of its panel in that row.
  int64_t row(int64_t k) const { return k < s.hidden ? k : k < s.depth() ? s.units() + k - s.hidden : depth(); }
  int64_t column(int64_t k, int64_t panel, int vector) const {
    const int gates = k == s.depth() ? Cell::kSums : Cell::kGates, aside = k < s.hidden ? 0 : Cell::kSums - gates;
    return (panel * kSummed<Cell> + vector / gates * Cell::kSums + vector % gates + aside) * kSide;
  }
};

static_assert(kWidth == kSide);

struct MatrixScratch {};

// The matrix [depth + 1][columns] in float32; the bias, where there is one, in its last row.
template <class As, class Cell>
const float* matrix_of(const Shape<As, Cell>& shape, const Weights<Cell, const float>& weights) {
  const Sizes& s = shape.s;
  const int64_t size = (shape.depth() + 1) * shape.columns();
  float* matrix = scratch<MatrixScratch>(static_cast<size_t>(size));
  std::fill_n(matrix, size, 0.0f);
  for (int64_t k = 0; k < s.depth() + (weights.bias != nullptr ? 1 : 0); ++k)
    for (int64_t panel = 0; panel < panels<Cell>(s); ++panel)
      weights.each(s, k, panel, [&](int vector, const float* from, int64_t there) {
        store(matrix + shape.row(k) * shape.columns() + shape.column(k, panel, vector), load_some(from, there));
      });
  return matrix;
}

// All parts of a tile.
template <class As>
constexpr int64_t kWhole = As::kParts * kTile;

// Rows of tiles after one another: where row r begins.
template <class As>
int64_t row_at(int64_t r, int64_t steps) {
  return r / kSide * steps * kWhole<As> + r % kSide * kStep;
}

// rows by 32 columns of A's tiles, `steps` deep, times a panel.
template <class As>
void multiply(const Bf16* a, const Bf16* panel, int64_t steps, int64_t rows, float* to) {
  for (int64_t r = 0; r < rows; r += kPair)
    amx::with_tiles(rows - r, kPair, [&](auto tall, auto) {
      using Here = amx::Sums<tall.value, 2>;
      const Bf16* first = a + row_at<As>(r, steps);
      Here::clear();
      Here::template multiply<As::kParts>({first, first + steps * kWhole<As>, kStep, kWhole<As>}, panel, steps);
      Here::store(to + r * kPair, kPair);
    });
}

// --- forward --------------------------------------------------------------------------------------------------------

// What a step multiplies, [tiles of rows][steps of k]; zeros where no row lives, so that nothing comes of it later.
template <class As, class Cell>
void lay_out(const Shape<As, Cell>& shape, const Forward& f, const Block& block, int64_t step, int64_t rows, Bf16* to) {
  const Sizes& s = shape.s;
  const int64_t steps = shape.steps();
  for (int64_t r = 0; r < shape.rows(); ++r) {
    Bf16* row = to + row_at<As>(r, steps);
    const bool there = r < rows, alive = there && f.places.alive(block.first + r, step);
    const float* x = alive ? f.x + (f.places.example(block.first + r) * s.steps + step) * s.inputs : f.x;
    const auto put = [&](bool some, const float* from, int64_t count) {
      amx::store_parts<As>(row, kTile, some ? amx::row_of<As>(from, count) : amx::Parts<As::kParts>{});
      row += kWhole<As>;
    };
    for (int64_t k = 0; k < s.units(); k += kStep) put(there, block.state(0, there ? r : 0) + k, kStep);
    for (int64_t i = 0; i < s.inputs; i += kStep) put(alive, x + i, s.inputs - i);
  }
}

template <class As, class Cell>
void forward_step(const Shape<As, Cell>& shape, const Forward& f, const Bf16* packed, const float* bias, const Block& block,
                  int64_t step, Bf16* laid) {
  const Sizes& s = shape.s;
  const int64_t rows = f.places.rows(block.number, step), steps = shape.steps();
  const Kept kept = f.kept != nullptr ? f.kept->at<Cell>(s, block.first, block.size, step) : Kept{};
  lay_out(shape, f, block, step, rows, laid);
  alignas(64) float sums[kPairs<Cell>][kMost * kPair];
  for (int64_t panel = 0; panel < panels<Cell>(s); ++panel) {
    for (int pair = 0; pair < kPairs<Cell>; ++pair, packed += 2 * steps * kWhole<As>)
      multiply<As>(laid, packed, steps, rows, sums[pair]);
    for (int64_t r = 0; r < rows; ++r) {
      V sum[kSummed<Cell>];
      for (int j = 0; j < kSummed<Cell>; ++j)
        sum[j] = load(sums[j / 2] + r * kPair + j % 2 * kSide) + load(bias + (panel * kSummed<Cell> + j) * kSide);
      live_through<Cell>(f, block, kept, step, panel, r, sum);
    }
  }
}

struct PackedScratch {};
struct LaidScratch {};

inline Bf16* halves(float* floats) { return reinterpret_cast<Bf16*>(floats); }

template <class As, class Cell>
ffi::Error forward(ffi::ThreadPool pool, int64_t most, bool reverse, bool keep, int64_t row, Floats x, Booleans mask,
                   Floats input, Floats recurrent, Floats bias, ffi::RemainingArgs initial, Result y, Result rows,
                   Result vectors, ffi::RemainingRets last) {
  const auto size = x.dimensions();
  const Sizes s{size[0], size[1], size[2], recurrent.dimensions()[0], row};
  const Shape<As, Cell> shape{s};
  const Places places(s.batch, s.steps, s.blocks(), mask_of(mask));
  const float* matrix = matrix_of(shape, {input.typed_data(), recurrent.typed_data(), bias.typed_data()});
  Bf16* packed = halves(scratch<PackedScratch>(static_cast<size_t>(As::kParts * shape.depth() * shape.columns() / 2)));
  for (int64_t pair = 0; pair < shape.pairs(); ++pair)
    amx::pack_panel<As>(packed + pair * As::kParts * shape.depth() * kPair, {matrix, shape.columns(), 1}, pair * kPair,
                        kPair, 0, shape.depth());
  const Kept kept{rows->typed_data(), vectors->typed_data()};
  const Forward f{s, places, nullptr, x.typed_data(), y->typed_data(), keep ? &kept : nullptr};
  const auto before = states_of<Cell>(initial);
  const auto after = states_of<Cell>(last);
  parallel({&pool, most}, s.blocks(), [&](int64_t number) {
    const amx::Tiles there;
    const Block block = begin<Cell>(places, s, number, before);
    Bf16* here = halves(keep ? kept.rows : scratch<LaidScratch>(static_cast<size_t>(shape.block() / 2)));
    for (int64_t i = 0; i < s.steps; ++i) {
      const int64_t step = reverse ? s.steps - 1 - i : i;
      Bf16* laid = here + (keep ? (number * s.steps + step) * shape.block() : 0);
      forward_step(shape, f, packed, matrix + shape.depth() * shape.columns(), block, step, laid);
    }
    silence(places, s, block, f.y, s.hidden);
    end<Cell>(places, s, block, after);
  });
  return ffi::Error::Success();
}

// --- backward -------------------------------------------------------------------------------------------------------

// 32 rows of 32 numbers, in two tiles of A: the two tiles of A that the transposed rows are.
template <class As>
void transpose(const Bf16* upper, const Bf16* lower, Bf16* left, Bf16* right) {
  for (const bool low : {true, false}) {
    __m512i row[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      const Bf16* from = (i < 8 ? upper : lower) + i % 8 * 2 * kStep;
      const __m512i even = _mm512_loadu_si512(from), odd = _mm512_loadu_si512(from + kStep);
      row[i] = low ? As::first_16(even, odd) : As::last_16(even, odd);
    }
    amx::transpose(low ? left : right, row);
  }
}

struct TurnedScratch {};
struct WaitingScratch {};

template <class As, class Cell>
struct Waiting {
  const Shape<As, Cell>& shape;
  float* gradient;  // [depth + 1][stride]
  int64_t capacity, filled = 0;
  Bf16 *turned, *sums;  // [tiles of depth][capacity][parts][kTile], [pairs][capacity][parts][2][kTile]
  bool fresh = true;    // nothing but the bias's gradient is in `gradient` yet

  Waiting(const Shape<As, Cell>& of, float* to) : shape(of), gradient(to) {
    capacity = std::max(kWaitingSteps, of.rows() / kStep);
    turned = halves(scratch<TurnedScratch>(static_cast<size_t>(As::kParts * of.depth() * capacity * kStep / 2)));
    sums = halves(scratch<WaitingScratch>(static_cast<size_t>(As::kParts * of.columns() * capacity * kStep / 2)));
    std::fill_n(bias(), of.columns(), 0.0f);
  }

  float* bias() const { return gradient + shape.depth() * shape.stride(); }
  Bf16* panel(int64_t pair, int64_t step) const { return sums + (pair * capacity + step) * 2 * kWhole<As>; }

  // Takes a step's rows; where the gradients of their sums go.
  int64_t reserve(const Bf16* rows, int64_t count) {
    if (filled + count > capacity) take_in();
    const int64_t steps = shape.steps();
    for (int64_t at = 0; at < count; ++at)
      for (int64_t k = 0; k < steps; ++k)
        for (int part = 0; part < As::kParts; ++part) {
          const Bf16* upper = rows + (2 * at * steps + k) * kWhole<As> + part * kTile;
          Bf16* left = turned + (2 * k * capacity + filled + at) * kWhole<As> + part * kTile;
          transpose<As>(upper, upper + steps * kWhole<As>, left, left + capacity * kWhole<As>);
        }
    filled += count;
    return filled - count;
  }

  void take_in() {
    if (filled == 0 && !fresh) return;
    using All = amx::Sums<2, 2>;
    for (int64_t pair = 0; pair < shape.pairs(); ++pair)
      for (int64_t k = 0; k < shape.steps(); ++k) {
        float* to = gradient + k * kStep * shape.stride() + pair * kPair;
        const Bf16* first = turned + 2 * k * capacity * kWhole<As>;
        fresh ? All::clear() : All::load(to, shape.stride());
        All::template multiply<As::kParts>({first, first + capacity * kWhole<As>, kStep, kWhole<As>}, panel(pair, 0), filled);
        All::store(to, shape.stride());
      }
    filled = 0;
    fresh = false;
  }
};

// h before a step, as numbers again: for cells that look at it.
template <class As, class Cell>
void widen(const Shape<As, Cell>& shape, const Bf16* laid, int64_t rows, float* to) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t unit = 0; unit < shape.s.units(); unit += kStep) {
      V low, high;
      As::widen(laid + row_at<As>(r, shape.steps()) + unit / kStep * kWhole<As>, kTile, low, high);
      store(to + r * shape.s.row + unit, low);
      store(to + r * shape.s.row + unit + kSide, high);
    }
}

// The gradients of a panel's sums for all rows of a block: as rows to multiply, [tiles of rows][pairs], and as steps of
// k that wait; and what they add up to.
template <class As, class Cell>
void panel_gradients(const Shape<As, Cell>& shape, const Backward& b, const Block& block, const Kept& kept, int64_t step,
                     int64_t panel, int64_t rows, const Waiting<As, Cell>& waiting, int64_t from, Bf16* to_sums) {
  constexpr int wide = kSummed<Cell>;
  alignas(64) float both[2][wide * kWidth];
  float* bias = waiting.bias() + panel * wide * kSide;
  V total[wide];
  for (int j = 0; j < wide; ++j) total[j] = load(bias + j * kSide);
  for (int64_t r = 0; r < round_up(rows, kStep); r += 2) {
    for (int64_t e = 0; e < 2; ++e)
      if (r + e < rows && b.places.alive(block.first + r + e, step))
        sums_gradients<Cell>(b, block, kept, step, panel, r + e, both[e]);
      else
        std::fill_n(both[e], wide * kWidth, 0.0f);
    for (int j = 0; j < wide; ++j) {
      const V first = load(both[0] + j * kWidth), second = load(both[1] + j * kWidth);
      Bf16* waits = waiting.panel(panel * kPairs<Cell> + j / 2, from + r / kStep) + j % 2 * kTile;
      amx::store_parts<As>(waits + r % kStep * kSide, 2 * kTile, As::across(first, second));
      total[j] += first + second;
    }
    for (int64_t e = 0; e < 2; ++e)
      for (int j = 0; j < wide; j += 2)
        amx::store_parts<As>(to_sums + row_at<As>(r + e, shape.pairs()) + (panel * kPairs<Cell> + j / 2) * kWhole<As>,
                             kTile, As::along(load(both[e] + j * kWidth), load(both[e] + (j + 1) * kWidth)));
  }
  for (int j = 0; j < wide; ++j) store(bias + j * kSide, total[j]);
}

struct HiddenScratch {};
struct SumsScratch {};

template <class As, class Cell>
void backward_step(const Shape<As, Cell>& shape, const Backward& b, const Bf16* packed, const Block& block, int64_t step,
                   const Bf16* laid, Waiting<As, Cell>& waiting) {
  const Sizes& s = shape.s;
  const int64_t rows = b.places.rows(block.number, step);
  if (rows == 0) return;
  Kept kept = b.kept.at<Cell>(s, block.first, block.size, step);
  kept.rows = scratch<HiddenScratch>(static_cast<size_t>(block.size * s.row));
  if constexpr (Cell::kBeside) widen(shape, laid, rows, kept.rows);
  Bf16* to_sums = halves(scratch<SumsScratch>(static_cast<size_t>(As::kParts * shape.rows() * shape.columns() / 2)));
  const int64_t from = waiting.reserve(laid, round_up(rows, kStep) / kStep);
  for (int64_t panel = 0; panel < panels<Cell>(s); ++panel)
    panel_gradients(shape, b, block, kept, step, panel, rows, waiting, from, to_sums);
  alignas(64) float found[kMost * kPair];
  const int64_t columns = b.to_x != nullptr ? shape.depth() : s.units();
  for (int64_t column = 0; column < columns; column += kPair, packed += 2 * shape.pairs() * kWhole<As>) {
    multiply<As>(to_sums, packed, shape.pairs(), rows, found);
    const bool to_hidden = column < s.units();
    const int64_t at = to_hidden ? column : column - s.units(), there = (to_hidden ? s.units() : s.inputs) - at;
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t place = block.first + r;
      if (to_hidden && !b.places.alive(place, step)) continue;
      float* to = to_hidden ? block.state(0, r) : b.to_x + (b.places.example(place) * s.steps + step) * s.inputs;
      for (int64_t j = 0; j < kPair && j < there; j += kWidth) {
        V value = load(found + r * kPair + j);
        if (Cell::kBeside && to_hidden) value += load(to + at + j);
        store_some(to + at + j, value, there - j);
      }
    }
  }
}

struct GradientScratch {};

template <class As, class Cell>
ffi::Error backward(ffi::ThreadPool pool, int64_t most, bool reverse, Booleans mask, Floats input, Floats recurrent,
                    Floats y, Floats rows, Floats vectors, Floats to_y, ffi::RemainingArgs to_last, Result to_x,
                    Result to_input, Result to_recurrent, Result to_bias, ffi::RemainingRets to_initial) {
  const auto size = y.dimensions();
  const Sizes s{size[0], size[1], input.dimensions()[0], size[2], round_up(size[2], 32)};
  const Shape<As, Cell> shape{s};
  const Places places(s.batch, s.steps, s.blocks(), mask_of(mask));
  const Kept kept{rows.typed_data(), vectors.typed_data()};
  const Backward b{s, places, nullptr, y.typed_data(), to_y.typed_data(),
                   to_x->element_count() > 0 ? to_x->typed_data() : nullptr, kept};
  const float* matrix = matrix_of(shape, {input.typed_data(), recurrent.typed_data(), nullptr});
  Bf16* packed = halves(scratch<PackedScratch>(static_cast<size_t>(As::kParts * shape.depth() * shape.columns() / 2)));
  for (int64_t column = 0; column < shape.depth(); column += kPair)
    amx::pack_panel<As>(packed + As::kParts * column * shape.columns(), {matrix, 1, shape.columns()}, column, kPair, 0,
                        shape.columns());
  const Threads threads{&pool, most};
  const int64_t gradient = (shape.depth() + 1) * shape.stride();
  float* gradients = scratch<GradientScratch>(static_cast<size_t>(s.groups() * gradient));
  const auto after = states_of<Cell>(to_last);
  const auto before = states_of<Cell>(to_initial);
  parallel(threads, s.groups(), [&](int64_t group) {
    const amx::Tiles there;
    const auto [from, to] = share(s.blocks(), s.groups(), group);
    Waiting<As, Cell> waiting(shape, gradients + group * gradient);
    for (int64_t number = from; number < to; ++number) {
      const Block block = begin<Cell>(places, s, number, after);
      for (int64_t i = s.steps; i-- > 0;) {
        const int64_t step = reverse ? s.steps - 1 - i : i;
        const Bf16* laid = halves(kept.rows) + (number * s.steps + step) * shape.block();
        backward_step(shape, b, packed, block, step, laid, waiting);
      }
      if (b.to_x != nullptr) silence(places, s, block, b.to_x, s.inputs);
      end<Cell>(places, s, block, before);
    }
    waiting.take_in();
  });
  const auto at = [&](int64_t k, int64_t panel, int vector) {
    return shape.row(k) * shape.stride() + shape.column(k, panel, vector);
  };
  add_up<Cell>(threads, s, gradients, gradient, at, {to_input->typed_data(), to_recurrent->typed_data(), to_bias->typed_data()});
  return ffi::Error::Success();
}

// Ways for what XLA's macros take: a name without a comma.
template <class Cell>
constexpr auto* forward_rounded = &forward<amx::Rounded, Cell>;
template <class Cell>
constexpr auto* backward_rounded = &backward<amx::Rounded, Cell>;
template <class Cell>
constexpr auto* forward_split = &forward<amx::Split, Cell>;
template <class Cell>
constexpr auto* backward_split = &backward<amx::Split, Cell>;

}  // namespace tiles
}  // namespace lamina

// lamina_NAME_forward_bf16 and lamina_NAME_backward_bf16 for a cell; and ..._split, with float32 in parts.
#define LAMINA_RECURRENCE_AMX(name, Cell)                                                            \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_##name##_forward_bf16, lamina::tiles::forward_rounded<Cell>,   \
                                lamina::forward_binding());                                          \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_##name##_backward_bf16, lamina::tiles::backward_rounded<Cell>, \
                                lamina::backward_binding());                                         \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_##name##_forward_split, lamina::tiles::forward_split<Cell>,    \
                                lamina::forward_binding());                                          \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_##name##_backward_split, lamina::tiles::backward_split<Cell>, lamina::backward_binding())
