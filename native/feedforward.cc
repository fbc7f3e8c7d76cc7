// The answers of a trained network in one call: its layers one after the other, with nothing of XLA between them. One
// example would wait longer for XLA to come and go than for all its products.

#include <algorithm>
#include <new>

#include "activation.h"
#include "conv2d.h"
#include "dense.h"
#include "table.h"

namespace lamina {
namespace {

struct FrontScratch {};
struct BackScratch {};
struct AsideScratch {};

constexpr int64_t kTogether = 128;  // examples at a time: what lies between layers stays in the cache

// As lamina/kernels/feedforward.py numbers them.
enum class Kind : int64_t {
  kScale = 0, kConvolution = 1, kDense = 2, kMean = 3, kCopy = 4, kAdd = 5, kSoftmax = 6, kSigmoid = 7,
  kTable = 8
};

// A layer, as lamina/kernels/feedforward.py fills it in.
struct Step {
  Kind kind;
  Activation activation;  // behind it
  int64_t finite;         // not 0: all its weights are
  int64_t aside;          // not 0: what it makes waits until it is added, and the next step reads what this one read
  int64_t from, to;       // numbers of an example before and after it
  const float *weight, *bias, *turned;  // the last of a convolution that goes by tiles, or nullptr
  const int64_t* table;  // its words, and how many, where the rows of a table come in
  int64_t words;
  Window window;  // of a convolution, for one picture
  Pool pool;

