// Convolution of pictures [number, height, width, channels] with bias, relu and max pooling, forward and backward, in
// products of bf16 numbers summed in float32 on AMX tiles. Everything in memory is float32, as in conv2d.cc, and the
// doors are the same.
//
// A picture becomes cells of bf16 numbers, one for each place of the kernel's grid. The grid goes on behind the end of a
// row where the next one begins, so that the places of a picture are one long line, 16 of them are a tile, and a tap is a
// distance: whatever a tile makes of the places in the gap between two rows, nobody looks at. Under a stride the cells
// of each phase are a grid of their own, and within it the stride is one. Few channels would leave a tile's 32 numbers
// empty: then a cell holds what several taps see.
//
// Forward: cells times weights. Backward: the gradient's cells, with zeros in the gaps, times the turned weights make the
// pictures' gradient; the pictures' cells turned over, so that places lie side by side, times the gradient in pairs
// of places make the weights'. Behind a pool most of the gradient is zeros: tiles multiply them faster than anything
// could leave them out.

#include <algorithm>
#include <vector>

#include "amx.h"
#include "gemm.h"
#include "window.h"

namespace lamina {
namespace {

struct RawScratch {};
struct CellScratch {};
struct WeightScratch {};
struct SumScratch {};
struct PlaceScratch {};
struct SpreadScratch {};
struct PairScratch {};
struct TurnedScratch {};
struct ChunkScratch {};

using amx::kPair;
using amx::kSide;
using amx::kStep;
using amx::kTile;

template <class Use>
Bf16* narrow_scratch(int64_t count) {
  return reinterpret_cast<Bf16*>(scratch<Use>(static_cast<size_t>((count + 1) / 2)));
}

int64_t quotient_up(int64_t n, int64_t by) { return n > 0 ? (n + by - 1) / by : 0; }

inline __mmask32 first_of(int64_t count) {
  return count >= kStep ? ~__mmask32{} : static_cast<__mmask32>((uint32_t{1} << (count > 0 ? count : 0)) - 1);
}

// As amx::narrow, where nothing behind the numbers may be touched.
void narrow_only(Bf16* to, const float* from, int64_t count) {
  for (int64_t i = 0; i < count; i += kStep)
    _mm512_mask_storeu_epi16(to + i, first_of(count - i), amx::row_of<amx::Rounded>(from + i, count - i).at[0]);
}

void clear(Bf16* to, int64_t count) { std::fill(to, to + count, Bf16{0}); }

// ---- cells -----------------------------------------------------------------------------------------------------------

// How pictures become cells: a cell holds what `inner` taps see (one, a row of the kernel, or all of it), and the
// `outer` taps are distances.
struct Cells {
  int64_t inner_height, inner_width, outer_height, outer_width;
  int64_t phases_y, phases_x;
  int64_t depth, cell;             // numbers of a cell, and with the zeros that fill the tiles
  int64_t rows, width, height;     // places down that are asked for; the grid of a phase
  int64_t plane;                   // cells of a phase, with those that the last tile reads beyond

  // `gaps`: whether rows must be as far from each other as the pictures' gradient wants it.
  Cells(const Window& w, int64_t rows_asked, bool gaps) : rows(rows_asked) {
    const auto steps = [&](int64_t taps) { return w.kernel_height * w.kernel_width / taps * quotient_up(taps * w.channels, kStep); };
    const int64_t row = w.kernel_width, all = w.kernel_height * w.kernel_width;
    const bool few = w.channels < 16;
    const bool whole = few && steps(all) < steps(row), line = few && !whole && steps(row) < steps(1);
    inner_height = whole ? w.kernel_height : 1;
    inner_width = whole || line ? w.kernel_width : 1;
    outer_height = w.kernel_height / inner_height;
    outer_width = w.kernel_width / inner_width;
    phases_y = std::min(outer_height, w.stride_y);
    phases_x = std::min(outer_width, w.stride_x);
    depth = inner_height * inner_width * w.channels;
    cell = round_up(depth, kStep);
    width = w.out_width + (gaps ? (w.kernel_width - 1) / w.stride_x : (outer_width - 1) / w.stride_x);
    height = rows + (outer_height - 1) / w.stride_y;
    plane = round_up(round_up(rows * width, kPair) + (height - rows) * width + (outer_width - 1) / w.stride_x, kStep);
  }
  int64_t gathered() const { return inner_width > 1 || inner_height > 1; }
  int64_t cells() const { return phases_y * phases_x * plane; }
  int64_t places() const { return rows * width; }
  int64_t outer() const { return outer_height * outer_width; }

