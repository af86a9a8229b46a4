#pragma once

#include "limpid/checkpoints/quantised/quantised_weight.h"

/// Weights that are integers but for a scale and a zero point of their group of inputs.
namespace limpid::quantised {

/// weight[o, i] = scale[g, o] * (code(o, i) - zero[g, o]), g = group[i], in float32, where nothing is rounded: a code
/// minus a zero point has at most 9 bits and a float16 scale 11.
struct IntegerWeight {
  std::string name;
  int64_t out = 0, in = 0;
  int bits = 4;                                        ///< codes are below 2^bits
  std::vector<int16_t> zero;                           ///< [groups, out]
  std::vector<float> scale;                            ///< [groups, out]
  std::vector<int32_t> group;                          ///< [in]
  std::function<void(int64_t o, uint8_t* codes)> row;  ///< codes of one output, [in]
};

/// Repacks the weight to the smallest of Q4_0, Q5_0 and Q8_0 that holds it exactly: 32 neighbouring inputs must share
/// their scale, which must be a float16. Else it becomes float32.
QuantisedWeight make_integer_weight(IntegerWeight weight, std::vector<std::string> parts);

/// Returns number i of those that lie in `bits` each in 32-bit words, the lowest first.
inline int packed_number(const std::byte* words, int64_t i, int bits) {
  const int64_t bit = i * bits;  // little-endian: a number of 4 or 8 bits lies in one byte
  return int(uint8_t(words[bit / 8])) >> (bit % 8) & ((1 << bits) - 1);
}

}  // namespace limpid::quantised
