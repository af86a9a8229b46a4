#include "limpid/models/families.h"

/// OLMo 2: norms behind the halves of a block, and of all queries and all keys at once.
namespace limpid {
namespace {

struct Olmo2Norms {
  nn::RmsNorm q_norm, k_norm, post_attention_layernorm, post_feedforward_layernorm;
};

class Olmo2 final : public Model {
 public:
  Olmo2(const ModelConfig& config, const Weights& w) : Model(config, w), norm_(w.rms_norm("model.norm")) {
    for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
      const Weights block = w.block(layer);
      norms_.push_back({block.rms_norm("self_attn.q_norm", config.num_heads * config.head_dim),
                        block.rms_norm("self_attn.k_norm", config.num_kv_heads * config.head_dim),
                        block.rms_norm("post_attention_layernorm"), block.rms_norm("post_feedforward_layernorm")});
    }
  }

 private:
  Tensor block(Tensor x, const BlockContext& context) const override {
    using enum Projection;
    const Olmo2Norms& norms = norms_[size_t(context.layer)];
    const auto qkv = context.project({Query, Key, Value}, x);
    const Tensor q = context.rotate(norms.q_norm.forward(qkv[0]).to(qkv[0].dtype()), config_.num_heads);
    const Tensor k = context.rotate(norms.k_norm.forward(qkv[1]).to(qkv[1].dtype()), config_.num_kv_heads);
    x = residual(x, norms.post_attention_layernorm.forward(context.attend(q, k, qkv[2])));
    return residual(x, norms.post_feedforward_layernorm.forward(context.feed_forward(x)));
  }
  Tensor final_norm(const Tensor& x) const override { return norm_.forward(x); }

  nn::RmsNorm norm_;
  std::vector<Olmo2Norms> norms_;
};

}  // namespace

std::shared_ptr<Model> make_olmo2(const ModelConfig& config, const Weights& weights) {
  return std::make_shared<Olmo2>(config, weights);
}

}  // namespace limpid
