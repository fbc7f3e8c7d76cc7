// Vectors of floats as wide as the processor's registers, and the functions that networks need of them.
//
// GCC's and Clang's vector extensions with the width as a constant: the same source becomes AVX2 or AVX-512.

#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__AVX2__)
#include <immintrin.h>  // for masks alone: the vector extensions have none
#endif

namespace lamina {

#if defined(__AVX512F__)
constexpr int kWidth = 16;
#else
constexpr int kWidth = 8;
#endif

using V = float __attribute__((vector_size(kWidth * 4)));
using I = int32_t __attribute__((vector_size(kWidth * 4)));
using U = uint32_t __attribute__((vector_size(kWidth * 4)));
// The same in memory: at any address, and allowed to be seen as other types.
using VMemory = float __attribute__((vector_size(kWidth * 4), aligned(4), may_alias));
using IMemory = int32_t __attribute__((vector_size(kWidth * 4), aligned(4), may_alias));

inline V load(const float* p) { return *reinterpret_cast<const VMemory*>(p); }
inline void store(float* p, V v) { *reinterpret_cast<VMemory*>(p) = v; }
inline V broadcast(float x) { return x - V{}; }
inline I bits(V v) { return reinterpret_cast<I>(v); }
inline V floats(I i) { return reinterpret_cast<V>(i); }

// The lane numbers 0, 1, 2, ...
inline I lanes() {
  I i;
  for (int k = 0; k < kWidth; ++k) i[k] = k;
  return i;
}

// As many bytes as a vector has lanes, as whole numbers (0 to 255); of the first `count` of them. By the processor's own
// instructions: GCC 12 makes some sixty of __builtin_convertvector.
inline I load_bytes(const uint8_t* p, int64_t count) {
#if defined(__AVX512F__)
  const auto there = static_cast<__mmask16>(count >= kWidth ? 0xffff : (1u << (count > 0 ? count : 0)) - 1);
  return reinterpret_cast<I>(_mm512_maskz_cvtepu8_epi32(0xffff, _mm_maskz_loadu_epi8(there, p)));
#else
  using Bytes = uint8_t __attribute__((vector_size(kWidth)));
  Bytes narrow{};
  // A constant size is one instruction, any other a call.
  count >= kWidth ? std::memcpy(&narrow, p, sizeof narrow) : std::memcpy(&narrow, p, static_cast<size_t>(count));
#if defined(__AVX2__)
  return reinterpret_cast<I>(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(reinterpret_cast<int64_t>(narrow))));
#else
  return __builtin_convertvector(narrow, I);
#endif
#endif
}

inline void store_bytes(uint8_t* p, I values, int64_t count) {
#if defined(__AVX512F__)
  const auto there = static_cast<__mmask16>(count >= kWidth ? 0xffff : (1u << (count > 0 ? count : 0)) - 1);
  _mm_mask_storeu_epi8(p, there, _mm512_maskz_cvtepi32_epi8(0xffff, reinterpret_cast<__m512i>(values)));
#else
  using Bytes = uint8_t __attribute__((vector_size(kWidth)));
#if defined(__AVX2__)
  const auto eight = reinterpret_cast<__m256i>(values);
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  const auto narrow = reinterpret_cast<Bytes>(_mm_cvtsi128_si64(_mm_packus_epi16(words, words)));
#else
  const Bytes narrow = __builtin_convertvector(values, Bytes);
#endif
  count >= kWidth ? std::memcpy(p, &narrow, sizeof narrow) : std::memcpy(p, &narrow, static_cast<size_t>(count));
#endif
}

// The first `count` numbers (the others 0); nothing beyond them is touched.
inline V load_some(const float* p, int64_t count) {
  if (count >= kWidth) return load(p);
#if defined(__AVX512F__)
  return reinterpret_cast<V>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << (count > 0 ? count : 0)) - 1), p));
#elif defined(__AVX2__)
  const I mask = lanes() < static_cast<int32_t>(count);
  return reinterpret_cast<V>(_mm256_maskload_ps(p, reinterpret_cast<__m256i>(mask)));
#else
  V v{};
  for (int64_t k = 0; k < count; ++k) v[k] = p[k];
  return v;
#endif
}

