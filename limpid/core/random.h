#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

/// Counter-based random numbers: a pure function of (seed, prompt, sample, step), so that a sample's text does not
/// depend on the batch it runs in, and methods compared in one run see the same numbers. Source: Salmon et al. 2011,
/// "Parallel random numbers: as easy as 1, 2, 3", Philox4x32 with 10 rounds.
namespace limpid {

/// Returns one Philox4x32-10 block: four 32-bit words from a 128-bit counter and a 64-bit key.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// Returns a uniform number in [0, 1), 24 bits: exact in float32.
float uniform(uint64_t seed, uint64_t prompt, uint64_t sample, uint64_t step);

/// A stream of random numbers from one key, for shuffles and bootstrap. Reproducible on every platform, unlike
/// std::shuffle.
class RandomStream {
 public:
  explicit RandomStream(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}
  uint32_t next_u32();
  float next_uniform();                 ///< [0, 1), 24 bits
  double next_normal();                 ///< standard normal, Box-Muller
  uint64_t next_below(uint64_t bound);  ///< unbiased integer in [0, bound), bound > 0
  uint64_t position() const { return drawn_; }
  void seek(uint64_t position);  ///< continue as if `position` words had been drawn

  template <class Vector>
  void shuffle(Vector& values) {  ///< Fisher-Yates
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[std::size_t(next_below(i))]);
  }

 private:
  uint64_t seed_, stream_, drawn_ = 0;
  std::array<uint32_t, 4> block_{};
};

}  // namespace limpid
