#pragma once

#include <array>

#include "limpid/decoding/session.h"
#include "limpid/methods/gedi/options.h"

/// GeDi (Krause et al. 2020, arXiv:2009.06367; docs/methods.md, GeDi): a small class-conditional model says of every
/// next token how clean the text would be with it.
namespace limpid::gedi {

/// Returns log p(clean | x_<t, v) = log_softmax_c(scale r_c / t + bias_c)[clean], class_bias added to clean's; r_c =
/// sums[c] + logp[c][v].
/// @param sums   running sums of the text's log-probabilities behind the clean and the dirty code, nats
/// @param logp   [2 * V] log-probabilities of the next token behind the two codes
/// @param t      tokens of the text and one more for v; codes do not count
/// @return       [V]
std::vector<float> log_clean(std::array<double, 2> sums, std::span<const float> logp, size_t t, const GediRule& rule);

/// Makes z'[v] = log p[v] + omega log_clean[v]. Then, of the tokens in ascending order of log_clean, those are removed
/// whose running mass of softmax(z'), their own included, is below filter_p, unless log_clean reaches log target_p'.
/// @param z  [V] logits, nats, changed in place; removed tokens become minus infinity, at least one stays
void guide_logits(std::span<float> z, std::span<const float> log_clean, float omega, const GediRule& rule);

/// The guide reads each row behind both codes. Strength is omega.
class GediSession final : public Session {
 public:
  /// @param codes  the control codes as the guide's ids: clean, dirty
  /// @throws MismatchError for another vocabulary; ConfigError for numbers out of range or an empty code.
  GediSession(const Model& target, std::shared_ptr<const Model> guide, std::array<TokenIds, 2> codes, GediRule rule);

  std::vector<Reading> readings() const override;
  void logits(const Step& step, Tensor& z) override;

 private:
  /// Log-probabilities of the text so far behind each code, nats.
  struct Sums {
    TokenIds text;
    std::vector<std::array<double, 2>> log_p;  // of the text that was read first, and with each token more
    Tensor next;                               // [2, V] log-probabilities behind `text`
  };
  TokenIds text_of(const Row& row) const;  ///< without its beginning, which a code replaces
  void follow(Sums& sums, TokenIds text) const;

  std::shared_ptr<const Model> guide_;
  std::array<TokenIds, 2> codes_;
  GediRule rule_;
};

}  // namespace limpid::gedi
