// Training a chain of dense layers: all batches of a segment, forward, backward and update, as one call.
//
// For networks so small that a step takes microseconds, what stands around the arithmetic (calls, copies, loops of the
// compiled program) would cost more than the arithmetic. Here a step is its products, one pass over each layer's
// numbers, and one over the parameters.

#include <algorithm>
#include <cmath>

#include "activation.h"
#include "adam.h"
#include "descent.h"
#include "gemm.h"
#include "table.h"

namespace lamina {
namespace {

struct ActivationScratch {};
struct SlopeScratch {};
struct BackScratch {};
struct ParameterScratch {};
struct ColumnScratch {};
struct RowScratch {};

constexpr int64_t kMostLayers = 64;

// One dense layer: where its weights [in][out] and its bias (-1: none) lie among the parameters.
struct Dense {
  int64_t in, out, weight, bias;
  Activation activation;
  float dropped;  // share of its inputs that dropout zeroes; below 0: there is no dropout
};

// What is measured over the steps, as the program around adds it up.
enum Measure { kLoss, kWeight, kNorm, kSteps, kCorrect, kSquared, kAbsolute, kMeasures };

struct Chain {
  Dense layers[kMostLayers];
  int64_t count, batch;
  Table table;  // what makes the first layer's inputs of a row
  int64_t width(int64_t at) const { return at == 0 ? layers[0].in : layers[at - 1].out; }
  int64_t widths() const {
    int64_t total = 0;
    for (int64_t at = 0; at <= count; ++at) total += width(at);
    return total;
  }
};

// The rows of a table, or of pictures as bytes that are scaled on the way.
struct Rows {
  const float* numbers;
  const uint8_t* bytes;
  const float *scale, *shift;
  int64_t width;

  void copy(int64_t row, float* to) const {
    if (numbers != nullptr) {
      std::copy_n(numbers + row * width, width, to);
      return;
    }
    using Bytes = uint8_t __attribute__((vector_size(kWidth), aligned(1), may_alias));
    int64_t i = 0;
    for (; i + kWidth <= width; i += kWidth) {
      const V v = __builtin_convertvector(*reinterpret_cast<const Bytes*>(bytes + row * width + i), V);
      store(to + i, v * load(scale + i) + load(shift + i));
    }
    for (; i < width; ++i) to[i] = static_cast<float>(bytes[row * width + i]) * scale[i] + shift[i];
  }
};

struct Targets {
  const int32_t* classes;
  const float* values;
  float shift, scale;
};

// f(row from, row to) over the rows of a batch, on several threads where there is enough to do.
template <class F>
void by_rows(const Threads& threads, int64_t rows, int64_t width, const F& f) {
  const int64_t pieces = rows * width < (1 << 15) ? 1 : std::min<int64_t>(rows, 8);
  parallel(threads, pieces, [&](int64_t piece) {
    const auto [from, to] = share(rows, pieces, piece);
    f(from, to);
  });
}

struct Dropout {
  float rate;
  uint32_t first, second;

  // What the numbers from that place on are multiplied by: 0, or what makes up for the others.
  V factor(int64_t place) const {
    const U stirred = random_bits(static_cast<uint32_t>(place), first, second) >> 8;
    const V level = __builtin_convertvector(reinterpret_cast<I>(stirred), V);
    return level < broadcast(rate * 16777216.0f) ? V{} : broadcast(1.0f / (1.0f - rate));
  }
};

// One batch of a chain: its numbers at every layer, in memory that a thread keeps.
struct Batch {
  const Chain& chain;
  const Threads& threads;
  const float* parameters;
  float* numbers[kMostLayers + 1];  // what goes into each layer [batch][width], and the outputs
  float* slopes[kMostLayers + 1];   // of them by the sums behind them, dropout included
  float *back[2], *weights;
  float* rows;  // as they lie in the data [batch][width of a row]; the first layer's inputs, where these are the same
  TableBatch table;

