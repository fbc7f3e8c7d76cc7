// The rows of a table as features: numbers beside smooth waves of them, codes as indicators or as learned vectors.
//
// It is lamina.network.TableInput with its gradient. Waves go column by column with rows as lanes, so that what is
// learned of a column is a number that many rows share.

#pragma once

#include <algorithm>

#include "parallel.h"
#include "vector.h"

namespace lamina {

// Codes 1, 2, ... of a column become indicators, or vectors of `features` numbers that lie at `vectors` among the
// parameters (-1: indicators), from the feature `place` on. Code 0 is nothing.
struct Category {
  int64_t codes, features, place, vectors;

  // The code that a number of a row is, 0 where there is none such.
  int64_t known(float number) const {
    return number >= 1.0f && number < static_cast<float>(codes) ? static_cast<int64_t>(number) : 0;
  }
};

struct Table {
  static constexpr int64_t kMade = 3;  // features that the waves of a number make

  int64_t numbers, frequencies;         // 0 frequencies: no waves
  int64_t waves, phases, weight, bias;  // where [numbers][frequencies] (weight: kMade of each) and [numbers][kMade] lie
  const Category* categories;
  int64_t count, features;  // of categories, of features of a row

  // As lamina/kernels/table.py words it: the numbers above, then four a category.
  Table(const int64_t* words, int64_t length, int64_t all)
      : numbers(words[0]), frequencies(words[1]), waves(words[2]), phases(words[3]), weight(words[4]), bias(words[5]),
        categories(reinterpret_cast<const Category*>(words + 6)), count((length - 6) / 4), features(all) {}

  int64_t width() const { return numbers + count; }
  // Whether its rows are its features.
  bool plain() const { return frequencies == 0 && count == 0; }

  // f(place, size) for each stretch of parameters.
  template <class F>
  void learned(const F& f) const {
    const int64_t all = numbers * frequencies;
    if (frequencies > 0) {
      f(waves, all);
      f(phases, all);
      f(weight, all * kMade);
      f(bias, numbers * kMade);
    }
    for (int64_t at = 0; at < count; ++at)
      if (const Category c = categories[at]; c.vectors >= 0) f(c.vectors, (c.codes - 1) * c.features);
  }
  bool learns() const {
    bool some = false;
    learned([&](int64_t, int64_t) { some = true; });
    return some;
  }
};

// A batch of rows on its way through a table's input.
class TableBatch {
 public:
  // `keeps` what `backward` needs.
  TableBatch(const Table& t, const Threads& threads, const float* parameters, int64_t batch, bool keeps)
      : table_(t), threads_(t.numbers * t.frequencies * batch < (1 << 13) ? Threads{} : threads), parameters_(parameters),
        batch_(batch), padded_((batch + kWidth - 1) / kWidth * kWidth) {
    if (t.frequencies == 0) return;
    columns_ = scratch<TableBatch>(static_cast<size_t>(padded_ * t.numbers * (keeps ? 1 + 2 * t.frequencies : 1)));
    if (!keeps) return;
    sines_ = columns_ + padded_ * t.numbers;
    cosines_ = sines_ + padded_ * t.numbers * t.frequencies;
  }

  // Rows [batch][width] to features [batch][features].
  void forward(const float* rows, float* to) {
    const int64_t width = table_.width();
    for (int64_t row = 0; row < batch_; ++row) {
      float* features = to + row * table_.features;
      std::copy_n(rows + row * width, table_.numbers, features);
      for (int64_t at = 0; at < table_.count; ++at) encode(at, rows[row * width + table_.numbers + at], features);
    }
    if (table_.frequencies == 0) return;
    parallel(threads_, table_.numbers, [&](int64_t number) {
      float* column = columns_ + number * padded_;
      for (int64_t row = 0; row < padded_; ++row) column[row] = row < batch_ ? rows[row * width + number] * kTurn : 0.0f;
      for (int64_t from = 0; from < padded_; from += kWidth) make_waves(number, from, to);
    });
  }

  // The gradient of what is learned, at its places of `to`, from that of the features; `rows` as they were.
  void backward(const float* rows, const float* gradient, float* to) {
    if (table_.frequencies > 0)
      parallel(threads_, table_.numbers, [&](int64_t number) { unmake_waves(number, gradient, to); });
    for (int64_t at = 0; at < table_.count; ++at) {
      const Category c = table_.categories[at];
      if (c.vectors < 0) continue;
      std::fill_n(to + c.vectors, (c.codes - 1) * c.features, 0.0f);
      for (int64_t row = 0; row < batch_; ++row) {
        const int64_t code = c.known(rows[row * table_.width() + table_.numbers + at]);
        if (code == 0) continue;
        const float* from = gradient + row * table_.features + c.place;
        float* vector = to + c.vectors + (code - 1) * c.features;
        for (int64_t i = 0; i < c.features; ++i) vector[i] += from[i];
      }
    }
  }

