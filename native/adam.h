// Adam over one flat vector, with penalties, clipping and decoupled decay, as lamina.optimizers chains them.

#pragma once

#include <cmath>
#include <cstdint>

#include "parallel.h"
#include "vector.h"

namespace lamina {

struct Adam {
  float b1, b2, weight_decay, l1, l2, clip_norm;
};

// What is updated: parameters, both moments, the gradient, and 1 where an entry decays.
struct Updated {
  float *parameters, *first, *second, *gradient;
  const float* decays;
  int64_t size;
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

inline V sign(V x) { return (x > V{} ? broadcast(1.0f) : V{}) - (x < V{} ? broadcast(1.0f) : V{}); }

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
  float total = 0.0f;
  for (float s : sums) total += s;
  return std::sqrt(total);
}

// One update of a step whose learning rate is `rate`; `count` updates were made before.
inline void update(const Threads& threads, const Adam& adam, const Updated& u, float norm, float rate, int64_t count) {
  const bool penalised = adam.l1 != 0.0f || adam.l2 != 0.0f;
  if (penalised) {
    detail::by_pieces(threads, u.size, [&](int64_t, int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i += kWidth) {
        const V p = load_some(u.parameters + i, to - i);
        const V penalty = load_some(u.decays + i, to - i) * (detail::sign(p) * adam.l1 + p * adam.l2);
        store_some(u.gradient + i, load_some(u.gradient + i, to - i) + penalty, to - i);
      }
    });
    if (adam.clip_norm > 0.0f) norm = length(threads, u.gradient, u.size);
  }
  const float shorten = adam.clip_norm > 0.0f && norm > adam.clip_norm ? adam.clip_norm / std::max(norm, 1e-30f) : 1.0f;
  const float first = 1.0f - static_cast<float>(std::pow(static_cast<double>(adam.b1), static_cast<double>(count + 1)));
  const float second = 1.0f - static_cast<float>(std::pow(static_cast<double>(adam.b2), static_cast<double>(count + 1)));
  const float up = rate / first, spread = 1.0f / second, decay = rate * adam.weight_decay;
  const auto some = [&](int64_t i, int64_t n) __attribute__((always_inline)) {
    const V p = load_some(u.parameters + i, n), g = load_some(u.gradient + i, n) * shorten;
    const V m = load_some(u.first + i, n) * adam.b1 + g * (1.0f - adam.b1);
    const V v = load_some(u.second + i, n) * adam.b2 + g * g * (1.0f - adam.b2);
    const V step = m * up / (sqrt(v * spread) + 1e-8f) + load_some(u.decays + i, n) * decay * p;
    store_some(u.first + i, m, n);
    store_some(u.second + i, v, n);
    store_some(u.parameters + i, p - step, n);
  };
  detail::by_pieces(threads, u.size, [&](int64_t, int64_t from, int64_t to) {
    int64_t i = from;
    for (; i + kWidth <= to; i += kWidth) some(i, kWidth);
    if (i < to) some(i, to - i);
  });
}

}  // namespace lamina