  Batch(const Chain& c, const Threads& t, const float* p)
      : chain(c), threads(t), parameters(p), table(c.table, t, p, c.batch, true) {
    int64_t widest = 0;
    for (int64_t at = 0; at <= c.count; ++at) widest = std::max(widest, c.width(at));
    const auto cells = [&](int64_t width) { return round_up(c.batch * width, 16) + 16; };
    float* next = scratch<ActivationScratch>(static_cast<size_t>(2 * (c.batch * c.widths() + 64 * (c.count + 1))));
    for (int64_t at = 0; at <= c.count; ++at) {
      numbers[at] = next;
      slopes[at] = next + cells(c.width(at));
      next += 2 * cells(c.width(at));
    }
    back[0] = scratch<BackScratch>(static_cast<size_t>(2 * cells(widest) + cells(1)));
    back[1] = back[0] + cells(widest);
    weights = back[1] + cells(widest);
    rows = c.table.plain() ? numbers[0] : scratch<RowScratch>(static_cast<size_t>(c.batch * c.table.width()));
  }

  void drop_inputs(const Dropout& dropout) {
    const int64_t width = chain.width(0);
    const bool keeps = chain.table.learns();
    by_rows(threads, chain.batch, width, [&](int64_t from, int64_t to) {
      for (int64_t i = from * width; i < to * width; i += kWidth) {
        const V factor = dropout.factor(i);
        store_some(numbers[0] + i, load_some(numbers[0] + i, to * width - i) * factor, to * width - i);
        if (keeps) store_some(slopes[0] + i, factor, to * width - i);
      }
    });
  }

  // Whether a layer's slopes are 1 where its numbers are above 0, and 0 elsewhere.
  bool signs_suffice(int64_t at) const {
    return chain.layers[at].activation == Activation::kRelu && chain.layers[at + 1].dropped < 0.0f;
  }

  void forward(int64_t at, const Dropout* dropout) {
    const Dense& layer = chain.layers[at];
    float* out = numbers[at + 1];
    const Product p{chain.batch, layer.out, layer.in, {numbers[at], layer.in, 1},
                    {parameters + layer.weight, layer.out, 1}, out, layer.out};
    const float* bias = layer.bias < 0 ? nullptr : parameters + layer.bias;
    const bool last = at + 1 == chain.count;
    const auto sums = [=](V value, int64_t column) {
      return bias == nullptr ? value : value + load_some(bias + column, layer.out - column);
    };
    if (!last && signs_suffice(at))
      return gemm(threads, p, [=](V value, int64_t, int64_t column) { return relu(sums(value, column)); });
    if (last && layer.activation == Activation::kLinear)
      return gemm(threads, p, [=](V value, int64_t, int64_t column) { return sums(value, column); });
    gemm(threads, p);
    float* slope = last ? nullptr : slopes[at + 1];
    by_rows(threads, chain.batch, layer.out, [&](int64_t from, int64_t to) {
      with_activation(layer.activation, [&](auto kind) {
        for (int64_t row = from; row < to; ++row) {
          const auto some = [&](int64_t i, int64_t there) __attribute__((always_inline)) {
            const int64_t place = row * layer.out + i;
            V z = load_some(out + place, there);
            if (bias != nullptr) z += load_some(bias + i, there);
            Activated a = activate(kind(), z);
            if (dropout != nullptr) {
              const V factor = dropout->factor(place);
              a.value *= factor;
              a.slope *= factor;
            }
            store_some(out + place, a.value, there);
            if (slope != nullptr) store_some(slope + place, a.slope, there);
          };
          int64_t i = 0;
          for (; i + kWidth <= layer.out; i += kWidth) some(i, kWidth);
          if (i < layer.out) some(i, layer.out - i);
        }
      });
    });
  }

  // The gradient of a layer's weights and biases from that of its sums.
  void backward(int64_t at, const float* gradient, float* to_parameters) {
    const Dense& layer = chain.layers[at];
    gemm(threads, {layer.in, layer.out, chain.batch, {numbers[at], 1, layer.in}, {gradient, layer.out, 1},
                   to_parameters + layer.weight, layer.out});
    if (layer.bias >= 0) sum_columns(gradient, layer.out, to_parameters + layer.bias);
  }

  // Whether the gradient of what goes into a layer is asked.
  bool learns_before(int64_t at) const { return at > 0 || chain.table.learns(); }

