#include "limpid/models/families.h"

/// GPT-2 (Radford et al. 2019): pre-norm blocks, learned positions, LayerNorm and biases everywhere, fused
/// query-key-value.
namespace limpid {
namespace {

struct Gpt2Norms {
  nn::LayerNorm ln_1, ln_2;
};

class Gpt2 final : public Model {
 public:
  Gpt2(const ModelConfig& config, const Weights& w)
      : Model(config, w),
        wpe_(w.embedding("wpe", config.max_positions, config.hidden_size)),
        ln_f_(w.layer_norm("ln_f")) {
    for (int64_t layer = 0; layer < config_.num_layers; ++layer)
      norms_.push_back({w.block(layer).layer_norm("ln_1"), w.block(layer).layer_norm("ln_2")});
  }

 private:
  Tensor embed(const nn::Pass& pass) const override {
    return nn::residual(Model::embed(pass), wpe_.forward(pass.positions));
  }

  Tensor block(Tensor x, const BlockContext& context) const override {
    const Gpt2Norms& norms = norms_[size_t(context.layer)];
    const Tensor qkv = context.project(Projection::QueryKeyValue, norms.ln_1.forward(x));
    const int64_t D = config_.hidden_size;
    x = nn::residual(x, context.attend(qkv.narrow(1, 0, D), qkv.narrow(1, D, D), qkv.narrow(1, 2 * D, D)));
    return nn::residual(x, context.feed_forward(norms.ln_2.forward(x)));
  }
  Tensor final_norm(const Tensor& x) const override { return ln_f_.forward(x); }

  nn::Embedding wpe_;
  nn::LayerNorm ln_f_;
  std::vector<Gpt2Norms> norms_;
};

}  // namespace

std::shared_ptr<Model> make_gpt2(const ModelConfig& config, const Weights& weights) {
  return std::make_shared<Gpt2>(config, weights);
}

}  // namespace limpid
