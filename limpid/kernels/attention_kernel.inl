// Attention of one thread, written once in terms of `Simd`; after ops_kernel.inl.
//
// Keys are taken in tiles of sixteen, aligned to their positions, and transposed, so that a lane is a key: the score of
// a query and a key is one chain of sums over the head, whoever else looks at the tile. Softmax adds up lane by lane
// and the values are summed from the first visible key to the last. Hence a token's result does not depend on the
// others.

/// scores[p][0..15] = q[p] . key, over even and odd places apart; kPairs queries share the loads of a tile.
template <int kPairs>
void score_tile(const float* const* q, const float* tile, size_t dim, F (&score)[kPairs]) {
  F even[kPairs], odd[kPairs];
#pragma GCC unroll kUnroll
  for (int p = 0; p < kPairs; ++p) even[p] = odd[p] = Simd::zero();
  size_t d = 0;
  for (; d + 2 <= dim; d += 2) {
    const F a = Simd::load(tile + d * 16), b = Simd::load(tile + d * 16 + 16);
#pragma GCC unroll kUnroll
    for (int p = 0; p < kPairs; ++p) {
      even[p] = Simd::fma(Simd::set1(q[p][d]), a, even[p]);
      odd[p] = Simd::fma(Simd::set1(q[p][d + 1]), b, odd[p]);
    }
  }
  if (d < dim) {
    const F a = Simd::load(tile + d * 16);
    for (int p = 0; p < kPairs; ++p) even[p] = Simd::fma(Simd::set1(q[p][d]), a, even[p]);
  }
#pragma GCC unroll kUnroll
  for (int p = 0; p < kPairs; ++p) score[p] = Simd::add(even[p], odd[p]);
}

// Rows of the cache (cache_rows.h) as float32, sixteen numbers from number `at` on; `at` is a multiple of 16, and there
// are only `n` of them, but the rest is readable where rows are padded.

struct F32Row {
  static F load(const std::byte* row, size_t at, size_t n) {
    const float* numbers = reinterpret_cast<const float*>(row) + at;
    return n == 16 ? Simd::load(numbers) : Simd::load_part(numbers, n);
  }
};

struct BF16Row {
  static F load(const std::byte* row, size_t at, size_t) { return Simd::load_bf16(row + at * 2); }
};

struct Q8Row {
  static F load(const std::byte* row, size_t at, size_t) {
    const std::byte* block = row + at / 32 * 34;  // a float16 scale, then 32 bytes
    return Simd::mul(Simd::set1(Simd::half(block)), Simd::load_signed(block + 2 + at % 32));
  }
};

/// Where the keys or values of the call's head are.
struct HeadPages {
  const std::byte* const* pages;
  size_t page_tokens, row_bytes, dim, kv_head;
  const std::byte* row(int64_t j) const {
    return pages[size_t(j) / page_tokens] + (kv_head * page_tokens + size_t(j) % page_tokens) * row_bytes;
  }
  /// Rows from j on that follow each other in memory.
  int64_t run(int64_t j, int64_t end) const {
    const int64_t rest = int64_t(page_tokens - size_t(j) % page_tokens);
    return rest < end - j ? rest : end - j;
  }
};

/// A pair of query token and head.
struct Pair {
  const float* q;
  const float* bias;  ///< of position 0; null: none
  float* out;
  float* scores;  ///< of position `base` and following
  int64_t begin, end;
};

template <int kPairs>
void score_pairs(const AttentionShape& shape, const Pair* pairs, const float* tile, int64_t first, int64_t base) {
  const float* q[kPairs];
  for (int p = 0; p < kPairs; ++p) q[p] = pairs[p].q;
  F score[kPairs];
  score_tile<kPairs>(q, tile, shape.head_dim, score);
  const F nothing = Simd::set1(-__builtin_inff());
  for (int p = 0; p < kPairs; ++p) {
    F s = Simd::mul(score[p], Simd::set1(shape.scale));
    if (shape.softcap > 0.0f) {
      const F cap = Simd::set1(shape.softcap);
      s = Simd::mul(cap, hyperbolic_tangent(Simd::div(s, cap)));
    }
    if (pairs[p].bias) s = Simd::add(s, Simd::load(pairs[p].bias + first));
    const int64_t from = pairs[p].begin - first, to = pairs[p].end - first;  // visible lanes
    if (to < 16) s = Simd::keep_first(s, to > 0 ? size_t(to) : 0, nothing);
    if (from > 0) s = Simd::keep_first(nothing, from < 16 ? size_t(from) : 16, s);
    Simd::store(pairs[p].scores + (first - base), s);
  }
}

