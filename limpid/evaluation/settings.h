#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/decoding/detoxifier.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/detox_stack.h"

/// Settings that an evaluation compares: detoxifiers at strengths.
namespace limpid {

/// One row of the result table: detoxifiers that act together, or the plain model when there is none.
struct EvaluationSetting : DetoxStack {
  std::string name;                      ///< shown, and the name of its folder
  Json contents = Json::array();         ///< stamps of the files that it was read from
  std::string detoxifier_names() const;  ///< "destein/preserve + fusion/contrast"; "plain"
  Json strengths_json() const;           ///< a number; of several detoxifiers a list; 0 for plain
  Json identity() const;                 ///< what its texts depend on: names, contents, strengths
};

/// Returns a name like "smollm2-demo-norm-0.5": the file, which is what tells two fits apart, how it is read (the
/// variant of the detoxifier's name, then the other options in the order of their keys, key-value), and the strength.
/// Fit for a folder's name.
std::string setting_name(const DetoxSpec& spec, const Detoxifier& detoxifier, float strength);

/// Returns whether an entry of the command line is a single detoxifier without a strength of its own.
bool takes_strengths(const std::string& text);

/// Reads the settings of one entry of the command line: SPEC, or SPEC + SPEC, where the detoxifiers are one setting and
/// act in this order; the parts of its name are joined by "+".
/// @param strengths  a setting each for a single detoxifier that is given without a strength; the others take their
/// default
/// @throws what DetoxSpec::parse and open_detoxifier do; ConfigError for strengths that the detoxifier does not have
std::vector<EvaluationSetting> parse_settings(const std::string& text, std::span<const double> strengths = {});

}  // namespace limpid
