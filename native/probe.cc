// Says what the library was built against, and proves that XLA runs what is in it: the one handler that tests of the
// loader need, and nothing that a network needs.

#include <cstdint>

#include "parallel.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

constexpr int64_t kChunk = 4096;  // numbers; fixed, so that who computes what never depends on the number of threads

ffi::Error probe(ffi::ThreadPool pool, int64_t threads, ffi::Buffer<ffi::F32> x, ffi::ResultBuffer<ffi::F32> y) {
  const float* from = x.typed_data();
  float* to = y->typed_data();
  const int64_t size = static_cast<int64_t>(x.element_count()), chunks = (size + kChunk - 1) / kChunk;
  lamina::parallel({&pool, threads}, chunks, [=](int64_t chunk) {
    const auto [begin, end] = lamina::share(size, chunks, chunk);
    for (int64_t i = begin; i < end; ++i) to[i] = from[i] + 1;
  });
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
