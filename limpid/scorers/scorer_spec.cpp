#include <algorithm>

#include "limpid/core/error.h"
#include "limpid/core/names.h"
#include "limpid/core/parse.h"
#include "limpid/data/file_query.h"
#include "limpid/scorers/scorer.h"

namespace limpid {

ScorerSpec ScorerSpec::parse(const std::string& text) {
  const FileQuery query = FileQuery::parse(text);
  ScorerSpec spec;
  spec.path = query.path;
  std::vector<FileQuery::Part> parts = query.parts();
  if (parts.empty() && text != query.path) parts.emplace_back();  // a '?' with nothing behind it is a slip
  for (const auto& [part, key, value] : parts) {
    if (key == "label") {
      spec.label = value;
    } else if (key == "threshold") {
      spec.threshold = parse_number<double>(value);
      LIMPID_CHECK(spec.threshold && *spec.threshold >= 0.0 && *spec.threshold <= 1.0, ConfigError, "scorer \"", text,
                   "\": threshold is \"", value, "\", expected a number from 0 to 1");
    } else {
      const Names precisions = kernels::kPrecisions;
      const auto precision = std::find(precisions.begin(), precisions.end(), value);
      LIMPID_CHECK(key == "precision" && precision != precisions.end(), ConfigError, "scorer \"", text, "\": \"", part,
                   "\" is not understood, expected label=NAME, threshold=NUMBER or precision=", join(precisions, "|"));
      spec.precision = kernels::Precision(precision - precisions.begin());
    }
  }
  return spec;
}

}  // namespace limpid
