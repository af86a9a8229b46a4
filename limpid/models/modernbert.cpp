#include "limpid/models/encoder.h"

/// ModernBERT (Warner et al. 2024, arXiv:2412.13663).
namespace limpid {
namespace {

/// Pre-norm blocks: x = x + attention(norm1(x)), x = x + mlp(norm2(x)); the first has no norm1, as the embeddings were
/// normed just before.
class ModernBert final : public Encoder {
 public:
  ModernBert(const ModelConfig& config, const Weights& w) : Encoder(config, w), final_norm_(norm(w, "final_norm")) {
    const EncoderParts& parts = *family_of(config).encoder;
    for (int64_t layer = 0; layer < num_layers(); ++layer) {
      const Weights block = w.block(layer);
      if (layer > 0) attention_norms_.push_back(norm(block, parts.attention_norm));
      output_norms_.push_back(norm(block, parts.output_norm));
    }
  }

 private:
  nn::LayerNorm norm(const Weights& scope, const char* name) const {
    return scope.layer_norm(name, config_.hidden_size, config_.norm_bias);
  }

  Tensor block(Tensor x, const BlockContext& context) const override {
    using enum Projection;
    const size_t layer = size_t(context.layer);
    const auto qkv = context.project({Query, Key, Value}, layer > 0 ? attention_norms_[layer - 1].forward(x) : x);
    const Tensor q = context.rotate(qkv[0], config_.num_heads), k = context.rotate(qkv[1], config_.num_heads);
    x = nn::residual(x, context.attend(q, k, qkv[2]));
    return nn::residual(x, context.feed_forward(output_norms_[layer].forward(x)));
  }
  Tensor final_norm(const Tensor& x) const override { return final_norm_.forward(x); }

  nn::LayerNorm final_norm_;
  std::vector<nn::LayerNorm> attention_norms_;  // of the second block and those behind it
  std::vector<nn::LayerNorm> output_norms_;
};

}  // namespace

std::shared_ptr<Encoder> make_modernbert(const ModelConfig& config, const Weights& weights) {
  return std::make_shared<ModernBert>(config, weights);
}

}  // namespace limpid
