#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "limpid/core/half.h"

/// Sixteen lanes in plain C++: what the kernels are written in, for machines without a faster version, and the
/// definition of what avx2.h and avx512.h do. Reductions add in the same order everywhere.
namespace limpid::kernels::plain {

struct Simd {
  struct F {
    float v[16];
  };
  struct I {
    int32_t v[16];
  };
  struct B {
    uint8_t v[64];
  };  ///< lane i owns bytes 4i to 4i + 3

  static F zero() { return set1(0.0f); }
  static F set1(float v) {
    return each([&](int) { return v; });
  }
  static F load(const float* at) {
    return each([&](int i) { return at[i]; });
  }
  /// The first n lanes, zeros in the others; n <= 16.
  static F load_part(const float* at, size_t n) {
    return each([&](int i) { return size_t(i) < n ? at[i] : 0.0f; });
  }
  static void store(float* at, F a) { std::memcpy(at, a.v, sizeof a.v); }
  static void store_part(float* at, F a, size_t n) { std::memcpy(at, a.v, n * sizeof(float)); }

  static F add(F a, F b) {
    return each([&](int i) { return a.v[i] + b.v[i]; });
  }
  static F sub(F a, F b) {
    return each([&](int i) { return a.v[i] - b.v[i]; });
  }
  static F mul(F a, F b) {
    return each([&](int i) { return a.v[i] * b.v[i]; });
  }
  static F div(F a, F b) {
    return each([&](int i) { return a.v[i] / b.v[i]; });
  }
  static F fma(F a, F b, F c) {
    return each([&](int i) { return a.v[i] * b.v[i] + c.v[i]; });
  }  ///< a b + c
  static F fnma(F a, F b, F c) {
    return each([&](int i) { return c.v[i] - a.v[i] * b.v[i]; });
  }  ///< c - a b
  static F max(F a, F b) {
    return each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
  }  ///< b if unordered
  static F min(F a, F b) {
    return each([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
  }  ///< b if unordered
  static F abs(F a) {
    return each([&](int i) { return std::fabs(a.v[i]); });
  }
  static F round(F a) {
    return each([&](int i) { return std::nearbyint(a.v[i]); });
  }  ///< ties to even
  static F copy_sign(F magnitude, F sign) {
    return each([&](int i) { return std::copysign(magnitude.v[i], sign.v[i]); });
  }
  /// a < b ? yes : no; no if unordered.
  static F less_select(F a, F b, F yes, F no) {
    return each([&](int i) { return a.v[i] < b.v[i] ? yes.v[i] : no.v[i]; });
  }
  static F keep_first(F a, size_t n, F rest) {
    return each([&](int i) { return size_t(i) < n ? a.v[i] : rest.v[i]; });
  }
  /// a 2^n for whole numbers n in [-126, 127].
  static F times_power_of_two(F a, F n) {
    return each([&](int i) { return a.v[i] * std::bit_cast<float>(uint32_t(int32_t(n.v[i]) + 127) << 23); });
  }

  static float sum(F a) {
    for (int half = 8; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) a.v[i] += a.v[i + half];
    }
    return a.v[0];
  }
  static float largest(F a) {
    for (int i = 1; i < 16; ++i) a.v[0] = a.v[i] > a.v[0] ? a.v[i] : a.v[0];
    return a.v[0];
  }

  /// Ties to even; what does not fit, and NaN, becomes INT32_MIN.
  static I to_int(F a) {
    return each_int(
        [&](int i) { return a.v[i] >= -0x1p31f && a.v[i] < 0x1p31f ? int32_t(std::nearbyint(a.v[i])) : INT32_MIN; });
  }
  static F to_float(I a) {
    return each([&](int i) { return float(a.v[i]); });
  }
  static I set1_int(int32_t v) {
    return each_int([&](int) { return v; });
  }
  static int32_t sum_int(I a) {
    int32_t total = 0;
    for (int32_t v : a.v) total += v;
    return total;
  }
  /// The low bytes of 16 integers.
  static void store_bytes(int8_t* at, I a) {
    for (int i = 0; i < 16; ++i) at[i] = int8_t(a.v[i]);
  }

  static void here(F&) {}  ///< the compiler must not move the value's computation across other such marks
  static void here(I&) {}

  /// out[16 i + lane] = rows[lane][from + i] for i < n <= 16.
  static void transpose(const float* const* rows, size_t from, size_t n, float* out) {
    for (size_t i = 0; i < n; ++i) {
      for (size_t lane = 0; lane < 16; ++lane) out[16 * i + lane] = rows[lane][from + i];
    }
  }

  static F load_half(const void* at) {  ///< 16 float16
    uint16_t bits[16];
    std::memcpy(bits, at, sizeof bits);
    return each([&](int i) { return f16_to_float(bits[i]); });
  }
  static float half(const void* at) {  ///< one float16
    uint16_t bits;
    std::memcpy(&bits, at, sizeof bits);
    return f16_to_float(bits);
  }
  static F load_bf16(const void* at) {  ///< 16 bfloat16
    uint16_t bits[16];
    std::memcpy(bits, at, sizeof bits);
    return each([&](int i) { return bf16_to_float(bits[i]); });
  }
  static F load_signed(const void* at) {  ///< 16 signed bytes
    return each([&](int i) { return float(static_cast<const int8_t*>(at)[i]); });
  }
  static B load_bytes(const void* at) {
    B out;
    std::memcpy(out.v, at, sizeof out.v);
    return out;
  }
  static B low_nibbles(B a) {
    return each_byte([&](int i) { return a.v[i] & 15; });
  }
  static B high_nibbles(B a) {
    return each_byte([&](int i) { return a.v[i] >> 4; });
  }
  /// table[index] for indices below 16.
  static B lookup(const void* table, B index) {
    return each_byte([&](int i) { return static_cast<const uint8_t*>(table)[index.v[i]]; });
  }
  static B flip_sign(B a) {
    return each_byte([&](int i) { return a.v[i] ^ 0x80; });
  }  ///< offset 128 to signed and back
  /// Signed byte kByte of each lane.
  template <int kByte>
  static F byte_as_float(B a) {
    return each([&](int i) { return float(int8_t(a.v[4 * i + kByte])); });
  }
  static F low_bf16(B a) {  ///< the first bfloat16 of each lane
    return each([&](int i) { return bf16_to_float(uint16_t(a.v[4 * i] | a.v[4 * i + 1] << 8)); });
  }
  static F high_bf16(B a) {  ///< the second
    return each([&](int i) { return bf16_to_float(uint16_t(a.v[4 * i + 2] | a.v[4 * i + 3] << 8)); });
  }
  /// sum + the products of each lane's four unsigned codes with the same four signed bytes.
  static I dot_bytes(I sum, B unsigned_codes, const void* four) {
    const int8_t* x = static_cast<const int8_t*>(four);
    return each_int([&](int i) {
      const uint8_t* w = unsigned_codes.v + 4 * i;
      return sum.v[i] + w[0] * x[0] + w[1] * x[1] + w[2] * x[2] + w[3] * x[3];
    });
  }

 private:
  template <class Function>
  static F each(const Function& function) {
    F out;
    for (int i = 0; i < 16; ++i) out.v[i] = function(i);
    return out;
  }
  template <class Function>
  static I each_int(const Function& function) {
    I out;
    for (int i = 0; i < 16; ++i) out.v[i] = function(i);
    return out;
  }
  template <class Function>
  static B each_byte(const Function& function) {
    B out;
    for (int i = 0; i < 64; ++i) out.v[i] = uint8_t(function(i));
    return out;
  }
};

}  // namespace limpid::kernels::plain
