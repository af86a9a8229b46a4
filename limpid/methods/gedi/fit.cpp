#include "limpid/methods/gedi/fit.h"

#include <cmath>
#include <cstdlib>
#include <mutex>

#include "limpid/checkpoints/model_store.h"
#include "limpid/methods/companion_logits.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/target_signature.h"

namespace limpid {
namespace {

constexpr const char* kGedi = "gedi";
constexpr std::array<const char*, 2> kClasses = {"clean", "dirty"};

std::shared_ptr<const Model> open_guide(const fs::path& path, const Model& target) {
  LoadOptions options;
  options.precision = target.options().precision;
  return open_model(path, options);
}

void check_ids(const TokenIds& ids, int64_t vocabulary, const std::string& where) {
  LIMPID_CHECK(!ids.empty(), ConfigError, where, " has no tokens");
  for (TokenId id : ids)
    LIMPID_CHECK(id >= 0 && id < vocabulary, ConfigError, where, ": id ", id, " is outside the vocabulary of ",
                 vocabulary);
}

TokenIds code_ids(const Model& guide, const std::string& code, const std::string& where) {
  if (!code.starts_with("#")) return encode_prefixes(guide, {code}, where + ": ")[0];
  TokenIds ids;
  for (size_t begin = 0; begin < code.size();) {
    const size_t end = std::min(code.find('#', begin + 1), code.size());
    const std::string digits = code.substr(begin + 1, end - begin - 1);
    LIMPID_CHECK(!digits.empty() && digits.size() < 10 && digits.find_first_not_of("0123456789") == std::string::npos,
                 ConfigError, where, ": \"", code, "\", expected a text, or ids as #5 or #5#17");
    ids.push_back(TokenId(std::stol(digits)));
    begin = end;
  }
  return ids;
}

double number(const std::string& text, const std::string& where) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  LIMPID_CHECK(!text.empty() && *end == '\0' && std::isfinite(value), ConfigError, where, "\"", text,
               "\" is no number");
  return value;
}

}  // namespace

Json fit_gedi(const Model& target, const GediFit& fit) {
  fit.rule.check();
  const auto guide = open_guide(resolve_model(fit.guide.string()), target);
  check_same_vocabulary(target, *guide, "guide", "[fit] ");
  DetoxifierInfo info;
  info.method = kGedi;
  info.target = TargetSignature::of(target);
  info.settings = {{"scale", fit.rule.scale},
                   {"bias", fit.rule.bias},
                   {"class_bias", fit.rule.class_bias},
                   {"filter_p", fit.rule.filter_p},
                   {"target_p", fit.rule.target_p}};
  for (size_t c = 0; c < 2; ++c) {
    const std::string where = concat("[fit] the code of ", kClasses[c]);
    const TokenIds ids = code_ids(*guide, fit.codes[c], where);
    check_ids(ids, guide->config().vocab_size, where);
    info.settings[kClasses[c]] = ids;
  }
  LIMPID_CHECK(info.settings.at("clean") != info.settings.at("dirty"), ConfigError,
               "[fit] clean and dirty have the same code");
  info.default_strength = double(fit.strength);
  info.strength_meaning = "omega: weight of log p(clean) beside the model's own log-probability";
  info.needs.push_back(linked_model("guide", fit.guide, fit.output));
  info.provenance = fit.provenance;
  write_detoxifier(fit.output, info, {});
  return info.settings;
}

std::shared_ptr<Detoxifier> load_gedi(std::shared_ptr<const DetoxifierFile> file, const DetoxSpec& spec) {
  const std::string where = concat("[gedi] ", file->path().string(), ": "), at = where + "settings";
  const Json& settings = file->info().settings;
  GediRule rule;
  std::array<TokenIds, 2> codes;
  try {
    rule.scale = require<double>(settings, "scale", at);
    rule.bias = require<std::array<double, 2>>(settings, "bias", at);
    rule.class_bias = require<double>(settings, "class_bias", at);
    rule.filter_p = require<double>(settings, "filter_p", at);
    rule.target_p = require<double>(settings, "target_p", at);
    for (size_t c = 0; c < 2; ++c) {
      codes[c] = require<TokenIds>(settings, kClasses[c], at);
      check_ids(codes[c], file->info().target.vocab_size, concat(at, ": the code of ", kClasses[c]));
    }
    rule.check();
  } catch (const ConfigError& error) {
    throw FormatError(concat(where, error.what()));
  }
  for (const auto& [key, value] : spec.options) {
    double* place = key == "filter_p"     ? &rule.filter_p
                    : key == "target_p"   ? &rule.target_p
                    : key == "class_bias" ? &rule.class_bias
                                          : nullptr;
    LIMPID_CHECK(place, ConfigError, where, "option \"", key,
                 "\" is not known; there are filter_p, target_p and class_bias");
    *place = number(value, where + key + " ");
  }
  rule.check();
  struct Guide {
    std::mutex mutex;
    std::shared_ptr<const Model> model;  // read once and kept for every session
  };
  auto guide = std::make_shared<Guide>();
  return file_detoxifier(file, kGedi, [=](const Model& target) {
    const std::lock_guard lock(guide->mutex);
    if (!guide->model) guide->model = open_guide(file->need("guide"), target);
    return std::make_unique<GediSession>(target, guide->model, codes, rule);
  });
}

}  // namespace limpid
