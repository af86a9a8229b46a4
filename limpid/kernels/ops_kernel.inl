// The row operations of one thread, written once in terms of `Simd` (see linear_kernel.inl). They are called `_here`
// because argument-dependent lookup would find those of ops.h beside them.

using F = Simd::F;

/// e^x: x = n ln 2 + r with |r| <= ln 2 / 2, and 2^n (1 + r + r^2 p(r)), p a minimax polynomial of our own (3e-9).
/// Below -87.3 it is 0, above 88.3 infinity (float32 ends at 88.7). Relative error about 1e-7.
inline F exponential(F x) {
  const F low = Simd::set1(-87.3f), high = Simd::set1(88.3f);
  const F bounded = Simd::min(high, Simd::max(low, x));  // in this order NaN stays
  const F n = Simd::round(Simd::mul(bounded, Simd::set1(1.44269504f)));
  F r = Simd::fnma(n, Simd::set1(0.693359375f), bounded);  // 9 bits: exact products
  r = Simd::fnma(n, Simd::set1(-2.12194440e-4f), r);
  F p = Simd::set1(1.381455921e-03f);
  p = Simd::fma(p, r, Simd::set1(8.368735202e-03f));
  p = Simd::fma(p, r, Simd::set1(4.166838899e-02f));
  p = Simd::fma(p, r, Simd::set1(1.666652113e-01f));
  p = Simd::fma(p, r, Simd::set1(4.999999404e-01f));
  p = Simd::fma(p, Simd::mul(r, r), r);
  const F inside = Simd::times_power_of_two(Simd::add(p, Simd::set1(1.0f)), n);
  return Simd::less_select(x, low, Simd::zero(), Simd::less_select(high, x, Simd::set1(__builtin_inff()), inside));
}

/// tanh: x + x^3 p(x^2) below 0.63 (p our own, 5e-9), else (1 - e) / (1 + e) with e = exp(-2|x|).
inline F hyperbolic_tangent(F x) {
  const F size = Simd::abs(x), square = Simd::mul(x, x);
  F p = Simd::set1(-5.666977260e-03f);
  p = Simd::fma(p, square, Simd::set1(2.060617693e-02f));
  p = Simd::fma(p, square, Simd::set1(-5.373000726e-02f));
  p = Simd::fma(p, square, Simd::set1(1.333133131e-01f));
  p = Simd::fma(p, square, Simd::set1(-3.333327770e-01f));
  const F near = Simd::fma(Simd::mul(p, square), x, x);
  const F one = Simd::set1(1.0f), e = exponential(Simd::mul(size, Simd::set1(-2.0f)));
  const F far = Simd::copy_sign(Simd::div(Simd::sub(one, e), Simd::add(one, e)), x);
  return Simd::less_select(size, Simd::set1(0.63f), near, far);
}

inline F silu(F x) { return Simd::div(x, Simd::add(Simd::set1(1.0f), exponential(Simd::sub(Simd::zero(), x)))); }

/// x / 2 (1 + tanh(u)) = x / (1 + exp(-2u)), which keeps its digits where tanh comes close to -1.
inline F gelu_tanh(F x) {
  const F inner = Simd::fma(Simd::mul(x, Simd::mul(x, x)), Simd::set1(0.044715f), x);
  return Simd::div(x, Simd::add(Simd::set1(1.0f), exponential(Simd::mul(inner, Simd::set1(-1.5957691216f)))));
}

/// x Phi(x), from erfc(z) = exp(-z^2) t q(t), t = 1 / (1 + 0.4 z), z = |x| / sqrt 2 (q our own fit for z <= 10, 6e-8).
inline F gelu_exact(F x) {
  const F z = Simd::mul(Simd::abs(x), Simd::set1(0.70710678f)), one = Simd::set1(1.0f);
  const F t = Simd::div(one, Simd::fma(z, Simd::set1(0.4f), one));
  F q = Simd::set1(4.125304148e-02f);
  constexpr float kRest[] = {-1.403192431e-01f, 8.398729563e-02f, 8.796432614e-02f, 7.975649834e-02f,
                             1.933932006e-01f,  2.018875927e-01f, 2.264431119e-01f, 2.256342322e-01f};
  for (float c : kRest) q = Simd::fma(q, t, Simd::set1(c));
  const F erfc = Simd::mul(Simd::mul(q, t), exponential(Simd::sub(Simd::zero(), Simd::mul(z, z))));
  const F tail = Simd::mul(Simd::mul(x, Simd::set1(0.5f)), erfc);  // x Phi(x) below zero, x - x Phi(x) above
  return Simd::less_select(x, Simd::zero(), tail, Simd::sub(x, tail));
}

