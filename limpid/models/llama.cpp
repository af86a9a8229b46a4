#include "limpid/models/families.h"

/// The Llama family (Touvron et al. 2023, arXiv:2302.13971): pre-norm blocks, rotary positions, grouped-query
/// attention, a gated feed-forward. Its relatives differ in what their descriptions say.
namespace limpid {
namespace {

struct LlamaNorms {
  nn::RmsNorm input_layernorm, post_attention_layernorm;
};

class Llama final : public Model {
 public:
  Llama(const ModelConfig& config, const Weights& w) : Model(config, w), norm_(w.rms_norm("model.norm")) {
    for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
      const Weights block = w.block(layer);
      norms_.push_back({block.rms_norm("input_layernorm"), block.rms_norm("post_attention_layernorm")});
    }
  }

 private:
  Tensor block(Tensor x, const BlockContext& context) const override {
    using enum Projection;
    const LlamaNorms& norms = norms_[size_t(context.layer)];
    auto qkv = context.project({Query, Key, Value}, norms.input_layernorm.forward(x));
    const Tensor q = context.rotate(qkv[0], config_.num_heads), k = context.rotate(qkv[1], config_.num_kv_heads);
    x = residual(x, context.attend(q, k, qkv[2]));
    return residual(x, context.feed_forward(norms.post_attention_layernorm.forward(x)));
  }
  Tensor final_norm(const Tensor& x) const override { return norm_.forward(x); }

  nn::RmsNorm norm_;
  std::vector<LlamaNorms> norms_;
};

}  // namespace

std::shared_ptr<Model> make_llama(const ModelConfig& config, const Weights& weights) {
  return std::make_shared<Llama>(config, weights);
}

}  // namespace limpid
