// An LSTM over whole sequences: one call forward, one backward (Hochreiter and Schmidhuber 1997, with the forget gate of
// Gers et al. 2000).
//
// The four gates of a vector of units stand together, a panel [depth][4 gates][kWidth], so that what follows their
// product follows in registers. Blocks of examples go through all steps by themselves (places.h): nobody waits between
// steps. On the way back the gates' gradients of the last steps wait in a small buffer, in the second cache, until the
// weights' gradient takes them in one product.
//
// Whatever a number is a sum of is added in an order that shapes and the mask alone say: groups of blocks have gradients
// of their own, added up in order.

#include <algorithm>
#include <cstring>
#include <vector>

#include "gates.h"
#include "gemm.h"
#include "places.h"

namespace lamina {
namespace {

constexpr int kGates = 4;                        // in, forget, cell, out
constexpr int64_t kPanelWidth = kGates * kWidth;
constexpr int kTile = kWidth == 16 ? 6 : 2;      // rows that meet a panel in registers
constexpr int64_t kBlock = 32;                   // examples that go through the steps together
constexpr int64_t kWaiting = 128;                // rows of gates' gradients that wait for the weights' gradient
constexpr int64_t kGroups = 8;                   // of blocks, at most

struct Sizes {
  int64_t batch, steps, inputs, hidden;
  int64_t row;  // numbers from one row [h, x, 1] to the next; Python sees to it that rows don't crowd in the cache

  int64_t depth() const { return hidden + inputs; }
  int64_t units() const { return round_up(hidden, 16); }
  int64_t panels() const { return units() / kWidth; }
  int64_t blocks() const { return batch < kBlock ? 1 : batch < 2 * kBlock ? 2 : batch / kBlock; }
  int64_t groups() const { return std::min(blocks(), kGroups); }
};

// f(size, first) for tiles of M rows as long as they fit, then for smaller ones, until `rows` are done.
template <int... M, class F>
void in_tiles(int64_t rows, const F& f) {
  int64_t first = 0;
  auto go = [&](auto size) {
    for (; first + size.value <= rows; first += size.value) f(size, first);
  };
  (go(std::integral_constant<int, M>{}), ...);
}

// The weights, or their gradients, seen as one matrix from [h, x, 1] to the gates.
template <class Number>
struct Weights {
  Number *input, *recurrent, *bias;

  Number* row(const Sizes& s, int64_t k) const {
    if (k < s.hidden) return recurrent + k * kGates * s.hidden;
    return k < s.depth() ? input + (k - s.hidden) * kGates * s.hidden : bias;
  }
};

// What training keeps of the way forward, block after block, units padded; inference keeps nothing.
struct Kept {
  float* rows;   // [block][steps][rows][row]: h before the step, x, 1
  float* gates;  // [block][steps][panels][rows][gates][kWidth]: after their functions
  float* cells;  // [block][steps][rows][units]: c before the step