template <Activation kKind>
F activated(F x) {
  if constexpr (kKind == Activation::Silu) return silu(x);
  if constexpr (kKind == Activation::GeluTanh) return gelu_tanh(x);
  if constexpr (kKind == Activation::GeluExact) return gelu_exact(x);
  return Simd::max(Simd::zero(), x);
}

/// gate = activation(gate) * up, or without `up`.
template <Activation kKind>
void gated_as(float* gate, const float* up, size_t n) {
  for (size_t i = 0; i < n; i += 16) {
    if (n - i >= 16) {
      const F v = activated<kKind>(Simd::load(gate + i));
      Simd::store(gate + i, up ? Simd::mul(v, Simd::load(up + i)) : v);
    } else {
      const F v = activated<kKind>(Simd::load_part(gate + i, n - i));
      Simd::store_part(gate + i, up ? Simd::mul(v, Simd::load_part(up + i, n - i)) : v, n - i);
    }
  }
}

inline void gated_here(float* gate, const float* up, size_t n, Activation kind) {
  switch (kind) {
    case Activation::Silu: return gated_as<Activation::Silu>(gate, up, n);
    case Activation::GeluTanh: return gated_as<Activation::GeluTanh>(gate, up, n);
    case Activation::GeluExact: return gated_as<Activation::GeluExact>(gate, up, n);
    case Activation::Relu: return gated_as<Activation::Relu>(gate, up, n);
  }
}

inline void activate_here(float* x, size_t n, Activation kind) { gated_here(x, nullptr, n, kind); }

inline void add_here(float* y, const float* x, size_t n) {
  size_t i = 0;
  for (; i + 16 <= n; i += 16) Simd::store(y + i, Simd::add(Simd::load(y + i), Simd::load(x + i)));
  if (i < n) Simd::store_part(y + i, Simd::add(Simd::load_part(y + i, n - i), Simd::load_part(x + i, n - i)), n - i);
}

inline F load_up_to(const float* at, size_t left) { return left >= 16 ? Simd::load(at) : Simd::load_part(at, left); }
inline void store_up_to(float* at, F v, size_t left) {
  left >= 16 ? Simd::store(at, v) : Simd::store_part(at, v, left);
}

/// Sum of (x - shift)^2, or of x if kPower is 1, in four interleaved sums of sixteen lanes.
template <int kPower>
float sum_of(const float* x, size_t n, float shift) {
  F part[4] = {Simd::zero(), Simd::zero(), Simd::zero(), Simd::zero()};
  const F less = Simd::set1(shift);
  for (size_t i = 0, p = 0; i < n; i += 16, p = (p + 1) % 4) {
    F v = load_up_to(x + i, n - i);
    if constexpr (kPower == 1) {
      part[p] = Simd::add(part[p], v);
    } else {
      v = Simd::sub(v, less);
      if (n - i < 16) v = Simd::keep_first(v, n - i, Simd::zero());
      part[p] = Simd::fma(v, v, part[p]);
    }
  }
  return Simd::sum(Simd::add(Simd::add(part[0], part[1]), Simd::add(part[2], part[3])));
}

inline void rms_norm_here(const float* x, const float* weight, float* y, size_t rows, size_t n, float eps,
                          float offset) {
  for (size_t row = 0; row < rows; ++row, x += n, y += n) {
    const F scale = Simd::set1(1.0f / __builtin_sqrtf(sum_of<2>(x, n, 0.0f) / float(n) + eps)),
            more = Simd::set1(offset);
    for (size_t i = 0; i < n; i += 16) {
      const F w = Simd::add(load_up_to(weight + i, n - i), more);
      store_up_to(y + i, Simd::mul(w, Simd::mul(load_up_to(x + i, n - i), scale)), n - i);
    }
  }
}

