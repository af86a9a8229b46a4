#include "limpid/core/random.h"

#include <cmath>

namespace limpid {

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> c, std::array<uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t(0xD2511F53u) * c[0], b = uint64_t(0xCD9E8D57u) * c[2];
    c = {uint32_t(b >> 32) ^ c[1] ^ k[0], uint32_t(b), uint32_t(a >> 32) ^ c[3] ^ k[1], uint32_t(a)};
    k = {k[0] + 0x9E3779B9u, k[1] + 0xBB67AE85u};
  }
  return c;
}

float uniform(uint64_t seed, uint64_t prompt, uint64_t sample, uint64_t step) {
  // 32 bits each for sample and step, 64 for the prompt: more than any run has.
  const auto words = philox4x32({uint32_t(prompt), uint32_t(prompt >> 32), uint32_t(sample), uint32_t(step)},
                                {uint32_t(seed), uint32_t(seed >> 32)});
  return float(words[0] >> 8) * 0x1p-24f;
}

uint32_t RandomStream::next_u32() {
  if (drawn_ % 4 == 0) {
    const uint64_t block = drawn_ / 4;
    block_ = philox4x32({uint32_t(block), uint32_t(block >> 32), uint32_t(stream_), uint32_t(stream_ >> 32)},
                        {uint32_t(seed_), uint32_t(seed_ >> 32)});
  }
  return block_[drawn_++ % 4];
}

float RandomStream::next_uniform() { return float(next_u32() >> 8) * 0x1p-24f; }

double RandomStream::next_normal() {
  const double u = (double(next_u32()) + 0.5) * 0x1p-32, v = double(next_u32()) * 0x1p-32;
  return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
}

uint64_t RandomStream::next_below(uint64_t bound) {
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;  // reject the ragged end, or small values come too often
  for (;;) {
    const uint64_t high = next_u32(), value = high << 32 | next_u32();
    if (value < limit) return value % bound;
  }
}

void RandomStream::seek(uint64_t position) {
  drawn_ = position - position % 4;
  while (drawn_ < position) next_u32();
}

}  // namespace limpid
