#include "limpid/models/families.h"

/// StableLM: LayerNorm around Llama's products; both halves of a block may read one norm.
namespace limpid {
namespace {

struct StableLmNorms {
  nn::LayerNorm input_layernorm, post_attention_layernorm;
};

class StableLm final : public Model {
 public:
  StableLm(const ModelConfig& config, const Weights& w) : Model(config, w), norm_(w.layer_norm("model.norm")) {
    for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
      const Weights block = w.block(layer);
      norms_.push_back({block.layer_norm("input_layernorm"),
                        config.separate_norms ? block.layer_norm("post_attention_layernorm") : nn::LayerNorm()});
    }
  }

 private:
  Tensor block(Tensor x, const BlockContext& context) const override {
    using enum Projection;
    const StableLmNorms& norms = norms_[size_t(context.layer)];
    const Tensor normed = norms.input_layernorm.forward(x);
    auto qkv = context.project({Query, Key, Value}, normed);
    const Tensor q = context.rotate(qkv[0], config_.num_heads), k = context.rotate(qkv[1], config_.num_kv_heads);
    x = residual(x, context.attend(q, k, qkv[2]));
    return residual(x,
                    context.feed_forward(config_.parallel_halves ? normed : norms.post_attention_layernorm.forward(x)));
  }
  Tensor final_norm(const Tensor& x) const override { return norm_.forward(x); }

  nn::LayerNorm norm_;
  std::vector<StableLmNorms> norms_;
};

}  // namespace

std::shared_ptr<Model> make_stablelm(const ModelConfig& config, const Weights& weights) {
  return std::make_shared<StableLm>(config, weights);
}

}  // namespace limpid
