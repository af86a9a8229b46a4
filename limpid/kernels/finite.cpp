#include "limpid/kernels/finite.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "limpid/core/half.h"
#include "limpid/kernels/blocks.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid::kernels {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();  // without the sign, which says nothing
constexpr size_t kPiece = size_t(1) << 18;  // bytes that a thread looks at before it takes the next

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// A stored number: its bits and what they stand for. A number is bad when its exponent bits are all set.
struct Float32 {
  using Bits = uint32_t;
  static bool is_bad(Bits bits) { return (bits & 0x7f800000u) == 0x7f800000u; }
  static double value(Bits bits) { return double(std::bit_cast<float>(bits)); }
};
struct Float16 {
  using Bits = uint16_t;
  static bool is_bad(Bits bits) { return (bits & 0x7c00u) == 0x7c00u; }
  static double value(Bits bits) { return double(f16_to_float(bits)); }
};
struct BFloat16 {
  using Bits = uint16_t;
  static bool is_bad(Bits bits) { return (bits & 0x7f80u) == 0x7f80u; }
  static double value(Bits bits) { return double(bf16_to_float(bits)); }
};
struct Float64 {
  using Bits = uint64_t;
  static bool is_bad(Bits bits) { return !(std::fabs(value(bits)) <= double(std::numeric_limits<float>::max())); }
  static double value(Bits bits) { return std::bit_cast<double>(bits); }
};

struct Float8E4M3 {  // which has no infinity
  using Bits = uint8_t;
  static bool is_bad(Bits bits) { return (bits & 0x7fu) == 0x7fu; }
  static double value(Bits) { return kNan; }
};
struct Float8E5M2 {
  using Bits = uint8_t;
  static bool is_bad(Bits bits) { return (bits & 0x7cu) == 0x7cu; }
  static double value(Bits bits) {
    return (bits & 3u) ? kNan : (bits & 0x80u ? -1.0 : 1.0) * std::numeric_limits<double>::infinity();
  }
};

/// Numbers side by side.
template <class Number>
struct Dense {
  using Bits = typename Number::Bits;
  const std::byte* data;
  size_t stride() const { return sizeof(Bits); }

  bool any(size_t begin, size_t end) const {
    Bits bad = 0;  // as wide as the numbers, and no early way out: the loop is to be a vector's
    for (size_t i = begin; i < end; ++i)
      bad |= Number::is_bad(load<Bits>(data + i * sizeof(Bits))) ? Bits(~Bits(0)) : Bits(0);
    return bad != 0;
  }
  std::optional<double> bad(size_t i) const {
    const auto bits = load<Bits>(data + i * sizeof(Bits));
    return Number::is_bad(bits) ? std::optional(Number::value(bits)) : std::nullopt;
  }
};

/// Scales of blocks: a float16 in each, and the one of the minima behind it where the type has them.
struct Scales {
  const std::byte* data;
  size_t block_bytes;
  bool has_min;

  size_t stride() const { return block_bytes; }
  bool any(size_t begin, size_t end) const {
    bool bad = false;
    for (size_t b = begin; b < end; ++b) {
      const std::byte* scale = data + b * block_bytes;
      bad |= Float16::is_bad(load<uint16_t>(scale)) | Float16::is_bad(load<uint16_t>(has_min ? scale + 2 : scale));
    }
    return bad;
  }
  std::optional<double> bad(size_t b) const {
    for (const size_t at : {0, 2}) {
      const auto bits = load<uint16_t>(data + b * block_bytes + at);
      if ((at == 0 || has_min) && Float16::is_bad(bits)) return Float16::value(bits);
    }
    return std::nullopt;
  }
};

/// Blocks whose scales are no numbers of their own: each is taken apart.
struct DecodedScales {
  DType type;
  const std::byte* data;
  size_t block_bytes, scales;

  size_t stride() const { return block_bytes; }
  bool any(size_t begin, size_t end) const {
    for (size_t b = begin; b < end; ++b)
      if (bad(b)) return true;
    return false;
  }
  std::optional<double> bad(size_t b) const {
    DecodedBlock block;
    decode_block(type, data + b * block_bytes, block);
    for (size_t i = 0; i < scales; ++i)
      if (!std::isfinite(block.scale[i])) return double(block.scale[i]);
    return std::nullopt;
  }
};

template <class Numbers>
std::optional<NotFinite> first_of(const Numbers& numbers, size_t count) {
  const size_t piece = kPiece / numbers.stride(), pieces = (count + piece - 1) / piece;
  std::atomic<size_t> first = pieces;  // piece with something bad
  parallel_for(pieces, [&](size_t p) {
    if (p >= first.load(std::memory_order_relaxed)) return;
    if (!numbers.any(p * piece, std::min(count, (p + 1) * piece))) return;
    size_t known = first.load();
    while (p < known && !first.compare_exchange_weak(known, p)) {
    }
  });
  for (size_t i = first * piece; i < count; ++i)
    if (const auto value = numbers.bad(i)) return NotFinite{i, std::isnan(*value) ? kNan : *value};
  return std::nullopt;
}

}  // namespace

std::optional<NotFinite> first_not_finite(DType type, const std::byte* data, size_t elements) {
  switch (type) {
    case DType::F32: return first_of(Dense<Float32>{data}, elements);
    case DType::F16: return first_of(Dense<Float16>{data}, elements);
    case DType::BF16: return first_of(Dense<BFloat16>{data}, elements);
    case DType::F8_E4M3: return first_of(Dense<Float8E4M3>{data}, elements);
    case DType::F8_E5M2: return first_of(Dense<Float8E5M2>{data}, elements);
    case DType::F64: return first_of(Dense<Float64>{data}, elements);
    default: break;
  }
  if (!is_quantised(type)) return std::nullopt;
  const DTypeInfo& layout = info(type);
  const BlockTraits& traits = block_traits(type);
  const size_t blocks = elements / layout.block_elements;
  auto found =
      traits.scale_at < 0
          ? first_of(DecodedScales{type, data, layout.block_bytes, layout.block_elements / traits.group}, blocks)
          : first_of(Scales{data + traits.scale_at, layout.block_bytes, traits.has_min}, blocks);
  if (found) found->index *= layout.block_elements;
  return found;
}

}  // namespace limpid::kernels
