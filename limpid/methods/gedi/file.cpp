#include <mutex>

#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/gedi/gedi.h"
#include "limpid/methods/gedi/method.h"
#include "limpid/methods/method_options.h"
#include "limpid/methods/registry.h"

namespace limpid::gedi {
namespace {

/// Reads the rule and the codes from the settings of the file.
std::pair<GediRule, std::array<TokenIds, 2>> read_gedi_settings(const DetoxifierFile& file, const std::string& place) {
  const std::string settings_place = place + "settings";
  const Json& settings = file.info().settings;
  GediRule rule;
  std::array<TokenIds, 2> codes;
  try {
    rule.scale = require<double>(settings, "scale", settings_place);
    rule.bias = require<std::array<double, 2>>(settings, "bias", settings_place);
    rule.class_bias = require<double>(settings, "class_bias", settings_place);
    rule.filter_p = require<double>(settings, "filter_p", settings_place);
    rule.target_p = require<double>(settings, "target_p", settings_place);
    for (size_t c = 0; c < 2; ++c) {
      codes[c] = require<TokenIds>(settings, GediMethod::kClasses[c], settings_place);
      check_gedi_code(codes[c], file.info().target.vocab_size,
                      concat(settings_place, ": the code of ", GediMethod::kClasses[c]));
    }
    rule.check();
  } catch (const ConfigError& error) {
    throw FormatError(concat(place, error.what()));
  }
  return {rule, codes};
}

/// The guide, read when a session first needs it and kept for the others.
struct Guide {
  std::mutex mutex;
  std::shared_ptr<const Model> model;
};

}  // namespace

std::shared_ptr<const Model> open_gedi_guide(const std::string& path, const Model& target) {
  InferenceOptions options;
  options.precision = target.precision();
  return open_model(path, options);
}

void check_gedi_code(const TokenIds& ids, int64_t vocabulary, const std::string& place) {
  LIMPID_CHECK(!ids.empty(), ConfigError, place, " has no tokens");
  for (TokenId id : ids)
    LIMPID_CHECK(id >= 0 && id < vocabulary, ConfigError, place, ": id ", id, " is outside the vocabulary of ",
                 vocabulary);
}

std::shared_ptr<Detoxifier> GediMethod::load(std::shared_ptr<const DetoxifierFile> file, const MethodOptions& options) {
  auto [rule, codes] = read_gedi_settings(*file, options.place());
  rule.filter_p = options.number("filter_p").value_or(rule.filter_p);
  rule.target_p = options.number("target_p").value_or(rule.target_p);
  rule.class_bias = options.number("class_bias").value_or(rule.class_bias);
  auto guide = std::make_shared<Guide>();
  return file_detoxifier(file, info, "", [=, rule = rule, codes = codes](const Model& target) {
    const std::lock_guard lock(guide->mutex);
    if (!guide->model) guide->model = open_gedi_guide(file->need("guide").string(), target);
    return std::make_unique<GediSession>(target, guide->model, codes, rule);
  });
}

}  // namespace limpid::gedi
