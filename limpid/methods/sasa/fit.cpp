#include "limpid/methods/sasa/fit.h"

#include <charconv>

#include "limpid/methods/activations.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/target_signature.h"

namespace limpid {
namespace {

constexpr const char* kSasa = "sasa";
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

int64_t parse_candidates(const std::string& text, const std::string& where) {
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  LIMPID_CHECK(error == std::errc() && end == text.data() + text.size() && count > 0, ConfigError, where,
               "candidates \"", text, "\", expected a number of tokens");
  return count;
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
  const Subspace found = fit_subspace(nontoxic, toxic, fit.subspace);

  DetoxifierInfo info;
  info.method = kSasa;
  info.target = TargetSignature::of(target);
  info.settings = {{"variant", name(fit.rule)},
                   {"candidates", fit.candidates},
                   {"max_tokens", fit.max_tokens},
                   {"shrinkage", fit.subspace.shrinkage},
                   {"cut", fit.subspace.cut},
                   {"absolute_cut", fit.subspace.absolute_cut},
                   {"rank", found.rank},
                   {"odds", found.odds},
                   {"texts", {{"nontoxic", nontoxic.size(0)}, {"toxic", toxic.size(0)}}},
                   {"margins",
                    {{"nontoxic", margins(found, nontoxic).mean().item<double>()},
                     {"toxic", margins(found, toxic).mean().item<double>()}}},
                   {"held_out_accuracy", held_out_accuracy(nontoxic, toxic, fit.subspace)}};
  info.default_strength = fit.strength ? double(*fit.strength) : found.odds;
  info.strength_meaning = "beta: nats for each unit of margin";
  info.provenance = fit.provenance;
  OutgoingTensors out;
  out.add("w", found.w);
  out.add("midpoint", found.midpoint);
  write_detoxifier(fit.output, info, out.views());
  return info.settings;
}

std::shared_ptr<Detoxifier> load_sasa(std::shared_ptr<const DetoxifierFile> file, const DetoxSpec& spec) {
  const std::string where = concat("[sasa] ", file->path().string(), ": "), at = where + "settings";
  const Json& settings = file->info().settings;
  const int64_t D = file->info().target.hidden_size;
  SasaParts parts;
  parts.rule = parse_sasa_rule(require<std::string>(settings, "variant", at), where);
  parts.candidates = require<int64_t>(settings, "candidates", at);
  LIMPID_CHECK(parts.candidates > 0, FormatError, at, ": \"candidates\" is ", parts.candidates,
               ", expected at least 1");
  parts.subspace.w = float_tensor(*file, "w", {D});
  parts.subspace.midpoint = float_tensor(*file, "midpoint", {D});
  for (const auto& [key, value] : spec.options) {
    if (key == "candidates")
      parts.candidates = parse_candidates(value, where);
    else if (key == "variant")
      parts.rule = parse_sasa_rule(value, where);
    else
      throw ConfigError(concat(where, "option \"", key, "\" is not known; there are candidates, variant"));
  }
  return file_detoxifier(std::move(file), concat(kSasa, "/", name(parts.rule)),
                         [parts](const Model& target) { return std::make_unique<SasaSession>(target, parts); });
}

}  // namespace limpid
