#include "limpid/checkpoints/quote.h"
#include "limpid/checkpoints/tied_output.h"
#include "limpid/models/families.h"
#include "limpid/tokenizers/tokenizer.h"

namespace limpid {

#define LIMPID_DECODER(family, model) std::shared_ptr<Model> make_##model(const ModelConfig&, const Weights&);
#define LIMPID_ENCODER(family, model)
#include "limpid/checkpoints/families/table.inl"
#undef LIMPID_DECODER

namespace {

std::map<std::string, ModelMaker>& decoder_table() {
  static std::map<std::string, ModelMaker> table = {
#define LIMPID_DECODER(family, model) {#family, make_##model},
#include "limpid/checkpoints/families/table.inl"
  };
  return table;
}
#undef LIMPID_DECODER
#undef LIMPID_ENCODER

}  // namespace

void add_decoder(const std::string& family, ModelMaker maker) { decoder_table()[family] = maker; }

std::shared_ptr<Model> make_model(const ModelConfig& described, std::shared_ptr<const Checkpoint> checkpoint,
                                  const LoadOptions& options) {
  ModelConfig config = described;
  const auto maker = decoder_table().find(config.architecture);
  if (maker == decoder_table().end()) {
    std::string known;
    for (const auto& [name, _] : decoder_table()) known += (known.empty() ? "" : ", ") + name;
    throw ConfigError(concat(config.source, ": architecture ", quote(config.architecture),
                             " is not supported; supported are ", known));
  }
  if (checkpoint) untie_separate_output(config, *checkpoint);
  const Weights weights(std::move(checkpoint), config, options);
  auto model = maker->second(config, weights);
  model->parameters_ = weights.parameters();
  model->tables_ = weights.tables();
  return model;
}

std::shared_ptr<Model> open_model(const fs::path& path, const LoadOptions& options) {
  ModelConfig config = read_config(path);
  const auto checkpoint = Checkpoint::open(path);
  if (const Family* family = find_family(config.architecture); family && !family->encoder)
    config.tie_word_embeddings = config.tie_word_embeddings || !has_output_matrix(config, *checkpoint);
  auto model = make_model(config, checkpoint, options);
  model->path_ = path;
  const auto* gguf = dynamic_cast<const GgufFile*>(checkpoint.get());
  if (has_tokenizer(path) || (gguf && gguf->has("tokenizer.ggml.model"))) model->tokenizer_ = open_tokenizer(path);
  return model;
}

}  // namespace limpid
