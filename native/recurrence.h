// Recurrent networks over whole sequences, for any cell: one call forward, one backward.
//
// A panel holds all gates of a few units, [depth][units' vectors][gates][kWidth], so that what follows the product of a
// tile of examples with it follows in registers. Blocks of examples go through all steps by themselves (places.h):
// nobody waits between steps. On the way back the gradients of the last steps' sums wait in a small buffer, in the
// second cache, until the weights' gradient takes them in one product.
//
// Whatever a number is a sum of is added in an order that shapes and the mask alone say: groups of blocks have
// gradients of their own, added up in order.
//
// A cell is a class with constants, and with what stands between a unit's sums and its state, a vector of units a time:
//
//   kGates   how many columns of the weights a unit has
//   kSums    how many sums are made of them: as many, or one more where the last gate keeps apart what comes of h and
//            what comes of x. Then h adds to the first kGates sums, the last gate in front of the others, and x to the
//            last kGates. The bias [kSums hidden] has a part for each
//   kSpan    vectors of units in a panel
//   kStates  1, h, or 2, where something goes along beside it
//   kKept    vectors that are kept for the way back
//   kBeside  whether h after a step comes of h before it also beside the product
//   forward(sums, state, kept)
//            moves the state on
//   backward(kept, h, y, to_state, to_sums)
//            moves the state's gradient back, but for what the product makes of `to_sums`: to_state[0] counts only
//            where kBeside. h is before the step, y after it
//
// Lanes beyond the last unit have sums of 0, and gradients of 0 must stay so there.

#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "gemm.h"
#include "places.h"

namespace lamina {

constexpr int64_t kBlock = 32;     // examples that go through the steps together
constexpr int64_t kWaiting = 128;  // rows of gradients that wait for the weights' gradient
constexpr int64_t kGroups = 8;     // of blocks, at most

template <class Cell>
constexpr int kAside = Cell::kSums - Cell::kGates;
template <class Cell>
constexpr int kWide = Cell::kSpan* Cell::kGates;  // vectors that a row of weights has in a panel
template <class Cell>
constexpr int kSummed = Cell::kSpan* Cell::kSums;  // and that an example sums
template <class Cell>
constexpr int64_t kUnits = Cell::kSpan* kWidth;  // of a panel
template <class Cell>
constexpr int kTile = (kWidth == 16 ? 24 : 9) / kWide<Cell>;  // rows that meet a panel in registers

struct Sizes {
  int64_t batch, steps, inputs, hidden;
  int64_t row;  // numbers from one row [h, x, 1] to the next; Python sees to it that rows don't crowd in the cache

  int64_t depth() const { return hidden + inputs; }
  int64_t units() const { return round_up(hidden, 32); }  // whole panels of any cell, on any processor; as in Python
  int64_t blocks() const { return batch < kBlock ? 1 : batch < 2 * kBlock ? 2 : batch / kBlock; }
  int64_t groups() const { return std::min(blocks(), kGroups); }
};

template <class Cell>
int64_t panels(const Sizes& s) {
  return round_up(s.hidden, kUnits<Cell>) / kUnits<Cell>;
}

// Numbers of a panel of weights: a row for each h and x, and the bias.
template <class Cell>
int64_t panel_size(const Sizes& s) {
  return (s.depth() * kWide<Cell> + kSummed<Cell>)*kWidth;
}

// f(size, first) for tiles of `Most` rows as long as they fit, then for smaller ones, until rows [first, end) are done.
template <int Most, class F>
void in_tiles(int64_t first, int64_t end, const F& f) {
  auto go = [&](auto size) {
    if constexpr (size.value <= Most)
      for (; first + size.value <= end; first += size.value) f(size, first);
  };
  go(std::integral_constant<int, Most>{});
  go(std::integral_constant<int, 8>{});
  go(std::integral_constant<int, 4>{});
  go(std::integral_constant<int, 2>{});
  go(std::integral_constant<int, 1>{});
}

// The weights, or their gradients, seen as one matrix from [h, x, 1] to the sums.
template <class Cell, class Number>
struct Weights {
  Number *input, *recurrent, *bias;

