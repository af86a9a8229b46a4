#pragma once

#include <cstddef>

#include "limpid/core/names.h"

/// How keys and values lie in a cache: one row for each head and position.
namespace limpid::kernels {

enum class CacheType {
  F32,   ///< as they are computed
  BF16,  ///< rounded to bfloat16
  Q8,    ///< blocks of Q8_0 (dtype.h): 8 bits each, and a float16 scale for 32
};

inline constexpr const char* kCacheTypes[] = {"f32", "bf16", "q8"};
constexpr Names names_of(CacheType) { return kCacheTypes; }

/// Returns the bytes of a row of `width` numbers. Narrow rows are padded with zeros to a multiple of 32 numbers.
size_t cache_row_bytes(CacheType type, size_t width);

/// Writes a row. A number's bits depend on the row alone.
void write_cache_row(CacheType type, const float* numbers, size_t width, std::byte* row);

/// Reads a row back as float32: what the attention computes with.
void read_cache_row(CacheType type, const std::byte* row, size_t width, float* numbers);

}  // namespace limpid::kernels
