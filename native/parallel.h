// Work split into tasks over XLA's thread pool.
//
// The number of tasks is the caller's and must depend on shapes only: then results don't depend on the number of
// threads. The calling thread takes tasks as well and waits only for tasks that have begun, so nothing can deadlock
// when all threads of the pool sit in kernels like this one.

#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>
#include <utility>

#include "xla/ffi/api/ffi.h"

namespace lamina {

namespace ffi = xla::ffi;

// Who does the work: XLA's threads, at most `most` of them with the caller (0: as many as there are).
struct Threads {
  ffi::ThreadPool* pool = nullptr;
  int64_t most = 1;

  int64_t count() const {
    if (pool == nullptr || most == 1) return 1;
    const int64_t there = pool->num_threads();
    return most <= 0 || there < most ? (there < 1 ? 1 : there) : most;
  }
};

namespace detail {

struct Shared {
  std::atomic<int64_t> next{0}, done{0};
};

template <class F>
void take(Shared& shared, int64_t tasks, const F& work) {
  for (int64_t task; (task = shared.next.fetch_add(1, std::memory_order_relaxed)) < tasks;) {
    work(task);
    shared.done.fetch_add(1, std::memory_order_release);
  }
}

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace detail

// work(0), ..., work(tasks - 1), in any order and place.
template <class F>
void parallel(const Threads& threads, int64_t tasks, const F& work) {
  const int64_t hands = threads.count() < tasks ? threads.count() : tasks;
  if (hands <= 1) {
    for (int64_t task = 0; task < tasks; ++task) work(task);
    return;
  }
  // A helper may start when all is done and we are gone: it then finds no task left, and never touches `work`.
  auto shared = std::make_shared<detail::Shared>();
  for (int64_t hand = 1; hand < hands; ++hand)
    threads.pool->Schedule([shared, tasks, &work] { detail::take(*shared, tasks, work); });
  detail::take(*shared, tasks, work);
  for (int spins = 0; shared->done.load(std::memory_order_acquire) < tasks; ++spins)
    spins < 20000 ? detail::pause() : std::this_thread::yield();
}

// The part of [0, size) that is the given task's, in multiples of `unit`.
inline std::pair<int64_t, int64_t> share(int64_t size, int64_t tasks, int64_t task, int64_t unit = 1) {
  const int64_t units = (size + unit - 1) / unit;
  const int64_t from = units * task / tasks * unit, to = units * (task + 1) / tasks * unit;
  return {from < size ? from : size, to < size ? to : size};
}

// Floats on a cache line's boundary that a thread keeps from call to call: one for each `Use`.
template <class Use>
float* scratch(size_t count) {
  struct Block {
    float* data = nullptr;
    size_t count = 0;
    ~Block() { std::free(data); }
  };
  thread_local Block block;
  if (block.count < count) {
    std::free(block.data);
    block.count = 0;
    // A few lines more than asked for: vectors may read beyond the end.
    const size_t bytes = ((count + 64) * sizeof(float) + 127) / 64 * 64;
    block.data = static_cast<float*>(std::aligned_alloc(64, bytes));
    if (block.data == nullptr) throw std::bad_alloc();
    block.count = count;
  }
  return block.data;
}

}  // namespace lamina
