#include "limpid/decoding/prompts.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/method_options.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/self_debiasing/debiasing.h"
#include "limpid/methods/self_debiasing/method.h"

namespace limpid::self_debiasing {

std::shared_ptr<Detoxifier> SelfDebiasingMethod::load(std::shared_ptr<const DetoxifierFile> file,
                                                      const MethodOptions& options) {
  const std::string place = options.place(), settings_place = place + "settings";
  const Json& settings = file->info().settings;
  const double epsilon = require<double>(settings, "epsilon", settings_place);
  LIMPID_CHECK(kEpsilons.contains(epsilon), FormatError, settings_place, ": \"epsilon\" is ", epsilon, ", expected ",
               kEpsilons.text());
  const auto listed = settings.find("prefixes");
  LIMPID_CHECK(listed != settings.end() && listed->is_array() && !listed->empty(), FormatError, settings_place,
               ": \"prefixes\" is not a list of at least one text");
  std::vector<std::string> prefixes;
  for (const Json& prefix : *listed) {
    LIMPID_CHECK(prefix.is_string(), FormatError, settings_place, ": \"prefixes\" holds ", json_kind(prefix),
                 ", expected strings");
    prefixes.push_back(prefix.get<std::string>());
  }
  return file_detoxifier(file, info, "", [=](const Model& target) {
    return std::make_unique<DebiasingSession>(target, encode_prefixes(target, prefixes, place), epsilon);
  });
}

}  // namespace limpid::self_debiasing
