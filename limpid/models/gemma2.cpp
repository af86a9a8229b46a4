#include "limpid/models/families.h"

/// Gemma 2: norms before and after each half of a block; windows, soft caps and scales are the config's.
namespace limpid {
namespace {

struct Gemma2Norms {
  nn::RmsNorm input_layernorm, post_attention_layernorm, pre_feedforward_layernorm, post_feedforward_layernorm;
};

class Gemma2 final : public Model {
 public:
  Gemma2(const ModelConfig& config, const Weights& w) : Model(config, w), norm_(w.rms_norm("model.norm")) {
    for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
      const Weights block = w.block(layer);
      norms_.push_back({block.rms_norm("input_layernorm"), block.rms_norm("post_attention_layernorm"),
                        block.rms_norm("pre_feedforward_layernorm"), block.rms_norm("post_feedforward_layernorm")});
    }
  }

 private:
  Tensor block(Tensor x, const BlockContext& context) const override {
    using enum Projection;
    const Gemma2Norms& norms = norms_[size_t(context.layer)];
    auto qkv = context.project({Query, Key, Value}, norms.input_layernorm.forward(x));
    const Tensor q = context.rotate(qkv[0], config_.num_heads), k = context.rotate(qkv[1], config_.num_kv_heads);
    x = residual(x, norms.post_attention_layernorm.forward(context.attend(q, k, qkv[2])));
    const Tensor out = context.feed_forward(norms.pre_feedforward_layernorm.forward(x));
    return residual(x, norms.post_feedforward_layernorm.forward(out));
  }
  Tensor final_norm(const Tensor& x) const override { return norm_.forward(x); }

  nn::RmsNorm norm_;
  std::vector<Gemma2Norms> norms_;
};

}  // namespace

std::shared_ptr<Model> make_gemma2(const ModelConfig& config, const Weights& weights) {
  return std::make_shared<Gemma2>(config, weights);
}

}  // namespace limpid