  // f(vector, numbers, there) for the vectors of row k in a panel; `there` of its lanes are in memory.
  template <class F>
  void each(const Sizes& s, int64_t k, int64_t panel, const F& f) const {
    const bool last = k == s.depth();
    const int gates = last ? Cell::kSums : Cell::kGates;
    Number* row = last ? bias : k < s.hidden ? recurrent : input;
    if (!last) row += (k < s.hidden ? k : k - s.hidden) * gates * s.hidden;
    for (int vector = 0; vector < Cell::kSpan * gates; ++vector) {
      const int sum = vector % gates, gate = k < s.hidden ? (sum + gates - kAside<Cell>) % gates : sum;
      const int64_t unit = panel * kUnits<Cell> + vector / gates * kWidth;
      f(vector, row + gate * s.hidden + unit, s.hidden - unit);
    }
  }
};

// What training keeps of the way forward, block after block, units padded; inference keeps nothing.
struct Kept {
  float* rows;     // [block][steps][rows][row]: h before the step, x, 1
  float* vectors;  // [block][steps][panels][rows][units' vectors][kKept][kWidth]

  // A block's part at a step.
  template <class Cell>
  Kept at(const Sizes& s, int64_t first, int64_t size, int64_t step) const {
    const int64_t before = first * s.steps + step * size;
    return {rows + before * s.row, vectors + before * Cell::kKept * s.units()};
  }
};

// A block of examples on its way: its states, or their gradients, [rows][units] each.
struct Block {
  int64_t number, first, size, units;
  float* states;

