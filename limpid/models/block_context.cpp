#include "limpid/models/block_context.h"

#include "limpid/models/model.h"

namespace limpid {

void BlockContext::visit(Site site, Tensor& x) const {
  if (hook && hook->listens(site, layer)) hook->activations(site, layer, pass, x);
}

void BlockContext::visit(Projection projection, const Tensor& x, Tensor& y) const {
  if (hook && hook->listens(projection, layer)) hook->projected(projection, layer, pass, x, y);
}

Tensor BlockContext::project(Projection projection, const Tensor& x) const {
  Tensor y = linear(projection).forward(x);
  visit(projection, x, y);
  return y;
}

std::vector<Tensor> BlockContext::project(std::initializer_list<Projection> projections, const Tensor& x) const {
  std::vector<const nn::Linear*> layers;
  for (Projection projection : projections) layers.push_back(&linear(projection));
  std::vector<Tensor> all = nn::forward_many(layers, x);
  for (size_t i = 0; i < all.size(); ++i) visit(projections.begin()[i], x, all[i]);
  return all;
}

std::array<Tensor, 3> BlockContext::split_and_rotate(const Tensor& product) const {
  const int64_t queries = attention.heads * attention.head_dim, keys = attention.kv_heads * attention.head_dim;
  return {rotate(product.narrow(1, 0, queries), attention.heads),
          rotate(product.narrow(1, queries, keys), attention.kv_heads), product.narrow(1, queries + keys, keys)};
}

Tensor BlockContext::attend(const Tensor& q, const Tensor& k, const Tensor& v) const {
  Tensor heads = nn::attention(attention, q, k, v, cache_layer, pass);
  visit(Site::HeadOutputs, heads);
  Tensor out = project(Projection::AttentionOutput, heads);
  visit(Site::AttentionOutput, out);
  return out;
}

Tensor BlockContext::feed_forward(const Tensor& x) const {
  using enum Projection;
  if (experts.defined()) return experts.forward(x, activation);
  if (!linear(MlpUp).defined()) return project(MlpDown, nn::activate(project(MlpGate, x), activation));
  std::vector<Tensor> parts = project({MlpGate, MlpUp}, x);
  return project(MlpDown, nn::gated(std::move(parts[0]), parts[1], activation, linear(MlpGate).trainable()));
}

}  // namespace limpid
