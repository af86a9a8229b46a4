#include "limpid/models/model.h"

#include "limpid/nn/recompute.h"

namespace limpid {

Model::Model(ModelConfig config, LoadOptions options) : config_(std::move(config)), options_(std::move(options)) {
  if (options_.layers) {
    LIMPID_CHECK(*options_.layers >= 1 && *options_.layers <= config_.num_layers, ConfigError, "asked for ",
                 *options_.layers, " layers of a model that has ", config_.num_layers);
    config_.num_layers = *options_.layers;
  }
  pool_ = std::make_shared<nn::KvPool>(
      nn::KvShape{size_t(config_.num_layers), size_t(config_.num_kv_heads), size_t(config_.head_dim)});
}

Tensor Model::final_state(nn::Pass& pass, Outputs outputs, ActivationHook* hook) const {
  for (const nn::Sequence& sequence : pass.sequences) {
    LIMPID_CHECK(sequence.cache->pool() == pool_.get(), ConfigError, "[model] the cache belongs to another model");
    const size_t length = sequence.cache->length() + sequence.tokens.size();
    LIMPID_CHECK(config_.max_positions == 0 || length <= size_t(config_.max_positions), ConfigError,
                 "[model] a text of ", length, " tokens does not fit the model's context of ", config_.max_positions);
  }
  const bool recompute = options_.recompute && pass.is_dense() && at::GradMode::is_enabled();
  const auto kept = recompute ? std::make_shared<const nn::Pass>(pass) : nullptr;  // backward outlives the caller's
  const Context context{kept ? *kept : pass, hook, tables(pass)};
  Tensor hidden = embed(pass);
  context.visit(Site::Embeddings, 0, hidden);
  for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
    if (recompute)
      hidden = nn::recomputed([this, kept, context, layer](Tensor x) { return block(layer, std::move(x), context); },
                              hidden);
    else
      hidden = block(layer, hidden, context);
    context.visit(Site::LayerOutput, layer, hidden);
  }
  if (outputs == Outputs::Last && pass.size() > int64_t(pass.sequences.size())) {
    Tensor last = torch::empty({int64_t(pass.sequences.size()), hidden.size(1)}, hidden.options());
    for (size_t s = 0; s < pass.sequences.size(); ++s) last[int64_t(s)].copy_(hidden[pass.offset[s + 1] - 1]);
    hidden = last;
  }
  pass.commit();
  return final_norm(hidden);
}

const nn::Linear& Model::projection(Projection projection, int64_t layer) const {
  const nn::Linear* linear = find(projection, layer);
  LIMPID_CHECK(linear, ConfigError, "[model] ", path_.string(), ": the family ", config_.architecture,
               " has no such linear layer");
  return *linear;
}

Tensor Model::embed_tokens(const nn::Embedding& table, const nn::Pass& pass) {
  if (pass.is_dense()) return table.forward(pass.dense_ids);
  return table.forward(pass.tokens);
}

}  // namespace limpid