inline void store_some(float* p, V v, int64_t count) {
  if (count >= kWidth) return store(p, v);
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << (count > 0 ? count : 0)) - 1), reinterpret_cast<__m512>(v));
#elif defined(__AVX2__)
  // By parts: a masked store takes AMD's processors a dozen cycles.
  if (count <= 0) return;
  auto part = _mm256_castps256_ps128(reinterpret_cast<__m256>(v));
  if ((count & 4) != 0) {
    _mm_storeu_ps(p, part);
    part = _mm256_extractf128_ps(reinterpret_cast<__m256>(v), 1);
    p += 4;
  }
  if ((count & 2) != 0) {
    _mm_storel_pi(reinterpret_cast<__m64*>(p), part);
    part = _mm_movehl_ps(part, part);
    p += 2;
  }
  if ((count & 1) != 0) _mm_store_ss(p, part);
#else
  for (int64_t k = 0; k < count; ++k) p[k] = v[k];
#endif
}

namespace detail {

// Swaps what the rows' lanes `Step` apart say of each other, for each pair of rows `Step` apart.
template <int Step, int... Lane>
inline void exchange(V* rows, std::integer_sequence<int, Lane...>) {
  for (int i = 0; i < kWidth; ++i) {
    if ((i & Step) != 0) continue;
    const V low = rows[i], high = rows[i + Step];
    rows[i] = __builtin_shufflevector(low, high, ((Lane & Step) != 0 ? kWidth + Lane - Step : Lane)...);
    rows[i + Step] = __builtin_shufflevector(low, high, ((Lane & Step) != 0 ? kWidth + Lane : Lane + Step)...);
  }
}

}  // namespace detail

// A square of kWidth rows becomes its columns.
inline void transpose(V* rows) {
  constexpr auto all = std::make_integer_sequence<int, kWidth>{};
  detail::exchange<1>(rows, all);
  detail::exchange<2>(rows, all);
  detail::exchange<4>(rows, all);
  if constexpr (kWidth == 16) detail::exchange<8>(rows, all);
}

inline V select(I mask, V yes, V no) { return mask ? yes : no; }
// Whether a comparison holds in any lane.
inline bool any(I mask) {
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask(reinterpret_cast<__m512i>(mask), reinterpret_cast<__m512i>(mask)) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(reinterpret_cast<__m256>(mask)) != 0;
#else
  int32_t all = 0;
  for (int k = 0; k < kWidth; ++k) all |= mask[k];
  return all != 0;
#endif
}
// As the scalar formulas say it: the second where the comparison fails, so NaN in `a` gives `b`.
inline V max(V a, V b) { return a > b ? a : b; }
inline V min(V a, V b) { return a < b ? a : b; }
// Whether the other is the larger; NaN before all, and the first of equals.
inline I larger(V other, V best) { return (other > best) | (other != other); }
// The larger of each lane, and which it was.
inline void compete(V& best, I& winner, V other, int32_t number) {
  const I better = larger(other, best);
  best = better ? other : best;
  winner = better ? number + I{} : winner;
}
// relu that hands NaN on, as JAX's does.
inline V relu(V a) { return a < V{} ? V{} : a; }

namespace detail {

using V8 = float __attribute__((vector_size(32)));
using V4 = float __attribute__((vector_size(16)));
using V2 = float __attribute__((vector_size(8)));

// The two halves of a vector added up.
template <class Half, class Whole>
inline Half halved(const Whole& v) {
  static_assert(2 * sizeof(Half) == sizeof(Whole));
  Half low, high;
  std::memcpy(&low, &v, sizeof low);
  std::memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof low, sizeof high);
  return low + high;
}

}  // namespace detail

// The numbers of a vector added up by halves, always in the same order.
inline float sum(V v) {
#if defined(__AVX512F__)
  const auto eight = detail::halved<detail::V8>(v);
#else
  const detail::V8 eight = v;
#endif
  const auto two = detail::halved<detail::V2>(detail::halved<detail::V4>(eight));
  return two[0] + two[1];
}

