#include "limpid/methods/toxification_reversal/reversal.h"

#include <algorithm>
#include <cmath>

#include "limpid/decoding/logits.h"

namespace limpid::toxification_reversal {
namespace {

constexpr size_t kPlain = 0, kToxic = 1;  // the prefixes

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); ++i) sum += double(a[i]) * b[i];
  return sum;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  const double lengths = std::sqrt(dot(a, a) * dot(b, b));
  return lengths > 0.0 ? dot(a, b) / lengths : 0.0;
}

std::span<const float> layer_of(const Tensor& heads, int64_t layer) {
  return {heads.const_data_ptr<float>() + layer * heads.size(1), size_t(heads.size(1))};
}

}  // namespace

void reverse_heads(std::span<float> v, std::span<const float> v_pos, std::span<const float> v_neg,
                   std::span<const float> v_negend, size_t heads, float strength, const ReversalExponents& exponents) {
  const double before = dot(v, v);
  const size_t K = v.size() / heads;
  for (size_t head = 0; head < heads; ++head) {
    const std::span<float> slice = v.subspan(head * K, K);
    const auto pos = v_pos.subspan(head * K, K), neg = v_neg.subspan(head * K, K);
    double squares = 0.0;
    for (size_t i = 0; i < K; ++i) squares += std::pow(double(strength) * (double(neg[i]) - pos[i]), 2);
    const double similarity = std::max(0.0, cosine(v_negend.subspan(head * K, K), slice));
    const double factor = std::pow(1.0 + std::sqrt(squares), exponents.norm) *
                          std::pow(1.0 + similarity, exponents.similarity) * strength;
    for (size_t i = 0; i < K; ++i) slice[i] = float(slice[i] - factor * (double(neg[i]) - pos[i]));
  }
  const double after = dot(v, v);
  if (after == 0.0) return;
  const double scale = std::sqrt(before / after);
  for (float& value : v) value = float(value * scale);
}

ReversalSession::ReversalSession(const Model& target, TokenIds description, const ReversalExponents& exponents)
    : texts_{.model = target.shared_from_this(), .prefixes = {{}, std::move(description)}, .heads = true},
      heads_(size_t(target.config().num_heads)),
      exponents_(exponents) {}

void ReversalSession::activations(Site, int64_t layer, const Step& step, Tensor& x) {
  if (step.is_part) return;  // a row's last token is what changes
  const auto tokens = rows_of(x);
  const ReadTexts texts = step.read(0);
  const auto v_negend = layer_of(texts.prefix_heads(kToxic), layer);
  for (size_t r = 0; r < step.rows.size(); ++r)
    reverse_heads(tokens[size_t(step.end(r) - 1)], layer_of(texts.heads(r, kPlain), layer),
                  layer_of(texts.heads(r, kToxic), layer), v_negend, heads_, step.strengths[r], exponents_);
}

}  // namespace limpid::toxification_reversal
