#include "limpid/models/families.h"
#include "limpid/nn/alibi.h"

/// Falcon: one key head or a few; the halves of a block side by side behind one norm or two, or one behind the other.
namespace limpid {
namespace {

struct FalconNorms {
  nn::LayerNorm attention, mlp;  ///< mlp: undefined where both halves read the same norm
};

class Falcon final : public Model {
 public:
  Falcon(const ModelConfig& config, const Weights& w) : Model(config, w), ln_f_(w.layer_norm("ln_f")) {
    // The released code multiplies slope and position in bfloat16, and scales the sum with the scores.
    if (config.alibi_bias_max > 0)
      position_bias_ = nn::alibi_bias(config.num_heads, config.max_positions, config.alibi_bias_max, torch::kBFloat16)
                           .mul_(config.attention_scale);
    const bool two = config.parallel_halves && config.separate_norms;
    for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
      const Weights block = w.block(layer);
      norms_.push_back({block.layer_norm(two ? "ln_attn" : "input_layernorm"), nn::LayerNorm()});
      if (config.separate_norms) norms_.back().mlp = block.layer_norm(two ? "ln_mlp" : "post_attention_layernorm");
    }
  }

 private:
  Tensor block(Tensor x, const BlockContext& context) const override {
    const FalconNorms& norms = norms_[size_t(context.layer)];
    Tensor normed = norms.attention.forward(x);
    const Tensor product = context.project(Projection::QueryKeyValue, normed);
    if (config_.parallel_halves && config_.separate_norms) normed = norms.mlp.forward(x);
    x = residual(x, context.attend(context.split_and_rotate(product)));
    return residual(x, context.feed_forward(config_.parallel_halves ? normed : norms.mlp.forward(x)));
  }
  Tensor final_norm(const Tensor& x) const override { return ln_f_.forward(x); }

  nn::LayerNorm ln_f_;
  std::vector<FalconNorms> norms_;
};

}  // namespace

std::shared_ptr<Model> make_falcon(const ModelConfig& config, const Weights& weights) {
  return std::make_shared<Falcon>(config, weights);
}

}  // namespace limpid
