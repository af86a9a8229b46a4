#include "limpid/models/families.h"
#include "limpid/nn/alibi.h"

/// MPT: pre-norm blocks whose attention knows positions by ALiBi alone.
namespace limpid {
namespace {

struct MptNorms {
  nn::LayerNorm norm_1, norm_2;
};

class Mpt final : public Model {
 public:
  Mpt(const ModelConfig& config, const Weights& w) : Model(config, w), norm_f_(norm(w, "norm_f")) {
    position_bias_ = nn::alibi_bias(config.num_heads, config.max_positions, config.alibi_bias_max);
    for (int64_t layer = 0; layer < config_.num_layers; ++layer)
      norms_.push_back({norm(w.block(layer), "norm_1"), norm(w.block(layer), "norm_2")});
  }

 private:
  /// Norms have biases where linear layers have.
  nn::LayerNorm norm(const Weights& w, const char* name) const { return w.layer_norm(name, 0, config_.mlp_bias); }

  Tensor block(Tensor x, const BlockContext& context) const override {
    const MptNorms& norms = norms_[size_t(context.layer)];
    Tensor product = context.project(Projection::QueryKeyValue, norms.norm_1.forward(x));
    if (config_.qkv_clip > 0) product = product.clamp(-config_.qkv_clip, config_.qkv_clip);
    x = residual(x, context.attend(context.split_and_rotate(product)));
    return residual(x, context.feed_forward(norms.norm_2.forward(x)));
  }
  Tensor final_norm(const Tensor& x) const override { return norm_f_.forward(x); }

  nn::LayerNorm norm_f_;
  std::vector<MptNorms> norms_;
};

}  // namespace

std::shared_ptr<Model> make_mpt(const ModelConfig& config, const Weights& weights) {
  return std::make_shared<Mpt>(config, weights);
}

}  // namespace limpid