// e^x to about 1 unit in the last place: x = n log 2 + r, a polynomial of degree 6 in r. 0 below -87.3, inf above 88.7.
inline V exp(V x) {
  const V n_real = x * 1.44269504088896341f;
  // To the nearest whole number by the rounding of the addition itself.
  const V big = broadcast(12582912.0f);  // 1.5 * 2^23
  V n = (n_real + big) - big;
  n = max(min(n, broadcast(129.0f)), broadcast(-128.0f));
  V r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  V p = broadcast(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  // 2^n in two factors, so that n = 128 is no infinity before its time.
  const I whole = __builtin_convertvector(n, I);
  const I half = whole >> 1;
  const V low = floats((half + 127) << 23), high = floats((whole - half + 127) << 23);
  V y = p * low * high;
  y = select(x > broadcast(88.72283f), broadcast(__builtin_inff()), y);
  y = select(x < broadcast(-87.33654f), V{}, y);
  return select(x != x, x, y);
}

inline V sqrt(V x) {
#if defined(__AVX512F__)
  return reinterpret_cast<V>(_mm512_maskz_sqrt_ps(0xffff, reinterpret_cast<__m512>(x)));
#elif defined(__AVX2__)
  return reinterpret_cast<V>(_mm256_sqrt_ps(reinterpret_cast<__m256>(x)));
#else
  for (int k = 0; k < kWidth; ++k) x[k] = __builtin_sqrtf(x[k]);
  return x;
#endif
}

// log x for finite normal x > 0: x = 2^n (1 + t) with 1 + t in [sqrt 1/2, sqrt 2), a polynomial in t.
inline V log(V x) {
  const I shifted = bits(x) - 0x3f3504f3;
  const I n = shifted >> 23;
  const V t = floats((shifted & 0x007fffff) + 0x3f3504f3) - 1.0f;
  V p = broadcast(7.0376836292e-2f);
  p = p * t - 1.1514610310e-1f;
  p = p * t + 1.1676998740e-1f;
  p = p * t - 1.2420140846e-1f;
  p = p * t + 1.4249322787e-1f;
  p = p * t - 1.6668057665e-1f;
  p = p * t + 2.0000714765e-1f;
  p = p * t - 2.4999993993e-1f;
  p = p * t + 3.3333331174e-1f;
  const V s = t * t, whole = __builtin_convertvector(n, V);
  V y = t * s * p + whole * -2.12194440e-4f - 0.5f * s;
  return t + y + whole * 0.693359375f;
}

struct Waves {
  V sine, cosine;
};

// Sine and cosine to about 1 unit in the last place of a number about 1: x = n pi/2 + r, polynomials in r, |r| <= pi/4.
// pi/2 is taken off in three parts, of which n up to 2^13 takes exact multiples; numbers beyond go to the C library.
inline Waves waves(V x) {
  if (any(!((x < V{} ? -x : x) < broadcast(8192.0f)))) {
    Waves far;
    for (int k = 0; k < kWidth; ++k) {
      far.sine[k] = std::sin(x[k]);
      far.cosine[k] = std::cos(x[k]);
    }
    return far;
  }
  const V big = broadcast(12582912.0f);  // 1.5 * 2^23: rounds to the nearest whole number
  const V n = (x * 0.636619772367581343f + big) - big;
  V r = x - n * 1.5703125f;
  r = r - n * 4.837512969970703125e-4f;
  r = r - n * 7.54978995489188216e-8f;
  const V square = r * r;
  V s = broadcast(-1.9515295891e-4f);
  s = s * square + 8.3321608736e-3f;
  s = s * square - 1.6666654611e-1f;
  s = s * (square * r) + r;
  V c = broadcast(2.443315711809948e-5f);
  c = c * square - 1.388731625493765e-3f;
  c = c * square + 4.166664568298827e-2f;
  c = c * (square * square) - 0.5f * square + 1.0f;
  const I turns = __builtin_convertvector(n, I);
  const I odd = (turns & 1) != 0;
  const V sine = odd ? c : s, cosine = odd ? s : c;
  return {(turns & 2) != 0 ? -sine : sine, ((turns + 1) & 2) != 0 ? -cosine : cosine};
}

inline V sigmoid(V x) { return 1.0f / (1.0f + exp(-x)); }

// tanh from e^(-2|x|), and near 0, where that would cancel, from its odd polynomial.
inline V tanh(V x) {
  const V size = x < V{} ? -x : x;
  const V e = exp(-2.0f * size);
  V far = (1.0f - e) / (1.0f + e);
  far = x < V{} ? -far : far;
  const V s = x * x;
  V p = broadcast(-5.70498872745e-3f);
  p = p * s + 2.06390887954e-2f;
  p = p * s - 5.37397155531e-2f;
  p = p * s + 1.33314422036e-1f;
  p = p * s - 3.33332819422e-1f;
  const V near = x + x * s * p;
  return select(size < broadcast(0.625f), near, select(x != x, x, far));
}

// Words stirred, each by itself.
inline U mixed(U words) {
  words = (words ^ (words >> 16)) * 0x21F0AAADu;
  words = (words ^ (words >> 15)) * 0xD35A2D97u;
  return words ^ (words >> 15);
}

// The random bits of the places from that one on, as lamina.kernels.random_bits makes them for a key of two words.
inline U random_bits(uint32_t place, uint32_t first, uint32_t second) {
  return mixed(mixed(reinterpret_cast<U>(lanes()) + (place + first)) ^ second);
}

}  // namespace lamina
