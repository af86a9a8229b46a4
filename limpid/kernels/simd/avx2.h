#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

/// Sixteen lanes as two AVX2 registers (see plain.h for what each function means). To be included after the target
/// pragma.
namespace limpid::kernels::avx2 {

struct Simd {
  struct F {
    __m256 a, b;
  };  // lanes 0 to 7 and 8 to 15
  struct I {
    __m256i a, b;
  };
  struct B {
    __m256i a, b;
  };

  static F zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static F set1(float v) { return {_mm256_set1_ps(v), _mm256_set1_ps(v)}; }
  static F load(const float* at) { return {_mm256_loadu_ps(at), _mm256_loadu_ps(at + 8)}; }
  static F load_part(const float* at, size_t n) {
    const I mask = first(n);
    return {_mm256_maskload_ps(at, mask.a), n > 8 ? _mm256_maskload_ps(at + 8, mask.b) : _mm256_setzero_ps()};
  }
  static void store(float* at, F v) { _mm256_storeu_ps(at, v.a), _mm256_storeu_ps(at + 8, v.b); }
  static void store_part(float* at, F v, size_t n) {
    const I mask = first(n);
    _mm256_maskstore_ps(at, mask.a, v.a);
    if (n > 8) _mm256_maskstore_ps(at + 8, mask.b, v.b);
  }

