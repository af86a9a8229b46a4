#include "limpid/models/families.h"

/// Qwen3: Llama's blocks with norms of each head's queries and keys.
namespace limpid {
namespace {

struct Qwen3Norms {
  nn::RmsNorm input_layernorm, post_attention_layernorm, q_norm, k_norm;
};

class Qwen3 final : public Model {
 public:
  Qwen3(const ModelConfig& config, const Weights& w) : Model(config, w), norm_(w.rms_norm("model.norm")) {
    for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
      const Weights block = w.block(layer);
      norms_.push_back({block.rms_norm("input_layernorm"), block.rms_norm("post_attention_layernorm"),
                        block.rms_norm("self_attn.q_norm", config.head_dim),
                        block.rms_norm("self_attn.k_norm", config.head_dim)});
    }
  }

 private:
  Tensor block(Tensor x, const BlockContext& context) const override {
    using enum Projection;
    const Qwen3Norms& norms = norms_[size_t(context.layer)];
    const auto qkv = context.project({Query, Key, Value}, norms.input_layernorm.forward(x));
    const Tensor q = context.rotate(norms.q_norm.forward_heads(qkv[0]), config_.num_heads);
    const Tensor k = context.rotate(norms.k_norm.forward_heads(qkv[1]), config_.num_kv_heads);
    x = residual(x, context.attend(q, k, qkv[2]));
    return residual(x, context.feed_forward(norms.post_attention_layernorm.forward(x)));
  }
  Tensor final_norm(const Tensor& x) const override { return norm_.forward(x); }

  nn::RmsNorm norm_;
  std::vector<Qwen3Norms> norms_;
};

}  // namespace

std::shared_ptr<Model> make_qwen3(const ModelConfig& config, const Weights& weights) {
  return std::make_shared<Qwen3>(config, weights);
}

}  // namespace limpid
