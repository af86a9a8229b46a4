#include "apps/engine/common.h"

#include <algorithm>
#include <cmath>

#include "limpid/checkpoints/model_store.h"
#include "limpid/data/file_query.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/registry.h"

namespace limpid::apps {

Precision precision_for(std::optional<Precision> given, const fs::path& path) {
  return given ? *given : natural_precision(*Checkpoint::open(path));
}

std::shared_ptr<Model> open_named_model(const std::string& name, const LoadOptions& options) {
  return open_model(resolve_model(name), options);
}

std::shared_ptr<Model> open_model_for(const ModelOptions& options) {
  const fs::path path = resolve_model(options.model);
  LoadOptions load;
  load.precision = precision_for(options.precision, path);
  return open_model(path, load);
}

const Tokenizer& tokenizer_of(const Model& model) {
  LIMPID_CHECK(model.tokenizer(), ConfigError, model.path().string(),
               ": has no tokenizer (tokenizer.json); texts cannot be encoded");
  return *model.tokenizer();
}

std::vector<TokenId> end_tokens(const Model& model) {
  std::vector<TokenId> ends(model.config().eos_ids.begin(), model.config().eos_ids.end());
  if (const auto& tokenizer = model.tokenizer()) {
    if (tokenizer->eos()) ends.push_back(*tokenizer->eos());
    for (const char* end : {"<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<end_of_turn>"})
      if (const auto id = tokenizer->find(end)) ends.push_back(*id);
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

std::vector<std::unique_ptr<Session>> Detoxifiers::open(const Model& model) const {
  std::vector<std::unique_ptr<Session>> sessions;
  for (const auto& detoxifier : detoxifiers) sessions.push_back(detoxifier->open(model));
  return sessions;
}

Detoxifiers open_detoxifiers(const std::vector<std::string>& specs) {
  Detoxifiers result;
  for (const std::string& text : specs) {
    const DetoxSpec spec = DetoxSpec::parse(text);
    result.detoxifiers.push_back(open_detoxifier(spec));
    result.strengths.push_back(spec.strength.value_or(result.detoxifiers.back()->default_strength()));
  }
  return result;
}

Json data_provenance(const std::vector<std::string>& entries) {
  Json data = Json::array();
  for (const std::string& entry : entries) {
    const fs::path file = FileQuery::parse(entry).path;
    data.push_back({{"file", file.filename().string()}, {"sha256", sha256_file(file)}});
  }
  return data;
}

Json fit_provenance(const ModelOptions& options, const std::vector<std::string>& data) {
  return {{"tool", concat("limpid ", LIMPID_VERSION)},
          {"target", fs::path(options.model).filename().string()},
          {"data", data_provenance(data)}};
}

std::string percent(double share) { return concat(std::round(share * 1000.0) / 10.0, " %"); }

}  // namespace limpid::apps
