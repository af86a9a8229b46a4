#include "limpid/methods/gedi/fit.h"

#include "limpid/checkpoints/model_store.h"
#include "limpid/decoding/prompts.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/gedi/method.h"
#include "limpid/models/vocabulary.h"

namespace limpid::gedi {
namespace {

TokenIds code_ids(const Model& guide, const std::string& code, const std::string& place) {
  if (!code.starts_with("#")) return encode_prefixes(guide, {code}, place + ": ")[0];
  TokenIds ids;
  for (size_t begin = 0; begin < code.size();) {
    const size_t end = std::min(code.find('#', begin + 1), code.size());
    const std::string digits = code.substr(begin + 1, end - begin - 1);
    LIMPID_CHECK(!digits.empty() && digits.size() < 10 && digits.find_first_not_of("0123456789") == std::string::npos,
                 ConfigError, place, ": \"", code, "\", expected a text, or ids as #5 or #5#17");
    ids.push_back(TokenId(std::stol(digits)));
    begin = end;
  }
  return ids;
}

}  // namespace

Json fit_gedi(const Model& target, const GediFit& fit) {
  fit.rule.check();
  const auto guide = open_gedi_guide(resolve_model(fit.guide.string()).string(), target);
  check_same_vocabulary(target, *guide, "guide", "[fit] ");
  DetoxifierInfo info = new_detoxifier(GediMethod::info, target, fit.strength, fit.provenance);
  info.settings = {{"scale", fit.rule.scale},
                   {"bias", fit.rule.bias},
                   {"class_bias", fit.rule.class_bias},
                   {"filter_p", fit.rule.filter_p},
                   {"target_p", fit.rule.target_p}};
  for (size_t c = 0; c < 2; ++c) {
    const std::string place = concat("[fit] the code of ", GediMethod::kClasses[c]);
    const TokenIds ids = code_ids(*guide, fit.codes[c], place);
    check_gedi_code(ids, guide->config().vocab_size, place);
    info.settings[GediMethod::kClasses[c]] = ids;
  }
  LIMPID_CHECK(info.settings.at("clean") != info.settings.at("dirty"), ConfigError,
               "[fit] clean and dirty have the same code");
  info.needs.push_back(linked_model("guide", fit.guide, fit.output));
  write_detoxifier(fit.output, info, {});
  return info.settings;
}

}  // namespace limpid::gedi
