#include "limpid/kernels/packed_matrix.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "limpid/core/error.h"
#include "limpid/core/half.h"
#include "limpid/kernels/blocks.h"
#include "limpid/kernels/quantize.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid::kernels {
namespace {

constexpr size_t kHugePage = size_t(2) << 20;

/// The place of dense input k of a block among the 32 bfloat16 of a lane: pairs (0,2) (1,3) (4,6) (5,7) …
size_t paired(size_t k) { return k / 4 * 4 + (k % 2) * 2 + k / 2 % 2; }

Codes dense_codes(DType type) {
  if (type == DType::BF16 || type == DType::F8_E4M3 || type == DType::F8_E5M2) return Codes::BF16;  // 8 bits fit, too
  return type == DType::F16 ? Codes::F16 : Codes::F32;
}

template <class T>
void put(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

template <class T>
T get(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

uint16_t bf16_at(DType type, const std::byte* row, size_t k) {
  if (type == DType::BF16) return get<uint16_t>(row + k * 2);
  float value;
  dequantize(type, row + k, 1, &value);  // of 8 bits
  return float_to_bf16(value);
}

}  // namespace

void TiledMatrix::Free::operator()(std::byte* memory) const { std::free(memory); }

size_t TiledMatrix::codes_bytes() const {
  switch (codes_) {
    case Codes::Nibble:
    case Codes::NibbleLookup: return kTile * kBlock / 2;
    case Codes::Byte32:
    case Codes::Byte16: return kTile * kBlock;
    case Codes::BF16:
    case Codes::F16: return kTile * kBlock * 2;
    case Codes::F32: return kTile * kBlock * 4;
  }
  return 0;
}

void TiledMatrix::choose_layout() {
  if (!is_quantised(type_)) {
    codes_ = dense_codes(type_);
  } else {
    const BlockTraits& traits = block_traits(type_);
    has_min_ = traits.has_min;
    half_scales_ = traits.halves;
    const bool nibbles = traits.values || traits.highest - traits.lowest < 16;
    if (nibbles && traits.group == 32) {
      codes_ = traits.values ? Codes::NibbleLookup : Codes::Nibble;
      offset_ = traits.values ? 128 : -traits.lowest;
      for (int i = 0; i < 16; ++i) {
        signed_table_[i] = traits.values ? traits.values[i] : int8_t(i - offset_);
        unsigned_table_[i] = uint8_t(signed_table_[i] + offset_);
        bf16_table_[i] = bf16_table_[i + 16] = float_to_bf16(signed_table_[i]);
      }
    } else {
      codes_ = traits.group == 16 ? Codes::Byte16 : Codes::Byte32;
      offset_ = 128;
    }
  }
  const size_t one_scale = half_scales_ ? 2 : 4;
  const size_t scale_bytes = is_dense(codes_) ? 0 : groups() * kTile * one_scale;
  record_bytes_ = codes_bytes() + scale_bytes * (has_min_ ? 2 : 1);
}

TiledMatrix::TiledMatrix(DType type, size_t out, size_t in, const std::byte* rows)
    : type_(type),
      out_(out),
      in_(in),
      blocks_((in + kBlock - 1) / kBlock) {
  choose_layout();
  size_t size = 0;
  LIMPID_CHECK(!__builtin_mul_overflow(tiles(), tile_bytes(), &size) && size < SIZE_MAX / 2, ShapeError, "[linear] ",
               out, " x ", in, " weights do not fit in memory");
  const size_t alignment = size >= kHugePage ? kHugePage : 64;
  size = (std::max<size_t>(size, 1) + alignment - 1) / alignment * alignment;
  data_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, size)));
  if (!data_) throw std::bad_alloc();
  if (alignment == kHugePage) madvise(data_.get(), size, MADV_HUGEPAGE);  // fewer page walks; no harm if refused
  parallel_for(tiles(), [&](size_t tile) { is_dense(codes_) ? pack_dense(tile, rows) : pack_blocks(tile, rows); });
}

