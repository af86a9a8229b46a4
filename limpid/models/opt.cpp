#include "limpid/models/families.h"

/// OPT: learned positions, norms before the halves of a block or behind their sums, and narrow embeddings in one size.
namespace limpid {
namespace {

struct OptNorms {
  nn::LayerNorm self_attn_layer_norm, final_layer_norm;
};

class Opt final : public Model {
 public:
  Opt(const ModelConfig& config, const Weights& w)
      : Model(config, w),
        positions_(
            w.embedding("decoder.embed_positions", config.max_positions + config.position_offset, config.hidden_size)) {
    if (config.norm_first) final_layer_norm_ = w.layer_norm("decoder.final_layer_norm");
    if (config.embedding_width != config.hidden_size) {
      project_in_ = w.linear("decoder.project_in", config.hidden_size, config.embedding_width, /*bias=*/false);
      project_out_ = w.linear("decoder.project_out", config.embedding_width, config.hidden_size, /*bias=*/false);
    }
    for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
      const Weights block = w.block(layer);
      norms_.push_back({block.layer_norm("self_attn_layer_norm"), block.layer_norm("final_layer_norm")});
    }
  }

 private:
  Tensor embed(const nn::Pass& pass) const override {
    std::vector<int32_t> rows = pass.positions;
    for (int32_t& row : rows) row += int32_t(config_.position_offset);
    const Tensor tokens = Model::embed(pass);
    return nn::residual(project_in_.defined() ? project_in_.forward(tokens) : tokens, positions_.forward(rows));
  }

  Tensor block(Tensor x, const BlockContext& context) const override {
    using enum Projection;
    const OptNorms& norms = norms_[size_t(context.layer)];
    const bool first = config_.norm_first;
    const auto qkv = context.project({Query, Key, Value}, first ? norms.self_attn_layer_norm.forward(x) : x);
    x = residual(x, context.attend(qkv[0], qkv[1], qkv[2]));
    if (!first) x = norms.self_attn_layer_norm.forward(x);
    x = residual(x, context.feed_forward(first ? norms.final_layer_norm.forward(x) : x));
    return first ? x : norms.final_layer_norm.forward(x);
  }
  Tensor final_norm(const Tensor& x) const override {
    const Tensor state = config_.norm_first ? final_layer_norm_.forward(x) : x;
    return project_out_.defined() ? project_out_.forward(state) : state;
  }

  nn::Embedding positions_;
  nn::LayerNorm final_layer_norm_;
  nn::Linear project_in_, project_out_;
  std::vector<OptNorms> norms_;
};

}  // namespace

std::shared_ptr<Model> make_opt(const ModelConfig& config, const Weights& weights) {
  return std::make_shared<Opt>(config, weights);
}

}  // namespace limpid
