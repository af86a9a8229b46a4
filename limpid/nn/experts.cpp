#include "limpid/nn/experts.h"

#include "limpid/kernels/experts.h"

namespace limpid::nn {

Experts::Experts(Linear router, std::vector<Expert> experts, int64_t experts_per_token, bool whole_shares)
    : router_(std::move(router)),
      experts_(std::move(experts)),
      experts_per_token_(experts_per_token),
      whole_shares_(whole_shares) {}

Tensor Experts::forward(const Tensor& x, Activation activation) const {
  return router_.trainable() ? under_autograd(x, activation) : chosen_only(x, activation);
}

Tensor Experts::through(const Expert& expert, const Tensor& x, Activation activation) const {
  const Linear* const sides[] = {&expert.gate, &expert.up};
  std::vector<Tensor> parts = forward_many(sides, x);
  return expert.down.forward(gated(std::move(parts[0]), parts[1], activation, expert.gate.trainable()));
}

Tensor Experts::chosen_only(const Tensor& x, Activation activation) const {
  const int64_t N = x.size(0), E = int64_t(experts_.size());
  const Tensor scores = router_.forward(x);
  std::vector<kernels::Share> shares(size_t(N * experts_per_token_));
  kernels::choose_experts(scores.const_data_ptr<float>(), size_t(N), size_t(E), size_t(experts_per_token_),
                          whole_shares_, shares.data());
  struct Readers {
    std::vector<int64_t> tokens;
    std::vector<float> weights;
  };
  std::vector<Readers> readers(experts_.size());
  for (size_t s = 0; s < shares.size(); ++s) {
    Readers& of_expert = readers[size_t(shares[s].expert)];
    of_expert.tokens.push_back(int64_t(s) / experts_per_token_);
    of_expert.weights.push_back(shares[s].weight);
  }
  // Each token adds up its experts in ascending order, whoever else reads them.
  Tensor sum = torch::zeros({N, x.size(1)}, torch::kFloat32);
  for (size_t e = 0; e < experts_.size(); ++e) {
    if (readers[e].tokens.empty()) continue;
    const Tensor tokens = torch::tensor(readers[e].tokens), weights = torch::tensor(readers[e].weights);
    const Tensor out = through(experts_[e], x.index_select(0, tokens), activation);
    sum.index_add_(0, tokens, out * weights.unsqueeze(1));
  }
  return sum;
}

Tensor Experts::under_autograd(const Tensor& x, Activation activation) const {
  const Tensor probabilities = torch::softmax(router_.forward(x).to(torch::kFloat32), -1);
  auto [shares, chosen] = probabilities.topk(experts_per_token_, -1);
  if (whole_shares_) shares = shares / shares.sum(-1, /*keepdim=*/true);
  Tensor sum = torch::zeros({x.size(0), x.size(1)}, torch::kFloat32);
  for (size_t e = 0; e < experts_.size(); ++e) {
    // An expert that nobody chose reads no tokens: its gradient is 0 rather than none, so that it decays like the rest.
    const Tensor places = (chosen == int64_t(e)).nonzero(), tokens = places.select(1, 0);
    const Tensor out = through(experts_[e], x.index_select(0, tokens), activation).to(torch::kFloat32);
    sum = sum.index_add(0, tokens, out * shares.index({tokens, places.select(1, 1)}).unsqueeze(1));
  }
  return sum;
}

Tensor Experts::forward_plain(const Tensor& x, Activation activation) const {
  const Tensor probabilities = torch::softmax(router_.forward(x).to(torch::kFloat64), -1);
  const auto [largest, chosen] = probabilities.topk(experts_per_token_, -1);
  Tensor shares = torch::zeros_like(probabilities).scatter(1, chosen, largest);
  if (whole_shares_) shares = shares / shares.sum(-1, /*keepdim=*/true);
  Tensor sum = torch::zeros({x.size(0), x.size(1)}, torch::kFloat64);
  for (size_t e = 0; e < experts_.size(); ++e)
    sum = sum + through(experts_[e], x, activation).to(torch::kFloat64) * shares.select(1, int64_t(e)).unsqueeze(1);
  return sum.to(torch::kFloat32);
}

}  // namespace limpid::nn
