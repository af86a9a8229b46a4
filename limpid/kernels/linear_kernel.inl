// The products of one tile, written once in terms of `Simd` and included by each instruction set inside its namespace,
// after limpid/kernels/linear_kernels.h and its Simd.
//
// Note [One order of summation]
// A lane is an output channel; its sum runs over the records of the tile from first to last, and within a record
// over its inputs in a fixed order. How many rows a kernel takes at once changes which sums stand next to each other in
// registers, never the operations of one sum. So a row has the same bits alone and in any batch.

// Note [Sums side by side]
// The sums of the rows are independent chains, and the processor is fast only if it meets them in turn. GCC regroups
// the unrolled code into one long chain after the other; Simd::here marks the place where each step has to stay.

using F = Simd::F;
using I = Simd::I;
using B = Simd::B;

template <class T>
T read(const std::byte* at) {
  T value;
  __builtin_memcpy(&value, at, sizeof value);
  return value;
}

inline F load_scales(const std::byte* at, bool halves) {
  return halves ? Simd::load_half(at) : Simd::load(reinterpret_cast<const float*>(at));
}

constexpr size_t codes_bytes(Codes codes) {
  if (codes == Codes::F32) return 2048;
  if (codes == Codes::F16 || codes == Codes::BF16) return 1024;
  return codes == Codes::Byte32 || codes == Codes::Byte16 ? 512 : 256;
}
constexpr size_t kMostTogether = 12;  // rows of an 8-bit kernel, on any instruction set
constexpr size_t groups_of(Codes codes) { return codes == Codes::Byte16 ? 2 : 1; }

/// Codes of inputs 4g to 4g + 3 as signed bytes (kSigned), else as stored: with the matrix's offset.
template <Codes kCodes, bool kSigned>
B code_bytes(const std::byte* codes, int g, const TiledMatrix& matrix) {
  if constexpr (kCodes == Codes::Byte32 || kCodes == Codes::Byte16) {
    const B v = Simd::load_bytes(codes + 64 * g);
    return kSigned ? Simd::flip_sign(v) : v;
  } else {
    const B both = Simd::load_bytes(codes + 64 * (g / 2));
    const B nibbles = g % 2 ? Simd::high_nibbles(both) : Simd::low_nibbles(both);
    if constexpr (kSigned) return Simd::lookup(matrix.signed_table(), nibbles);
    if constexpr (kCodes == Codes::NibbleLookup) return Simd::lookup(matrix.unsigned_table(), nibbles);
    return nibbles;
  }
}

/// Weights of inputs 4g to 4g + 3, in float32.
template <Codes kCodes>
void weights(const std::byte* record, int g, const TiledMatrix& matrix, F scale, F min, F (&w)[4]) {
  if constexpr (kCodes == Codes::F32) {
    for (int i = 0; i < 4; ++i) w[i] = Simd::load(reinterpret_cast<const float*>(record) + (4 * g + i) * 16);
  } else if constexpr (kCodes == Codes::F16) {
    for (int i = 0; i < 4; ++i) w[i] = Simd::load_half(record + (4 * g + i) * 32);
  } else if constexpr (kCodes == Codes::BF16) {
    const B even = Simd::load_bytes(record + 128 * g), odd = Simd::load_bytes(record + 128 * g + 64);
    w[0] = Simd::low_bf16(even), w[1] = Simd::low_bf16(odd), w[2] = Simd::high_bf16(even), w[3] = Simd::high_bf16(odd);
  } else {
    const B codes = code_bytes<kCodes, true>(record, g, matrix);
    w[0] = Simd::fma(Simd::byte_as_float<0>(codes), scale, min);
    w[1] = Simd::fma(Simd::byte_as_float<1>(codes), scale, min);
    w[2] = Simd::fma(Simd::byte_as_float<2>(codes), scale, min);
    w[3] = Simd::fma(Simd::byte_as_float<3>(codes), scale, min);
  }
}

