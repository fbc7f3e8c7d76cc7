// How a kernel of weights moves over pictures, and the pool that may follow it.

#pragma once

#include <cstdint>

namespace lamina {

// A kernel [height, width, channels, features] over pictures [number, height, width, channels].
struct Window {
  int64_t number, height, width, channels;
  int64_t kernel_height, kernel_width, features;
  int64_t stride_y, stride_x;
  int64_t top, left;               // zeros before the picture
  int64_t out_height, out_width;   // places of the kernel

  int64_t run() const { return kernel_width * channels; }  // floats that a row of the kernel sees: neighbours in memory
  int64_t taps() const { return kernel_height * run(); }
  int64_t padded_height() const { return (out_height - 1) * stride_y + kernel_height; }
  int64_t padded_width() const { return (out_width - 1) * stride_x + kernel_width; }
  int64_t places() const { return out_height * out_width; }
  bool one_by_one() const {
    return kernel_height == 1 && kernel_width == 1 && stride_y == 1 && stride_x == 1 && top == 0 && left == 0 &&
           out_height == height && out_width == width;
  }
};

// Windows of a max pool behind the convolution, nothing padded; height 0: no pool.
struct Pool {
  int64_t height, width, stride_y, stride_x, out_height, out_width;

  bool exists() const { return height > 0; }
  bool apart() const { return stride_y >= height && stride_x >= width; }  // no place lies in two windows
  bool two_by_two() const { return height == 2 && width == 2 && stride_y == 2 && stride_x == 2; }
  int64_t places() const { return out_height * out_width; }
};

constexpr uint8_t kNobody = 255;  // won a window: behind it the activation is flat

}  // namespace lamina
