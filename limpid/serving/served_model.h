#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limpid/decoding/detoxifier.h"
#include "limpid/models/model.h"
#include "limpid/scorers/scorer.h"
#include "limpid/server/facts.h"

/// What a server has loaded.
namespace limpid::serving {

/// A detoxifier as the command line names it: [NAME=]SPEC[:S]. A "=" behind "/" or "?" does not name.
struct DetoxifierArgument {
  std::string name;  ///< 1 to 64 of A-Za-z0-9._-; without one what the specification names, without folder and ending
  std::string spec;  ///< as `generate` takes it

  /// @throws ConfigError for a name that is none.
  static DetoxifierArgument parse(const std::string& text);
};

struct ServedDetoxifier {
  server::DetoxifierFacts facts;
  std::shared_ptr<const Detoxifier> detoxifier;
};

/// Opens detoxifiers in their order. @throws ConfigError for an equal name twice, and what open_detoxifier does.
std::vector<ServedDetoxifier> open_served(const std::vector<std::string>& arguments, Watch& watch);

/// A model with all that acts on it.
struct ServedModel {
  std::shared_ptr<const Model> model;
  std::vector<ServedDetoxifier> detoxifiers;
  std::shared_ptr<const Scorer> scorer;  ///< null: none is loaded
};

struct ServedNames {
  std::string model;                 ///< as the command line names it
  std::vector<std::string> aliases;  ///< further names; the first is the one that responses carry
};

/// Returns what requests are checked against. Its context is the model's, or less: @param context
/// @throws ConfigError for a model without a tokenizer.
server::ServerFacts facts_of(const ServedModel& served, const ServedNames& names, std::optional<int64_t> context);

}  // namespace limpid::serving