  // The gradient of the sums before a layer.
  void backward_inputs(int64_t at, const float* gradient, float* to_before) {
    const Dense& layer = chain.layers[at];
    const Product p{chain.batch, layer.in, layer.out, {gradient, layer.out, 1}, {parameters + layer.weight, 1, layer.out},
                    to_before, layer.in};
    if (at == 0 && layer.dropped < 0.0f) {
      gemm(threads, p);
    } else if (at > 0 && signs_suffice(at - 1)) {
      gemm(threads, p, [y = numbers[at], width = layer.in](V value, int64_t row, int64_t column) {
        return load_some(y + row * width + column, width - column) > V{} ? value : V{};
      });
    } else {
      gemm(threads, p, [slope = slopes[at], width = layer.in](V value, int64_t row, int64_t column) {
        return value * load_some(slope + row * width + column, width - column);
      });
    }
  }

  // The same of weights and biases, which move at once; gives the sum of the gradient's squares.
  float descend(int64_t at, const float* gradient, const Pace& pace, const Updated& moving) {
    const Dense& layer = chain.layers[at];
    const int64_t size = layer.in * layer.out;
    float squares = 0.0f;
    if (descends(layer.out, chain.batch)) {
      squares = lamina::descend(threads, pace, moving.part(layer.weight, size), numbers[at], gradient, chain.batch,
                                layer.in, layer.out);
      if (layer.bias >= 0) sum_columns(gradient, layer.out, moving.gradient + layer.bias);
    } else {
      backward(at, gradient, moving.gradient);
      squares = advance(threads, pace, moving.part(layer.weight, size));
    }
    return layer.bias < 0 ? squares : squares + advance(threads, pace, moving.part(layer.bias, layer.out));
  }

  // The same of what the table's input learns, from the gradient of its features.
  float descend_table(const float* gradient, const Pace& pace, const Updated& moving) {
    table.backward(rows, gradient, moving.gradient);
    float squares = 0.0f;
    chain.table.learned([&](int64_t place, int64_t size) { squares += advance(threads, pace, moving.part(place, size)); });
    return squares;
  }

