// Where the examples of a batch of sequences stand while a recurrent network reads them.
//
// The batch is split into blocks that go through all steps by themselves. Sorted by the last live step, longest first,
// the examples are dealt to the blocks like cards: so a block's rows that live at a step are its first ones (but for
// holes in the mask), a step costs what lives, and all blocks cost the same. How many blocks there are, and who stands
// where, depends on shapes and the mask only.

#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace lamina {

class Places {
 public:
  // `mask` [batch, steps] says which steps are there; nullptr: all.
  Places(int64_t batch, int64_t steps, int64_t blocks, const bool* mask) : steps_(steps), mask_(mask), example_(batch) {
    std::iota(example_.begin(), example_.end(), int64_t{0});
    for (int64_t block = 0; block <= blocks; ++block) begin_.push_back(batch * block / blocks);
    if (mask_ != nullptr) deal();
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t step = 0; step < steps_; ++step) rows_.push_back(count(block, step));
  }

  int64_t blocks() const { return static_cast<int64_t>(begin_.size()) - 1; }
  int64_t begin(int64_t block) const { return begin_[block]; }
  int64_t size(int64_t block) const { return begin_[block + 1] - begin_[block]; }
  int64_t example(int64_t place) const { return example_[place]; }
  bool masked() const { return mask_ != nullptr; }
  bool alive(int64_t place, int64_t step) const { return mask_ == nullptr || mask_[example_[place] * steps_ + step]; }

  // How many rows of a block a step must visit: those up to the last one that lives.
  int64_t rows(int64_t block, int64_t step) const { return rows_[block * steps_ + step]; }

 private:
  int64_t length(int64_t example) const {
    int64_t last = steps_;
    while (last > 0 && !mask_[example * steps_ + last - 1]) --last;
    return last;
  }

  void deal() {
    std::vector<int64_t> lengths, sorted = example_, next(begin_.begin(), begin_.end() - 1);
    for (const int64_t example : example_) lengths.push_back(length(example));
    std::stable_sort(sorted.begin(), sorted.end(), [&](int64_t a, int64_t b) { return lengths[a] > lengths[b]; });
    size_t block = 0;
    for (const int64_t card : sorted) {
      while (next[block] == begin_[block + 1]) block = (block + 1) % next.size();
      example_[next[block]++] = card;
      block = (block + 1) % next.size();
    }
  }

  int64_t count(int64_t block, int64_t step) const {
    int64_t rows = size(block);
    while (rows > 0 && !alive(begin_[block] + rows - 1, step)) --rows;
    return rows;
  }

  int64_t steps_;
  const bool* mask_;
  std::vector<int64_t> example_, begin_, rows_;
};

}  // namespace lamina
