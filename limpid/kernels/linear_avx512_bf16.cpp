#if defined(__x86_64__)
#include <immintrin.h>

#include <cmath>
#include <utility>

#include "limpid/core/half.h"
#include "limpid/kernels/linear_kernels.h"

#include "limpid/kernels/simd/begin_avx512_bf16.inl"
#include "limpid/kernels/simd/avx512.h"

// What the bfloat16 products of a machine that has them add to linear_avx512.cpp.
namespace limpid::kernels::avx512_bf16 {
using avx512::Simd;
namespace {

constexpr int kUnroll = 16;
#include "limpid/kernels/linear_kernel.inl"

constexpr size_t kMaxRows = 12;

__m512bh as_bf16(__m512i v) { return reinterpret_cast<__m512bh>(v); }

/// 32 signed bytes' worth of bfloat16 from the even (kOdd = 0) or odd bytes of each 16-bit word.
template <int kOdd>
__m512i bytes_to_bf16(__m512i codes) {
  // In a dword are inputs 0 to 3. A signed byte in the top of a dword is the byte times 2^24, which float32 holds
  // exactly and whose upper half is the bfloat16.
  const __m512i top = _mm512_set1_epi32(int(0xff000000u));
  const __m512i first = kOdd ? _mm512_slli_epi32(codes, 16) : _mm512_slli_epi32(codes, 24);
  const __m512i second = kOdd ? codes : _mm512_slli_epi32(codes, 8);
  const __m512i low = _mm512_castps_si512(_mm512_cvtepi32_ps(kOdd ? _mm512_and_si512(first, top) : first));
  const __m512i high = _mm512_castps_si512(_mm512_cvtepi32_ps(_mm512_and_si512(second, top)));
  return _mm512_mask_blend_epi16(0xaaaaaaaau, _mm512_srli_epi32(low, 16), high);
}
constexpr float kByteFactor = 0x1p-24f;

/// bfloat16 weights of pair `pair` of a record: inputs (0,2), (1,3), (4,6), …
template <Codes kCodes>
__m512i bf16_pair(const std::byte* record, int pair, const __m512i& table) {
  if constexpr (kCodes == Codes::BF16) {
    return _mm512_loadu_si512(record + 64 * pair);
  } else if constexpr (kCodes == Codes::F16 || kCodes == Codes::F32) {
    const int k = pair / 2 * 4 + pair % 2;
    F a, b;
    if constexpr (kCodes == Codes::F16) {
      a = Simd::load_half(record + k * 32), b = Simd::load_half(record + (k + 2) * 32);
    } else {
      a = _mm512_loadu_ps(record + k * 64), b = _mm512_loadu_ps(record + (k + 2) * 64);
    }
    return _mm512_permutexvar_epi16(table, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a)));
  } else if constexpr (kCodes == Codes::Byte32 || kCodes == Codes::Byte16) {
    const __m512i codes = Simd::flip_sign(Simd::load_bytes(record + 64 * (pair / 2)));
    return pair % 2 ? bytes_to_bf16<1>(codes) : bytes_to_bf16<0>(codes);
  } else {
    // A 16-bit word holds the nibbles of inputs 0, 4, 1, 5 (or 2, 6, 3, 7); vpermw looks at five bits, and the table
    // repeats after 16, so that the fifth does not matter.
    const __m512i words = Simd::load_bytes(record + 64 * (pair / 4));
    constexpr int kShift[4] = {0, 8, 4, 12};
    return _mm512_permutexvar_epi16(_mm512_srli_epi16(words, unsigned(kShift[pair % 4])), table);
  }
}

