// The convolution of conv2d.cc, for who calls it without XLA.

#pragma once

#include "parallel.h"
#include "window.h"

namespace lamina {

// A convolution with bias, and relu and a max pool where it has them: from `pictures` to `out`.
struct Convolution {
  Window window;
  Pool pool;
  bool relu;
  const float *pictures, *weights, *bias;
  float* out;
  uint8_t* winners;  // nullptr where nobody will ask
};

void convolve(const Threads& threads, const Convolution& c);

}  // namespace lamina
