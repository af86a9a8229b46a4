#include "limpid/models/bert.h"

namespace limpid {

Bert::Bert(const ModelConfig& config, const Weights& w) : Encoder(config, w) {
  const EncoderParts& parts = *family_of(config).encoder;
  for (int64_t layer = 0; layer < num_layers(); ++layer)
    norms_.push_back({w.block(layer).layer_norm(parts.attention_norm), w.block(layer).layer_norm(parts.output_norm)});
}

Tensor Bert::block(Tensor x, const BlockContext& context) const {
  using enum Projection;
  const Norms& norms = norms_[size_t(context.layer)];
  const auto qkv = context.project({Query, Key, Value}, x);
  BlockContext biased = context;
  biased.attention.bias = score_bias(qkv[0], qkv[1], context);
  x = norms.attention.forward(nn::residual(x, biased.attend(qkv[0], qkv[1], qkv[2])));
  return norms.output.forward(nn::residual(x, context.feed_forward(x)));
}

std::shared_ptr<Encoder> make_bert(const ModelConfig& config, const Weights& weights) {
  return std::make_shared<Bert>(config, weights);
}

}  // namespace limpid