  Convolution convolution(bool relu, const float* in, float* out) const {
    return {window, pool, relu, in, weight, bias, out, nullptr, turned};
  }
};

static_assert(sizeof(Step) == 30 * 8, "as many numbers as _Step in lamina/kernels/feedforward.py has");

// Calls work(n, i, there) for each example's numbers, a vector at a time.
template <class F>
void by_vectors(const Threads& threads, int64_t number, int64_t size, const F& work) {
  constexpr int64_t kSome = 1 << 14;  // numbers that are worth a task of their own
  const int64_t tasks = std::clamp<int64_t>(number * size / kSome, 1, std::min<int64_t>(number, 8));
  parallel(threads, tasks, [&](int64_t task) {
    const auto [from, end] = share(number, tasks, task);
    for (int64_t n = from; n < end; ++n)
      for (int64_t i = 0; i < size; i += kWidth) work(n, i, size - i);
  });
}

// Each number of an example times its own weight and with its own bias; `read` gives a vector of them.
template <class Read>
void scale(const Threads& threads, const Step& step, int64_t number, float* out, const Read& read) {
  by_vectors(threads, number, step.to, [&](int64_t n, int64_t i, int64_t there) {
    // All three loaded first: a branch between product and sum would keep them from being one instruction, here or there.
    const V value = read(n * step.to + i, there), weight = load_some(step.weight + i, there);
    const V bias = load_some(step.bias + i, there);
    store_some(out + n * step.to + i, value * weight + bias, there);
  });
}

void activate_all(const Threads& threads, const Step& step, int64_t number, float* out) {
  with_activation(step.activation, [&](auto kind) {
    by_vectors(threads, number, step.to, [&](int64_t n, int64_t i, int64_t there) {
      float* at = out + n * step.to + i;
      store_some(at, activate(kind, load_some(at, there)).value, there);
    });
  });
}

// A row of outputs as shares of their sum: exponentials, less the largest, or each by itself through a sigmoid.
void shares(const Step& step, int64_t number, const float* in, float* out) {
  for (int64_t n = 0; n < number; ++n, in += step.to, out += step.to) {
    const float largest = step.kind == Kind::kSoftmax ? *std::max_element(in, in + step.to) : 0.0f;
    float total = 0.0f;
    for (int64_t i = 0; i < step.to; i += kWidth) {
      const int64_t there = step.to - i;
      const V value = load_some(in + i, there);
      const V part = step.kind == Kind::kSoftmax ? exp(value - largest) : sigmoid(value);
      store_some(out + i, part, there);
      total += sum(there < kWidth ? load_some(out + i, there) : part);
    }
    for (int64_t i = 0; i < step.to; i += kWidth)
      store_some(out + i, load_some(out + i, step.to - i) / total, step.to - i);
  }
}

void convolve(const Threads& threads, const Step& step, int64_t number, bool relu, const float* in, float* out) {
  Convolution convolution = step.convolution(relu, in, out);
  convolution.window.number = number;
  lamina::convolve(threads, convolution);
}

// The mean of each channel over all places.
void mean(const Threads& threads, const Step& step, int64_t number, const float* in, float* out) {
  const int64_t places = step.from / step.to;
  by_vectors(threads, number, step.to, [&](int64_t n, int64_t i, int64_t there) {
    V sums[4] = {};
    for (int64_t place = 0; place < places; ++place)
      sums[place & 3] += load_some(in + n * step.from + place * step.to + i, there);
    const V sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    store_some(out + n * step.to + i, sum / static_cast<float>(places), there);
  });
}

void add(const Threads& threads, const Step& step, int64_t number, const float* in, const float* aside, float* out) {
  by_vectors(threads, number, step.to, [&](int64_t n, int64_t i, int64_t there) {
    const int64_t at = n * step.to + i;
    store_some(out + at, load_some(in + at, there) + load_some(aside + at, there), there);
  });
}

// What a step makes of `number` examples; `bytes`: they are pixels, which nothing but a scale reads.
void take(const Threads& threads, const Step& step, int64_t number, const void* in, bool bytes, const float* aside,
          float* out) {
  const auto* floats = static_cast<const float*>(in);
  const auto* pixels = static_cast<const uint8_t*>(in);
  const bool relu = step.activation == Activation::kRelu;
  bool activated = step.activation == Activation::kLinear;
  switch (step.kind) {
    case Kind::kScale:
      if (bytes)
        scale(threads, step, number, out, [=](int64_t at, int64_t there) {
          return __builtin_convertvector(load_bytes(pixels + at, there), V);
        });
      else
        scale(threads, step, number, out, [=](int64_t at, int64_t there) { return load_some(floats + at, there); });
      break;
    case Kind::kConvolution:
      convolve(threads, step, number, relu, floats, out);
      activated |= relu;
      break;
    case Kind::kDense:
      dense(threads, {step.from, step.to, step.weight, step.bias, relu, step.finite != 0}, number, floats, out);
      activated |= relu;
      break;
    case Kind::kMean:
      mean(threads, step, number, floats, out);
      break;
    case Kind::kCopy:
      std::copy_n(floats, number * step.to, out);
      break;
    case Kind::kAdd:
      add(threads, step, number, floats, aside, out);
      break;
    case Kind::kSoftmax:
    case Kind::kSigmoid:
      shares(step, number, floats, out);
      break;
    case Kind::kTable: {
      const Table table(step.table, step.words, step.to);
      TableBatch(table, threads, step.weight, number, false).forward(floats, out);
      break;
    }
  }
  if (!activated) activate_all(threads, step, number, out);
}

struct Inputs {
  const char* data;
  int64_t number;
  bool bytes;
};

void answer(const Threads& threads, const Step* steps, int64_t count, const Inputs& inputs, float* answers) {
  const int64_t size_of = inputs.bytes ? 1 : sizeof(float), to = steps[count - 1].to;
  int64_t widest = 0;
  for (int64_t i = 0; i < count; ++i) widest = std::max(widest, steps[i].to);
  const auto size = static_cast<size_t>(widest * std::min(inputs.number, kTogether));
  float *front = scratch<FrontScratch>(size), *back = scratch<BackScratch>(size);
  const bool any = std::any_of(steps, steps + count, [](const Step& step) { return step.aside != 0; });
  float* aside = any ? scratch<AsideScratch>(size) : nullptr;
  for (int64_t from = 0; from < inputs.number; from += kTogether) {
    const int64_t some = std::min(inputs.number - from, kTogether);
    const void* in = inputs.data + from * steps[0].from * size_of;
    for (int64_t i = 0; i < count; ++i) {
      const bool waits = steps[i].aside != 0;
      float* out = i + 1 == count ? answers + from * to : waits ? aside : front;
      take(threads, steps[i], some, in, inputs.bytes && i == 0, aside, out);
      if (waits) continue;
      in = out;
      std::swap(front, back);
    }
  }
}

}  // namespace
}  // namespace lamina

// The floats that the weights of a step turned for its tiles are, 0 where it has none; and where `to` isn't nullptr, they.
extern "C" __attribute__((visibility("default"))) int32_t lamina_turned_kernels(const void* step, float* to) noexcept {
  const auto& it = *static_cast<const lamina::Step*>(step);
  if (it.kind != lamina::Kind::kConvolution) return 0;
  const int64_t size = lamina::turn_kernels(it.convolution(false, nullptr, nullptr), nullptr);
  constexpr int64_t kMost = 1 << 28;  // beyond, they are turned with each call
  if (size > kMost) return 0;
  if (to != nullptr) lamina::turn_kernels(it.convolution(false, nullptr, nullptr), to);
  return static_cast<int32_t>(size);
}

// Answers [number][to of the last step] to inputs [number][from of the first], floats or, where `bytes` is not 0, bytes.
// 1 where memory runs out, 0 otherwise.
extern "C" __attribute__((visibility("default"))) int32_t lamina_feedforward(const void* steps, int64_t count,
                                                                             const void* inputs, int64_t number,
                                                                             int32_t bytes, float* answers,
                                                                             int64_t threads) noexcept {
  try {
    lamina::answer({nullptr, threads}, static_cast<const lamina::Step*>(steps), count,
                   {static_cast<const char*>(inputs), number, bytes != 0}, answers);
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}