/// Form::BF16: the codes are exact in bfloat16; scale and min are applied to the sum of a group.
template <Codes kCodes, int kRows>
void bf16_tile(const TileCall& call) {
  constexpr int kGroups = groups_of(kCodes);
  constexpr bool kDense = is_dense(kCodes), kBytes = kCodes == Codes::Byte32 || kCodes == Codes::Byte16;
  const TiledMatrix& matrix = *call.matrix;
  const size_t blocks = matrix.blocks(), stride = matrix.record_bytes();
  const size_t scale_bytes = matrix.half_scales() ? 32 : 64;
  const bool halves = matrix.half_scales(), has_min = matrix.has_min();
  const std::byte *record = call.tile, *x = call.x;
  __m512i table = _mm512_loadu_si512(matrix.bf16_table());
  if constexpr (kCodes == Codes::F16 || kCodes == Codes::F32) {  // interleave two halves
    alignas(64) uint16_t order[32];
    for (int i = 0; i < 16; ++i) order[2 * i] = uint16_t(i), order[2 * i + 1] = uint16_t(i + 16);
    table = _mm512_load_si512(order);
  }
  F sum[kRows];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) sum[r] = Simd::zero();
  for (size_t b = 0; b < blocks; ++b, record += stride, x += kRows * kBF16Record) {
#pragma GCC unroll 2
    for (int group = 0; group < kGroups; ++group) {
      F dot[kRows];
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) dot[r] = Simd::zero();
#pragma GCC unroll 16
      for (int pair = group * 16 / kGroups; pair < (group + 1) * 16 / kGroups; ++pair) {
        const __m512i w = bf16_pair<kCodes>(record, pair, table);
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
          const __m512i two = _mm512_set1_epi32(read<int32_t>(x + r * kBF16Record + 4 * pair));
          dot[r] = _mm512_dpbf16_ps(dot[r], as_bf16(w), as_bf16(two));
          Simd::here(dot[r]);
        }
      }
      if constexpr (kDense) {
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) sum[r] = Simd::add(sum[r], dot[r]);
      } else {
        F scale = load_scales(record + codes_bytes(kCodes) + group * scale_bytes, halves);
        if constexpr (kBytes) scale = Simd::mul(scale, Simd::set1(kByteFactor));
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) sum[r] = Simd::fma(scale, dot[r], sum[r]);
        if (has_min) {
          const F min = load_scales(record + codes_bytes(kCodes) + (kGroups + group) * scale_bytes, halves);
#pragma GCC unroll 16
          for (int r = 0; r < kRows; ++r) {
            sum[r] = Simd::fma(min, Simd::set1(read<float>(x + r * kBF16Record + 64 + 4 * group)), sum[r]);
          }
        }
      }
    }
  }
  write<kRows>(call, sum);
}

template <Codes kCodes, size_t... kLess>
TileKernel bf16_kernel(size_t rows, std::index_sequence<kLess...>) {
  static constexpr TileKernel kKernels[] = {bf16_tile<kCodes, int(kLess) + 1>...};
  return kKernels[rows - 1];
}

TileKernel bf16_kernel(Codes codes, size_t rows) {
  constexpr std::make_index_sequence<kMaxRows> all{};
  switch (codes) {
    case Codes::Nibble:
    case Codes::NibbleLookup: return bf16_kernel<Codes::Nibble>(rows, all);
    case Codes::Byte32: return bf16_kernel<Codes::Byte32>(rows, all);
    case Codes::Byte16: return bf16_kernel<Codes::Byte16>(rows, all);
    case Codes::BF16: return bf16_kernel<Codes::BF16>(rows, all);
    case Codes::F16: return bf16_kernel<Codes::F16>(rows, all);
    case Codes::F32: return bf16_kernel<Codes::F32>(rows, all);
  }
  return nullptr;
}

void prepare_bf16(const PrepareCall& call, const float* x, std::byte* out, size_t step) {
  const size_t blocks = (call.in + kBlock - 1) / kBlock;
  alignas(64) uint16_t order[32];  // pairs (0,2) (1,3) (4,6) …
  for (int i = 0; i < 32; ++i) order[i] = uint16_t(i / 4 * 4 + i % 2 * 2 + i / 2 % 2);
  const __m512i pairs = _mm512_load_si512(order);
  for (size_t b = 0; b < blocks; ++b, out += step) {
    F low, high;
    load_block(x, call.in, b, low, high);
    const __m512i rounded = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
    _mm512_storeu_si512(out, _mm512_permutexvar_epi16(pairs, rounded));
    const float sums[2] = {
        Simd::sum(_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(rounded)), 16))),
        Simd::sum(
            _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(rounded, 1)), 16)))};
    const float tail[2] = {call.groups == 2 ? sums[0] : sums[0] + sums[1], sums[1]};
    __builtin_memcpy(out + 64, tail, sizeof tail);
  }
}

void prepare(const PrepareCall& call) {
  if (call.form != Form::BF16) return avx512::kLinear.prepare(call);
  for (size_t r = 0; r < call.rows; ++r) {
    prepare_bf16(call, call.x + r * call.x_stride, call.out + r * kBF16Record, call.rows * kBF16Record);
  }
}

Form form_for(Precision precision, Codes codes) {
  const Form form = avx512::kLinear.form(precision, codes);
  return form == Form::Rounded ? Form::BF16 : form;
}

size_t max_rows(Form form) { return form == Form::BF16 ? kMaxRows : avx512::kLinear.max_rows(form); }

TileKernel kernel(Form form, Codes codes, size_t rows) {
  return form == Form::BF16 ? bf16_kernel(codes, rows) : avx512::kLinear.tile(form, codes, rows);
}

ExpandKernel expand(Codes codes) { return avx512::kLinear.expand(codes); }

}  // namespace

const LinearKernels kLinear = {prepare, form_for, max_rows, kernel, expand};

}  // namespace limpid::kernels::avx512_bf16

#include "limpid/kernels/simd/end.inl"
#endif
