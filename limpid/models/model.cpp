#include "limpid/models/model.h"

#include "limpid/nn/recompute.h"

namespace limpid {
namespace {

int64_t rotating_width(const ModelConfig& config) { return family_of(config).rotary ? config.rotary_width() : 0; }

int64_t embedding_width(const ModelConfig& config) {
  return config.embedding_width > 0 ? config.embedding_width : config.hidden_size;
}

nn::KvShape cache_shape(const ModelConfig& config, const LoadOptions& options) {
  nn::KvShape shape{size_t(config.num_layers), size_t(config.num_kv_heads), size_t(config.head_dim)};
  shape.window = size_t(config.sliding_window);
  for (int64_t layer = 0; layer < config.num_layers; ++layer)
    shape.slides.push_back(config.layer_types[size_t(layer)] == LayerType::kSliding);
  if (const auto* inference = std::get_if<InferenceOptions>(&options)) shape.type = inference->kv_cache;
  return shape;
}

}  // namespace

Model::Model(const ModelConfig& config, const Weights& weights)
    : config_(config),
      options_(weights.options()),
      embedding_(weights.embedding(family_of(config).embedding.name, config.vocab_size, embedding_width(config))),
      activation_(nn::activation_named(config.activation, config.source)),
      rotary_(rotating_width(config), config.rope),
      local_rotary_(rotating_width(config), config.local_rope) {
  if (const auto layers = std::visit([](const auto& options) { return options.layers; }, options_)) {
    LIMPID_CHECK(*layers >= 1 && *layers <= config_.num_layers, ConfigError, "asked for ", *layers,
                 " layers of a model that has ", config_.num_layers);
    config_.num_layers = *layers;
  }
  pool_ = std::make_shared<nn::KvPool>(cache_shape(config_, options_));
  for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
    linears_.push_back(weights.linears(layer));
    experts_.push_back(weights.experts(layer));
  }
  head_ = config.tie_word_embeddings ? weights.tied(embedding_)
                                     : weights.linear(family_of(config).output.name, config.vocab_size,
                                                      embedding_width(config), /*bias=*/false);
}

Precision Model::precision() const {
  const auto* inference = std::get_if<InferenceOptions>(&options_);
  return inference ? inference->precision : Precision::Exact;
}

BlockContext Model::context(int64_t layer, const nn::Pass& pass, ActivationHook* hook, const nn::RotaryTable& full,
                            const nn::RotaryTable& local) const {
  const ModelConfig& c = config_;
  const bool slides = c.layer_types.at(size_t(layer)) == LayerType::kSliding;
  const int64_t window = slides ? c.sliding_window : 0;
  const nn::Rotary& moving = slides ? local_rotary_ : rotary_;
  const bool rotates = c.rotating_layers.empty() || c.rotating_layers[size_t(layer)];
  return {.layer = layer,
          .cache_layer = layer,
          .linears = linears_[size_t(layer)],
          .experts = experts_[size_t(layer)],
          .attention = {.heads = c.num_heads,
                        .kv_heads = c.num_kv_heads,
                        .head_dim = c.head_dim,
                        .scale = c.attention_scale,
                        .window = window,
                        .softcap = c.attention_softcap,
                        .bias = position_bias_},
          .activation = activation_,
          .rotary = rotates ? moving : still_,
          .rotary_table = slides ? local : full,
          .pass = pass,
          .hook = hook};
}

Tensor Model::final_state(nn::Pass& pass, Outputs outputs, ActivationHook* hook) const {
  for (const nn::Sequence& sequence : pass.sequences) {
    LIMPID_CHECK(sequence.cache->pool() == pool_.get(), ConfigError, "[model] the cache belongs to another model");
    const size_t length = sequence.cache->length() + sequence.tokens.size();
    LIMPID_CHECK(config_.max_positions == 0 || length <= size_t(config_.max_positions), ConfigError,
                 "[model] a text of ", length, " tokens does not fit the model's context of ", config_.max_positions);
  }
  const bool recompute = training() && training()->recompute && pass.is_dense() && at::GradMode::is_enabled();
  const auto kept = recompute ? std::make_shared<const nn::Pass>(pass) : nullptr;  // backward outlives the caller's
  const nn::RotaryTable full = rotary_.table(pass.positions);
  const nn::RotaryTable local = config_.local_rope == config_.rope ? full : local_rotary_.table(pass.positions);
  Tensor hidden = embed(pass);
  for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
    const BlockContext context = this->context(layer, kept ? *kept : pass, hook, full, local);
    if (layer == 0) context.visit(Site::Embeddings, hidden);
    if (recompute)
      hidden = nn::recomputed([this, kept, context](Tensor x) { return block(std::move(x), context); }, hidden);
    else
      hidden = block(hidden, context);
    context.visit(Site::LayerOutput, hidden);
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
  const nn::Linear& linear = linears_.at(size_t(layer))[size_t(projection)];
  LIMPID_CHECK(
      linear.defined(), ConfigError, "[model] ", path_.string(), ": layer ", layer,
      config_.has_experts(layer) ? " has experts instead of such a linear layer" : " has no such linear layer");
  return linear;
}

Tensor Model::residual(Tensor x, const Tensor& y) const {
  const double scale = config_.residual_scale;
  return nn::residual(std::move(x), scale == 1.0 ? y : y * float(scale));
}

Tensor Model::before_output(const Tensor& final_state) const {
  return config_.logit_scale == 1.0 ? final_state : final_state * float(config_.logit_scale);
}

Tensor Model::capped(Tensor logits) const {
  const double cap = config_.final_softcap;
  return cap > 0.0 ? logits.div_(cap).tanh_().mul_(cap) : logits;
}

Tensor Model::embed(const nn::Pass& pass) const {
  const Tensor x = pass.is_dense() ? embedding_.forward(pass.dense_ids) : embedding_.forward(pass.tokens);
  return config_.embedding_scale == 1.0 ? x : x.mul(float(config_.embedding_scale));
}

}  // namespace limpid
