#pragma once

#include "limpid/decoding/session.h"
#include "limpid/methods/unidetox/options.h"

/// Contrastive decoding of a base model against a toxic one (UniDetox, arXiv:2504.20500; docs/methods.md, Contrastive
/// decoding): what the base finds plausible and the toxic model finds less likely.
namespace limpid {

/// For logits z of the base and t of the toxic model:
///   kept   v with z[v] >= max_u z[u] + ln(alpha)
///   z'[v]  = (z[v] - t[v]) / temperature                        beta infinite
///          = ((1 + beta) z[v] - beta t[v]) / temperature        beta finite; at temperature beta its limit is the
///          infinite form
///   z'[v]  = -inf for the others
/// Logits stand in for log-probabilities: they differ by a constant, which softmax removes.
/// @param z      [V] float32, nats, changed in place; the base's best token is always kept
/// @param toxic  [V]
void contrast_logits(std::span<float> z, std::span<const float> toxic, const ContrastOptions& options);

/// The same in double, line by line as above: the oracle of the tests. top_k is not looked at.
std::vector<double> contrast_logits_plain(std::span<const float> z, std::span<const float> toxic,
                                          const ContrastOptions& options);

/// Replaces the logits of the base by the contrast. The toxic model reads along with a cache of its own: the released
/// code gave it the base's cache. Filters and temperature of the request come after it and are
/// best left off.
class ContrastSession final : public Session {
 public:
  /// @param opening  so many tokens of each text come from the plain base
  /// @throws MismatchError for other vocabularies; ConfigError for options out of range.
  ContrastSession(const Model& base, Reading toxic, ContrastOptions options, size_t opening = 0);

  std::vector<Reading> readings() const override { return {toxic_}; }
  void logits(const Step& step, Tensor& z) override;

 private:
  Reading toxic_;
  ContrastOptions options_;
};

}  // namespace limpid
