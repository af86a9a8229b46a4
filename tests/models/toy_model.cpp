#include "limpid/models/families.h"

/// What the made-up family computes: attention and feed-forward side by side, behind one norm.
namespace limpid {
namespace {

class Toy final : public Model {
 public:
  Toy(const ModelConfig& config, const Weights& w) : Model(config, w), norm_(w.rms_norm("norm")) {
    for (int64_t layer = 0; layer < config_.num_layers; ++layer) norms_.push_back(w.block(layer).rms_norm("norm"));
  }

 private:
  Tensor block(Tensor x, const BlockContext& context) const override {
    using enum Projection;
    const Tensor normed = norms_[size_t(context.layer)].forward(x);
    const auto qkv = context.project({Query, Key, Value}, normed);
    const Tensor q = context.rotate(qkv[0], config_.num_heads), k = context.rotate(qkv[1], config_.num_kv_heads);
    return nn::residual(nn::residual(x, context.attend(q, k, qkv[2])), context.feed_forward(normed));
  }
  Tensor final_norm(const Tensor& x) const override { return norm_.forward(x); }

  nn::RmsNorm norm_;
  std::vector<nn::RmsNorm> norms_;
};

}  // namespace

std::shared_ptr<Model> make_toy(const ModelConfig& config, const Weights& weights) {
  return std::make_shared<Toy>(config, weights);
}

}  // namespace limpid
