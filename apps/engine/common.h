#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/options.h"
#include "limpid/core/json.h"
#include "limpid/decoding/generator.h"
#include "limpid/decoding/prompts.h"
#include "limpid/models/model.h"

/// What several engine commands do alike.
namespace limpid::apps {

/// Returns the given precision, else what suits the weights of the model at `path`.
Precision precision_for(std::optional<Precision> given, const fs::path& path);
/// A path, or the name of a pulled model.
std::shared_ptr<Model> open_named_model(const std::string& name, const LoadOptions& options);
std::shared_ptr<Model> open_model_for(const ModelOptions& options);
const Tokenizer& tokenizer_of(const Model& model);  ///< @throws ConfigError when the folder has none

/// End-of-text ids of the model: generation config, config, and the tokenizer's own end of turn.
std::vector<TokenId> end_tokens(const Model& model);
struct Detoxifiers {
  std::vector<std::shared_ptr<const Detoxifier>> detoxifiers;
  std::vector<float> strengths;
  std::vector<std::unique_ptr<Session>> open(const Model& model) const;
};
Detoxifiers open_detoxifiers(const std::vector<std::string>& specs);

/// [{"file", "sha256"}] of data entries PATH[?key=value&…], without their folders.
Json data_provenance(const std::vector<std::string>& entries);
/// Who made a detoxifier from what: {"tool", "target", "data"}.
Json fit_provenance(const ModelOptions& options, const std::vector<std::string>& data);
std::string percent(double share);  ///< "12.5 %"
}  // namespace limpid::apps