inline void layer_norm_here(const float* x, const float* weight, const float* bias, float* y, size_t rows, size_t n,
                            float eps) {
  for (size_t row = 0; row < rows; ++row, x += n, y += n) {
    const float mean = sum_of<1>(x, n, 0.0f) / float(n);
    const F scale = Simd::set1(1.0f / __builtin_sqrtf(sum_of<2>(x, n, mean) / float(n) + eps)), less = Simd::set1(mean);
    for (size_t i = 0; i < n; i += 16) {
      F v = Simd::mul(Simd::sub(load_up_to(x + i, n - i), less), scale);
      if (weight) v = Simd::mul(v, load_up_to(weight + i, n - i));
      if (bias) v = Simd::add(v, load_up_to(bias + i, n - i));
      store_up_to(y + i, v, n - i);
    }
  }
}

inline void rotary_here(float* x, size_t rows, size_t stride, size_t heads, size_t head_dim, size_t rotary_dim,
                        const float* cos, const float* sin) {
  const size_t half = rotary_dim / 2;
  for (size_t row = 0; row < rows; ++row, x += stride, cos += half, sin += half) {
    for (size_t head = 0; head < heads; ++head) {
      float *first = x + head * head_dim, *second = first + half;
      for (size_t i = 0; i < half; i += 16) {
        const size_t left = half - i;
        const F a = load_up_to(first + i, left), b = load_up_to(second + i, left);
        const F c = load_up_to(cos + i, left), s = load_up_to(sin + i, left);
        store_up_to(first + i, Simd::fnma(b, s, Simd::mul(a, c)), left);
        store_up_to(second + i, Simd::fma(a, s, Simd::mul(b, c)), left);
      }
    }
  }
}

/// Of each head: the sum of x^2 and of x z, in two interleaved sums of sixteen lanes.
inline void head_moments_here(const float* x, const float* z, size_t heads, size_t width, float* square, float* dot) {
  for (size_t head = 0; head < heads; ++head, x += width, z += width) {
    F squares[2] = {Simd::zero(), Simd::zero()}, dots[2] = {Simd::zero(), Simd::zero()};
    for (size_t i = 0, p = 0; i < width; i += 16, p ^= 1) {
      const F v = load_up_to(x + i, width - i);
      squares[p] = Simd::fma(v, v, squares[p]);
      dots[p] = Simd::fma(v, load_up_to(z + i, width - i), dots[p]);
    }
    square[head] = Simd::sum(Simd::add(squares[0], squares[1]));
    dot[head] = Simd::sum(Simd::add(dots[0], dots[1]));
  }
}

/// x = a x + b z with an a and a b for each head; a head with a = 1 and b = 0 keeps its bits.
inline void head_combine_here(float* x, const float* z, const float* a, const float* b, size_t heads, size_t width) {
  for (size_t head = 0; head < heads; ++head, x += width, z += width) {
    if (a[head] == 1.0f && b[head] == 0.0f) continue;
    const F scale = Simd::set1(a[head]), push = Simd::set1(b[head]);
    for (size_t i = 0; i < width; i += 16)
      store_up_to(x + i, Simd::fma(push, load_up_to(z + i, width - i), Simd::mul(scale, load_up_to(x + i, width - i))),
                  width - i);
  }
}

/// In two interleaved maxima and counts of sixteen lanes.
inline RowPeak row_peak_here(const float* z, size_t n) {
  const F nothing = Simd::set1(-__builtin_inff()), infinite = Simd::set1(__builtin_inff()), one = Simd::set1(1.0f);
  F highest[2] = {nothing, nothing}, faults[2] = {Simd::zero(), Simd::zero()};
  for (size_t i = 0, p = 0; i < n; i += 16, p ^= 1) {
    F v = load_up_to(z + i, n - i);
    if (n - i < 16) v = Simd::keep_first(v, n - i, nothing);
    highest[p] = Simd::max(v, highest[p]);  // in this order NaN does not stay
    faults[p] = Simd::add(faults[p], Simd::less_select(v, infinite, Simd::zero(), one));
  }
  return {Simd::largest(Simd::max(highest[0], highest[1])), Simd::sum(Simd::add(faults[0], faults[1])) == 0.0f};
}
