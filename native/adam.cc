// Adam on a network's parameters as they lie, each in an array of its own: one call instead of a copy of all gradients
// into one vector and a pass over it for every term of the formula.

#include "adam.h"

#include <vector>

namespace lamina {
namespace {

constexpr int64_t kPiece = 1 << 14;  // entries that one task updates

// One parameter, its gradient, and where its moments lie.
struct Array {
  float* parameters;
  const float* gradient;
  float *first, *second;
  bool decays;
};

struct Piece {
  int64_t array, from, to;
};

std::vector<Piece> pieces_of(const std::vector<int64_t>& sizes) {
  std::vector<Piece> pieces;
  for (size_t at = 0; at < sizes.size(); ++at)
    for (int64_t from = 0; from < sizes[at]; from += kPiece)
      pieces.push_back({static_cast<int64_t>(at), from, std::min(from + kPiece, sizes[at])});
  return pieces;
}

// The gradient with what penalties add to it.
struct Penalised {
  const Adam& adam;
  const Array& array;

  V operator()(int64_t i, int64_t n) const {
    const V g = load_some(array.gradient + i, n);
    return array.decays ? g + adam.penalty(load_some(array.parameters + i, n)) : g;
  }
};

// The sum of squares of [from, to).
template <class Gradient>
float squares(const Gradient& gradient, int64_t from, int64_t to) {
  V sums[4] = {};
  int64_t i = from;
  for (; i + 4 * kWidth <= to; i += 4 * kWidth)
    for (int j = 0; j < 4; ++j) {
      const V g = gradient(i + j * kWidth, kWidth);
      sums[j] += g * g;
    }
  for (; i < to; i += kWidth) {
    const V g = gradient(i, to - i);
    sums[0] += g * g;
  }
  return sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

template <class F>
void by_pieces(const Threads& threads, const std::vector<Piece>& pieces, const F& f) {
  const Threads hands = pieces.size() < 4 ? Threads{} : threads;
  parallel(hands, static_cast<int64_t>(pieces.size()), [&](int64_t at) { f(at, pieces[static_cast<size_t>(at)]); });
}

// The length of all arrays of `gradient(array)` end to end, added up in their order.
template <class Gradient>
float length(const Threads& threads, const std::vector<Array>& arrays, const std::vector<Piece>& pieces,
             const Gradient& gradient) {
  std::vector<float> sums(pieces.size());
  by_pieces(threads, pieces, [&](int64_t at, const Piece& piece) {
    sums[static_cast<size_t>(at)] = squares(gradient(arrays[static_cast<size_t>(piece.array)]), piece.from, piece.to);
  });
  double total = 0.0;
  for (const float each : sums) total += static_cast<double>(each);
  return static_cast<float>(std::sqrt(total));
}

// How far an array moved, and how long it was: sums of squares.
struct Way {
  float moved, before;
};

// Gives the length of the gradient without penalties.
float step(const Threads& threads, const Adam& adam, const std::vector<Array>& arrays, const std::vector<Piece>& pieces,
           float rate, int64_t count, Way* ways) {
  const auto bare = [](const Array& array) {
    return [&array](int64_t i, int64_t n) { return load_some(array.gradient + i, n); };
  };
  const auto penalised = [&](const Array& array) { return Penalised{adam, array}; };
  const float norm = length(threads, arrays, pieces, bare);
  const bool longer = adam.clip_norm > 0.0f && adam.penalises();
  const Pace pace(adam, longer ? length(threads, arrays, pieces, penalised) : norm, rate, count);
  std::vector<Way> of_pieces(pieces.size());
  by_pieces(threads, pieces, [&](int64_t at, const Piece& piece) {
    const Array& a = arrays[static_cast<size_t>(piece.array)];
    const V decays = broadcast(a.decays ? 1.0f : 0.0f);
    const auto all = [decays](int64_t, int64_t) { return decays; };
    V moved{}, before{};
    const auto watch = [&](V was, V step) {
      moved += step * step;
      before += was * was;
    };
    if (adam.penalises())
      pace.advance(a.parameters, a.first, a.second, penalised(a), all, piece.from, piece.to, watch);
    else
      pace.advance(a.parameters, a.first, a.second, bare(a), all, piece.from, piece.to, watch);
    of_pieces[static_cast<size_t>(at)] = {sum(moved), sum(before)};
  });
  std::fill_n(ways, arrays.size(), Way{});
  for (size_t at = 0; at < pieces.size(); ++at) {
    ways[pieces[at].array].moved += of_pieces[at].moved;
    ways[pieces[at].array].before += of_pieces[at].before;
  }
  return norm;
}

// ---- the door --------------------------------------------------------------------------------------------------------

using Floats = ffi::Buffer<ffi::F32>;
using Ints = ffi::Buffer<ffi::S32>;

// What is updated where it lies, unless XLA gave it another place.
float* moved(const Floats& from, ffi::Result<Floats>& to) {
  if (from.typed_data() != to->typed_data()) std::copy_n(from.typed_data(), from.element_count(), to->typed_data());
  return to->typed_data();
}

// `numbers`: rate, momentum, beta2, weight decay, l1, l2, clip norm. The rest of the operands are all parameters, then
// all gradients; `decays` says which of them are weights. `ways` [arrays, 2]: the square of how far each moved and of
// how long it was before.
ffi::Error adam(ffi::ThreadPool pool, Floats first, Floats second, Floats numbers, Ints count, ffi::RemainingArgs given,
                ffi::Result<Floats> first_out, ffi::Result<Floats> second_out, ffi::Result<Floats> norm,
                ffi::Result<Floats> ways, ffi::RemainingRets made, ffi::Span<const int64_t> decays, int64_t threads) {
  const size_t arrays = decays.size();
  if (given.size() != 2 * arrays || made.size() != arrays)
    return ffi::Error(ffi::ErrorCode::kInvalidArgument, "lamina: parameters and gradients don't pair");
  float *m = moved(first, first_out), *v = moved(second, second_out);
  std::vector<Array> all;
  std::vector<int64_t> sizes;
  for (size_t at = 0; at < arrays; ++at) {
    const auto parameters = given.get<Floats>(at), gradient = given.get<Floats>(arrays + at);
    auto out = made.get<Floats>(at);
    if (!parameters || !gradient || !out)
      return ffi::Error(ffi::ErrorCode::kInvalidArgument, "lamina: an array is none of float32");
    all.push_back({moved(*parameters, *out), gradient->typed_data(), m, v, decays[at] != 0});
    sizes.push_back(static_cast<int64_t>(parameters->element_count()));
    m += sizes.back();
    v += sizes.back();
  }
  const float* n = numbers.typed_data();
  norm->typed_data()[0] = step({&pool, threads}, {n[1], n[2], n[3], n[4], n[5], n[6]}, all, pieces_of(sizes), n[0],
                               count.typed_data()[0], reinterpret_cast<Way*>(ways->typed_data()));
  return ffi::Error::Success();
}

}  // namespace
}  // namespace lamina

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_adam, lamina::adam,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::S32>>()
                                  .RemainingArgs()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .RemainingRets()
                                  .Attr<xla::ffi::Span<const int64_t>>("decays")
                                  .Attr<int64_t>("threads"));
