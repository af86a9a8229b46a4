#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace limpid::kernels {

/// Memory of one thread that grows to what is needed and stays, so that a decode step allocates nothing. Aligned to 64.
class Scratch {
 public:
  /// What was in it is lost.
  std::byte* at_least(size_t size) {
    if (size > size_) {
      memory_.reset();
      size_ = 0;
      size = (size + 4095) / 4096 * 4096;
      memory_.reset(static_cast<std::byte*>(std::aligned_alloc(64, size)));
      if (!memory_) throw std::bad_alloc();
      size_ = size;
    }
    return memory_.get();
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  size_t size_ = 0;
};

}  // namespace limpid::kernels
