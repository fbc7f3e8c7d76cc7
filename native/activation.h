// Activations of vectors and their slopes.

#pragma once

#include <type_traits>

#include "vector.h"

namespace lamina {

enum class Activation : int64_t { kLinear = 0, kRelu = 1, kTanh = 2, kSigmoid = 3, kSilu = 4 };

struct Activated {
  V value, slope;
};

inline Activated activate(Activation kind, V z) {
  switch (kind) {
    case Activation::kLinear:
      return {z, broadcast(1.0f)};
    case Activation::kRelu:
      return {relu(z), z > V{} ? broadcast(1.0f) : V{}};
    case Activation::kTanh: {
      const V y = tanh(z);
      return {y, 1.0f - y * y};
    }
    case Activation::kSigmoid: {
      const V y = sigmoid(z);
      return {y, y * (1.0f - y)};
    }
    case Activation::kSilu: {
      const V s = sigmoid(z);
      return {z * s, s * (1.0f + z * (1.0f - s))};
    }
  }
  return {z, broadcast(1.0f)};
}

// Calls go(kind) with the activation as a constant.
template <class Go>
inline void with_activation(Activation kind, const Go& go) {
#define LAMINA_ACTIVATION(KIND) \
  case Activation::KIND:        \
    return go(std::integral_constant<Activation, Activation::KIND>{});
  switch (kind) {
    LAMINA_ACTIVATION(kLinear) LAMINA_ACTIVATION(kRelu) LAMINA_ACTIVATION(kTanh) LAMINA_ACTIVATION(kSigmoid)
    LAMINA_ACTIVATION(kSilu)
  }
#undef LAMINA_ACTIVATION
}

}  // namespace lamina