/// Scale and min of the first (half = 0) or last 16 inputs of a record; zeros if it has none.
template <Codes kCodes>
void half_scales(const std::byte* record, int half, const TiledMatrix& matrix, F& scale, F& min) {
  scale = min = Simd::zero();
  if constexpr (!is_dense(kCodes)) {
    const size_t scale_bytes = matrix.half_scales() ? 32 : 64, group = groups_of(kCodes) == 2 ? half : 0;
    scale = load_scales(record + codes_bytes(kCodes) + group * scale_bytes, matrix.half_scales());
    if (matrix.has_min()) {
      min = load_scales(record + codes_bytes(kCodes) + (groups_of(kCodes) + group) * scale_bytes, matrix.half_scales());
    }
  }
}

template <Codes kCodes>
void expand_tile(const TiledMatrix& matrix, const std::byte* record, float* out) {
  for (size_t b = 0; b < matrix.blocks(); ++b, record += matrix.record_bytes()) {
    for (int half = 0; half < 2; ++half) {
      F scale, min;
      half_scales<kCodes>(record, half, matrix, scale, min);
#pragma GCC unroll kUnroll
      for (int g = 4 * half; g < 4 * half + 4; ++g, out += 4 * kTile) {
        F w[4];
        weights<kCodes>(record, g, matrix, scale, min, w);
        for (int i = 0; i < 4; ++i) Simd::store(out + i * kTile, w[i]);
      }
    }
  }
}

template <int kRows>
void write(const TileCall& call, const F (&sum)[kRows]) {
  const F bias = call.bias ? Simd::load_part(call.bias, call.lanes) : Simd::zero();
#pragma GCC unroll kUnroll
  for (int r = 0; r < kRows; ++r) {
    const F total = Simd::add(sum[r], bias);
    float* y = call.y + r * call.y_stride;
    call.lanes == kTile ? Simd::store(y, total) : Simd::store_part(y, total, call.lanes);
  }
}

/// Form::F32 and Form::Rounded: float32 products of the dequantised weights, 16 inputs to a partial sum.
template <Codes kCodes, int kRows>
void float_tile(const TileCall& call) {
  const TiledMatrix& matrix = *call.matrix;
  // An expanded tile of any matrix is one of F32 (Note [Expanding a tile]).
  const size_t blocks = matrix.blocks(), stride = is_dense(kCodes) ? codes_bytes(kCodes) : matrix.record_bytes();
  const std::byte *record = call.tile, *x = call.x;
  F sum[kRows];
#pragma GCC unroll kUnroll
  for (int r = 0; r < kRows; ++r) sum[r] = Simd::zero();
  for (size_t b = 0; b < blocks; ++b, record += stride, x += kRows * 128) {
#pragma GCC unroll kUnroll
    for (int half = 0; half < 2; ++half) {
      F scale, min;
      half_scales<kCodes>(record, half, matrix, scale, min);
      F part[kRows];
#pragma GCC unroll kUnroll
      for (int r = 0; r < kRows; ++r) part[r] = Simd::zero();
#pragma GCC unroll kUnroll
      for (int g = 4 * half; g < 4 * half + 4; ++g) {
        F w[4];
        weights<kCodes>(record, g, matrix, scale, min, w);
#pragma GCC unroll kUnroll
        for (int i = 0; i < 4; ++i) {
#pragma GCC unroll kUnroll
          for (int r = 0; r < kRows; ++r) {
            part[r] = Simd::fma(w[i], Simd::set1(read<float>(x + r * 128 + (4 * g + i) * 4)), part[r]);
            Simd::here(part[r]);
          }
        }
      }
#pragma GCC unroll kUnroll
      for (int r = 0; r < kRows; ++r) sum[r] = Simd::add(sum[r], part[r]);
    }
  }
  write<kRows>(call, sum);
}

/// The weights of one input, in float32.
template <Codes kCodes>
F column(const TiledMatrix& matrix, const std::byte* tile, size_t place) {
  const size_t within = place % kBlock;
  const std::byte* record = tile + place / kBlock * matrix.record_bytes();
  F scale, min;
  half_scales<kCodes>(record, int(within / 16), matrix, scale, min);
  const B codes = code_bytes<kCodes, true>(record, int(within / 4), matrix);
  return Simd::fma(Simd::byte_as_float(codes, int(within % 4)), scale, min);
}