  static F add(F x, F y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
  static F sub(F x, F y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
  static F mul(F x, F y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
  static F div(F x, F y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
  static F fma(F x, F y, F z) { return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
  static F fnma(F x, F y, F z) { return {_mm256_fnmadd_ps(x.a, y.a, z.a), _mm256_fnmadd_ps(x.b, y.b, z.b)}; }
  static F max(F x, F y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
  static F min(F x, F y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
  static F abs(F x) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b)};
  }
  static F round(F x) {
    constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    return {_mm256_round_ps(x.a, kNearest), _mm256_round_ps(x.b, kNearest)};
  }
  static F copy_sign(F magnitude, F sign) {
    const __m256 top = _mm256_set1_ps(-0.0f);
    return {_mm256_or_ps(_mm256_andnot_ps(top, magnitude.a), _mm256_and_ps(top, sign.a)),
            _mm256_or_ps(_mm256_andnot_ps(top, magnitude.b), _mm256_and_ps(top, sign.b))};
  }
  static F less_select(F x, F y, F yes, F no) {
    return {_mm256_blendv_ps(no.a, yes.a, _mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ)),
            _mm256_blendv_ps(no.b, yes.b, _mm256_cmp_ps(x.b, y.b, _CMP_LT_OQ))};
  }
  static F keep_first(F v, size_t n, F rest) {
    const I mask = first(n);
    return {_mm256_blendv_ps(rest.a, v.a, _mm256_castsi256_ps(mask.a)),
            _mm256_blendv_ps(rest.b, v.b, _mm256_castsi256_ps(mask.b))};
  }
  static F times_power_of_two(F x, F n) { return {_mm256_mul_ps(x.a, power(n.a)), _mm256_mul_ps(x.b, power(n.b))}; }

  static float sum(F v) {
    const __m256 a = _mm256_add_ps(v.a, v.b);
    const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
  }
  static float largest(F v) {
    const __m256 a = _mm256_max_ps(v.a, v.b);
    const __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
  }

  static I to_int(F x) { return {_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)}; }
  static F to_float(I x) { return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
  static I set1_int(int32_t v) { return {_mm256_set1_epi32(v), _mm256_set1_epi32(v)}; }
  static int32_t sum_int(I v) {
    alignas(32) int32_t lane[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(lane), _mm256_add_epi32(v.a, v.b));
    int32_t total = 0;
    for (int32_t part : lane) total += part;
    return total;
  }
  static void store_bytes(int8_t* at, I v) {
    alignas(32) int32_t lane[16];
    _mm256_store_si256(reinterpret_cast<__m256i*>(lane), v.a);
    _mm256_store_si256(reinterpret_cast<__m256i*>(lane + 8), v.b);
    for (int i = 0; i < 16; ++i) at[i] = int8_t(lane[i]);
  }

  static void here(F& v) { asm volatile("" : "+x"(v.a), "+x"(v.b)); }
  static void here(I& v) { asm volatile("" : "+x"(v.a), "+x"(v.b)); }

  static void transpose(const float* const* rows, size_t from, size_t n, float* out) {
    for (size_t half = 0; half < n; half += 8) {
      transpose_eight(rows, from + half, n - half < 8 ? n - half : 8, out + 16 * half);
      transpose_eight(rows + 8, from + half, n - half < 8 ? n - half : 8, out + 16 * half + 8);
    }
  }

  static F load_half(const void* at) {
    const __m128i* half = static_cast<const __m128i*>(at);
    return {_mm256_cvtph_ps(_mm_loadu_si128(half)), _mm256_cvtph_ps(_mm_loadu_si128(half + 1))};
  }
  static float half(const void* at) {
    uint16_t bits;
    __builtin_memcpy(&bits, at, sizeof bits);
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
  }
  static F load_bf16(const void* at) {
    const __m128i* half = static_cast<const __m128i*>(at);
    return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(half)), 16)),
            _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(half + 1)), 16))};
  }
  static F load_signed(const void* at) {
    const __m128i bytes = _mm_loadu_si128(static_cast<const __m128i*>(at));
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))};
  }
  static B load_bytes(const void* at) {
    const __m256i* half = static_cast<const __m256i*>(at);
    return {_mm256_loadu_si256(half), _mm256_loadu_si256(half + 1)};
  }
  static B low_nibbles(B v) {
    const __m256i low = _mm256_set1_epi8(15);
    return {_mm256_and_si256(v.a, low), _mm256_and_si256(v.b, low)};
  }
  static B high_nibbles(B v) { return low_nibbles({_mm256_srli_epi16(v.a, 4), _mm256_srli_epi16(v.b, 4)}); }
  static B lookup(const void* table, B index) {
    const __m256i values = _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(table)));
    return {_mm256_shuffle_epi8(values, index.a), _mm256_shuffle_epi8(values, index.b)};
  }
  static B flip_sign(B v) {
    const __m256i top = _mm256_set1_epi8(-128);
    return {_mm256_xor_si256(v.a, top), _mm256_xor_si256(v.b, top)};
  }
  template <int kByte>
  static F byte_as_float(B v) {
    return {_mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(v.a, 24 - 8 * kByte), 24)),
            _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(v.b, 24 - 8 * kByte), 24))};
  }
  static F low_bf16(B v) {
    return {_mm256_castsi256_ps(_mm256_slli_epi32(v.a, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(v.b, 16))};
  }
  static F high_bf16(B v) {
    const __m256i top = _mm256_set1_epi32(int(0xffff0000u));
    return {_mm256_castsi256_ps(_mm256_and_si256(v.a, top)), _mm256_castsi256_ps(_mm256_and_si256(v.b, top))};
  }
  static I dot_bytes(I sum, B unsigned_codes, const void* four) {
    // maddubs would saturate at codes above 129: the bytes become 16-bit numbers, even and odd ones apart.
    int32_t x;
    __builtin_memcpy(&x, four, sizeof x);
    const __m256i bytes = _mm256_set1_epi32(x);
    const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8), odd = _mm256_srai_epi16(bytes, 8);
    return {dot(sum.a, unsigned_codes.a, even, odd), dot(sum.b, unsigned_codes.b, even, odd)};
  }

 private:
  // No lambdas here: GCC 12 does not compile them for the target of the pragma.
  static __m256 power(__m256 exponent) {
    const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(exponent), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
  }
  static __m256i dot(__m256i sum, __m256i codes, __m256i even, __m256i odd) {
    const __m256i low = _mm256_and_si256(codes, _mm256_set1_epi16(255)), high = _mm256_srli_epi16(codes, 8);
    return _mm256_add_epi32(sum, _mm256_add_epi32(_mm256_madd_epi16(low, even), _mm256_madd_epi16(high, odd)));
  }
  /// Eight rows to lanes of sixteen.
  static void transpose_eight(const float* const* rows, size_t from, size_t n, float* out) {
    __m256 a[8], b[8];
    const __m256i mask = first(n).a;
    for (int i = 0; i < 8; ++i)
      a[i] = n == 8 ? _mm256_loadu_ps(rows[i] + from) : _mm256_maskload_ps(rows[i] + from, mask);
    for (int i = 0; i < 8; i += 2)
      b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]), b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    for (int i = 0; i < 8; i += 4) {
      a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44), a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
      a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44), a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
    }
    for (int c = 0; c < 4; ++c) {
      b[c] = _mm256_permute2f128_ps(a[c], a[4 + c], 0x20), b[4 + c] = _mm256_permute2f128_ps(a[c], a[4 + c], 0x31);
    }
    for (size_t i = 0; i < n; ++i) _mm256_storeu_ps(out + 16 * i, b[i]);
  }
  static I first(size_t n) {  // all bits of the first n lanes
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), count = _mm256_set1_epi32(int(n));
    return {_mm256_cmpgt_epi32(count, index), _mm256_cmpgt_epi32(count, _mm256_add_epi32(index, _mm256_set1_epi32(8)))};
  }
};

}  // namespace limpid::kernels::avx2
