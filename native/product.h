// A product of matrices, C = A B, as the files that make one are told of it.

#pragma once

#include <cstdint>

#include "vector.h"

namespace lamina {

constexpr int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// A matrix in memory; one of the two distances between neighbours is 1.
struct Matrix {
  const float* data;
  int64_t row, column;

  const float* at(int64_t i, int64_t j) const { return data + i * row + j * column; }
};

// What becomes of a finished part of C.
struct Plain {
  V operator()(V value, int64_t, int64_t) const { return value; }
};

struct Product {
  int64_t rows, columns, depth;
  Matrix a, b;
  float* c;
  int64_t stride;  // between rows of C
  bool add = false;  // to what C holds
  bool finite = false;  // B is: where A is zero it need not be read
};

}  // namespace lamina