/// Adds the products of outliers to the tile's outputs.
template <Codes kCodes>
void add_outliers(const TileCall& call, const std::byte* outliers) {
  int32_t place = -1;
  F w = Simd::zero();
  for (;; outliers += sizeof(Outlier)) {
    const Outlier one = read<Outlier>(outliers);
    if (one.row < 0) return;
    if (one.place != place) w = column<kCodes>(*call.matrix, call.tile, size_t(place = one.place));
    float* y = call.y + size_t(one.row) * call.y_stride;
    const F x = Simd::set1(one.x);
    if (call.lanes == kTile) {
      Simd::store(y, Simd::fma(w, x, Simd::load(y)));
    } else {
      Simd::store_part(y, Simd::fma(w, x, Simd::load_part(y, call.lanes)), call.lanes);
    }
  }
}

/// Form::Int8: exact int32 sums of a group, starting at what takes the offset of the codes away.
template <Codes kCodes, int kRows>
void int8_tile(const TileCall& call) {
  constexpr int kGroups = groups_of(kCodes);
  constexpr size_t kRecord = int8_record(kGroups);
  const TiledMatrix& matrix = *call.matrix;
  const size_t blocks = matrix.blocks(), stride = matrix.record_bytes();
  const size_t scale_bytes = matrix.half_scales() ? 32 : 64;
  const bool halves = matrix.half_scales(), has_min = matrix.has_min();
  const std::byte *record = call.tile, *x = call.x;
  F sum[kRows];
#pragma GCC unroll kUnroll
  for (int r = 0; r < kRows; ++r) sum[r] = Simd::zero();
  for (size_t b = 0; b < blocks; ++b, record += stride, x += kRows * kRecord) {
#pragma GCC unroll kUnroll
    for (int group = 0; group < kGroups; ++group) {
      I dot[kRows];
#pragma GCC unroll kUnroll
      for (int r = 0; r < kRows; ++r)
        dot[r] = Simd::set1_int(read<int32_t>(x + r * kRecord + 36 + kGroups * 4 + group * 4));
#pragma GCC unroll kUnroll
      for (int g = group * 8 / kGroups; g < (group + 1) * 8 / kGroups; ++g) {
        const B w = code_bytes<kCodes, false>(record, g, matrix);
#pragma GCC unroll kUnroll
        for (int r = 0; r < kRows; ++r) {
          dot[r] = Simd::dot_bytes(dot[r], w, x + r * kRecord + 4 * g);
          Simd::here(dot[r]);
        }
      }
      const F scale = load_scales(record + codes_bytes(kCodes) + group * scale_bytes, halves);
#pragma GCC unroll kUnroll
      for (int r = 0; r < kRows; ++r) {
        const F both = Simd::mul(scale, Simd::set1(read<float>(x + r * kRecord + 32)));
        sum[r] = Simd::fma(both, Simd::to_float(dot[r]), sum[r]);
      }
      if (has_min) {
        const F min = load_scales(record + codes_bytes(kCodes) + (kGroups + group) * scale_bytes, halves);
#pragma GCC unroll kUnroll
        for (int r = 0; r < kRows; ++r) {
          sum[r] = Simd::fma(min, Simd::set1(read<float>(x + r * kRecord + 36 + group * 4)), sum[r]);
        }
      }
    }
  }
  write<kRows>(call, sum);
  add_outliers<kCodes>(call, x);
}

/// The inputs of block b as two registers, zeros beyond the end.
inline void load_block(const float* x, size_t in, size_t b, F& low, F& high) {
  const size_t left = in - b * kBlock;
  if (left >= kBlock) {
    low = Simd::load(x + b * kBlock), high = Simd::load(x + b * kBlock + 16);
  } else {
    low = Simd::load_part(x + b * kBlock, left < 16 ? left : 16);
    high = left > 16 ? Simd::load_part(x + b * kBlock + 16, left - 16) : Simd::zero();
  }
}

