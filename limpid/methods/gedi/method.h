#pragma once

#include "limpid/core/types.h"
#include "limpid/methods/method_info.h"

namespace limpid {
class Model;
}  // namespace limpid

namespace limpid::gedi {

/// GeDi (arXiv:2009.06367) in the table of methods.
struct GediMethod {
  static constexpr Range kFilterShares{.least = 0.0, .most = 1.0, .without_most = true};
  static constexpr Range kTargets{.least = 0.0, .most = 1.0, .without_least = true, .without_most = true};

  static constexpr OptionInfo options[] = {
      OptionInfo::number("filter_p", kFilterShares, "share of the mass that may be removed"),
      OptionInfo::number("target_p", kTargets, "a token at least so probably clean stays"),
      OptionInfo::number("class_bias", {}, "added to clean; moves target_p along")};
  static constexpr MethodInfo info{
      "gedi", options, {30.0f, {}, "omega: weight of log p(clean) beside the model's own log-probability"}};
  static constexpr const char* kClasses[] = {"clean", "dirty"};  ///< keys of the control codes in a file's settings
  static std::shared_ptr<Detoxifier> load(std::shared_ptr<const DetoxifierFile> file, const MethodOptions& options);
};

/// Opens the guide, rounding as the target does.
std::shared_ptr<const Model> open_gedi_guide(const std::string& path, const Model& target);

/// Checks a code; messages begin with `place`. @throws ConfigError for a code without tokens, and for ids outside the
/// vocabulary.
void check_gedi_code(const TokenIds& ids, int64_t vocabulary, const std::string& place);

}  // namespace limpid::gedi
