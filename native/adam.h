// Adam over one flat vector, with penalties, clipping and decoupled decay, as lamina.optimizers chains them.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "parallel.h"
#include "vector.h"

namespace lamina {

inline V sign(V x) { return (x > V{} ? broadcast(1.0f) : V{}) - (x < V{} ? broadcast(1.0f) : V{}); }

struct Adam {
  float b1, b2, weight_decay, l1, l2, clip_norm;

  bool penalises() const { return l1 != 0.0f || l2 != 0.0f; }
  // Whether an entry's update hangs on other entries' gradients, or more than its own.
  bool waits() const { return penalises() || clip_norm > 0.0f; }
  V penalty(V parameters) const { return sign(parameters) * l1 + parameters * l2; }
};

// What is updated: parameters, both moments, the gradient, and 1 where an entry decays.
struct Updated {
  float *parameters, *first, *second, *gradient;
  const float* decays;
  int64_t size;

  Updated part(int64_t from, int64_t count) const {
    return {parameters + from, first + from, second + from, gradient + from, decays + from, count};
  }
};

namespace detail {

constexpr int64_t kPieces = 16;  // of a vector: sums are taken in this many parts whatever the threads

// f(from, to) for pieces of [0, size).
template <class F>
void by_pieces(const Threads& threads, int64_t size, const F& f) {
  const int64_t pieces = size < (1 << 14) ? 1 : kPieces;
  parallel(threads, pieces, [&](int64_t piece) {
    const auto [from, to] = share(size, pieces, piece, kWidth);
    f(piece, from, to);
  });
}

inline float total_of(const float (&sums)[kPieces]) {
  float total = 0.0f;
  for (float s : sums) total += s;
  return total;
}

}  // namespace detail

// The length of a vector.
inline float length(const Threads& threads, const float* x, int64_t size) {
  float sums[detail::kPieces] = {};
  detail::by_pieces(threads, size, [&](int64_t piece, int64_t from, int64_t to) {
    V a{}, b{};
    int64_t i = from;
    for (; i + 2 * kWidth <= to; i += 2 * kWidth) {
      const V u = load(x + i), v = load(x + i + kWidth);
      a += u * u;
      b += v * v;
    }
    for (; i < to; i += kWidth) {
      const V u = load_some(x + i, to - i);
      a += u * u;
    }
    sums[piece] = sum(a + b);
  });
  return std::sqrt(detail::total_of(sums));
}

// What an update multiplies by.
struct Pace {
  float b1, b2, up, spread, decay, shorten;

  // Of a step whose learning rate is `rate`, the gradient being `norm` long; `count` updates were made before.
  Pace(const Adam& adam, float norm, float rate, int64_t count) : b1(adam.b1), b2(adam.b2) {
    const double first = 1.0 - std::pow(static_cast<double>(b1), static_cast<double>(count + 1));
    const double second = 1.0 - std::pow(static_cast<double>(b2), static_cast<double>(count + 1));
    up = rate / static_cast<float>(first);
    spread = 1.0f / static_cast<float>(second);
    decay = rate * adam.weight_decay;
    shorten = adam.clip_norm > 0.0f && norm > adam.clip_norm ? adam.clip_norm / std::max(norm, 1e-30f) : 1.0f;
  }

  // What is taken from the parameters whose gradient this is, decay aside; both moments take it in.
  V descent(V gradient, V& first, V& second) const {
    first = first * b1 + gradient * (1.0f - b1);
    second = second * b2 + gradient * gradient * (1.0f - b2);
    return first * up / (sqrt(second * spread) + 1e-8f);
  }

  // Entries [from, to): parameters and moments in memory, `gradient(i, n)` and `decays(i, n)` as they come; `moved` sees
  // what each parameter was and what is taken from it.
  template <class Gradient, class Decays, class Moved>
  void advance(float* parameters, float* first, float* second, const Gradient& gradient, const Decays& decays,
               int64_t from, int64_t to, const Moved& moved) const {
    const auto some = [&](int64_t i, int64_t n) __attribute__((always_inline)) {
      const V p = load_some(parameters + i, n);
      V m = load_some(first + i, n), v = load_some(second + i, n);
      const V step = descent(gradient(i, n) * shorten, m, v) + decays(i, n) * decay * p;
      store_some(first + i, m, n);
      store_some(second + i, v, n);
      store_some(parameters + i, p - step, n);
      moved(p, step);
    };
    int64_t i = from;
    for (; i + kWidth <= to; i += kWidth) some(i, kWidth);
    if (i < to) some(i, to - i);
  }
};

// Moves all that is given against its gradient; gives the gradient's sum of squares.
inline float advance(const Threads& threads, const Pace& pace, const Updated& u) {
  float sums[detail::kPieces] = {};
  detail::by_pieces(threads, u.size, [&](int64_t piece, int64_t from, int64_t to) {
    V squares{};
    const auto gradient = [&](int64_t i, int64_t n) {
      const V g = load_some(u.gradient + i, n);
      squares += g * g;
      return g;
    };
    const auto decays = [&](int64_t i, int64_t n) { return load_some(u.decays + i, n); };
    pace.advance(u.parameters, u.first, u.second, gradient, decays, from, to, [](V, V) {});
    sums[piece] = sum(squares);
  });
  return detail::total_of(sums);
}

// One update of a step whose learning rate is `rate`; `count` updates were made before. Gives the length of the gradient
// without penalties: where nothing hangs on it, it is added up on the way.
inline float update(const Threads& threads, const Adam& adam, const Updated& u, float rate, int64_t count) {
  const bool before = adam.waits();
  const float norm = before ? length(threads, u.gradient, u.size) : 0.0f;
  if (adam.penalises()) {
    detail::by_pieces(threads, u.size, [&](int64_t, int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i += kWidth) {
        const V p = load_some(u.parameters + i, to - i);
        const V penalty = load_some(u.decays + i, to - i) * adam.penalty(p);
        store_some(u.gradient + i, load_some(u.gradient + i, to - i) + penalty, to - i);
      }
    });
  }
  const bool longer = adam.penalises() && adam.clip_norm > 0.0f;
  const Pace pace(adam, longer ? length(threads, u.gradient, u.size) : norm, rate, count);
  const float squares = advance(threads, pace, u);
  return before ? norm : std::sqrt(squares);
}

}  // namespace lamina