  // A block's part at a step.
  Kept at(const Sizes& s, int64_t first, int64_t size, int64_t step) const {
    const int64_t before = first * s.steps + step * size;
    return {rows + before * s.row, gates + before * kGates * s.units(), cells + before * s.units()};
  }
};

// A block of examples on its way: its state, or the state's gradient, [rows][units].
struct Block {
  int64_t number, first, size;
  float *hidden, *cell;
};

struct StateScratch {};

void take_row(float* to, const float* from, const Sizes& s) {
  std::memcpy(to, from, static_cast<size_t>(s.hidden) * sizeof(float));
  std::fill(to + s.hidden, to + s.units(), 0.0f);
}

Block begin(const Places& places, const Sizes& s, int64_t number, const float* hidden, const float* cell) {
  const int64_t first = places.begin(number), size = places.size(number);
  float* state = scratch<StateScratch>(static_cast<size_t>(2 * size * s.units()));
  const Block block{number, first, size, state, state + size * s.units()};
  for (int64_t r = 0; r < size; ++r) {
    take_row(block.hidden + r * s.units(), hidden + places.example(first + r) * s.hidden, s);
    take_row(block.cell + r * s.units(), cell + places.example(first + r) * s.hidden, s);
  }
  return block;
}

void end(const Places& places, const Sizes& s, const Block& block, float* hidden, float* cell) {
  for (int64_t r = 0; r < block.size; ++r) {
    const int64_t to = places.example(block.first + r) * s.hidden;
    std::copy_n(block.hidden + r * s.units(), s.hidden, hidden + to);
    std::copy_n(block.cell + r * s.units(), s.hidden, cell + to);
  }
}

// Zeros where a step is padding, in an array [batch, steps, width].
void silence(const Places& places, const Sizes& s, const Block& block, float* y, int64_t width) {
  if (!places.masked()) return;
  for (int64_t place = block.first; place < block.first + block.size; ++place)
    for (int64_t step = 0; step < s.steps; ++step)
      if (!places.alive(place, step)) std::fill_n(y + (places.example(place) * s.steps + step) * width, width, 0.0f);
}

// --- forward --------------------------------------------------------------------------------------------------------

// All weights as panels [panel][depth + 1][gates][kWidth], the bias last.
void pack(const Sizes& s, const Weights<const float>& weights, float* packed) {
  for (int64_t k = 0; k <= s.depth(); ++k)
    for (int64_t panel = 0; panel < s.panels(); ++panel)
      for (int gate = 0; gate < kGates; ++gate) {
        const float* from = weights.row(s, k) + gate * s.hidden + panel * kWidth;
        float* to = packed + (panel * (s.depth() + 1) + k) * kPanelWidth + gate * kWidth;
        store(to, load_some(from, s.hidden - panel * kWidth));
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

// The rows that a step multiplies: what the state is now, the step's inputs (0 where it is padding, whatever stands
// there), and the bias's 1.
void lay_out(const Forward& f, const Block& block, int64_t step, int64_t rows, float* to) {
  const Sizes& s = f.s;
  for (int64_t r = 0; r < rows; ++r, to += s.row) {
    const float* x = f.x + (f.places.example(block.first + r) * s.steps + step) * s.inputs;
    std::memcpy(to, block.hidden + r * s.units(), static_cast<size_t>(s.hidden) * sizeof(float));
    if (f.places.alive(block.first + r, step))
      std::memcpy(to + s.hidden, x, static_cast<size_t>(s.inputs) * sizeof(float));
    else
      std::fill_n(to + s.hidden, s.inputs, 0.0f);
    to[s.depth()] = 1.0f;
  }
}

// What one row's gates, before their functions, make of its state. As a call of its own it would take them from memory.
inline __attribute__((always_inline)) void live_through(const Forward& f, const Block& block, const Kept& kept,
                                                        int64_t step, int64_t panel, int64_t r, V* gate) {
  const Sizes& s = f.s;
  const int64_t at = r * s.units() + panel * kWidth;
  divide(sigmoid_fraction(gate[0]), sigmoid_fraction(gate[1]), gate[0], gate[1]);
  divide(tanh_fraction(gate[2]), sigmoid_fraction(gate[3]), gate[2], gate[3]);
  const V before = load(block.cell + at), cell = gate[1] * before + gate[0] * gate[2];
  const V out = gate[3] * divided(tanh_fraction(cell));
  if (f.kept != nullptr) {
    for (int g = 0; g < kGates; ++g) store(kept.gates + (panel * block.size + r) * kPanelWidth + g * kWidth, gate[g]);
    store(kept.cells + at, before);
  }
  if (!f.places.alive(block.first + r, step)) return;
  store(block.cell + at, cell);
  store(block.hidden + at, out);
  float* y = f.y + (f.places.example(block.first + r) * s.steps + step) * s.hidden;
  store_some(y + panel * kWidth, out, s.hidden - panel * kWidth);
}

template <int M>
void forward_tile(const Forward& f, const Block& block, const Kept& kept, int64_t step, int64_t panel, int64_t first) {
  const int64_t depth = f.s.depth();
  const float *weights = f.packed + panel * (depth + 1) * kPanelWidth, *bias = weights + depth * kPanelWidth;
  Sums<M, kGates> sums;
  for (int m = 0; m < M; ++m)
    for (int g = 0; g < kGates; ++g) sums.at[m][g] = load(bias + g * kWidth);
  multiply(sums, kept.rows + first * f.s.row, f.s.row, 1, weights, kPanelWidth, depth);
  for (int m = 0; m < M; ++m) live_through(f, block, kept, step, panel, first + m, sums.at[m]);
}

void forward_step(const Forward& f, const Block& block, int64_t step) {
  const int64_t rows = f.places.rows(block.number, step);
  const Kept kept = f.kept != nullptr
                        ? f.kept->at(f.s, block.first, block.size, step)
                        : Kept{scratch<RowsScratch>(static_cast<size_t>(block.size * f.s.row)), nullptr, nullptr};
  lay_out(f, block, step, rows, kept.rows);
  for (int64_t panel = 0; panel < f.s.panels(); ++panel)
    in_tiles<kTile, 4, 2, 1>(rows, [&](auto size, int64_t first) {
      forward_tile<decltype(size)::value>(f, block, kept, step, panel, first);
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

// The weights turned: panels [columns of h, then of x][panel][gates][kWidth][kPanel], zeros where there is no column.
void turn(const Backward& b, const Weights<const float>& weights, float* turned) {
  const Sizes& s = b.s;
  const int64_t deep = s.panels() * kPanelWidth;
  std::fill_n(turned, b.columns() * deep, 0.0f);
  for (int64_t k = 0; k < (b.to_x != nullptr ? s.depth() : s.hidden); ++k) {
    const int64_t column = k < s.hidden ? k : b.hidden_columns() + k - s.hidden;
    float* to = turned + column / kPanel * deep * kPanel + column % kPanel;
    for (int64_t panel = 0; panel < s.panels(); ++panel)
      for (int gate = 0; gate < kGates; ++gate) {
        const V from = load_some(weights.row(s, k) + gate * s.hidden + panel * kWidth, s.hidden - panel * kWidth);
        for (int u = 0; u < kWidth; ++u, to += kPanel) *to = from[u];
      }
  }
}

struct WaitingScratch {};

// Gates' gradients of several steps, and the rows that they were made of, waiting for the weights' gradient.
struct Waiting {
  struct Run {
    const float* rows;
    int64_t from, count;
  };

  const Sizes& s;
  float* gates;     // [panels][capacity][gates][kWidth]
  float* gradient;  // [panels][depth + 1][gates][kWidth]
  int64_t capacity, filled = 0;
  std::vector<Run> runs;
  bool fresh = true;  // nothing is in `gradient` yet

  Waiting(const Sizes& sizes, float* to, int64_t rows) : s(sizes), gradient(to), capacity(rows) {
    gates = scratch<WaitingScratch>(static_cast<size_t>(s.panels() * capacity * kPanelWidth));
  }

  float* gate(int64_t panel, int64_t place) const { return gates + (panel * capacity + place) * kPanelWidth; }

  // Where the gradients of so many more rows go.
  int64_t reserve(const float* rows, int64_t count) {
    if (filled + count > capacity) take_in();
    runs.push_back({rows, filled, count});
    filled += count;
    return filled - count;
  }

  void take_in() {
    if (filled == 0 && !fresh) return;
    for (int64_t panel = 0; panel < s.panels(); ++panel)
      in_tiles<kTile, 4, 2, 1>(s.depth() + 1, [&](auto size, int64_t first) {
        take_in_tile<decltype(size)::value>(panel, first);
      });
    filled = 0;
    runs.clear();
    fresh = false;
  }

  template <int M>
  void take_in_tile(int64_t panel, int64_t first) const {
    float* to = gradient + (panel * (s.depth() + 1) + first) * kPanelWidth;
    Sums<M, kGates> sums;
    for (int m = 0; m < M; ++m)
      for (int g = 0; g < kGates; ++g) sums.at[m][g] = fresh ? V{} : load(to + m * kPanelWidth + g * kWidth);
    for (const Run& run : runs)
      multiply(sums, run.rows + first, 1, s.row, gate(panel, run.from), kPanelWidth, run.count);
    for (int m = 0; m < M; ++m)
      for (int g = 0; g < kGates; ++g) store(to + m * kPanelWidth + g * kWidth, sums.at[m][g]);
  }
};

// The gradients of one row's gates of a panel, before their functions; the cell's gradient moves one step back.
inline void gate_gradients(const Backward& b, const Block& block, const Kept& kept, int64_t step, int64_t panel, int64_t r,
                           float* to) {
  const int64_t at = r * b.s.units() + panel * kWidth, there = b.s.hidden - panel * kWidth;
  const int64_t outside = (b.places.example(block.first + r) * b.s.steps + step) * b.s.hidden + panel * kWidth;
  const float* gates = kept.gates + (panel * block.size + r) * kPanelWidth;
  const V in = load(gates), forget = load(gates + kWidth), cell = load(gates + 2 * kWidth), out = load(gates + 3 * kWidth);
  const V y = load_some(b.y + outside, there), to_y = load(block.hidden + at) + load_some(b.to_y + outside, there);
  // out (1 - tanh(c)^2), from y = out tanh(c): no tanh a second time.
  const V to_cell = load(block.cell + at) + to_y * (out - y * y / out);
  store(to, to_cell * cell * in * (1.0f - in));
  store(to + kWidth, to_cell * load(kept.cells + at) * forget * (1.0f - forget));
  store(to + 2 * kWidth, to_cell * in * (1.0f - cell * cell));
  store(to + 3 * kWidth, to_y * y * (1.0f - out));
  store(block.cell + at, to_cell * forget);
}

// M rows of what the gates' gradients say of kPanel numbers of h, or of x.
template <int M>
void backward_tile(const Backward& b, const Block& block, const Waiting& waiting, int64_t step, int64_t column,
                   int64_t from, int64_t first) {
  const Sizes& s = b.s;
  Sums<M> sums;
  sums.clear();
  const float* weights = b.turned + column * s.panels() * kPanelWidth;
  for (int64_t panel = 0; panel < s.panels(); ++panel, weights += kPanelWidth * kPanel)
    multiply(sums, waiting.gate(panel, from + first), kPanelWidth, 1, weights, kPanel, kPanelWidth);
  const bool to_hidden = column < b.hidden_columns();
  const int64_t at = to_hidden ? column : column - b.hidden_columns(), there = (to_hidden ? s.units() : s.inputs) - at;
  for (int m = 0; m < M; ++m) {
    const int64_t place = block.first + first + m;
    if (to_hidden && !b.places.alive(place, step)) continue;
    float* to = to_hidden ? block.hidden + (first + m) * s.units()
                          : b.to_x + (b.places.example(place) * s.steps + step) * s.inputs;
    for (int j = 0; j < kVectors; ++j) store_some(to + at + j * kWidth, sums.at[m][j], there - j * kWidth);
  }
}

void backward_step(const Backward& b, const Block& block, int64_t step, Waiting& waiting) {
  const int64_t rows = b.places.rows(block.number, step);
  if (rows == 0) return;
  const Kept kept = b.kept.at(b.s, block.first, block.size, step);
  const int64_t from = waiting.reserve(kept.rows, rows);
  for (int64_t panel = 0; panel < b.s.panels(); ++panel)
    for (int64_t r = 0; r < rows; ++r) {
      float* to = waiting.gate(panel, from + r);
      if (b.places.alive(block.first + r, step))
        gate_gradients(b, block, kept, step, panel, r, to);
      else
        std::fill_n(to, kPanelWidth, 0.0f);
    }
  for (int64_t column = 0; column < b.columns(); column += kPanel)
    in_tiles<kRows, 8, 4, 2, 1>(rows, [&](auto size, int64_t first) {
      backward_tile<decltype(size)::value>(b, block, waiting, step, column, from, first);
    });
}

// The groups' gradients of rows [from, to), added up in order and put where they belong.
void add_up(const Sizes& s, const float* gradients, int64_t from, int64_t to, const Weights<float>& sum) {
  const int64_t size = s.panels() * (s.depth() + 1) * kPanelWidth;
  for (int64_t k = from; k < to; ++k)
    for (int64_t panel = 0; panel < s.panels(); ++panel)
      for (int gate = 0; gate < kGates; ++gate) {
        const float* part = gradients + (panel * (s.depth() + 1) + k) * kPanelWidth + gate * kWidth;
        V total = load(part);
        for (int64_t group = 1; group < s.groups(); ++group) total += load(part + group * size);
        store_some(sum.row(s, k) + gate * s.hidden + panel * kWidth, total, s.hidden - panel * kWidth);
      }
}

// --- what XLA calls -------------------------------------------------------------------------------------------------

using Floats = ffi::Buffer<ffi::F32>;
using Booleans = ffi::Buffer<ffi::PRED>;
using Result = ffi::Result<Floats>;

const bool* mask_of(const Booleans& mask) { return mask.element_count() ? mask.typed_data() : nullptr; }

ffi::Error forward(ffi::ThreadPool pool, int64_t most, bool reverse, bool keep, int64_t row, Floats x, Booleans mask,
                   Floats hidden, Floats cell, Floats input, Floats recurrent, Floats bias, Result y, Result last_hidden,
                   Result last_cell, Result rows, Result gates, Result cells) {
  const auto size = x.dimensions();
  const Sizes s{size[0], size[1], size[2], hidden.dimensions()[1], row};
  const Places places(s.batch, s.steps, s.blocks(), mask_of(mask));
  float* packed = scratch<PackedScratch>(static_cast<size_t>((s.depth() + 1) * kGates * s.units()));
  pack(s, {input.typed_data(), recurrent.typed_data(), bias.typed_data()}, packed);
  const Kept kept{rows->typed_data(), gates->typed_data(), cells->typed_data()};
  const Forward f{s, places, packed, x.typed_data(), y->typed_data(), keep ? &kept : nullptr};
  parallel({&pool, most}, s.blocks(), [&](int64_t number) {
    const Block block = begin(places, s, number, hidden.typed_data(), cell.typed_data());
    for (int64_t i = 0; i < s.steps; ++i) forward_step(f, block, reverse ? s.steps - 1 - i : i);
    silence(places, s, block, f.y, s.hidden);
    end(places, s, block, last_hidden->typed_data(), last_cell->typed_data());
  });
  return ffi::Error::Success();
}

struct GradientScratch {};

ffi::Error backward(ffi::ThreadPool pool, int64_t most, bool reverse, Booleans mask, Floats input, Floats recurrent,
                    Floats y, Floats rows, Floats gates, Floats cells, Floats to_y, Floats to_last_hidden,
                    Floats to_last_cell, Result to_x, Result to_hidden, Result to_cell, Result to_input,
                    Result to_recurrent, Result to_bias) {
  const auto size = y.dimensions();
  const Sizes s{size[0], size[1], input.dimensions()[0], size[2], rows.dimensions()[1]};
  const Places places(s.batch, s.steps, s.blocks(), mask_of(mask));
  const Kept kept{rows.typed_data(), gates.typed_data(), cells.typed_data()};
  float* turned = scratch<PackedScratch>(
      static_cast<size_t>((round_up(s.hidden, kPanel) + round_up(s.inputs, kPanel)) * kGates * s.units()));
  const Backward b{s, places, turned, y.typed_data(), to_y.typed_data(),
                   to_x->element_count() > 0 ? to_x->typed_data() : nullptr, kept};
  turn(b, {input.typed_data(), recurrent.typed_data(), nullptr}, turned);
  const Threads threads{&pool, most};
  const int64_t gradient = s.panels() * (s.depth() + 1) * kPanelWidth;
  float* gradients = scratch<GradientScratch>(static_cast<size_t>(s.groups() * gradient));
  parallel(threads, s.groups(), [&](int64_t group) {
    const auto [from, to] = share(s.blocks(), s.groups(), group);
    Waiting waiting(s, gradients + group * gradient, std::max(kWaiting, s.batch / s.blocks() + 1));
    for (int64_t number = from; number < to; ++number) {
      const Block block = begin(places, s, number, to_last_hidden.typed_data(), to_last_cell.typed_data());
      for (int64_t i = s.steps; i-- > 0;) backward_step(b, block, reverse ? s.steps - 1 - i : i, waiting);
      if (b.to_x != nullptr) silence(places, s, block, b.to_x, s.inputs);
      end(places, s, block, to_hidden->typed_data(), to_cell->typed_data());
    }
    waiting.take_in();
  });
  const Weights<float> sum{to_input->typed_data(), to_recurrent->typed_data(), to_bias->typed_data()};
  parallel(threads, kGroups, [&](int64_t task) {
    const auto [from, to] = share(s.depth() + 1, kGroups, task);
    add_up(s, gradients, from, to, sum);
  });
  return ffi::Error::Success();
}

}  // namespace
}  // namespace lamina

using Floats = lamina::ffi::Buffer<lamina::ffi::F32>;
using Booleans = lamina::ffi::Buffer<lamina::ffi::PRED>;

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_lstm_forward, lamina::forward,
                              lamina::ffi::Ffi::Bind()
                                  .Ctx<lamina::ffi::ThreadPool>()
                                  .Attr<int64_t>("threads")
                                  .Attr<bool>("reverse")
                                  .Attr<bool>("keep")
                                  .Attr<int64_t>("row")
                                  .Arg<Floats>()
                                  .Arg<Booleans>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_lstm_backward, lamina::backward,
                              lamina::ffi::Ffi::Bind()
                                  .Ctx<lamina::ffi::ThreadPool>()
                                  .Attr<int64_t>("threads")
                                  .Attr<bool>("reverse")
                                  .Arg<Booleans>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>());