void TiledMatrix::pack_dense(size_t tile, const std::byte* rows) {
  std::byte* const base = data_.get() + tile * tile_bytes();
  std::memset(base, 0, tile_bytes());
  const size_t row_bytes = byte_size(type_, in_);
  for (size_t lane = 0; lane < std::min(kTile, out_ - tile * kTile); ++lane) {
    const std::byte* row = rows + (tile * kTile + lane) * row_bytes;
    for (size_t k = 0; k < in_; ++k) {
      std::byte* record = base + k / kBlock * record_bytes_;
      const size_t i = k % kBlock;
      switch (codes_) {
        case Codes::BF16:
          put(record + paired(i) / 2 * 64 + lane * 4 + paired(i) % 2 * 2, bf16_at(type_, row, k));
          break;
        case Codes::F16: put(record + (i * kTile + lane) * 2, get<uint16_t>(row + k * 2)); break;
        default:
          put(record + (i * kTile + lane) * 4,
              type_ == DType::F64 ? float(get<double>(row + k * 8)) : get<float>(row + k * 4));
      }
    }
  }
}

void TiledMatrix::pack_blocks(size_t tile, const std::byte* rows) {
  std::byte* const base = data_.get() + tile * tile_bytes();
  std::memset(base, 0, tile_bytes());
  const DTypeInfo& layout = info(type_);
  const BlockTraits& traits = block_traits(type_);
  const size_t row_bytes = byte_size(type_, blocks_ * kBlock), groups_per_block = kBlock / traits.group;
  const size_t scale_size = half_scales_ ? 2 : 4;
  const bool nibbles = codes_ == Codes::Nibble || codes_ == Codes::NibbleLookup;
  uint8_t nibble[256] = {};  // of the signed value as an unsigned byte
  for (int i = 0; nibbles && i < 16; ++i) nibble[uint8_t(signed_table_[i])] = uint8_t(i);

  const auto put_scale = [&](std::byte* at, float value) {
    half_scales_ ? put(at, float_to_f16(value)) : put(at, value);  // exact: it was float16 in the file
  };
  for (size_t lane = 0; lane < std::min(kTile, out_ - tile * kTile); ++lane) {
    const std::byte* row = rows + (tile * kTile + lane) * row_bytes;
    DecodedBlock decoded;
    for (size_t b = 0; b < blocks_; ++b) {
      const size_t within = b * kBlock % layout.block_elements;
      if (within == 0) decode_block(type_, row + b * kBlock / layout.block_elements * layout.block_bytes, decoded);
      std::byte* record = base + b * record_bytes_;
      const int8_t* code = decoded.code + within;
      if (nibbles) {
        for (size_t i = 0; i < kBlock; ++i) {
          std::byte& pair = record[i / 8 * 64 + lane * 4 + i % 4];
          pair |= std::byte(nibble[uint8_t(code[i])] << (i / 4 % 2 * 4));
        }
      } else {
        for (size_t g = 0; g < kBlock / 4; ++g) {
          uint32_t four;
          std::memcpy(&four, code + 4 * g, 4);
          put(record + g * 64 + lane * 4, four ^ 0x80808080u);
        }
      }
      for (size_t g = 0; g < groups_per_block; ++g) {
        std::byte* scales = record + codes_bytes();
        put_scale(scales + (g * kTile + lane) * scale_size, decoded.scale[within / traits.group + g]);
        if (has_min_) {
          put_scale(scales + ((groups_per_block + g) * kTile + lane) * scale_size,
                    decoded.min[within / traits.group + g]);
        }
      }
    }
  }
}

