// The cell of the gated recurrent unit (Cho et al. 2014), the reset gate behind the recurrent product, as cuDNN and torch
// have it; as recurrence.h wants it.

#pragma once

#include "gates.h"

namespace lamina {

// Gates: reset, update, new. Sums: what h says to the new gate, which reset multiplies; reset; update; what x says to
// the new gate. Kept: reset, update, new, and the first sum.
struct Gru {
  static constexpr int kGates = 3, kSums = 4, kSpan = 1, kStates = 1, kKept = 4;
  static constexpr bool kBeside = true;

  static inline __attribute__((always_inline)) void forward(const V* sum, V* state, V* kept) {
    V reset, update;
    divide(sigmoid_fraction(sum[1]), sigmoid_fraction(sum[2]), reset, update);
    const V fresh = divided(tanh_fraction(sum[3] + reset * sum[0]));
    state[0] = fresh + update * (state[0] - fresh);
    kept[0] = reset, kept[1] = update, kept[2] = fresh, kept[3] = sum[0];
  }

  static inline __attribute__((always_inline)) void backward(const V* kept, V before, V, V* to_state, V* to_sum) {
    const V reset = kept[0], update = kept[1], fresh = kept[2], to_y = to_state[0];
    const V to_fresh = to_y * (1.0f - update) * (1.0f - fresh * fresh);
    to_sum[0] = to_fresh * reset;
    to_sum[1] = to_fresh * kept[3] * reset * (1.0f - reset);
    to_sum[2] = to_y * (before - fresh) * update * (1.0f - update);
    to_sum[3] = to_fresh;
    to_state[0] = to_y * update;
  }
};

}  // namespace lamina