/// The outliers of a row in the order of their places: how many. Note [Outliers]
inline size_t find_outliers(const float* x, size_t in, size_t row, Outlier (&found)[kOutliers]) {
  const size_t blocks = (in + kBlock - 1) / kBlock;
  struct Candidate {
    float gain = 0.0f, largest = 0.0f;
    size_t block = 0;
  } best[kOutliers];  // from the largest gain to the smallest
  for (size_t b = 0; b < blocks; ++b) {
    F low, high;
    load_block(x, in, b, low, high);
    const F a = Simd::abs(low), c = Simd::abs(high), more = Simd::max(a, c);
    const float first = Simd::largest(more);
    if (!(first * first > best[kOutliers - 1].gain)) continue;
    const F others = Simd::max(Simd::min(a, c), Simd::less_select(more, Simd::set1(first), more, Simd::zero()));
    const float second = Simd::largest(others), gain = (first - second) * (first + second);
    if (!(first > 2.0f * second) || !(gain > best[kOutliers - 1].gain)) continue;
    size_t at = kOutliers - 1;
    for (; at > 0 && gain > best[at - 1].gain; --at) best[at] = best[at - 1];
    best[at] = {gain, first, b};
  }
  size_t count = 0;
  for (const Candidate& one : best) {
    if (one.gain == 0.0f) break;
    size_t place = one.block * kBlock;
    while (place + 1 < in && !(std::fabs(x[place]) >= one.largest)) ++place;
    size_t at = count++;
    for (; at > 0 && size_t(found[at - 1].place) > place; --at) found[at] = found[at - 1];
    found[at] = {int32_t(place), int32_t(row), x[place]};
  }
  return count;
}

/// scale = max|x| / 127 and x / scale rounded to nearest, of what are no outliers.
inline void prepare_int8(const PrepareCall& call, const float* x, std::byte* out, size_t step, const Outlier* outliers,
                         size_t count) {
  const size_t blocks = (call.in + kBlock - 1) / kBlock;
  for (size_t b = 0; b < blocks; ++b, out += step) {
    F low, high;
    load_block(x, call.in, b, low, high);
    if (count > 0 && size_t(outliers->place) / kBlock == b) {
      float rest[kBlock];
      Simd::store(rest, low), Simd::store(rest + 16, high);
      rest[size_t(outliers->place) % kBlock] = 0.0f;
      low = Simd::load(rest), high = Simd::load(rest + 16);
      ++outliers, --count;
    }
    const float largest = Simd::largest(Simd::max(Simd::abs(low), Simd::abs(high)));
    const float scale = largest / 127.0f;
    // Below 1e-36 the inverse would overflow; such a block is zero next to anything else in the sum.
    const F inverse = Simd::set1(largest > 1e-36f ? 127.0f / largest : 0.0f);
    const I a = Simd::to_int(Simd::mul(low, inverse)), c = Simd::to_int(Simd::mul(high, inverse));
    Simd::store_bytes(reinterpret_cast<int8_t*>(out), a);
    Simd::store_bytes(reinterpret_cast<int8_t*>(out) + 16, c);
    const int32_t sums[2] = {Simd::sum_int(a), Simd::sum_int(c)};
    float tail[5] = {scale};
    for (size_t group = 0; group < call.groups; ++group) {
      const int32_t sum = call.groups == 2 ? sums[group] : sums[0] + sums[1], start = -call.offset * sum;
      tail[1 + group] = scale * float(sum);
      __builtin_memcpy(&tail[1 + call.groups + group], &start, 4);
    }
    __builtin_memcpy(out + 32, tail, 4 + call.groups * 8);
  }
}

inline void prepare_float(const PrepareCall& call, const float* x, std::byte* out, size_t step) {
  const size_t blocks = (call.in + kBlock - 1) / kBlock;
  for (size_t b = 0; b < blocks; ++b, out += step) {
    F low, high;
    load_block(x, call.in, b, low, high);
    float* at = reinterpret_cast<float*>(out);
    Simd::store(at, low), Simd::store(at + 16, high);
    if (call.form == Form::Rounded) {
      for (int i = 0; i < 32; ++i) at[i] = bf16_to_float(float_to_bf16(at[i]));
    }
  }
}

