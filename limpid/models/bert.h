#pragma once

#include "limpid/models/encoder.h"

/// BERT and those that compute its blocks.
namespace limpid {

/// Post-norm blocks: x = norm1(x + attention(x)), x = norm2(x + mlp(x)). Vaswani et al. 2017, arXiv:1706.03762; Devlin
/// et al. 2018, arXiv:1810.04805.
class Bert : public Encoder {
 public:
  Bert(const ModelConfig& config, const Weights& weights);

 protected:
  Tensor block(Tensor x, const BlockContext& context) const override;
  /// Returns what is added to the scores of q and k [N, D], as nn::AttentionSpec::bias; undefined: nothing.
  virtual Tensor score_bias(const Tensor& q, const Tensor& k, const BlockContext& context) const { return {}; }

 private:
  struct Norms {
    nn::LayerNorm attention, output;
  };
  std::vector<Norms> norms_;
};

}  // namespace limpid
