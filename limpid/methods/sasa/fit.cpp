#include "limpid/methods/sasa/fit.h"

#include "limpid/methods/activations.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/sasa/method.h"

namespace limpid::sasa {
namespace {

constexpr int64_t kFewestTexts = 10, kFifth = 5;

Tensor last_states(const Model& target, const std::vector<std::string>& texts, int64_t max_tokens, const char* what,
                   Watch& watch) {
  LIMPID_CHECK(int64_t(texts.size()) >= kFewestTexts, ConfigError, "[fit] ", texts.size(), " ", what,
               " texts, expected at least ", kFewestTexts, " of each class");
  std::vector<PooledText> pooled;
  for (const std::string& text : texts) {
    TokenIds ids = target.tokenizer()->encode(text, /*add_special=*/true);
    if (int64_t(ids.size()) > max_tokens) ids.resize(size_t(max_tokens));
    pooled.push_back(PooledText::last(std::move(ids), 1));
  }
  return mean_final_states(target, pooled, concat(what, " texts"), watch);
}

struct Split {
  Tensor fit, test;
};
Split every_fifth(const Tensor& states) {
  const Tensor held_out = torch::arange(states.size(0)).remainder(kFifth) == kFifth - 1;
  return {states.index({~held_out}), states.index({held_out})};
}

double held_out_accuracy(const Tensor& nontoxic, const Tensor& toxic, const SubspaceOptions& options) {
  const Split a = every_fifth(nontoxic), b = every_fifth(toxic);
  const Subspace subspace = fit_subspace(a.fit, b.fit, options);
  const Tensor right = torch::cat({margins(subspace, a.test) > 0, margins(subspace, b.test) < 0});
  return right.to(torch::kFloat64).mean().item<double>();
}

}  // namespace

Json fit_sasa(const Model& target, const SasaFit& fit, Watch& watch) {
  LIMPID_CHECK(target.tokenizer(), ConfigError, "[fit] ", target.path().string(),
               ": has no tokenizer; texts cannot be encoded");
  LIMPID_CHECK(fit.max_tokens > 0 && fit.candidates > 0, ConfigError, "[fit] ", fit.max_tokens, " tokens and ",
               fit.candidates, " candidates, expected at least 1 of both");
  LIMPID_CHECK(fit.subspace.shrinkage >= 0.0, ConfigError, "[fit] shrinkage is ", fit.subspace.shrinkage,
               ", expected 0 or more");
  const Tensor nontoxic = last_states(target, fit.nontoxic, fit.max_tokens, "non-toxic", watch);
  const Tensor toxic = last_states(target, fit.toxic, fit.max_tokens, "toxic", watch);
  const Subspace subspace = fit_subspace(nontoxic, toxic, fit.subspace);

  DetoxifierInfo info = new_detoxifier(SasaMethod::info, target, fit.strength, fit.provenance);
  info.settings = {{"variant", name(fit.rule)},
                   {"candidates", fit.candidates},
                   {"max_tokens", fit.max_tokens},
                   {"shrinkage", fit.subspace.shrinkage},
                   {"cut", fit.subspace.cut},
                   {"absolute_cut", fit.subspace.absolute_cut},
                   {"rank", subspace.rank},
                   {"odds", subspace.odds},
                   {"texts", {{"nontoxic", nontoxic.size(0)}, {"toxic", toxic.size(0)}}},
                   {"margins",
                    {{"nontoxic", margins(subspace, nontoxic).mean().item<double>()},
                     {"toxic", margins(subspace, toxic).mean().item<double>()}}},
                   {"held_out_accuracy", held_out_accuracy(nontoxic, toxic, fit.subspace)}};
  if (!fit.strength) info.default_strength = subspace.odds;
  OutgoingTensors out;
  out.add("w", subspace.w);
  out.add("midpoint", subspace.midpoint);
  write_detoxifier(fit.output, info, out.views());
  return info.settings;
}

}  // namespace limpid::sasa
