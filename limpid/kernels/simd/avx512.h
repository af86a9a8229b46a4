#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

/// Sixteen lanes on AVX-512 (see plain.h for what each function means). To be included after the target pragma.
namespace limpid::kernels::avx512 {

struct Simd {
  using F = __m512;   // 16 float32
  using I = __m512i;  // 16 int32
  using B = __m512i;  // 16 groups of 4 bytes

  static F zero() { return _mm512_setzero_ps(); }
  static F set1(float v) { return _mm512_set1_ps(v); }
  static F load(const float* at) { return _mm512_loadu_ps(at); }
  static F load_part(const float* at, size_t n) { return _mm512_maskz_loadu_ps(first(n), at); }
  static void store(float* at, F v) { _mm512_storeu_ps(at, v); }
  static void store_part(float* at, F v, size_t n) { _mm512_mask_storeu_ps(at, first(n), v); }

  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F div(F a, F b) { return _mm512_div_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }
  static F max(F a, F b) { return _mm512_max_ps(a, b); }
  static F min(F a, F b) { return _mm512_min_ps(a, b); }
  static F abs(F a) { return _mm512_abs_ps(a); }
  static F round(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static F copy_sign(F magnitude, F sign) {  // bits of `magnitude` except the topmost
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(magnitude), _mm512_castps_si512(sign),
                                                         _mm512_set1_epi32(int(0x80000000u)), 0xd8));
  }
  static F less_select(F a, F b, F yes, F no) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
  }
  static F keep_first(F v, size_t n, F rest) { return _mm512_mask_blend_ps(first(n), rest, v); }
  static F times_power_of_two(F a, F n) {
    return _mm512_mul_ps(
        a, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23)));
  }

  static float sum(F v) {
    const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
  }
  static float largest(F v) { return _mm512_reduce_max_ps(v); }

  static I to_int(F a) { return _mm512_cvtps_epi32(a); }
  static F to_float(I a) { return _mm512_cvtepi32_ps(a); }
  static I set1_int(int32_t v) { return _mm512_set1_epi32(v); }
  static int32_t sum_int(I v) { return _mm512_reduce_add_epi32(v); }
  static void store_bytes(int8_t* at, I v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(at), _mm512_cvtepi32_epi8(v));
  }

  static void here(F& v) { asm volatile("" : "+v"(v)); }
  static void here(I& v) { asm volatile("" : "+v"(v)); }

  static void transpose(const float* const* rows, size_t from, size_t n, float* out) {
    __m512 a[16], b[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) a[i] = n == 16 ? load(rows[i] + from) : load_part(rows[i] + from, n);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 2)
      b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]), b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 4) {
      a[i] = pairs_low(b[i], b[i + 2]), a[i + 1] = pairs_high(b[i], b[i + 2]);
      a[i + 2] = pairs_low(b[i + 1], b[i + 3]), a[i + 3] = pairs_high(b[i + 1], b[i + 3]);
    }
    // Now quarter L of a[4 r + c] is column 4 L + c of rows 4 r to 4 r + 3.
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) {
      const __m512 top_even = _mm512_shuffle_f32x4(a[c], a[4 + c], 0x88),
                   low_even = _mm512_shuffle_f32x4(a[8 + c], a[12 + c], 0x88);
      const __m512 top_odd = _mm512_shuffle_f32x4(a[c], a[4 + c], 0xdd),
                   low_odd = _mm512_shuffle_f32x4(a[8 + c], a[12 + c], 0xdd);
      b[c] = _mm512_shuffle_f32x4(top_even, low_even, 0x88), b[8 + c] = _mm512_shuffle_f32x4(top_even, low_even, 0xdd);
      b[4 + c] = _mm512_shuffle_f32x4(top_odd, low_odd, 0x88), b[12 + c] = _mm512_shuffle_f32x4(top_odd, low_odd, 0xdd);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      if (size_t(i) < n) store(out + 16 * i, b[i]);
    }
  }

  static F load_half(const void* at) {
    return _mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(static_cast<const __m256i*>(at)));
  }
  static float half(const void* at) {
    uint16_t bits;
    __builtin_memcpy(&bits, at, sizeof bits);
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
  }
  static F load_bf16(const void* at) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(at)));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
  }
  static F load_signed(const void* at) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(at))));
  }
  static B load_bytes(const void* at) { return _mm512_loadu_si512(at); }
  static B low_nibbles(B v) { return _mm512_and_si512(v, _mm512_set1_epi8(15)); }
  static B high_nibbles(B v) { return _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15)); }
  static B lookup(const void* table, B index) {
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(static_cast<const __m128i*>(table))), index);
  }
  static B flip_sign(B v) { return _mm512_xor_si512(v, _mm512_set1_epi8(-128)); }
  template <int kByte>
  static F byte_as_float(B v) {
    return _mm512_cvtepi32_ps(_mm512_srai_epi32(kByte == 3 ? v : _mm512_slli_epi32(v, 24 - 8 * kByte), 24));
  }
  static F low_bf16(B v) { return _mm512_castsi512_ps(_mm512_slli_epi32(v, 16)); }
  static F high_bf16(B v) { return _mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32(int(0xffff0000u)))); }
  static I dot_bytes(I sum, B unsigned_codes, const void* four) {
    int32_t x;
    __builtin_memcpy(&x, four, sizeof x);
    return _mm512_dpbusd_epi32(sum, unsigned_codes, _mm512_set1_epi32(x));
  }

 private:
  static __m512 pairs_low(__m512 a, __m512 b) {
    return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  }
  static __m512 pairs_high(__m512 a, __m512 b) {
    return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  }
  static __mmask16 first(size_t n) { return __mmask16((1u << n) - 1); }
};

}  // namespace limpid::kernels::avx512