  // How far the cell of an outer tap is from the place.
  int64_t distance(const Window& w, int64_t tap) const {
    const int64_t y = tap / outer_width, x = tap % outer_width;
    return ((y % w.stride_y) * phases_x + x % w.stride_x) * plane + y / w.stride_y * width + x / w.stride_x;
  }
};

// One tap a cell: a picture's numbers where they belong, zeros around them.
void fill_single(const Window& w, const Cells& c, const float* picture, int64_t top, Bf16* cells) {
  for (int64_t phase = 0; phase < c.phases_y * c.phases_x; ++phase) {
    Bf16* plane = cells + phase * c.plane * c.cell;
    const int64_t a = phase / c.phases_x, b = phase % c.phases_x;
    const int64_t begin = std::min(quotient_up(w.left - b, w.stride_x), c.width);
    const int64_t end = std::clamp(quotient_up(w.left + w.width - b, w.stride_x), begin, c.width);
    for (int64_t y = 0; y < c.height; ++y) {
      const int64_t source = (top + y) * w.stride_y + a - w.top;
      Bf16* to = plane + y * c.width * c.cell;
      if (source < 0 || source >= w.height) {
        clear(to, c.width * c.cell);
        continue;
      }
      clear(to, begin * c.cell);
      const float* from = picture + (source * w.width + begin * w.stride_x + b - w.left) * w.channels;
      for (int64_t x = begin; x < end; ++x, from += w.stride_x * w.channels) amx::narrow(to + x * c.cell, from, w.channels);
      clear(to + end * c.cell, (c.width - end) * c.cell);
    }
    clear(plane + c.height * c.width * c.cell, (c.plane - c.height * c.width) * c.cell);
  }
}

// Several taps a cell, copied from a picture in bf16 with its zeros, in words of four numbers: what a row's last word
// has too much is overwritten by the next row's first.
void fill_gathered(const Window& w, const Cells& c, const float* picture, int64_t top, Bf16* cells) {
  const int64_t line = ((c.width - 1) * w.stride_x + w.kernel_width) * w.channels;
  const int64_t lines = (c.height - 1) * w.stride_y + c.phases_y + c.inner_height - 1;
  Bf16* raw = narrow_scratch<RawScratch>(lines * line + kStep);
  const int64_t first = std::min(w.left * w.channels, line), there = std::min(w.width * w.channels, line - first);
  for (int64_t y = 0; y < lines; ++y) {
    const int64_t source = top * w.stride_y + y - w.top;
    const bool inside = source >= 0 && source < w.height;
    Bf16* to = raw + y * line;
    clear(to, inside ? first : line);
    if (!inside) continue;
    narrow_only(to + first, picture + source * w.width * w.channels, there);
    clear(to + first + there, line - first - there);
  }
  const int64_t run = w.kernel_width * w.channels, last = c.cell - kStep;
  const __mmask32 empty = ~first_of(c.depth - last);
  for (int64_t phase = 0; phase < c.phases_y; ++phase) {
    Bf16* plane = cells + phase * c.plane * c.cell;
    for (int64_t y = 0; y < c.height; ++y)
      for (int64_t x = 0; x < c.width; ++x) {
        const Bf16* from = raw + (y * w.stride_y + phase) * line + x * w.stride_x * w.channels;
        Bf16* to = plane + (y * c.width + x) * c.cell;
        for (int64_t i = 0; i < c.inner_height; ++i)
          for (int64_t k = 0; k < run; k += 4) std::memcpy(to + i * run + k, from + i * line + k, 8);
        _mm512_mask_storeu_epi16(to + last, empty, _mm512_setzero_si512());
      }
    clear(plane + c.height * c.width * c.cell, (c.plane - c.height * c.width) * c.cell);
  }
}

// The cells that rows [top, top + c.rows) of the places see.
void fill_cells(const Window& w, const Cells& c, const float* picture, int64_t top, Bf16* cells) {
  c.gathered() ? fill_gathered(w, c, picture, top, cells) : fill_single(w, c, picture, top, cells);
}

// How far from a place's cell those of each outer tap are.
std::vector<int64_t> distances_of(const Window& w, const Cells& c) {
  std::vector<int64_t> distances;
  for (int64_t tap = 0; tap < c.outer(); ++tap) distances.push_back(c.distance(w, tap) * c.cell);
  return distances;
}

// Weights as panels [features / 32][outer taps][cell / 32] of two tiles.
int64_t packed_size(const Window& w, const Cells& c) { return round_up(w.features, kPair) * c.outer() * c.cell; }

void pack_weights(const Window& w, const Cells& c, const float* weights, Bf16* packed) {
  for (int64_t feature = 0; feature < w.features; feature += kPair)
    for (int64_t tap = 0; tap < c.outer(); ++tap, packed += c.cell * kPair)
      amx::pack_panel(packed, {weights + tap * c.depth * w.features, w.features, 1}, feature, w.features - feature, 0,
                      c.depth);
}

// Cells from `a` on, those at each distance, times a panel: sums [32][32] of `rows` places and `columns` columns.
void multiply_cells(const Bf16* a, int64_t cell, const std::vector<int64_t>& distances, const Bf16* panel, int64_t rows,
                    int64_t columns, float* sums) {
  amx::with_tiles(rows, columns, [&](auto r, auto c) {
    using Here = amx::Sums<r.value, c.value>;
    Here::clear();
    const Bf16* b = panel;
    for (const int64_t distance : distances) {
      const Bf16* first = a + distance;
      Here::multiply({first, first + kSide * cell, cell, kStep}, b, cell / kStep);
      b += cell * kPair;
    }
    Here::store(sums, kPair);
  });
}

// ---- forward ---------------------------------------------------------------------------------------------------------

struct Forward {
  Window window;
  Pool pool;
  bool relu;
  const float *pictures, *bias;
  float* out;
  uint8_t* winners;  // nullptr where nobody will ask
};

V activated(const Forward& f, V value, int64_t feature) {
  value += load_some(f.bias + feature, f.window.features - feature);
  return f.relu ? relu(value) : value;
}

// A row of what comes out, of 32 features, from the sums [places][32].
void finish_plain(const Forward& f, const Cells& c, const float* sums, int64_t n, int64_t top, int64_t y, int64_t feature) {
  const Window& w = f.window;
  float* to = f.out + ((n * w.out_height + top + y) * w.out_width) * w.features;
  const float* from = sums + y * c.width * kPair;
  for (int64_t x = 0; x < w.out_width; ++x, from += kPair, to += w.features)
    for (int64_t at = feature; at < std::min(feature + kPair, w.features); at += kSide)
      store_some(to + at, activated(f, load(from + at - feature), at), w.features - at);
}

template <class Taps>
void finish_pooled(const Forward& f, const Cells& c, const float* sums, int64_t n, int64_t top, int64_t y, int64_t feature,
                   const Taps& taps) {
  const Window& w = f.window;
  const int64_t width = taps.width(), count = taps.height() * width;
  for (int64_t at = feature; at < std::min(feature + kPair, w.features); at += kSide) {
    const int64_t there = w.features - at;
    const V bias = load_some(f.bias + at, there);
    const float* from = sums + y * f.pool.stride_y * c.width * kPair + at - feature;
    int64_t place = ((n * f.pool.out_height + top + y) * f.pool.out_width) * w.features + at;
    for (int64_t x = 0; x < f.pool.out_width; ++x, from += f.pool.stride_x * kPair, place += w.features) {
      V best = load(from);
      I winner{};
      for (int64_t tap = 1; tap < count; ++tap)
        compete(best, winner, load(from + (tap / width * c.width + tap % width) * kPair), static_cast<int32_t>(tap));
      best += bias;
      if (f.relu) {
        winner = best > V{} ? winner : I{} + int32_t{kNobody};
        best = relu(best);
      }
      store_some(f.out + place, best, there);
      if (f.winners != nullptr) store_bytes(f.winners + place, winner, there);
    }
  }
}

struct TwoByTwo {
  static constexpr int64_t height() { return 2; }
  static constexpr int64_t width() { return 2; }
};

struct AnyTaps {
  const Pool& pool;
  int64_t height() const { return pool.height; }
  int64_t width() const { return pool.width; }
};

void finish_row(const Forward& f, const Cells& c, const float* sums, int64_t n, int64_t top, int64_t y, int64_t feature) {
  if (!f.pool.exists())
    finish_plain(f, c, sums, n, top, y, feature);
  else if (f.pool.height == 2 && f.pool.width == 2)
    finish_pooled(f, c, sums, n, top, y, feature, TwoByTwo{});
  else
    finish_pooled(f, c, sums, n, top, y, feature, AnyTaps{f.pool});
}

// Rows [top, top + rows) of the output (of the pool's, where there is one) of picture n, all features.
void convolve_rows(const Forward& f, const Bf16* panels, int64_t n, int64_t top, int64_t rows) {
  const Window& w = f.window;
  const int64_t first = f.pool.exists() ? top * f.pool.stride_y : top;
  const Cells c(w, f.pool.exists() ? (rows - 1) * f.pool.stride_y + f.pool.height : rows, false);
  const auto distances = distances_of(w, c);
  Bf16* cells = narrow_scratch<CellScratch>(c.cells() * c.cell);
  fill_cells(w, c, f.pictures + n * w.height * w.width * w.channels, first, cells);
  float* sums = scratch<SumScratch>(static_cast<size_t>(round_up(c.places(), kPair) * kPair));
  for (int64_t feature = 0; feature < w.features; feature += kPair) {
    const Bf16* panel = panels + feature * c.outer() * c.cell;
    int64_t finished = 0;
    for (int64_t place = 0; place < c.places(); place += kPair) {
      multiply_cells(cells + place * c.cell, c.cell, distances, panel, c.places() - place, w.features - feature,
                     sums + place * kPair);
      // A row is finished while its sums are still near.
      const auto end = [&] {
        const int64_t last = f.pool.exists() ? finished * f.pool.stride_y + f.pool.height - 1 : finished;
        return last * c.width + w.out_width;
      };
      while (finished < rows && end() <= place + kPair) finish_row(f, c, sums, n, top, finished++, feature);
    }
  }
}

void forward(const Threads& threads, const Forward& f, const float* weights) {
  const Window& w = f.window;
  if (w.number == 0) return;
  const Cells c(w, 1, false);
  Bf16* panels = narrow_scratch<WeightScratch>(packed_size(w, c));
  pack_weights(w, c, weights, panels);
  const int64_t rows = f.pool.exists() ? f.pool.out_height : w.out_height;
  const int64_t pieces = w.number >= 8 ? 1 : std::min<int64_t>(rows, 8);
  parallel(threads, w.number * pieces, [&](int64_t task) {
    const amx::Tiles configured;
    const auto [from, to] = share(rows, pieces, task % pieces);
    if (from < to) convolve_rows(f, panels, task / pieces, from, to - from);
  });
}

// ---- backward --------------------------------------------------------------------------------------------------------

// The pictures' gradient at one phase of the stride, along one axis: the taps that meet it and its places.
struct Phase {
  int64_t taps, begin, end;