  float* state(int which, int64_t row) const { return states + (which * size + row) * units; }
};

struct StateScratch {};

template <class Cell, class Number>
using States = std::array<Number*, Cell::kStates>;

template <class Cell>
Block begin(const Places& places, const Sizes& s, int64_t number, const States<Cell, const float>& from) {
  const int64_t first = places.begin(number), size = places.size(number), units = s.units();
  float* states = scratch<StateScratch>(static_cast<size_t>(Cell::kStates * size * units));
  const Block block{number, first, size, units, states};
  for (int which = 0; which < Cell::kStates; ++which)
    for (int64_t r = 0; r < size; ++r) {
      float* to = block.state(which, r);
      std::copy_n(from[which] + places.example(first + r) * s.hidden, s.hidden, to);
      std::fill(to + s.hidden, to + units, 0.0f);
    }
  return block;
}

template <class Cell>
void end(const Places& places, const Sizes& s, const Block& block, const States<Cell, float>& to) {
  for (int which = 0; which < Cell::kStates; ++which)
    for (int64_t r = 0; r < block.size; ++r)
      std::copy_n(block.state(which, r), s.hidden, to[which] + places.example(block.first + r) * s.hidden);
}

// Zeros where a step is padding, in an array [batch, steps, width].
inline void silence(const Places& places, const Sizes& s, const Block& block, float* y, int64_t width) {
  if (!places.masked()) return;
  for (int64_t place = block.first; place < block.first + block.size; ++place)
    for (int64_t step = 0; step < s.steps; ++step)
      if (!places.alive(place, step)) std::fill_n(y + (places.example(place) * s.steps + step) * width, width, 0.0f);
}

// `multiply` for N neighbouring sums of each row, from `From` on.
template <int From, int N, int M, int All>
inline __attribute__((always_inline)) void multiply_some(Sums<M, All>& sums, const float* a, int64_t step, int64_t next,
                                                         const float* b, int64_t width, int64_t depth) {
  Sums<M, N> some;
  for (int m = 0; m < M; ++m)
    for (int j = 0; j < N; ++j) some.at[m][j] = sums.at[m][From + j];
  multiply(some, a, step, next, b, width, depth);
  for (int m = 0; m < M; ++m)
    for (int j = 0; j < N; ++j) sums.at[m][From + j] = some.at[m][j];
}

// --- forward --------------------------------------------------------------------------------------------------------

// All weights as panels, the bias last.
template <class Cell>
void pack(const Sizes& s, const Weights<Cell, const float>& weights, float* packed) {
  for (int64_t k = 0; k <= s.depth(); ++k)
    for (int64_t panel = 0; panel < panels<Cell>(s); ++panel) {
      float* to = packed + panel * panel_size<Cell>(s) + k * kWide<Cell> * kWidth;
      weights.each(s, k, panel, [&](int vector, const float* from, int64_t there) {
        store(to + vector * kWidth, load_some(from, there));
      });
    }
}

struct Forward {
  const Sizes& s;
  const Places& places;
  const float *packed, *x;
  float* y;
  const Kept* kept;  // nullptr: nothing is kept
};

struct PackedScratch {};
struct RowsScratch {};

// The rows that a step multiplies: what h is now, the step's inputs (0 where it is padding, whatever stands there), and
// the bias's 1.
inline void lay_out(const Forward& f, const Block& block, int64_t step, int64_t rows, float* to) {
  const Sizes& s = f.s;
  for (int64_t r = 0; r < rows; ++r, to += s.row) {
    const float* x = f.x + (f.places.example(block.first + r) * s.steps + step) * s.inputs;
    std::memcpy(to, block.state(0, r), static_cast<size_t>(s.hidden) * sizeof(float));
    if (f.places.alive(block.first + r, step))
      std::memcpy(to + s.hidden, x, static_cast<size_t>(s.inputs) * sizeof(float));
    else
      std::fill_n(to + s.hidden, s.inputs, 0.0f);
    to[s.depth()] = 1.0f;
  }
}

// What one row's sums of a panel make of its state. As a call of its own it would take them from memory.
template <class Cell>
inline __attribute__((always_inline)) void live_through(const Forward& f, const Block& block, const Kept& kept,
                                                        int64_t step, int64_t panel, int64_t r, const V* sums) {
  for (int v = 0; v < Cell::kSpan; ++v) {
    const int64_t unit = panel * kUnits<Cell> + v * kWidth;
    V state[Cell::kStates], keep[Cell::kKept + 1];
    for (int which = 0; which < Cell::kStates; ++which) state[which] = load(block.state(which, r) + unit);
    Cell::forward(sums + v * Cell::kSums, state, keep);
    if (f.kept != nullptr) {
      float* to = kept.vectors + ((panel * block.size + r) * Cell::kSpan + v) * Cell::kKept * kWidth;
      for (int i = 0; i < Cell::kKept; ++i) store(to + i * kWidth, keep[i]);
    }
    if (!f.places.alive(block.first + r, step)) continue;
    for (int which = 0; which < Cell::kStates; ++which) store(block.state(which, r) + unit, state[which]);
    float* y = f.y + (f.places.example(block.first + r) * f.s.steps + step) * f.s.hidden;
    store_some(y + unit, state[0], f.s.hidden - unit);
  }
}

template <class Cell, int M>
void forward_tile(const Forward& f, const Block& block, const Kept& kept, int64_t step, int64_t panel, int64_t first) {
  constexpr int64_t width = kWide<Cell> * kWidth;
  const int64_t hidden = f.s.hidden, inputs = f.s.inputs;
  const float *weights = f.packed + panel * panel_size<Cell>(f.s), *bias = weights + f.s.depth() * width;
  const float* rows = kept.rows + first * f.s.row;
  Sums<M, kSummed<Cell>> sums;
  for (int m = 0; m < M; ++m)
    for (int j = 0; j < kSummed<Cell>; ++j) sums.at[m][j] = load(bias + j * kWidth);
  if constexpr (kAside<Cell> == 0) {
    multiply(sums, rows, f.s.row, 1, weights, width, hidden + inputs);
  } else {
    multiply_some<0, kWide<Cell>>(sums, rows, f.s.row, 1, weights, width, hidden);
    multiply_some<kAside<Cell>, kWide<Cell>>(sums, rows + hidden, f.s.row, 1, weights + hidden * width, width, inputs);
  }
  for (int m = 0; m < M; ++m) live_through<Cell>(f, block, kept, step, panel, first + m, sums.at[m]);
}

template <class Cell>
void forward_step(const Forward& f, const Block& block, int64_t step) {
  const int64_t rows = f.places.rows(block.number, step);
  const Kept kept = f.kept != nullptr
                        ? f.kept->at<Cell>(f.s, block.first, block.size, step)
                        : Kept{scratch<RowsScratch>(static_cast<size_t>(block.size * f.s.row)), nullptr};
  lay_out(f, block, step, rows, kept.rows);
  for (int64_t panel = 0; panel < panels<Cell>(f.s); ++panel)
    in_tiles<kTile<Cell>>(0, rows, [&](auto size, int64_t first) {
      forward_tile<Cell, decltype(size)::value>(f, block, kept, step, panel, first);
    });
}

// --- backward -------------------------------------------------------------------------------------------------------

struct Backward {
  const Sizes& s;
  const Places& places;
  const float *turned, *y, *to_y;
  float* to_x;  // nullptr: nobody wants it
  const Kept& kept;