  // Eight vectors of columns at a time, so that a row's neighbours are read together; the rest one by one.
  void sum_columns(const float* gradient, int64_t width, float* to) {
    constexpr int64_t kBand = 8 * kWidth;
    const int64_t bands = width / kBand;
    parallel(chain.batch * width < (1 << 15) ? Threads{} : threads, bands, [&](int64_t band) {
      V sums[8] = {};
      const float* row = gradient + band * kBand;
      for (int64_t left = chain.batch; left > 0; --left, row += width)
        for (int j = 0; j < 8; ++j) sums[j] += load(row + j * kWidth);
      for (int j = 0; j < 8; ++j) store(to + band * kBand + j * kWidth, sums[j]);
    });
    for (int64_t i = bands * kBand; i < width; i += kWidth) {
      V total{};
      for (int64_t row = 0; row < chain.batch; ++row) total += load_some(gradient + row * width + i, width - i);
      store_some(to + i, total, width - i);
    }
  }
};

// Losses and errors of the outputs, added to `measures`; the outputs' gradient to `gradient`.
struct Judge {
  Targets targets;
  float smoothing;
  int64_t width;
};

// Rows of `width` numbers, kWidth rows at most, as their columns [width][kWidth]; missing rows are zeros.
void turn(const float* from, int64_t rows, int64_t width, float* to) {
  for (int64_t column = 0; column < width; column += kWidth) {
    V square[kWidth];
    for (int64_t row = 0; row < kWidth; ++row)
      square[row] = row < rows ? load_some(from + row * width + column, width - column) : V{};
    transpose(square);
    for (int64_t i = 0; i < kWidth && column + i < width; ++i) store(to + (column + i) * kWidth, square[i]);
  }
}

// And back.
void turn_back(const float* from, int64_t rows, int64_t width, float* to) {
  for (int64_t column = 0; column < width; column += kWidth) {
    V square[kWidth];
    for (int64_t i = 0; i < kWidth; ++i) square[i] = column + i < width ? load(from + (column + i) * kWidth) : V{};
    transpose(square);
    for (int64_t row = 0; row < kWidth && row < rows; ++row)
      store_some(to + row * width + column, square[row], width - column);
  }
}

// A vector of rows at a time: nothing has to be put together across lanes.
void cross_entropy(const Judge& judge, const float* outputs, const int32_t* rows, const float* weights,
                   const float* present, int64_t batch, float* gradient, double* measures) {
  const int64_t k = judge.width;
  const float smooth = judge.smoothing, share_of_each = smooth / static_cast<float>(k);
  float* columns = scratch<ColumnScratch>(static_cast<size_t>(k * kWidth));
  V loss{}, correct{};
  for (int64_t from = 0; from < batch; from += kWidth) {
    const int64_t there = std::min<int64_t>(batch - from, kWidth);
    const V weight = load_some(weights + from, there);
    I target{}, answer{};
    for (int64_t lane = 0; lane < there; ++lane)
      target[lane] = rows[from + lane] >= 0 ? judge.targets.classes[rows[from + lane]] : 0;
    turn(outputs + from * k, there, k, columns);
    V top = broadcast(-__builtin_inff());
    for (int32_t c = 0; c < k; ++c) {  // the first of the largest is the answer
      const V v = load(columns + c * kWidth);
      answer = v > top ? c + I{} : answer;
      top = v > top ? v : top;
    }
    V total{}, all{}, of_target{};
    for (int32_t c = 0; c < k; ++c) {
      const V v = load(columns + c * kWidth) - top, exponential = exp(v);
      total += exponential;
      all += v;
      of_target = target == c ? v : of_target;
      store(columns + c * kWidth, exponential);
    }
    const V each = weight / total, spread = weight * share_of_each, once = weight * (1.0f - smooth);
    for (int32_t c = 0; c < k; ++c) {
      float* at = columns + c * kWidth;
      store(at, load(at) * each - spread - (target == c ? once : V{}));
    }
    turn_back(columns, there, k, gradient + from * k);
    const V log_sum = log(total), mean = all / static_cast<float>(k);
    loss += ((log_sum - of_target) * (1.0f - smooth) + (log_sum - mean) * smooth) * weight;
    correct += answer == target ? load_some(present + from, there) : V{};
  }
  measures[kLoss] += static_cast<double>(sum(loss));
  measures[kCorrect] += static_cast<double>(sum(correct));
}

void squared(const Judge& judge, const float* outputs, const int32_t* rows, const float* weights, const float* present,
             int64_t batch, float* gradient, double* measures) {
  for (int64_t row = 0; row < batch; ++row) {
    const float value = judge.targets.values[rows[row] >= 0 ? rows[row] : 0];
    const float off = outputs[row] - (value - judge.targets.shift) / judge.targets.scale;
    measures[kLoss] += static_cast<double>(off * off * weights[row]);
    measures[kSquared] += static_cast<double>(off * off * present[row]);
    measures[kAbsolute] += static_cast<double>(std::abs(off) * present[row]);
    gradient[row] = 2.0f * off * weights[row];
  }
}

struct Segment {
  Rows inputs;
  Judge judge;
  const float* row_weights;
  const int32_t* rows;  // [steps][batch], -1 where there is none
  const float* rates;   // [steps]
  const uint32_t* keys;  // [steps][layers][2]
  int64_t steps, updates;
  Adam adam;
  Updated moving;
  float* before;  // the parameters before the last update
};

int64_t live_steps(const Segment& s, int64_t batch) {
  int64_t live = 0;
  for (int64_t step = 0; step < s.steps; ++step)
    for (int64_t i = 0; i < batch; ++i)
      if (s.rows[step * batch + i] >= 0) {
        ++live;
        break;
      }
  return live;
}

Dropout dropout_of(const Segment& s, const Chain& chain, int64_t step, int64_t layer) {
  const uint32_t* key = s.keys + (step * chain.count + layer) * 2;
  return {chain.layers[layer].dropped, key[0], key[1]};
}

// Rows, weights and inputs of a batch; gives how many rows there are.
float fetch(const Segment& s, Batch& batch, const int32_t* rows, float* present) {
  const int64_t size = batch.chain.batch;
  float count = 0.0f, total = 0.0f;
  for (int64_t i = 0; i < size; ++i) {
    present[i] = rows[i] >= 0 ? 1.0f : 0.0f;
    batch.weights[i] = rows[i] >= 0 ? s.row_weights[rows[i]] : 0.0f;
    count += present[i];
    total += batch.weights[i];
  }
  for (int64_t i = 0; i < size; ++i) batch.weights[i] /= std::max(total, 1e-12f);
  by_rows(batch.threads, size, s.inputs.width, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) s.inputs.copy(std::max(rows[i], 0), batch.rows + i * s.inputs.width);
  });
  if (!batch.chain.table.plain()) batch.table.forward(batch.rows, batch.numbers[0]);
  return count;
}