  Phase(int64_t phase, int64_t kernel, int64_t stride, int64_t pad, int64_t size, int64_t grid)
      : taps(kernel > phase ? (kernel - phase + stride - 1) / stride : 0),
        begin(std::min(quotient_up(pad - phase, stride), grid)),
        end(std::min(quotient_up(pad + size - phase, stride), grid)) {}
};

// The weights of a phase, turned, as panels [channels / 32][taps][features / 32] of two tiles.
struct Turned {
  int64_t a, b;
  Phase down, along;
  std::vector<int64_t> distances;
  Bf16* panels;
};

// `out` is what the activation made, needed where relu stands without a pool; `winners` where a pool does.
struct Backward {
  Window window;
  Pool pool;
  bool relu, to_pictures;
  const float *pictures, *out, *gradient;
  const uint8_t* winners;
  float* to_picture;
};

// The gradient in cells of all features, on the pictures' grid, as bf16.
struct Spread {
  int64_t cell, width, height, margin, count;
  Bf16* data;

  Spread(const Window& w, const Cells& c)
      : cell(round_up(w.features, kStep)),
        width(c.width),
        height(w.out_height + (w.kernel_height - 1) / w.stride_y),
        margin(((w.kernel_height - 1) / w.stride_y) * width + (w.kernel_width - 1) / w.stride_x),
        count(margin + (height + 1) * width + 2 * kPair),
        data(narrow_scratch<SpreadScratch>(count * cell)) {
    clear(data, count * cell);
  }
  Bf16* at(int64_t y, int64_t x) const { return data + (margin + y * width + x) * cell; }
};

// Adds 32 features' sum of float32 numbers to the bias' gradient.
struct BiasSum {
  V low{}, high{};