/// Scores to weights, not yet divided by their sum, which is returned.
inline float exponentials(const Pair& pair, int64_t base) {
  float* const begin = pair.scores + (pair.begin / 16 * 16 - base);
  float* const end = pair.scores + ((pair.end + 15) / 16 * 16 - base);
  F most = Simd::load(begin);
  for (float* at = begin + 16; at < end; at += 16) most = Simd::max(most, Simd::load(at));
  const F shift = Simd::set1(Simd::largest(most));
  F total = Simd::zero();
  for (float* at = begin; at < end; at += 16) {
    const F weight = exponential(Simd::sub(Simd::load(at), shift));
    Simd::store(at, weight);
    total = Simd::add(total, weight);
  }
  return Simd::sum(total);
}

/// sum[p] += weight[p][j] * value[j] for `count` rows that follow each other, 16 kParts of their numbers from `offset`
/// on.
template <class Row, int kPairs, int kParts>
void add_values(F (&sum)[kPairs][kParts], const float* const* weights, const std::byte* row, size_t count,
                size_t row_bytes, size_t offset, size_t last) {
  for (size_t j = 0; j < count; ++j, row += row_bytes) {
    F value[kParts];
#pragma GCC unroll kUnroll
    for (int c = 0; c < kParts; ++c) value[c] = Row::load(row, offset + c * 16, c + 1 < kParts ? 16 : last);
#pragma GCC unroll kUnroll
    for (int p = 0; p < kPairs; ++p) {
      const F weight = Simd::set1(weights[p][j]);
#pragma GCC unroll kUnroll
      for (int c = 0; c < kParts; ++c) sum[p][c] = Simd::fma(weight, value[c], sum[p][c]);
    }
  }
}

/// The same for the keys [from, to) of one pair.
template <class Row, int kParts>
void add_values_alone(F (&sum)[kParts], const HeadPages& values, const Pair& pair, int64_t from, int64_t to,
                      int64_t base, size_t offset, size_t last) {
  F one[1][kParts];
  for (int c = 0; c < kParts; ++c) one[0][c] = sum[c];
  for (int64_t j = from; j < to;) {
    const int64_t run = values.run(j, to);
    const float* weight[1] = {pair.scores + (j - base)};
    add_values<Row, 1, kParts>(one, weight, values.row(j), size_t(run), values.row_bytes, offset, last);
    j += run;
  }
  for (int c = 0; c < kParts; ++c) sum[c] = one[0][c];
}

/// out[p] = weighted values of kPairs pairs / total, numbers [offset, offset + 16 kParts) of the head; `last` in the
/// last 16.
template <class Row, int kPairs, int kParts>
void value_part(const HeadPages& values, const Pair* pairs, const float* totals, int64_t base, size_t offset,
                size_t last) {
  F sum[kPairs][kParts];
  int64_t begin = pairs[0].begin, end = pairs[0].end;  // what all of them see
  for (int p = 0; p < kPairs; ++p) {
    for (int c = 0; c < kParts; ++c) sum[p][c] = Simd::zero();
    begin = pairs[p].begin > begin ? pairs[p].begin : begin;
    end = pairs[p].end < end ? pairs[p].end : end;
  }
  // From the first key to the last for each: alone, then together, then alone again.
  for (int p = 0; p < kPairs; ++p) {
    const int64_t to = begin < pairs[p].end ? begin : pairs[p].end;
    if (pairs[p].begin < to)
      add_values_alone<Row, kParts>(sum[p], values, pairs[p], pairs[p].begin, to, base, offset, last);
  }
  for (int64_t j = begin; j < end;) {
    const int64_t run = values.run(j, end);
    const float* weights[kPairs];
    for (int p = 0; p < kPairs; ++p) weights[p] = pairs[p].scores + (j - base);
    add_values<Row, kPairs, kParts>(sum, weights, values.row(j), size_t(run), values.row_bytes, offset, last);
    j += run;
  }
  for (int p = 0; p < kPairs; ++p) {
    const int64_t from = end > begin ? end : begin;
    if (from < pairs[p].end)
      add_values_alone<Row, kParts>(sum[p], values, pairs[p], from, pairs[p].end, base, offset, last);
    const F inverse = Simd::set1(1.0f / totals[p]);
    for (int c = 0; c < kParts; ++c) {
      store_up_to(pairs[p].out + offset + c * 16, Simd::mul(sum[p][c], inverse), c + 1 < kParts ? 16 : last);
    }
  }
}

