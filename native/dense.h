// A dense layer's answers, for XLA's handler (dense.cc) and for who calls it without XLA.

#pragma once

#include "gemm.h"

namespace lamina {

struct DenseLayer {
  int64_t in, out;
  const float *weight, *bias;
  bool relu;
  bool finite = false;  // all weights are
};

// y [rows][out] = relu(x [rows][in] W + bias), relu where the layer has it.
inline void dense(const Threads& threads, const DenseLayer& layer, int64_t rows, const float* x, float* y) {
  Product product{rows, layer.out, layer.in, {x, layer.in, 1}, {layer.weight, layer.out, 1}, y, layer.out};
  product.finite = layer.finite;
  gemm(threads, product, [&](V value, int64_t, int64_t column) {
    value += load_some(layer.bias + column, layer.out - column);
    return layer.relu ? relu(value) : value;
  });
}

}  // namespace lamina
