// The cells of the plain recurrent network (Elman 1990), with tanh or relu, as recurrence.h wants them.

#pragma once

#include "gates.h"

namespace lamina {

struct Tanh {
  static inline V value(V x) { return divided(tanh_fraction(x)); }
  static inline V slope(V y) { return 1.0f - y * y; }
};

struct Relu {
  static inline V value(V x) { return relu(x); }
  static inline V slope(V y) { return select(y > V{}, broadcast(1.0f), V{}); }
};

// One gate, so that a panel has two vectors of units; what comes out is all that is kept.
template <class Function>
struct Rnn {
  static constexpr int kGates = 1, kSums = 1, kSpan = 2, kStates = 1, kKept = 0;
  static constexpr bool kBeside = false;

  static inline __attribute__((always_inline)) void forward(const V* sum, V* state, V*) {
    state[0] = Function::value(sum[0]);
  }

  static inline __attribute__((always_inline)) void backward(const V*, V, V y, V* to_state, V* to_sum) {
    to_sum[0] = to_state[0] * Function::slope(y);
  }
};

}  // namespace lamina