template <class Row, int kPairs>
void value_pairs(const HeadPages& values, const Pair* pairs, const float* totals, int64_t base) {
  constexpr size_t kWide = 16 * kValueParts;
  for (size_t offset = 0; offset < values.dim;) {
    const size_t left = values.dim - offset;
    if (left > kWide - 16) {
      value_part<Row, kPairs, kValueParts>(values, pairs, totals, base, offset,
                                           left < kWide ? left - (kWide - 16) : 16);
      offset += kWide;
    } else {
      value_part<Row, kPairs, 1>(values, pairs, totals, base, offset, left < 16 ? left : 16);
      offset += 16;
    }
  }
}

/// Sixteen keys as a tile: number d of the key of lane i at tile[16 d + i].
template <class Row>
void fill_tile(const std::byte* const* rows, size_t dim, float* tile) {
  alignas(64) float wide[16][16];
  const float* lanes[16];
  for (int i = 0; i < 16; ++i) lanes[i] = wide[i];
  for (size_t d = 0; d < dim; d += 16) {
    const size_t n = dim - d < 16 ? dim - d : 16;
    for (int i = 0; i < 16; ++i) Simd::store(wide[i], Row::load(rows[i], d, n));
    Simd::transpose(lanes, 0, n, tile + d * 16);
  }
}
template <>
inline void fill_tile<F32Row>(const std::byte* const* rows, size_t dim, float* tile) {
  const float* lanes[16];
  for (int i = 0; i < 16; ++i) lanes[i] = reinterpret_cast<const float*>(rows[i]);
  for (size_t d = 0; d < dim; d += 16) Simd::transpose(lanes, d, dim - d < 16 ? dim - d : 16, tile + d * 16);
}

template <class Row>
void attention_over(const AttentionCall& call) {
  const AttentionShape& shape = *call.shape;
  const size_t dim = shape.head_dim;
  int64_t begin = INT64_MAX, end = 0;
  for (size_t t = 0; t < call.tokens; ++t) {
    const Visible visible(shape, call.first_token + t, call.position[t]);
    begin = visible.begin < begin ? visible.begin : begin;
    end = visible.end > end ? visible.end : end;
  }
  const int64_t base = begin / 16 * 16;
  const size_t stride = size_t((end + 15) / 16 * 16 - base);
  float *const tile = call.scratch, *const scores = call.scratch + dim * 16;
  const size_t row_bytes = cache_row_bytes(shape.cache, dim);
  const HeadPages keys{call.sequence.key_pages, shape.page_tokens, row_bytes, dim, call.kv_head};
  const HeadPages values{call.sequence.value_pages, shape.page_tokens, row_bytes, dim, call.kv_head};

  Pair pairs[kMostPairs];
  float totals[kMostPairs];
  const size_t count = call.tokens * call.heads;
  for (size_t p = 0; p < count; ++p) {
    const size_t token = p / call.heads, head = call.head + p % call.heads;
    const size_t number = call.first_token + token;
    const Visible visible(shape, number, call.position[token]);
    pairs[p] = {call.q + token * call.q_stride + head * dim,
                shape.bias ? shape.bias + number * shape.bias_token_stride + head * shape.bias_stride : nullptr,
                call.out + token * call.out_stride + head * dim,
                scores + p * stride,
                visible.begin,
                visible.end};
  }

  for (int64_t first = base; first < end; first += 16) {
    const std::byte* rows[16];
    for (int64_t i = 0; i < 16; ++i) {  // lanes that nobody sees repeat a key that somebody does
      int64_t j = first + i;
      if (j < begin)
        j = begin;
      else if (j >= end)
        j = end - 1;
      rows[i] = keys.row(j);
    }
    fill_tile<Row>(rows, dim, tile);
    size_t p = 0;
    for (; p + kScorePairs <= count; p += kScorePairs) score_pairs<kScorePairs>(shape, pairs + p, tile, first, base);
    if (kScorePairs > 3 && p + 3 <= count) score_pairs<3>(shape, pairs + p, tile, first, base), p += 3;
    for (; p < count; ++p) score_pairs<1>(shape, pairs + p, tile, first, base);
  }
  for (size_t p = 0; p < count; ++p) totals[p] = exponentials(pairs[p], base);
  size_t p = 0;
  for (; p + kValuePairs <= count; p += kValuePairs) value_pairs<Row, kValuePairs>(values, pairs + p, totals + p, base);
  if (kValuePairs > 3 && p + 3 <= count) value_pairs<Row, 3>(values, pairs + p, totals + p, base), p += 3;
  for (; p < count; ++p) value_pairs<Row, 1>(values, pairs + p, totals + p, base);
}

inline void attention_here(const AttentionCall& call) {
  switch (call.shape->cache) {
    case CacheType::F32: return attention_over<F32Row>(call);
    case CacheType::BF16: return attention_over<BF16Row>(call);
    case CacheType::Q8: return attention_over<Q8Row>(call);
  }
}
