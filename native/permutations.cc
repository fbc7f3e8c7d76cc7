// Rows in random orders: each place's rank is a hash of it and the order's key, and the rows are sorted by their ranks.
//
// Ranks are spread evenly, so their first bits say nearly where each belongs: one pass counts them, one puts them there,
// and what came too close together changes places.

#include <algorithm>
#include <new>

#include "parallel.h"
#include "vector.h"

namespace lamina {
namespace {

struct RankScratch {};
struct SortedScratch {};
struct BucketScratch {};

// As many first bits as make about two buckets a row, and no more than a cache holds.
int bits_for(int64_t count) {
  int bits = 1;
  while (bits < 16 && (int64_t{1} << bits) < 2 * count) ++bits;
  return bits;
}

void order(const int32_t* rows, int64_t count, uint32_t first, uint32_t second, int32_t* to) {
  const int bits = bits_for(count), shift = 32 - bits;
  auto* ranks = reinterpret_cast<uint32_t*>(scratch<RankScratch>(static_cast<size_t>(count + kWidth)));
  auto* sorted = reinterpret_cast<uint64_t*>(scratch<SortedScratch>(static_cast<size_t>(2 * count)));
  auto* buckets = reinterpret_cast<uint32_t*>(scratch<BucketScratch>(size_t{1} << bits));
  std::fill_n(buckets, size_t{1} << bits, 0);
  for (int64_t i = 0; i < count; i += kWidth) {
    const U stirred = random_bits(static_cast<uint32_t>(i), first, second);
    std::memcpy(ranks + i, &stirred, sizeof stirred);
  }
  for (int64_t i = 0; i < count; ++i) ++buckets[ranks[i] >> shift];
  uint32_t begin = 0;
  for (int64_t bucket = 0; bucket < int64_t{1} << bits; ++bucket) {
    const uint32_t size = buckets[bucket];
    buckets[bucket] = begin;
    begin += size;
  }
  for (int64_t i = 0; i < count; ++i)
    sorted[buckets[ranks[i] >> shift]++] = static_cast<uint64_t>(ranks[i]) << 32 | static_cast<uint64_t>(i);
  for (int64_t i = 1; i < count; ++i) {
    const uint64_t rank = sorted[i];
    int64_t at = i;
    for (; at > 0 && sorted[at - 1] > rank; --at) sorted[at] = sorted[at - 1];
    sorted[at] = rank;
  }
  for (int64_t i = 0; i < count; ++i) to[i] = rows[sorted[i] & 0xffffffff];
}

}  // namespace
}  // namespace lamina

// For each of `orders` keys (a word of `first`, one of `second`) the `count` rows in its order, to[orders][count]. 1 where
// memory runs out, 0 otherwise.
extern "C" __attribute__((visibility("default"))) int32_t lamina_permutations(const int32_t* rows, int64_t count,
                                                                              const uint32_t* first,
                                                                              const uint32_t* second, int64_t orders,
                                                                              int32_t* to, int64_t threads) noexcept {
  try {
    lamina::parallel({nullptr, count * orders < (1 << 12) ? 1 : threads}, orders, [&](int64_t i) {
      lamina::order(rows, count, first[i], second[i], to + i * count);
    });
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}
