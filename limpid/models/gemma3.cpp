#include "limpid/models/families.h"

/// Gemma 3 text models (Gemma Team 2025, arXiv:2503.19786): norms before and after each half of a block, norms of
/// queries and keys, five sliding-window layers with their own rotary base to one full layer, embeddings scaled by
/// sqrt(D).
namespace limpid {
namespace {

struct Gemma3Norms {
  nn::RmsNorm input_layernorm, post_attention_layernorm, pre_feedforward_layernorm, post_feedforward_layernorm;
  nn::RmsNorm q_norm, k_norm;
};

class Gemma3 final : public Model {
 public:
  Gemma3(const ModelConfig& config, const Weights& w) : Model(config, w), norm_(w.rms_norm("model.norm")) {
    for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
      const Weights block = w.block(layer);
      norms_.push_back({block.rms_norm("input_layernorm"), block.rms_norm("post_attention_layernorm"),
                        block.rms_norm("pre_feedforward_layernorm"), block.rms_norm("post_feedforward_layernorm"),
                        block.rms_norm("self_attn.q_norm", config.head_dim),
                        block.rms_norm("self_attn.k_norm", config.head_dim)});
    }
  }

 private:
  Tensor block(Tensor x, const BlockContext& context) const override {
    using enum Projection;
    const Gemma3Norms& norms = norms_[size_t(context.layer)];
    const auto qkv = context.project({Query, Key, Value}, norms.input_layernorm.forward(x));
    const Tensor q = context.rotate(norms.q_norm.forward_heads(qkv[0]), config_.num_heads);
    const Tensor k = context.rotate(norms.k_norm.forward_heads(qkv[1]), config_.num_kv_heads);
    x = nn::residual(x, norms.post_attention_layernorm.forward(context.attend(q, k, qkv[2])));
    const Tensor out = context.feed_forward(norms.pre_feedforward_layernorm.forward(x));
    return nn::residual(x, norms.post_feedforward_layernorm.forward(out));
  }
  Tensor final_norm(const Tensor& x) const override { return norm_.forward(x); }

  nn::RmsNorm norm_;
  std::vector<Gemma3Norms> norms_;
};

}  // namespace

std::shared_ptr<Model> make_gemma3(const ModelConfig& config, const Weights& weights) {
  return std::make_shared<Gemma3>(config, weights);
}

}  // namespace limpid
