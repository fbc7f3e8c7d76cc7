// The functions of a recurrent network's gates, as fractions: two of them share one division, which is slow.

#pragma once

#include "vector.h"

namespace lamina {

struct Fraction {
  V top, bottom;
};

// e^x = scale + rest, where rest keeps its last places when x is small.
struct Power {
  V scale, rest;
};

// 2^n e^r: for e^r - 1 a polynomial of least relative error on |r| <= log(2) / 2 (3e-9, by iterated least squares). Good
// for |x| < 87; NaN stays NaN.
inline Power power(V x) {
  const V big = broadcast(12582912.0f);  // 1.5 * 2^23: the addition rounds to a whole number and leaves it in the low bits
  const V shifted = x * 1.44269504088896341f + big;
  const V r = x - (shifted - big) * 0.693147180559945286f;
  V p = r * 1.3814467238262296e-3f + 8.368780836462975e-3f;
  p = p * r + 4.166839271783829e-2f;
  p = p * r + 1.666651964187622e-1f;
  p = p * r + 4.999999403953552e-1f;
  const V scale = floats((bits(shifted) << 23) + bits(broadcast(1.0f)));
  return {scale, scale * (p * (r * r) + r)};
}

inline V within(V x, float limit) { return max(broadcast(-limit), min(broadcast(limit), x)); }

// 1 / (1 + e^-x), beyond 43 as at 43 (2e-19 from 0 or 1), so that the product of two bottoms is finite.
inline Fraction sigmoid_fraction(V x) {
  const Power e = power(within(-x, 43.0f));
  return {broadcast(1.0f), 1.0f + (e.scale + e.rest)};
}

// (e^2x - 1) / (e^2x + 1), to the last places also near 0; 1 beyond 9.
inline Fraction tanh_fraction(V x) {
  const Power e = power(within(2.0f * x, 20.0f));
  const V less_one = (e.scale - 1.0f) + e.rest;
  return {less_one, less_one + 2.0f};
}

inline V divided(Fraction a) { return a.top / a.bottom; }

inline void divide(Fraction a, Fraction b, V& first, V& second) {
  const V both = 1.0f / (a.bottom * b.bottom);
  first = a.top * (both * b.bottom);
  second = b.top * (both * a.bottom);
}

}  // namespace lamina
