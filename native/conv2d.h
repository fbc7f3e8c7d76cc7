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
  const float* turned = nullptr;  // what turn_kernels() makes of the weights; nullptr: it is made on the way
};

void convolve(const Threads& threads, const Convolution& c);

// The weights turned for Winograd's tiles (winograd.h), for who convolves by them again and again. Gives how many floats
// that is, and with `to` writes them; 0 where the convolution has other forms.
int64_t turn_kernels(const Convolution& c, float* to);

}  // namespace lamina
