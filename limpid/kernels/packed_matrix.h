#pragma once

#include <array>
#include <memory>

#include "limpid/kernels/linear.h"

/// How PackedMatrix lies in memory. Internal to the room.
namespace limpid::kernels {

/// Output channels of a tile: the lanes of a 512-bit register.
inline constexpr size_t kTile = 16;
/// Inputs of one record of a tile.
inline constexpr size_t kBlock = 32;

/// How the weights of a record are coded.
enum class Codes : uint8_t {
  Nibble,        ///< 4 bits, value nibble - offset
  NibbleLookup,  ///< 4 bits, value table[nibble]
  Byte32,        ///< 8 bits, value byte - 128, one scale for 32
  Byte16,        ///< the same with one scale for 16
  BF16,
  F16,
  F32,
};
constexpr bool is_dense(Codes codes) { return codes >= Codes::BF16; }

/// Tile t holds the channels 16 t to 16 t + 15 (zeros beyond the last) as one record for each 32 inputs:
/// - codes: for each group g of four inputs, lane i's dword is the codes of inputs 4g to 4g + 3. With 8 bits it lies at
///   64 g + 4 i; with 4 bits groups 2j and 2j + 1 share the 64 bytes at 64 j, the even one low. BF16: pairs (0,2) (1,3)
///   (4,6) (5,7) … as dwords, 64 bytes a pair. F16, F32: 16 lanes for each input.
/// - scales: [groups][16] float16 if `half_scales`, else float32; weight = scale * value (+ min).
/// - mins: the same, if has_min.
/// A record is read front to back, and so is a tile and the matrix: one stream for the prefetcher.
class TiledMatrix final : public PackedMatrix {
 public:
  TiledMatrix(DType type, size_t out, size_t in, const std::byte* rows);  // whole blocks, checked by the caller

  size_t out() const override { return out_; }
  size_t in() const override { return in_; }
  size_t bytes() const override { return tiles() * tile_bytes(); }
  DType dtype() const override { return type_; }
  void row(size_t index, float* out) const override;

  size_t tiles() const { return (out_ + kTile - 1) / kTile; }
  size_t blocks() const { return blocks_; }
  size_t record_bytes() const { return record_bytes_; }
  size_t tile_bytes() const { return blocks_ * record_bytes_; }
  const std::byte* tile(size_t index) const { return data_.get() + index * tile_bytes(); }

  Codes codes() const { return codes_; }
  bool has_min() const { return has_min_; }
  bool half_scales() const { return half_scales_; }
  int offset() const { return offset_; }                                    ///< of unsigned codes
  const int8_t* signed_table() const { return signed_table_.data(); }       ///< nibble to value
  const uint8_t* unsigned_table() const { return unsigned_table_.data(); }  ///< nibble to value + offset
  const uint16_t* bf16_table() const { return bf16_table_.data(); }         ///< nibble to value, twice

 private:
  void choose_layout();
  void pack_dense(size_t tile, const std::byte* rows);
  void pack_blocks(size_t tile, const std::byte* rows);
  size_t codes_bytes() const;
  size_t groups() const { return codes_ == Codes::Byte16 ? 2 : 1; }

  struct Free {
    void operator()(std::byte* memory) const;
  };

  DType type_;
  size_t out_, in_, blocks_, record_bytes_ = 0;
  Codes codes_ = Codes::F32;
  bool has_min_ = false, half_scales_ = false;
  int offset_ = 0;
  alignas(64) std::array<uint16_t, 32> bf16_table_{};
  alignas(16) std::array<int8_t, 16> signed_table_{};
  alignas(16) std::array<uint8_t, 16> unsigned_table_{};
  std::unique_ptr<std::byte, Free> data_;
};

}  // namespace limpid::kernels