  int64_t hidden_columns() const { return round_up(s.hidden, kPanel); }
  int64_t columns() const { return hidden_columns() + (to_x != nullptr ? round_up(s.inputs, kPanel) : 0); }
};

// The weights turned: panels [columns of h, then of x][panel][units' vectors][gates][kWidth][kPanel], zeros where there
// is no column.
template <class Cell>
void turn(const Backward& b, const Weights<Cell, const float>& weights, float* turned) {
  const Sizes& s = b.s;
  constexpr int64_t width = kWide<Cell> * kWidth;
  const int64_t deep = panels<Cell>(s) * width;
  std::fill_n(turned, b.columns() * deep, 0.0f);
  for (int64_t k = 0; k < (b.to_x != nullptr ? s.depth() : s.hidden); ++k) {
    const int64_t column = k < s.hidden ? k : b.hidden_columns() + k - s.hidden;
    float* to = turned + column / kPanel * deep * kPanel + column % kPanel;
    for (int64_t panel = 0; panel < panels<Cell>(s); ++panel)
      weights.each(s, k, panel, [&](int vector, const float* numbers, int64_t there) {
        const V from = load_some(numbers, there);
        for (int u = 0; u < kWidth; ++u) to[(panel * width + vector * kWidth + u) * kPanel] = from[u];
      });
  }
}

struct WaitingScratch {};

// Gradients of the sums of several steps, and the rows that they were made of, waiting for the weights' gradient.
template <class Cell>
struct Waiting {
  struct Run {
    const float* rows;
    int64_t from, count;
  };
  static constexpr int64_t kRow = kSummed<Cell> * kWidth;

  const Sizes& s;
  float* sums;      // [panels][capacity][units' vectors][sums][kWidth]
  float* gradient;  // as the packed weights
  int64_t capacity, filled = 0;
  std::vector<Run> runs;
  bool fresh = true;  // nothing is in `gradient` yet

  Waiting(const Sizes& sizes, float* to, int64_t rows) : s(sizes), gradient(to), capacity(rows) {
    sums = scratch<WaitingScratch>(static_cast<size_t>(panels<Cell>(s) * capacity * kRow));
  }

  float* at(int64_t panel, int64_t place) const { return sums + (panel * capacity + place) * kRow; }

  // Where the gradients of so many more rows go.
  int64_t reserve(const float* rows, int64_t count) {
    if (filled + count > capacity) take_in();
    runs.push_back({rows, filled, count});
    filled += count;
    return filled - count;
  }

  void take_in() {
    if (filled == 0 && !fresh) return;
    for (int64_t panel = 0; panel < panels<Cell>(s); ++panel)
      if constexpr (kAside<Cell> == 0) {
        take_in_rows<0, kWide<Cell>>(panel, 0, s.depth() + 1);
      } else {
        take_in_rows<0, kWide<Cell>>(panel, 0, s.hidden);
        take_in_rows<kAside<Cell>, kWide<Cell>>(panel, s.hidden, s.depth());
        take_in_rows<0, kSummed<Cell>>(panel, s.depth(), s.depth() + 1);
      }
    filled = 0;
    runs.clear();
    fresh = false;
  }