  void add(V first, V second) {
    low += first;
    high += second;
  }
  void end(float* to) const {
    store(to, load(to) + low);
    store(to + kSide, load(to + kSide) + high);
  }
};

// Where relu let it through: the gradient itself.
void spread_plain(const Backward& b, const Spread& s, int64_t n, float* to_bias) {
  const Window& w = b.window;
  for (int64_t f = 0; f < w.features; f += kStep) {
    BiasSum bias;
    const int64_t there = w.features - f;
    for (int64_t y = 0; y < w.out_height; ++y) {
      const int64_t from = (n * w.out_height + y) * w.out_width * w.features + f;
      for (int64_t x = 0; x < w.out_width; ++x) {
        const int64_t at = from + x * w.features;
        V low = load_some(b.gradient + at, there), high = load_some(b.gradient + at + kSide, there - kSide);
        if (b.relu) {
          low = load_some(b.out + at, there) > V{} ? low : V{};
          high = load_some(b.out + at + kSide, there - kSide) > V{} ? high : V{};
        }
        bias.add(low, high);
        _mm512_storeu_si512(s.at(y, x) + f, amx::narrow(low, high));
      }
    }
    bias.end(to_bias + f);
  }
}

// Behind a pool whose windows don't meet: each window's gradient to the place that won it.
void spread_apart(const Backward& b, const Spread& s, int64_t n, float* to_bias) {
  const Window& w = b.window;
  for (int64_t f = 0; f < w.features; f += kStep) {
    BiasSum bias;
    const int64_t there = w.features - f;
    const __mmask32 some = first_of(there);
    for (int64_t place = 0; place < b.pool.places(); ++place) {
      const int64_t at = (n * b.pool.places() + place) * w.features + f;
      const V low = load_some(b.gradient + at, there), high = load_some(b.gradient + at + kSide, there - kSide);
      const __m256i winner = _mm256_maskz_loadu_epi8(some, b.winners + at);
      const __mmask32 won = _mm256_cmpneq_epi8_mask(winner, _mm256_set1_epi8(static_cast<char>(kNobody)));
      bias.add(reinterpret_cast<V>(_mm512_maskz_mov_ps(static_cast<__mmask16>(won), reinterpret_cast<__m512>(low))),
               reinterpret_cast<V>(_mm512_maskz_mov_ps(static_cast<__mmask16>(won >> 16), reinterpret_cast<__m512>(high))));
      const __m512i both = amx::narrow(low, high);
      Bf16* corner = s.at(place / b.pool.out_width * b.pool.stride_y, place % b.pool.out_width * b.pool.stride_x) + f;
      for (int64_t tap = 0; tap < b.pool.height * b.pool.width; ++tap) {
        const __mmask32 here = _mm256_cmpeq_epi8_mask(winner, _mm256_set1_epi8(static_cast<char>(tap)));
        _mm512_storeu_si512(corner + (tap / b.pool.width * s.width + tap % b.pool.width) * s.cell, _mm512_maskz_mov_epi16(here, both));
      }
    }
    bias.end(to_bias + f);
  }
}

// Windows that meet: their sums in float32 first.
void spread_meeting(const Backward& b, const Spread& s, int64_t n, float* to_bias) {
  const Window& w = b.window;
  float* places = scratch<PlaceScratch>(static_cast<size_t>(w.places() * w.features));
  std::fill(places, places + w.places() * w.features, 0.0f);
  for (int64_t place = 0; place < b.pool.places(); ++place) {
    const int64_t at = (n * b.pool.places() + place) * w.features;
    const int64_t y = place / b.pool.out_width * b.pool.stride_y, x = place % b.pool.out_width * b.pool.stride_x;
    for (int64_t f = 0; f < w.features; ++f) {
      const int64_t tap = b.winners[at + f];
      if (tap == kNobody) continue;
      places[((y + tap / b.pool.width) * w.out_width + x + tap % b.pool.width) * w.features + f] += b.gradient[at + f];
      to_bias[f] += b.gradient[at + f];
    }
  }
  for (int64_t place = 0; place < w.places(); ++place)
    amx::narrow(s.at(place / w.out_width, place % w.out_width), places + place * w.features, w.features);
}

void spread(const Backward& b, const Spread& s, int64_t n, float* to_bias) {
  if (!b.pool.exists())
    spread_plain(b, s, n, to_bias);
  else if (b.pool.apart())
    spread_apart(b, s, n, to_bias);
  else
    spread_meeting(b, s, n, to_bias);
}

std::vector<Turned> turn_weights(const Window& w, const Spread& s, const float* weights) {
  Bf16* panels = narrow_scratch<TurnedScratch>(round_up(w.channels, kPair) * w.kernel_height * w.kernel_width * s.cell);
  std::vector<Turned> all;
  for (int64_t a = 0; a < std::min(w.stride_y, w.kernel_height); ++a)
    for (int64_t b = 0; b < std::min(w.stride_x, w.kernel_width); ++b) {
      Turned t{a, b, {a, w.kernel_height, w.stride_y, w.top, w.height, s.height},
               {b, w.kernel_width, w.stride_x, w.left, w.width, s.width}, {}, panels};
      for (int64_t channel = 0; channel < w.channels; channel += kPair)
        for (int64_t u = 0; u < t.down.taps; ++u)
          for (int64_t v = 0; v < t.along.taps; ++v, panels += s.cell * kPair) {
            if (channel == 0) t.distances.push_back(-(u * s.width + v) * s.cell);
            const int64_t tap = (a + u * w.stride_y) * w.kernel_width + b + v * w.stride_x;
            amx::pack_panel(panels, {weights + tap * w.channels * w.features, 1, w.features}, channel,
                            w.channels - channel, 0, w.features);
          }
      all.push_back(t);
    }
  return all;
}

// A picture's gradient at one phase of the stride.
void input_phase(const Backward& b, const Spread& s, const Turned& t, float* picture) {
  const Window& w = b.window;
  if (t.down.begin >= t.down.end || t.along.begin >= t.along.end) return;
  const int64_t first = t.down.begin * s.width + t.along.begin, end = (t.down.end - 1) * s.width + t.along.end;
  const int64_t taps = static_cast<int64_t>(t.distances.size());
  alignas(64) float sums[kPair * kPair];
  for (int64_t channel = 0; channel < w.channels; channel += kPair) {
    const Bf16* panel = t.panels + channel * taps * s.cell;
    const int64_t there = w.channels - channel;
    int64_t y = t.down.begin, x = t.along.begin;
    for (int64_t place = first; place < end; place += kPair) {
      multiply_cells(s.at(0, place), s.cell, t.distances, panel, end - place, there, sums);
      for (int64_t i = 0; i < std::min(kPair, end - place); ++i) {
        if (x >= t.along.begin && x < t.along.end) {
          const int64_t py = y * w.stride_y + t.a - w.top, px = x * w.stride_x + t.b - w.left;
          float* to = picture + (py * w.width + px) * w.channels + channel;
          store_some(to, load(sums + i * kPair), there);
          if (there > kSide) store_some(to + kSide, load(sums + i * kPair + kSide), there - kSide);
        }
        if (++x == s.width) x = 0, ++y;
      }
    }
  }
}

void input_gradient(const Backward& b, const Spread& s, const std::vector<Turned>& turned, float* picture) {
  const Window& w = b.window;
  const bool all = w.kernel_height >= w.stride_y && w.kernel_width >= w.stride_x &&
                   (w.top + w.height - 1) / w.stride_y < s.height && (w.left + w.width - 1) / w.stride_x < s.width;
  if (!all) std::fill(picture, picture + w.height * w.width * w.channels, 0.0f);
  for (const Turned& t : turned) input_phase(b, s, t, picture);
}

// What the weights' gradient is made of, for a few pictures: their cells turned over [depth][cells], and their
// gradient in tiles of pairs of places [features / 32][places / 32][2]. Its sums are blocks of two tiles by two
// [row tiles / 2][features / 32][32][32], where the row tiles are all outer taps of the first 16 numbers of a cell, all
// of the next 16, and so on.
struct Lines {
  int64_t taps, row_tiles, pitch, steps, panels;