inline void prepare_rows(const PrepareCall& call) {
  const size_t record = record_bytes(call.form, call.groups), blocks = (call.in + kBlock - 1) / kBlock;
  if (call.form != Form::Int8) {
    for (size_t r = 0; r < call.rows; ++r)
      prepare_float(call, call.x + r * call.x_stride, call.out + r * record, call.rows * record);
    return;
  }
  Outlier all[kMostTogether * kOutliers];
  size_t total = 0;
  for (size_t r = 0; r < call.rows; ++r) {
    const float* x = call.x + r * call.x_stride;
    Outlier found[kOutliers];
    const size_t count = find_outliers(x, call.in, r, found);
    prepare_int8(call, x, call.out + r * record, call.rows * record, found, count);
    for (size_t i = 0; i < count; ++i) {  // by place, then by row
      size_t at = total++;
      for (; at > 0 && all[at - 1].place > found[i].place; --at) all[at] = all[at - 1];
      all[at] = found[i];
    }
  }
  std::byte* outliers = call.out + call.rows * blocks * record;
  __builtin_memcpy(outliers, all, total * sizeof(Outlier));
  const Outlier end{0, -1, 0.0f};
  __builtin_memcpy(outliers + total * sizeof(Outlier), &end, sizeof end);
}

template <Codes kCodes, size_t... kLess>
TileKernel float_kernel(size_t rows, std::index_sequence<kLess...>) {
  static constexpr TileKernel kKernels[] = {float_tile<kCodes, int(kLess) + 1>...};
  return kKernels[rows - 1];
}

template <Codes kCodes, size_t... kLess>
TileKernel int8_kernel(size_t rows, std::index_sequence<kLess...>) {
  static constexpr TileKernel kKernels[] = {int8_tile<kCodes, int(kLess) + 1>...};
  return kKernels[rows - 1];
}

template <size_t kMaxRows>
TileKernel float_kernel(Codes codes, size_t rows) {
  constexpr std::make_index_sequence<kMaxCodedRows> few{};
  switch (codes) {
    case Codes::Nibble:
    case Codes::NibbleLookup: return float_kernel<Codes::Nibble>(rows, few);
    case Codes::Byte32: return float_kernel<Codes::Byte32>(rows, few);
    case Codes::Byte16: return float_kernel<Codes::Byte16>(rows, few);
    case Codes::BF16: return float_kernel<Codes::BF16>(rows, few);
    case Codes::F16: return float_kernel<Codes::F16>(rows, few);
    case Codes::F32: return float_kernel<Codes::F32>(rows, std::make_index_sequence<kMaxRows>{});
  }
  return nullptr;
}

inline ExpandKernel expand_kernel(Codes codes) {
  switch (codes) {
    case Codes::Nibble:
    case Codes::NibbleLookup: return expand_tile<Codes::Nibble>;
    case Codes::Byte32: return expand_tile<Codes::Byte32>;
    case Codes::Byte16: return expand_tile<Codes::Byte16>;
    case Codes::BF16: return expand_tile<Codes::BF16>;
    case Codes::F16: return expand_tile<Codes::F16>;
    case Codes::F32: return expand_tile<Codes::F32>;
  }
  return nullptr;
}

template <size_t kMaxRows>
TileKernel int8_kernel(Codes codes, size_t rows) {
  static_assert(kMaxRows <= kMostTogether);
  constexpr std::make_index_sequence<kMaxRows> all{};
  switch (codes) {
    case Codes::Nibble: return int8_kernel<Codes::Nibble>(rows, all);
    case Codes::NibbleLookup: return int8_kernel<Codes::NibbleLookup>(rows, all);
    case Codes::Byte32: return int8_kernel<Codes::Byte32>(rows, all);
    case Codes::Byte16: return int8_kernel<Codes::Byte16>(rows, all);
    default: return nullptr;  // dense weights are never multiplied in 8 bits
  }
}
