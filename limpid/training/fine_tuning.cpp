#include "limpid/training/fine_tuning.h"

#include "limpid/models/save.h"
#include "limpid/training/fresh_weights.h"
#include "limpid/training/text_objective.h"

namespace limpid {
namespace {

constexpr const char* kKind = "language model";

/// A model to train, the tokenizer its texts are read with, and how the folder differs from the base.
struct Subject {
  std::shared_ptr<Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;
  ModelChanges changes;
};

Subject open_base(const FineTuningOptions& options) {
  const auto model =
      open_model(options.base, TrainingOptions{.compute = compute_type(options), .recompute = options.recompute});
  return {model, model->tokenizer(), {}};
}

Subject from_scratch(const FineTuningOptions& options) {
  const ModelConfig config = config_from_huggingface(read_json(options.init), Json(), options.init.string());
  const auto tokenizer = open_tokenizer(options.tokenizer);
  LIMPID_CHECK(int64_t(tokenizer->vocab_size()) <= config.vocab_size, ConfigError, options.init.string(),
               ": \"vocab_size\" is ", config.vocab_size, ", the tokenizer has ", tokenizer->vocab_size(), " tokens");
  Subject subject{make_model(config, nullptr,
                             TrainingOptions{.compute = compute_type(options),
                                             .recompute = options.recompute,
                                             .fresh = fresh_weights(config, options.seed)}),
                  tokenizer,
                  {}};
  subject.changes.tokenizer = options.tokenizer;
  if (tokenizer->bos())
    subject.changes.config["bos_token_id"] = *tokenizer->bos();  // those of a borrowed config are another vocabulary's
  if (tokenizer->eos()) subject.changes.config["eos_token_id"] = *tokenizer->eos();
  return subject;
}

}  // namespace

TrainingReport fine_tune(const FineTuningOptions& options, Watch& watch) {
  check_options(options, kKind);
  LIMPID_CHECK(options.base.empty() != options.init.empty(), ConfigError, "[", kKind,
               "] give a model to start from or a config to begin anew, one of them");
  LIMPID_CHECK(options.init.empty() == options.tokenizer.empty(), ConfigError, "[", kKind,
               "] a model from a config needs a tokenizer, one with a base has its own");
  Json settings = settings_of(options);
  settings["freeze_embeddings"] = options.freeze_embeddings;
  if (!options.init.empty())
    settings["init_sha256"] = sha256(sha256_file(options.init) + vocab_sha256(*open_tokenizer(options.tokenizer)));
  if (auto report = finished_run(options, kKind, settings)) return *report;

  const Subject subject = options.init.empty() ? open_base(options) : from_scratch(options);
  if (options.freeze_embeddings) freeze_embeddings(*subject.model);
  const TextObjective objective(*subject.model, subject.tokenizer.get(), options, watch);
  const auto write = [&](const fs::path& folder, const Json& about) {
    save_hf_folder(*subject.model, folder, {{"limpid", to_text(about)}}, subject.changes, watch);
  };
  return train(options, {kKind, settings, subject.model->parameters(), objective, write, nullptr}, watch);
}

}  // namespace limpid
