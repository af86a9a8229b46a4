#include "limpid/decoding/prompts.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/method_options.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/toxification_reversal/method.h"
#include "limpid/methods/toxification_reversal/reversal.h"

namespace limpid::toxification_reversal {

std::shared_ptr<Detoxifier> ReversalMethod::load(std::shared_ptr<const DetoxifierFile> file,
                                                 const MethodOptions& options) {
  const std::string place = options.place(), settings_place = place + "settings";
  const Json& settings = file->info().settings;
  const std::string prefix = require<std::string>(settings, "prefix", settings_place);
  const ReversalExponents exponents{require<double>(settings, "norm_exponent", settings_place),
                                    require<double>(settings, "similarity_exponent", settings_place)};
  LIMPID_CHECK(kExponents.contains(exponents.norm) && kExponents.contains(exponents.similarity), FormatError,
               settings_place, ": exponents ", exponents.norm, " and ", exponents.similarity, ", expected ",
               kExponents.text());
  return file_detoxifier(file, info, "", [=](const Model& target) {
    return std::make_unique<ReversalSession>(target, encode_prefixes(target, {prefix}, place).front(), exponents);
  });
}

}  // namespace limpid::toxification_reversal