// The backward pass of losses whose gradient lies in `batch.back[0]`, and the update. Gives the gradient's length.
float move_at_the_end(const Segment& s, Batch& batch, int64_t step) {
  int64_t side = 0;
  for (int64_t at = batch.chain.count - 1; at >= 0; --at, side = 1 - side) {
    batch.backward(at, batch.back[side], s.moving.gradient);
    if (batch.learns_before(at)) batch.backward_inputs(at, batch.back[side], batch.back[1 - side]);
  }
  if (batch.learns_before(0)) batch.table.backward(batch.rows, batch.back[side], s.moving.gradient);
  return update(batch.threads, s.adam, s.moving, s.rates[step], s.updates + step);
}

// The same where no update hangs on all gradients: each layer moves when its own is known.
float move_by_layers(const Segment& s, Batch& batch, int64_t step) {
  const Pace pace(s.adam, 0.0f, s.rates[step], s.updates + step);
  float squares = 0.0f;
  int64_t side = 0;
  for (int64_t at = batch.chain.count - 1; at >= 0; --at, side = 1 - side) {
    if (batch.learns_before(at)) batch.backward_inputs(at, batch.back[side], batch.back[1 - side]);
    squares += batch.descend(at, batch.back[side], pace, s.moving);
  }
  if (batch.learns_before(0)) squares += batch.descend_table(batch.back[side], pace, s.moving);
  return std::sqrt(squares);
}

void train_step(const Segment& s, Batch& batch, int64_t step, bool last, double* sums) {
  const Chain& chain = batch.chain;
  const int32_t* rows = s.rows + step * chain.batch;
  float* present = scratch<SlopeScratch>(static_cast<size_t>(chain.batch));
  const float count = fetch(s, batch, rows, present);
  for (int64_t at = 0; at < chain.count; ++at) {
    if (at == 0 && chain.layers[0].dropped >= 0.0f) batch.drop_inputs(dropout_of(s, chain, step, 0));
    const bool drops = at + 1 < chain.count && chain.layers[at + 1].dropped >= 0.0f;
    const Dropout dropout = drops ? dropout_of(s, chain, step, at + 1) : Dropout{};
    batch.forward(at, drops ? &dropout : nullptr);
  }
  double measures[kMeasures] = {};
  auto judge = s.judge.targets.classes != nullptr ? cross_entropy : squared;
  judge(s.judge, batch.numbers[chain.count], rows, batch.weights, present, chain.batch, batch.back[0], measures);
  if (last) std::copy_n(s.moving.parameters, s.moving.size, s.before);
  const float norm = s.adam.waits() ? move_at_the_end(s, batch, step) : move_by_layers(s, batch, step);
  sums[kLoss] += measures[kLoss] * static_cast<double>(count);
  sums[kWeight] += static_cast<double>(count);
  sums[kNorm] += static_cast<double>(norm);
  sums[kSteps] += 1.0;
  for (int measure = kCorrect; measure < kMeasures; ++measure) sums[measure] += measures[measure];
}

int64_t train(const Threads& threads, const Segment& s, const Chain& chain, float* measured) {
  Batch batch(chain, threads, s.moving.parameters);
  const int64_t live = live_steps(s, chain.batch);
  double sums[kMeasures] = {};
  if (live == 0) std::copy_n(s.moving.parameters, s.moving.size, s.before);
  for (int64_t step = 0; step < live; ++step) train_step(s, batch, step, step + 1 == live, sums);
  for (int measure = 0; measure < kMeasures; ++measure) measured[measure] = static_cast<float>(sums[measure]);
  return live;
}

// ---- the door --------------------------------------------------------------------------------------------------------

