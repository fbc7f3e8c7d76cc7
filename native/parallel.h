// Work split into tasks over a few threads.
//
// The number of tasks is the caller's and must depend on shapes only: then results don't depend on the number of
// threads. The calling thread takes tasks as well and waits only for tasks that have begun, so nothing can deadlock
// whatever the others do.
//
// XLA's pool says how many threads there may be, but a thread of it that rests takes some 50 microseconds to wake up, as
// long as many an operation lasts, and operations follow each other closely. So there is a crew of our own, whose hands
// look out for the next job for a while before they go to sleep. It has one job at a time: who finds it busy, because
// another thread computes beside this one, asks XLA's pool.

#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>
#include <utility>

#include "xla/ffi/api/ffi.h"

namespace lamina {

namespace ffi = xla::ffi;

// Who does the work: at most `most` threads with the caller (0: as many as XLA's pool has); without a pool the crew.
struct Threads {
  ffi::ThreadPool* pool = nullptr;
  int64_t most = 1;

  int64_t count() const {
    if (pool == nullptr || most == 1) return most < 1 ? 1 : most;
    const int64_t there = pool->num_threads();
    return most <= 0 || there < most ? (there < 1 ? 1 : there) : most;
  }
};

namespace detail {

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Tasks that several threads take one after the other, some from the first on and some from the last: so in one job and
// the next a thread has much the same part of the data, which its cache still holds. Where more was touched than a cache
// holds, that is the last of it: so every other job goes `outward`, from where the threads met in the one before.
struct Tasks {
  std::atomic<uint64_t> taken{0};  // from the front; above them 32 bits of those from the back
  std::atomic<int64_t> done{0};

  // A part of what is left at a time, many at first and one by one in the end: each taking is a line of the cache that goes
  // from one thread's core to another's, and nobody should wait long for the last.
  template <class F>
  void take(int64_t tasks, int64_t hands, bool back, bool outward, const F& work) {
    const int64_t first = outward ? tasks / 2 : 0;
    int64_t finished = 0;
    for (int64_t left = tasks; left > 0;) {
      const int64_t part = left / (2 * hands), some = part > 1 ? part : 1;
      const uint64_t before = taken.fetch_add(static_cast<uint64_t>(some) << (back ? 32 : 0), std::memory_order_relaxed);
      const auto front = static_cast<int64_t>(before & 0xffffffff), behind = static_cast<int64_t>(before >> 32);
      left = tasks - front - behind;
      const int64_t from = back ? behind : front, these = some < left ? some : left;
      for (int64_t count = from; count < from + these; ++count, ++finished) {
        const int64_t task = back == outward ? first + count : first - 1 - count;
        work(task < 0 ? task + tasks : task < tasks ? task : task - tasks);
      }
      left -= these;
    }
    done.fetch_add(finished, std::memory_order_release);
  }
  void wait(int64_t tasks) const {
    for (int spins = 0; done.load(std::memory_order_acquire) < tasks; ++spins)
      spins < 20000 ? pause() : std::this_thread::yield();
  }
};

// Threads that look out for a job for about 100 microseconds behind the last one, then sleep until they are called. They
// and the crew live as long as the process.
class Crew {
 public:
  static Crew& instance() {
    static Crew* const crew = new Crew;
    return *crew;
  }

  // False, and nothing is done, where the crew has a job already.
  template <class F>
  bool run(int64_t hands, int64_t tasks, const F& work) {
    if (busy_.exchange(true, std::memory_order_acquire)) return false;
    for (; there_ < hands - 1 && there_ < kMost; ++there_) std::thread([this, number = there_] { live(number); }).detach();
    tasks_.taken.store(0, std::memory_order_relaxed);
    tasks_.done.store(0, std::memory_order_relaxed);
    count_ = tasks;
    wanted_ = hands - 1;
    if (tasks >= kMany) outward_ = !outward_;
    work_ = &work;
    call_ = [](Crew& crew, bool back) {
      crew.tasks_.take(crew.count_, crew.wanted_ + 1, back, crew.outward_, *static_cast<const F*>(crew.work_));
    };
    open_.store(true);
    job_.fetch_add(1);
    if (asleep_.load() > 0) syscall(SYS_futex, &job_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
    tasks_.take(tasks, hands, false, outward_, work);
    // Who comes from now on finds the job closed; who is in it is waited for, as `work` goes with us.
    open_.store(false);
    for (int spins = 0; inside_.load() > 0; ++spins) spins < 20000 ? pause() : std::this_thread::yield();
    busy_.store(false, std::memory_order_release);
    return true;
  }

 private:
  static constexpr int64_t kMost = 255;
  static constexpr int64_t kMany = 16;  // tasks: jobs of fewer are small, and stand between two of the same data
  static constexpr auto kLookout = std::chrono::microseconds(100);

  void live(int64_t number) {
    for (uint32_t seen = 0;;) {
      seen = next_job(seen);
      inside_.fetch_add(1);
      if (open_.load() && number < wanted_) call_(*this, number % 2 == 0);
      inside_.fetch_sub(1);
    }
  }

  uint32_t next_job(uint32_t seen) {
    const auto end = std::chrono::steady_clock::now() + kLookout;
    // A pause is 40 to 140 cycles, as processors go, and the clock's answer as long: it is not asked every time.
    for (int looks = 1; looks % 32 != 0 || std::chrono::steady_clock::now() < end; ++looks) {
      if (const uint32_t now = job_.load(); now != seen) return now;
      pause();
    }
    asleep_.fetch_add(1);
    while (job_.load() == seen) syscall(SYS_futex, &job_, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
    asleep_.fetch_sub(1);
    return job_.load();
  }

  std::atomic<bool> busy_{false}, open_{false};
  bool outward_ = false;  // whether the job goes so
  std::atomic<uint32_t> job_{0};  // how many there were
  std::atomic<int64_t> inside_{0}, asleep_{0};
  Tasks tasks_;
  int64_t count_ = 0, wanted_ = 0, there_ = 0;
  const void* work_ = nullptr;
  void (*call_)(Crew&, bool) = nullptr;
};

// The same on XLA's pool.
template <class F>
void on_pool(ffi::ThreadPool& pool, int64_t hands, int64_t tasks, const F& work) {
  // A helper may start when all is done and we are gone: it then finds no task left, and never touches `work`.
  auto shared = std::make_shared<Tasks>();
  for (int64_t hand = 1; hand < hands; ++hand)
    pool.Schedule([=, &work] { shared->take(tasks, hands, hand % 2 == 1, false, work); });
  shared->take(tasks, hands, false, false, work);
  shared->wait(tasks);
}

}  // namespace detail

// work(0), ..., work(tasks - 1), in any order and place.
template <class F>
void parallel(const Threads& threads, int64_t tasks, const F& work) {
  const int64_t hands = threads.count() < tasks ? threads.count() : tasks;
  if (hands > 1 && detail::Crew::instance().run(hands, tasks, work)) return;
  if (hands > 1 && threads.pool != nullptr) return detail::on_pool(*threads.pool, hands, tasks, work);
  for (int64_t task = 0; task < tasks; ++task) work(task);
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

// What no other call has: by it a thread knows whether it has met a call before.
inline uint64_t call_number() {
  static std::atomic<uint64_t> calls{0};
  return ++calls;
}

// Floats that `fill(floats)` makes, once a thread and call: what one thread has just written another gets slowly.
template <class Use, class Fill>
const float* prepared(uint64_t call, size_t count, const Fill& fill) {
  thread_local uint64_t last = 0;
  float* data = scratch<Use>(count);
  if (last != call) fill(data);
  last = call;
  return data;
}

}  // namespace lamina