  // Rows [first, end) of the gradient, which `N` sums from `From` on have made.
  template <int From, int N>
  void take_in_rows(int64_t panel, int64_t first, int64_t end) const {
    in_tiles<kTile<Cell>>(first, end, [&](auto size, int64_t row) {
      constexpr int M = decltype(size)::value;
      float* to = gradient + panel * panel_size<Cell>(s) + row * kWide<Cell> * kWidth;
      Sums<M, N> sums;
      for (int m = 0; m < M; ++m)
        for (int j = 0; j < N; ++j) sums.at[m][j] = fresh ? V{} : load(to + (m * N + j) * kWidth);
      for (const Run& run : runs)
        multiply(sums, run.rows + row, 1, s.row, at(panel, run.from) + From * kWidth, kRow, run.count);
      for (int m = 0; m < M; ++m)
        for (int j = 0; j < N; ++j) store(to + (m * N + j) * kWidth, sums.at[m][j]);
    });
  }
};

// The gradients of one row's sums of a panel; the gradient of what goes beside h moves one step back.
template <class Cell>
inline void sums_gradients(const Backward& b, const Block& block, const Kept& kept, int64_t step, int64_t panel,
                           int64_t r, float* to) {
  for (int v = 0; v < Cell::kSpan; ++v, to += Cell::kSums * kWidth) {
    const int64_t unit = panel * kUnits<Cell> + v * kWidth, there = b.s.hidden - unit;
    const int64_t outside = (b.places.example(block.first + r) * b.s.steps + step) * b.s.hidden + unit;
    const float* vectors = kept.vectors + ((panel * block.size + r) * Cell::kSpan + v) * Cell::kKept * kWidth;
    V keep[Cell::kKept + 1], to_state[Cell::kStates], to_sums[Cell::kSums];
    for (int i = 0; i < Cell::kKept; ++i) keep[i] = load(vectors + i * kWidth);
    for (int which = 0; which < Cell::kStates; ++which) to_state[which] = load(block.state(which, r) + unit);
    to_state[0] += load_some(b.to_y + outside, there);
    const V before = load_some(kept.rows + r * b.s.row + unit, there), y = load_some(b.y + outside, there);
    Cell::backward(keep, before, y, to_state, to_sums);
    for (int j = 0; j < Cell::kSums; ++j) store(to + j * kWidth, to_sums[j]);
    for (int which = Cell::kBeside ? 0 : 1; which < Cell::kStates; ++which)
      store(block.state(which, r) + unit, to_state[which]);
  }
}

// M rows of what the sums' gradients say of kPanel numbers of h, or of x.
template <class Cell, int M>
void backward_tile(const Backward& b, const Block& block, const Waiting<Cell>& waiting, int64_t step, int64_t column,
                   int64_t from, int64_t first) {
  constexpr int64_t width = kWide<Cell> * kWidth;
  const Sizes& s = b.s;
  const bool to_hidden = column < b.hidden_columns();
  Sums<M> sums;
  sums.clear();
  const float* weights = b.turned + column * panels<Cell>(s) * width;
  for (int64_t panel = 0; panel < panels<Cell>(s); ++panel, weights += width * kPanel) {
    const float* to_sums = waiting.at(panel, from + first) + (to_hidden ? 0 : kAside<Cell> * kWidth);
    multiply(sums, to_sums, Waiting<Cell>::kRow, 1, weights, kPanel, width);
  }
  const int64_t at = to_hidden ? column : column - b.hidden_columns(), there = (to_hidden ? s.units() : s.inputs) - at;
  for (int m = 0; m < M; ++m) {
    const int64_t place = block.first + first + m;
    if (to_hidden && !b.places.alive(place, step)) continue;
    float* to = to_hidden ? block.state(0, first + m) : b.to_x + (b.places.example(place) * s.steps + step) * s.inputs;
    for (int j = 0; j < kVectors; ++j) {
      if (Cell::kBeside && to_hidden) sums.at[m][j] += load(to + at + j * kWidth);
      store_some(to + at + j * kWidth, sums.at[m][j], there - j * kWidth);
    }
  }
}

template <class Cell>
void backward_step(const Backward& b, const Block& block, int64_t step, Waiting<Cell>& waiting) {
  const int64_t rows = b.places.rows(block.number, step);
  if (rows == 0) return;
  const Kept kept = b.kept.at<Cell>(b.s, block.first, block.size, step);
  const int64_t from = waiting.reserve(kept.rows, rows);
  for (int64_t panel = 0; panel < panels<Cell>(b.s); ++panel)
    for (int64_t r = 0; r < rows; ++r) {
      float* to = waiting.at(panel, from + r);
      if (b.places.alive(block.first + r, step))
        sums_gradients<Cell>(b, block, kept, step, panel, r, to);
      else
        std::fill_n(to, Waiting<Cell>::kRow, 0.0f);
    }
  for (int64_t column = 0; column < b.columns(); column += kPanel)
    in_tiles<kRows>(0, rows, [&](auto size, int64_t first) {
      backward_tile<Cell, decltype(size)::value>(b, block, waiting, step, column, from, first);
    });
}

// The groups' gradients, `size` numbers each, added up in order and put where they belong; `at(k, panel, vector)` is where
// they have a vector of row k.
template <class Cell, class At>
void add_up(const Threads& threads, const Sizes& s, const float* gradients, int64_t size, const At& at,
            const Weights<Cell, float>& sum) {
  parallel(threads, kGroups, [&](int64_t task) {
    const auto [from, to] = share(s.depth() + 1, kGroups, task);
    for (int64_t k = from; k < to; ++k)
      for (int64_t panel = 0; panel < panels<Cell>(s); ++panel)
        sum.each(s, k, panel, [&](int vector, float* place, int64_t there) {
          const float* part = gradients + at(k, panel, vector);
          V total = load(part);
          for (int64_t group = 1; group < s.groups(); ++group) total += load(part + group * size);
          store_some(place, total, there);
        });
  });
}

// --- what XLA calls -------------------------------------------------------------------------------------------------

using Floats = ffi::Buffer<ffi::F32>;
using Booleans = ffi::Buffer<ffi::PRED>;
using Result = ffi::Result<Floats>;

inline const bool* mask_of(const Booleans& mask) { return mask.element_count() ? mask.typed_data() : nullptr; }

template <class Cell>
States<Cell, const float> states_of(const ffi::RemainingArgs& given) {
  States<Cell, const float> states;
  for (int which = 0; which < Cell::kStates; ++which) states[which] = given.get<Floats>(which)->typed_data();
  return states;
}

template <class Cell>
States<Cell, float> states_of(const ffi::RemainingRets& made) {
  States<Cell, float> states;
  for (int which = 0; which < Cell::kStates; ++which) states[which] = (*made.get<Floats>(which))->typed_data();
  return states;
}

template <class Cell>
ffi::Error forward(ffi::ThreadPool pool, int64_t most, bool reverse, bool keep, int64_t row, Floats x, Booleans mask,
                   Floats input, Floats recurrent, Floats bias, ffi::RemainingArgs initial, Result y, Result rows,
                   Result vectors, ffi::RemainingRets last) {
  const auto size = x.dimensions();
  const Sizes s{size[0], size[1], size[2], recurrent.dimensions()[0], row};
  const Places places(s.batch, s.steps, s.blocks(), mask_of(mask));
  const Kept kept{rows->typed_data(), vectors->typed_data()};
  const auto packed = static_cast<size_t>(panels<Cell>(s) * panel_size<Cell>(s));
  const uint64_t call = call_number();
  const auto before = states_of<Cell>(initial);
  const auto after = states_of<Cell>(last);
  parallel({&pool, most}, s.blocks(), [&](int64_t number) {
    const float* weights = prepared<PackedScratch>(call, packed, [&](float* to) {
      pack<Cell>(s, {input.typed_data(), recurrent.typed_data(), bias.typed_data()}, to);
    });
    const Forward f{s, places, weights, x.typed_data(), y->typed_data(), keep ? &kept : nullptr};
    const Block block = begin<Cell>(places, s, number, before);
    for (int64_t i = 0; i < s.steps; ++i) forward_step<Cell>(f, block, reverse ? s.steps - 1 - i : i);
    silence(places, s, block, f.y, s.hidden);
    end<Cell>(places, s, block, after);
  });
  return ffi::Error::Success();
}

struct GradientScratch {};

template <class Cell>
ffi::Error backward(ffi::ThreadPool pool, int64_t most, bool reverse, Booleans mask, Floats input, Floats recurrent,
                    Floats y, Floats rows, Floats vectors, Floats to_y, ffi::RemainingArgs to_last, Result to_x,
                    Result to_input, Result to_recurrent, Result to_bias, ffi::RemainingRets to_initial) {
  const auto size = y.dimensions();
  const Sizes s{size[0], size[1], input.dimensions()[0], size[2], rows.dimensions()[1]};
  const Places places(s.batch, s.steps, s.blocks(), mask_of(mask));
  const Kept kept{rows.typed_data(), vectors.typed_data()};
  const int64_t columns = round_up(s.hidden, kPanel) + round_up(s.inputs, kPanel);
  const auto turned = static_cast<size_t>(columns * panels<Cell>(s) * kWide<Cell> * kWidth);
  const uint64_t call = call_number();
  const Threads threads{&pool, most};
  const int64_t gradient = panels<Cell>(s) * panel_size<Cell>(s);
  float* gradients = scratch<GradientScratch>(static_cast<size_t>(s.groups() * gradient));
  const auto after = states_of<Cell>(to_last);
  const auto before = states_of<Cell>(to_initial);
  parallel(threads, s.groups(), [&](int64_t group) {
    Backward b{s, places, nullptr, y.typed_data(), to_y.typed_data(),
               to_x->element_count() > 0 ? to_x->typed_data() : nullptr, kept};
    b.turned = prepared<PackedScratch>(call, turned, [&](float* weights) {
      turn<Cell>(b, {input.typed_data(), recurrent.typed_data(), nullptr}, weights);
    });
    const auto [from, to] = share(s.blocks(), s.groups(), group);
    Waiting<Cell> waiting(s, gradients + group * gradient, std::max(kWaiting, s.batch / s.blocks() + 1));
    for (int64_t number = from; number < to; ++number) {
      const Block block = begin<Cell>(places, s, number, after);
      for (int64_t i = s.steps; i-- > 0;) backward_step<Cell>(b, block, reverse ? s.steps - 1 - i : i, waiting);
      if (b.to_x != nullptr) silence(places, s, block, b.to_x, s.inputs);
      end<Cell>(places, s, block, before);
    }
    waiting.take_in();
  });
  const auto at = [&](int64_t k, int64_t panel, int vector) {
    return panel * panel_size<Cell>(s) + (k * kWide<Cell> + vector) * kWidth;
  };
  add_up<Cell>(threads, s, gradients, gradient, at, {to_input->typed_data(), to_recurrent->typed_data(), to_bias->typed_data()});
  return ffi::Error::Success();
}

inline auto forward_binding() {
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .Attr<int64_t>("threads")
      .Attr<bool>("reverse")
      .Attr<bool>("keep")
      .Attr<int64_t>("row")
      .Arg<Floats>()
      .Arg<Booleans>()
      .Arg<Floats>()
      .Arg<Floats>()
      .Arg<Floats>()
      .RemainingArgs()
      .Ret<Floats>()
      .Ret<Floats>()
      .Ret<Floats>()
      .RemainingRets();
}

inline auto backward_binding() {
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .Attr<int64_t>("threads")
      .Attr<bool>("reverse")
      .Arg<Booleans>()
      .Arg<Floats>()
      .Arg<Floats>()
      .Arg<Floats>()
      .Arg<Floats>()
      .Arg<Floats>()
      .Arg<Floats>()
      .RemainingArgs()
      .Ret<Floats>()
      .Ret<Floats>()
      .Ret<Floats>()
      .Ret<Floats>()
      .RemainingRets();
}

}  // namespace lamina

// lamina_NAME_forward and lamina_NAME_backward for a cell.
#define LAMINA_RECURRENCE(name, Cell)                                                                       \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_##name##_forward, lamina::forward<Cell>, lamina::forward_binding()); \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_##name##_backward, lamina::backward<Cell>, lamina::backward_binding())
