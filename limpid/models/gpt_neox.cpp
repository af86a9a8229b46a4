#include "limpid/models/families.h"

/// GPT-NeoX: LayerNorm, rotation of a part of each head; both halves of a block read the residual stream side by side,
/// or one behind the other.
namespace limpid {
namespace {

struct NeoxNorms {
  nn::LayerNorm input_layernorm, post_attention_layernorm;
};

class GptNeox final : public Model {
 public:
  GptNeox(const ModelConfig& config, const Weights& w)
      : Model(config, w),
        final_layer_norm_(w.layer_norm("final_layer_norm")) {
    for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
      const Weights block = w.block(layer);
      norms_.push_back({block.layer_norm("input_layernorm"), block.layer_norm("post_attention_layernorm")});
    }
  }

 private:
  Tensor block(Tensor x, const BlockContext& context) const override {
    const NeoxNorms& norms = norms_[size_t(context.layer)];
    const Tensor product = context.project(Projection::QueryKeyValue, norms.input_layernorm.forward(x));
    const Tensor beside = config_.parallel_halves ? norms.post_attention_layernorm.forward(x) : Tensor();
    x = residual(x, context.attend(context.split_and_rotate(product)));
    return residual(x, context.feed_forward(beside.defined() ? beside : norms.post_attention_layernorm.forward(x)));
  }
  Tensor final_norm(const Tensor& x) const override { return final_layer_norm_.forward(x); }

  nn::LayerNorm final_layer_norm_;
  std::vector<NeoxNorms> norms_;
};

}  // namespace

std::shared_ptr<Model> make_gpt_neox(const ModelConfig& config, const Weights& weights) {
  return std::make_shared<GptNeox>(config, weights);
}

}  // namespace limpid
