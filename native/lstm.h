// The cell of the long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), as
// recurrence.h wants it.

#pragma once

#include "gates.h"

namespace lamina {

// Gates and sums: in, forget, cell, out. Beside h goes the cell c. Kept: the gates after their functions, c before.
struct Lstm {
  static constexpr int kGates = 4, kSums = 4, kSpan = 1, kStates = 2, kKept = 5;
  static constexpr bool kBeside = false;

  static inline __attribute__((always_inline)) void forward(const V* sum, V* state, V* kept) {
    V in, forget, cell, out;
    divide(sigmoid_fraction(sum[0]), sigmoid_fraction(sum[1]), in, forget);
    divide(tanh_fraction(sum[2]), sigmoid_fraction(sum[3]), cell, out);
    const V before = state[1];
    state[1] = forget * before + in * cell;
    state[0] = out * divided(tanh_fraction(state[1]));
    kept[0] = in, kept[1] = forget, kept[2] = cell, kept[3] = out, kept[4] = before;
  }

  static inline __attribute__((always_inline)) void backward(const V* kept, V, V y, V* to_state, V* to_sum) {
    const V in = kept[0], forget = kept[1], cell = kept[2], out = kept[3], before = kept[4], to_y = to_state[0];
    // out (1 - tanh(c)^2), from y = out tanh(c): no tanh a second time.
    const V to_cell = to_state[1] + to_y * (out - y * y / out);
    to_sum[0] = to_cell * cell * in * (1.0f - in);
    to_sum[1] = to_cell * before * forget * (1.0f - forget);
    to_sum[2] = to_cell * in * (1.0f - cell * cell);
    to_sum[3] = to_y * y * (1.0f - out);
    to_state[1] = to_cell * forget;
  }
};

}  // namespace lamina