 private:
  static constexpr float kTurn = 6.28318530717958648f;

  void encode(int64_t at, float value, float* features) const {
    const Category c = table_.categories[at];
    const int64_t code = c.known(value);
    float* to = features + c.place;
    if (c.vectors >= 0 && code > 0) {
      std::copy_n(parameters_ + c.vectors + (code - 1) * c.features, c.features, to);
      return;
    }
    std::fill_n(to, c.features, 0.0f);
    if (c.vectors < 0 && code > 0) to[code - 1] = 1.0f;
  }

  void make_waves(int64_t number, int64_t from, float* to) {
    const float* bias = parameters_ + table_.bias + number * Table::kMade;
    const V x = load(columns_ + number * padded_ + from);
    V made[Table::kMade];
    for (int64_t m = 0; m < Table::kMade; ++m) made[m] = broadcast(bias[m]);
    for (int64_t f = 0; f < table_.frequencies; ++f) {
      const int64_t at = number * table_.frequencies + f;
      const Waves w = lamina::waves(x * parameters_[table_.waves + at] + parameters_[table_.phases + at]);
      if (sines_ != nullptr) {
        store(sines_ + at * padded_ + from, w.sine);
        store(cosines_ + at * padded_ + from, w.cosine);
      }
      const float* weight = parameters_ + table_.weight + at * Table::kMade;
      for (int64_t m = 0; m < Table::kMade; ++m) made[m] += w.cosine * weight[m];
    }
    const int64_t there = std::min<int64_t>(batch_ - from, kWidth), first = table_.numbers + number * Table::kMade;
    for (int64_t lane = 0; lane < there; ++lane)
      for (int64_t m = 0; m < Table::kMade; ++m) to[(from + lane) * table_.features + first + m] = made[m][lane];
  }

  void unmake_waves(int64_t number, const float* gradient, float* to) {
    constexpr int64_t kRows = 4 * kWidth;  // whose gradients are held as columns
    const float* column = columns_ + number * padded_;
    const int64_t first = table_.numbers + number * Table::kMade, all = table_.frequencies;
    float* bias = to + table_.bias + number * Table::kMade;
    std::fill_n(bias, Table::kMade, 0.0f);
    std::fill_n(to + table_.waves + number * all, all, 0.0f);
    std::fill_n(to + table_.phases + number * all, all, 0.0f);
    std::fill_n(to + table_.weight + number * all * Table::kMade, all * Table::kMade, 0.0f);
    for (int64_t start = 0; start < padded_; start += kRows) {
      const int64_t end = std::min(start + kRows, padded_);
      float g[Table::kMade][kRows];
      for (int64_t m = 0; m < Table::kMade; ++m) {
        for (int64_t row = start; row < end; ++row)
          g[m][row - start] = row < batch_ ? gradient[row * table_.features + first + m] : 0.0f;
        V total{};
        for (int64_t row = start; row < end; row += kWidth) total += load(g[m] + row - start);
        bias[m] += sum(total);
      }
      for (int64_t f = 0; f < all; ++f) {
        const int64_t at = number * all + f;
        const float* weight = parameters_ + table_.weight + at * Table::kMade;
        V of_weight[Table::kMade] = {}, of_phase{}, of_wave{};
        for (int64_t row = start; row < end; row += kWidth) {
          const V cosine = load(cosines_ + at * padded_ + row);
          V slope{};
          for (int64_t m = 0; m < Table::kMade; ++m) {
            const V here = load(g[m] + row - start);
            of_weight[m] += cosine * here;
            slope += here * weight[m];
          }
          slope *= load(sines_ + at * padded_ + row);
          of_phase -= slope;
          of_wave -= slope * load(column + row);
        }
        to[table_.waves + at] += sum(of_wave);
        to[table_.phases + at] += sum(of_phase);
        for (int64_t m = 0; m < Table::kMade; ++m) to[table_.weight + at * Table::kMade + m] += sum(of_weight[m]);
      }
    }
  }

  const Table& table_;
  Threads threads_;
  const float* parameters_;
  int64_t batch_, padded_;
  float *columns_ = nullptr, *sines_ = nullptr, *cosines_ = nullptr;
};

}  // namespace lamina