void TiledMatrix::row(size_t index, float* out) const {
  LIMPID_CHECK(index < out_, ShapeError, "[linear] there is no row ", index, " in a matrix of ", out_);
  const std::byte* base = tile(index / kTile);
  const size_t lane = index % kTile, group = kBlock / groups(), scale_size = half_scales_ ? 2 : 4;
  const auto scale_at = [&](const std::byte* at) {
    return half_scales_ ? f16_to_float(get<uint16_t>(at)) : get<float>(at);
  };
  for (size_t k = 0; k < in_; ++k) {
    const std::byte* record = base + k / kBlock * record_bytes_;
    const size_t i = k % kBlock;
    float value = 0.0f;
    switch (codes_) {
      case Codes::F32: out[k] = get<float>(record + (i * kTile + lane) * 4); continue;
      case Codes::F16: out[k] = f16_to_float(get<uint16_t>(record + (i * kTile + lane) * 2)); continue;
      case Codes::BF16:
        out[k] = bf16_to_float(get<uint16_t>(record + paired(i) / 2 * 64 + lane * 4 + paired(i) % 2 * 2));
        continue;
      case Codes::Byte32:
      case Codes::Byte16: value = float(int(record[i / 4 * 64 + lane * 4 + i % 4]) - 128); break;
      case Codes::Nibble:
      case Codes::NibbleLookup:
        value = signed_table_[size_t(record[i / 8 * 64 + lane * 4 + i % 4] >> (i / 4 % 2 * 4)) & 15];
    }
    const std::byte* scales = record + codes_bytes();
    out[k] = scale_at(scales + (i / group * kTile + lane) * scale_size) * value;
    if (has_min_) out[k] += scale_at(scales + ((groups() + i / group) * kTile + lane) * scale_size);
  }
}

std::shared_ptr<const PackedMatrix> PackedMatrix::pack(const TensorView& weight) {
  LIMPID_CHECK(weight.shape.size() == 2 && weight.shape[0] >= 0 && weight.shape[1] >= 0, ShapeError, "[linear] ",
               weight.name, " has ", weight.shape.size(), " dimensions, expected a matrix [out, in]");
  const DType type = weight.dtype;
  LIMPID_CHECK(is_quantised(type) || is_floating(type), ShapeError, "[linear] ", weight.name, " is ", info(type).name,
               "; a matrix of weights has floating numbers or blocks");
  const size_t out = size_t(weight.shape[0]), in = size_t(weight.shape[1]);
  size_t expected = 0;
  LIMPID_CHECK(!__builtin_mul_overflow(byte_size(type, in), out, &expected) && weight.data.size() == expected,
               ShapeError, "[linear] ", weight.name, " [", out, ", ", in, "] ", info(type).name, " has ",
               weight.data.size(), " bytes, expected ", expected);
  return std::make_shared<TiledMatrix>(type, out, in, weight.data.data());
}

std::shared_ptr<const PackedMatrix> PackedMatrix::pack(const float* weight, size_t out, size_t in, DType as) {
  if (as == DType::F32) return std::make_shared<TiledMatrix>(as, out, in, reinterpret_cast<const std::byte*>(weight));
  std::vector<std::byte> rows;
  if (as == DType::F16 || as == DType::BF16) {
    rows.resize(out * in * 2);
    for (size_t i = 0; i < out * in; ++i) {
      put(rows.data() + 2 * i, as == DType::F16 ? float_to_f16(weight[i]) : float_to_bf16(weight[i]));
    }
    return std::make_shared<TiledMatrix>(as, out, in, rows.data());
  }
  LIMPID_CHECK(as == DType::Q8_0, ShapeError, "[linear] float32 numbers cannot be packed as ", info(as).name);
  const size_t padded = (in + kBlock - 1) / kBlock * kBlock;
  std::vector<float> row(padded, 0.0f);
  rows.resize(byte_size(as, padded) * out);
  for (size_t o = 0; o < out; ++o) {
    std::copy_n(weight + o * in, in, row.begin());
    quantize_q8_0(row.data(), padded, rows.data() + o * byte_size(as, padded));
  }
  return std::make_shared<TiledMatrix>(as, out, in, rows.data());
}

}  // namespace limpid::kernels
