#include "limpid/models/families.h"

/// Phi-3: Llama's blocks on queries, keys and values from one product.
namespace limpid {
namespace {

struct Phi3Norms {
  nn::RmsNorm input_layernorm, post_attention_layernorm;
};

class Phi3 final : public Model {
 public:
  Phi3(const ModelConfig& config, const Weights& w) : Model(config, w), norm_(w.rms_norm("model.norm")) {
    for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
      const Weights block = w.block(layer);
      norms_.push_back({block.rms_norm("input_layernorm"), block.rms_norm("post_attention_layernorm")});
    }
  }

 private:
  Tensor block(Tensor x, const BlockContext& context) const override {
    const Phi3Norms& norms = norms_[size_t(context.layer)];
    const Tensor product = context.project(Projection::QueryKeyValue, norms.input_layernorm.forward(x));
    x = residual(x, context.attend(context.split_and_rotate(product)));
    return residual(x, context.feed_forward(norms.post_attention_layernorm.forward(x)));
  }
  Tensor final_norm(const Tensor& x) const override { return norm_.forward(x); }

  nn::RmsNorm norm_;
  std::vector<Phi3Norms> norms_;
};

}  // namespace

std::shared_ptr<Model> make_phi3(const ModelConfig& config, const Weights& weights) {
  return std::make_shared<Phi3>(config, weights);
}

}  // namespace limpid