using Floats = ffi::Buffer<ffi::F32>;
using Ints = ffi::Buffer<ffi::S32>;
using Words = ffi::Buffer<ffi::U32>;
using Numbers = ffi::Span<const int64_t>;

void keep(const Floats& from, ffi::Result<Floats>& to) {
  if (from.typed_data() != to->typed_data()) std::copy_n(from.typed_data(), from.element_count(), to->typed_data());
}

// `sizes` [layers + 1], `activations` [layers], `weights` and `biases` [layers]: places among the parameters; `dropped`
// [layers]: below 0 where no dropout stands before a layer. `numbers`: momentum, beta2, weight decay, l1, l2, clip
// norm, label smoothing, shift and scale of the targets. `place`: which fit of the inputs, and the updates made before.
// `table`: its words.
ffi::Error mlp_train(ffi::ThreadPool pool, Floats parameters, Floats first, Floats second, Floats decays,
                     ffi::AnyBuffer inputs, Floats scale, Floats shift, ffi::AnyBuffer targets, Floats row_weights,
                     Ints rows, Floats rates, Words keys, Floats dropped, Floats numbers, Ints place,
                     ffi::Result<Floats> parameters_out, ffi::Result<Floats> first_out, ffi::Result<Floats> second_out,
                     ffi::Result<Floats> before, ffi::Result<Floats> measured, ffi::Result<Ints> steps_done,
                     Numbers sizes, Numbers activations, Numbers weights, Numbers biases, Numbers table,
                     int64_t threads) {
  Chain chain{{}, static_cast<int64_t>(activations.size()), rows.dimensions()[1],
              Table(table.begin(), static_cast<int64_t>(table.size()), sizes[0])};
  if (chain.count > kMostLayers) return ffi::Error(ffi::ErrorCode::kInvalidArgument, "lamina: too many dense layers");
  for (size_t at = 0; at < activations.size(); ++at)
    chain.layers[at] = {sizes[at],   sizes[at + 1], weights[at],
                        biases[at], static_cast<Activation>(activations[at]), dropped.typed_data()[at]};
  keep(parameters, parameters_out);
  keep(first, first_out);
  keep(second, second_out);
  const float* n = numbers.typed_data();
  const int64_t size = parameters.element_count();
  const int64_t fit = place.typed_data()[0] * inputs.dimensions()[1] * chain.table.width();
  const bool bytes = inputs.element_type() == ffi::U8, values = targets.element_type() == ffi::F32;
  Segment s{};
  s.inputs = {bytes ? nullptr : static_cast<const float*>(inputs.untyped_data()) + fit,
              bytes ? static_cast<const uint8_t*>(inputs.untyped_data()) + fit : nullptr, scale.typed_data(),
              shift.typed_data(), chain.table.width()};
  s.judge = {{values ? nullptr : static_cast<const int32_t*>(targets.untyped_data()),
              values ? static_cast<const float*>(targets.untyped_data()) : nullptr, n[7], n[8]},
             n[6],
             sizes[activations.size()]};
  s.row_weights = row_weights.typed_data();
  s.rows = rows.typed_data();
  s.rates = rates.typed_data();
  s.keys = keys.typed_data();
  s.steps = rows.dimensions()[0];
  s.updates = place.typed_data()[1];
  s.adam = {n[0], n[1], n[2], n[3], n[4], n[5]};
  s.moving = {parameters_out->typed_data(), first_out->typed_data(), second_out->typed_data(),
              scratch<ParameterScratch>(static_cast<size_t>(size)), decays.typed_data(), size};
  s.before = before->typed_data();
  steps_done->typed_data()[0] = static_cast<int32_t>(train({&pool, threads}, s, chain, measured->typed_data()));
  return ffi::Error::Success();
}

}  // namespace
}  // namespace lamina

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_mlp_train, lamina::mlp_train,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::S32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::U32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::S32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::S32>>()
                                  .Attr<xla::ffi::Span<const int64_t>>("sizes")
                                  .Attr<xla::ffi::Span<const int64_t>>("activations")
                                  .Attr<xla::ffi::Span<const int64_t>>("weights")
                                  .Attr<xla::ffi::Span<const int64_t>>("biases")
                                  .Attr<xla::ffi::Span<const int64_t>>("table")
                                  .Attr<int64_t>("threads"));