  Lines(const Window& w, const Cells& c)
      : taps(c.outer()),
        row_tiles(quotient_up(c.depth, kSide) * taps),
        pitch(c.cells() + (c.cells() / kStep % 2 == 0 ? kStep : 0)),  // an odd number of lines of the cache
        steps(quotient_up(c.places(), kStep)),
        panels(quotient_up(w.features, kPair)) {}
  int64_t turned() const { return row_tiles / taps * kSide * pitch; }
  int64_t paired() const { return panels * steps * 2 * kTile; }
  int64_t blocks() const { return quotient_up(row_tiles, 2) * panels; }
  // Pictures that go through the tiles together: so many places that sums are not fetched too often.
  int64_t together() const { return std::clamp<int64_t>(8 / steps, 1, 4); }
};

void turn_cells(const Cells& c, const Lines& l, const Bf16* cells, Bf16* turned) {
  const int64_t rows = l.row_tiles / l.taps * kSide;
  for (int64_t place = 0; place < c.cells(); place += kStep)
    for (int64_t row = 0; row < rows; row += kStep)
      for (int64_t part = 0; part < 2; ++part) {
        // Of each 8 numbers the first or the last 4, of two neighbours by turns.
        const Bf16* from = cells + place * c.cell + row;
        __m512i pairs[16];
#pragma GCC unroll 16
        for (int64_t i = 0; i < 16; ++i) {
          const __m512i even = _mm512_loadu_si512(from + 2 * i * c.cell), odd = _mm512_loadu_si512(from + (2 * i + 1) * c.cell);
          pairs[i] = part == 0 ? _mm512_maskz_unpacklo_epi16(~__mmask32{}, even, odd)
                               : _mm512_maskz_unpackhi_epi16(~__mmask32{}, even, odd);
        }
        amx::transpose(pairs);
#pragma GCC unroll 16
        for (int64_t i = 0; i < 16; ++i) {
          const int64_t to = row + i / 4 * 8 + part * 4 + i % 4;
          if (to < rows) _mm512_storeu_si512(turned + to * l.pitch + place, pairs[i]);
        }
      }
}

void pair_places(const Spread& s, const Lines& l, Bf16* paired) {
  const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), high = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  for (int64_t panel = 0; panel < l.panels; ++panel) {
    const Bf16* from = s.at(0, 0) + panel * kPair;
    for (int64_t step = 0; step < l.steps; ++step, paired += kTile)
      for (int64_t pair = 0; pair < kSide; ++pair, from += 2 * s.cell, paired += kStep) {
        const __m512i even = _mm512_loadu_si512(from), odd = _mm512_loadu_si512(from + s.cell);
        const __m512i first = _mm512_maskz_unpacklo_epi16(~__mmask32{}, even, odd);
        const __m512i last = _mm512_maskz_unpackhi_epi16(~__mmask32{}, even, odd);
        _mm512_storeu_si512(paired, _mm512_permutex2var_epi64(first, low, last));
        _mm512_storeu_si512(paired + kTile, _mm512_permutex2var_epi64(first, high, last));
      }
  }
}

// Adds `count` pictures' part of the weights' gradient.
void weight_gradient(const Window& w, const Cells& c, const Lines& l, const Bf16* turned, const Bf16* paired,
                     int64_t count, float* blocks) {
  const auto line = [&](int64_t row_tile) {
    return turned + row_tile / l.taps * kSide * l.pitch + c.distance(w, row_tile % l.taps);
  };
  for (int64_t panel = 0; panel < l.panels; ++panel)
    for (int64_t row_tile = 0; row_tile < l.row_tiles; row_tile += 2)
      amx::with_tiles((l.row_tiles - row_tile) * kSide, w.features - panel * kPair, [&](auto rows, auto columns) {
        using Here = amx::Sums<rows.value, columns.value>;
        float* sums = blocks + (row_tile / 2 * l.panels + panel) * kPair * kPair;
        const Bf16 *first = line(row_tile), *second = rows.value == 2 ? line(row_tile + 1) : first;
        const Bf16* b = paired + panel * l.steps * 2 * kTile;
        // The next block's sums come while this one's are made.
        const float* next = sums + l.panels * kPair * kPair;
        for (int64_t i = 0; i < kPair * kPair; i += kSide) __builtin_prefetch(next + i, 1);
        Here::load(sums, kPair);
        for (int64_t n = 0; n < count; ++n)
          Here::multiply({first + n * l.turned(), second + n * l.turned(), l.pitch, kStep}, b + n * l.paired(), l.steps);
        Here::store(sums, kPair);
      });
}

// How many sums of the weights' gradient are kept apart: of the shape alone, so that threads don't matter.
int64_t chunks_of(int64_t number, int64_t size) {
  constexpr int64_t kMost = 1 << 22;
  return std::min(number, std::clamp<int64_t>(kMost / size, 2, 16));
}

// Pictures [from, to): their gradient, and their part of the weights' and the bias' in `sums`.
void backward_chunk(const Backward& b, const Cells& c, const std::vector<Turned>& turned, int64_t from, int64_t to,
                    float* sums, float* to_bias) {
  const Window& w = b.window;
  const int64_t picture = w.height * w.width * w.channels;
  const Lines l(w, c);
  const Spread s(w, c);
  const int64_t together = l.together();
  Bf16* cells = narrow_scratch<CellScratch>(c.cells() * c.cell);
  Bf16* lines = narrow_scratch<SumScratch>(together * l.turned());
  Bf16* paired = narrow_scratch<PairScratch>(together * l.paired());
  for (int64_t n = from; n < to; n += together) {
    const int64_t count = std::min(together, to - n);
    for (int64_t i = 0; i < count; ++i) {
      spread(b, s, n + i, to_bias);
      pair_places(s, l, paired + i * l.paired());
      if (b.to_pictures) input_gradient(b, s, turned, b.to_picture + (n + i) * picture);
      fill_cells(w, c, b.pictures + (n + i) * picture, 0, cells);
      turn_cells(c, l, cells, lines + i * l.turned());
    }
      weight_gradient(w, c, l, lines, paired, count, sums);
  }
}

void unpack_block(const Window& w, const Cells& c, const Lines& l, int64_t block, const float* sums, float* to_weights) {
  const int64_t feature = block % l.panels * kPair, there = w.features - feature;
  for (int64_t i = 0; i < kPair; ++i, sums += kPair) {
    const int64_t row_tile = block / l.panels * 2 + i / kSide, row = row_tile / l.taps * kSide + i % kSide;
    if (row_tile >= l.row_tiles || row >= c.depth) continue;
    float* to = to_weights + (row_tile % l.taps * c.depth + row) * w.features + feature;
    store_some(to, load(sums), there);
    if (there > kSide) store_some(to + kSide, load(sums + kSide), there - kSide);
  }
}

// `to_bias` is nullptr where nobody wants it.
void backward(const Threads& threads, const Backward& b, const float* weights, float* to_weights, float* to_bias) {
  const Window& w = b.window;
  const bool bias = to_bias != nullptr;
  if (bias) std::fill(to_bias, to_bias + w.features, 0.0f);
  if (w.number == 0) {
    std::fill(to_weights, to_weights + w.taps() * w.features, 0.0f);
    return;
  }
  const Cells c(w, w.out_height, b.to_pictures);
  const Lines l(w, c);
  std::vector<Turned> turned;
  if (b.to_pictures) turned = turn_weights(w, Spread(w, c), weights);
  constexpr int64_t kBlock = kPair * kPair;
  const int64_t blocks = l.blocks(), size = blocks * kBlock;
  const int64_t chunks = chunks_of(w.number, size), stride = size + round_up(w.features, kPair);
  float* sums = scratch<ChunkScratch>(static_cast<size_t>(chunks * stride));
  parallel(threads, chunks, [&](int64_t chunk) {
    const amx::Tiles configured;
    float* to = sums + chunk * stride;
    std::fill(to, to + stride, 0.0f);
    const auto [from, end] = share(w.number, chunks, chunk);
    backward_chunk(b, c, turned, from, end, to, to + size);
  });
  parallel(threads, std::min<int64_t>(blocks, 8), [&](int64_t task) {
    const auto [from, end] = share(blocks, std::min<int64_t>(blocks, 8), task);
    for (int64_t block = from; block < end; ++block) {
      float* to = sums + block * kBlock;
      for (int64_t i = 0; i < kBlock; i += kSide) {
        V sum = load(to + i);
        for (int64_t chunk = 1; chunk < chunks; ++chunk) sum += load(to + chunk * stride + i);
        store(to + i, sum);
      }
      unpack_block(w, c, l, block, to, to_weights);
    }
  });
  for (int64_t chunk = 0; bias && chunk < chunks; ++chunk)
    for (int64_t f = 0; f < w.features; ++f) to_bias[f] += sums[chunk * stride + size + f];
}
// ---- the doors: as those of conv2d.cc ----------------------------------------------------------------------------------

using Floats = ffi::Buffer<ffi::F32>;
using Bytes = ffi::Buffer<ffi::U8>;
using Numbers = ffi::Span<const int64_t>;

// `geometry`: stride y, x, zeros above, left, places down, along; `pooling`: height, width, stride y, x, places y, x.
Window window_of(const Floats& pictures, const Floats& weights, Numbers geometry) {
  const auto x = pictures.dimensions(), k = weights.dimensions();
  return {x[0], x[1], x[2], x[3], k[0], k[1], k[3], geometry[0], geometry[1], geometry[2], geometry[3], geometry[4],
          geometry[5]};
}

Pool pool_of(Numbers p) { return {p[0], p[1], p[2], p[3], p[4], p[5]}; }

ffi::Error conv2d_forward(ffi::ThreadPool pool, Floats pictures, Floats weights, Floats bias, ffi::Result<Floats> out,
                          ffi::Result<Bytes> winners, Numbers geometry, Numbers pooling, int64_t relu,
                          int64_t threads) {
  const Forward f{window_of(pictures, weights, geometry), pool_of(pooling), relu != 0, pictures.typed_data(),
                  bias.typed_data(), out->typed_data(), winners->element_count() > 0 ? winners->typed_data() : nullptr};
  forward({&pool, threads}, f, weights.typed_data());
  return ffi::Error::Success();
}

ffi::Error conv2d_backward(ffi::ThreadPool pool, Floats pictures, Floats weights, Floats out, Bytes winners,
                           Floats gradient, ffi::Result<Floats> to_pictures, ffi::Result<Floats> to_weights,
                           ffi::Result<Floats> to_bias, Numbers geometry, Numbers pooling, int64_t relu,
                           int64_t wanted, int64_t threads) {
  const Backward b{window_of(pictures, weights, geometry), pool_of(pooling), relu != 0, wanted != 0,
                   pictures.typed_data(), out.typed_data(), gradient.typed_data(), winners.typed_data(),
                   to_pictures->typed_data()};
  backward({&pool, threads}, b, weights.typed_data(), to_weights->typed_data(),
           to_bias->element_count() > 0 ? to_bias->typed_data() : nullptr);
  return ffi::Error::Success();
}

}  // namespace
}  // namespace lamina

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_conv2d_forward_bf16, lamina::conv2d_forward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::U8>>()
                                  .Attr<xla::ffi::Span<const int64_t>>("geometry")
                                  .Attr<xla::ffi::Span<const int64_t>>("pooling")
                                  .Attr<int64_t>("relu")
                                  .Attr<int64_t>("threads"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(lamina_conv2d_backward_bf16, lamina::conv2d_backward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::U8>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Attr<xla::ffi::Span<const int64_t>>("geometry")
                                  .Attr<xla::ffi::Span<const int64_t>>("pooling")
                                  .Attr<int64_t>("relu")
                                  .Attr<int64_t>("wanted")
                                  .Attr<int64_t>("threads"));
