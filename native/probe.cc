// Says what the library was built against, and proves that XLA runs what is in it: the one handler that tests of the
// loader need, and nothing that a network needs.

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

constexpr int64_t kChunk = 4096;  // numbers; fixed, so that who computes what never depends on the number of threads

// One call's work. Whoever comes takes the next chunk; tasks of the pool that start late find none left, so the caller
// never waits for a task that has not started (on a pool of one thread, its own, it would wait forever).
struct Work {
  const float* x;
  float* y;
  int64_t size;
  std::atomic<int64_t> next{0}, done{0};

  int64_t chunks() const { return (size + kChunk - 1) / kChunk; }

  void help() {
    for (int64_t chunk; (chunk = next.fetch_add(1)) < chunks(); done.fetch_add(1)) {
      const int64_t end = chunk + 1 < chunks() ? (chunk + 1) * kChunk : size;
      for (int64_t i = chunk * kChunk; i < end; ++i) y[i] = x[i] + 1;
    }
  }
};

ffi::Error probe(ffi::ThreadPool pool, int64_t threads, ffi::Buffer<ffi::F32> x, ffi::ResultBuffer<ffi::F32> y) {
  auto work = std::make_shared<Work>();
  work->x = x.typed_data();
  work->y = y->typed_data();
  work->size = static_cast<int64_t>(x.element_count());
  const int64_t most = threads > 0 ? threads : pool.num_threads();
  for (int64_t helper = 1; helper < most && helper < work->chunks(); ++helper) pool.Schedule([work] { work->help(); });
  work->help();
  while (work->done.load() < work->chunks()) std::this_thread::yield();
  return ffi::Error::Success();
}

}  // namespace

// The version of XLA's interface in the headers at hand, major * 1000 + minor: lamina/kernels/native.py compares it with
// the one that runs before it registers anything.
extern "C" __attribute__((visibility("default"))) int32_t lamina_ffi_version() {
  return XLA_FFI_API_MAJOR * 1000 + XLA_FFI_API_MINOR;
}

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_probe, probe,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Attr<int64_t>("threads")
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>());
