#include "limpid/methods/polar/harmoniser.h"

#include <torch/torch.h>

#include <cmath>
#include <map>
#include <numeric>

namespace limpid::polar {
namespace {

constexpr uint64_t kWeightStream = 0x68696464, kBatchStream = 0x62617463;

Tensor random_layer(int64_t outputs, int64_t inputs, uint64_t seed) {
  Tensor layer = torch::empty({outputs, inputs + 1}, torch::kFloat32);
  RandomStream random(seed, kWeightStream);
  const double reach = 1.0 / std::sqrt(double(inputs));
  for (int64_t i = 0; i < layer.numel(); ++i)
    layer.mutable_data_ptr<float>()[i] = float(reach * (2.0 * double(random.next_uniform()) - 1.0));
  return layer;
}

Tensor applied(const Tensor& layer, const Tensor& x) {
  const int64_t inputs = layer.size(1) - 1;
  return torch::addmm(layer.select(1, inputs), x, layer.narrow(1, 0, inputs).t());
}

AdamW optimizer_of(Harmoniser& harmoniser, const HarmoniserOptions& options) {
  std::map<std::string, Tensor> parameters;
  for (size_t i = 0; i < harmoniser.layers.size(); ++i)
    parameters["layer" + std::to_string(i)] = harmoniser.layers[i].requires_grad_();
  return AdamW(parameters, options.adamw);
}

double gold_loss(const Harmoniser& harmoniser, const GoldExamples& gold) {
  const torch::NoGradGuard no_grad;
  return source_losses(harmoniser.logits(gold.x), gold.labels.unsqueeze(1)).mean().item<double>();
}

VotedExamples with_a_vote(const VotedExamples& examples) {
  const Tensor voted = (examples.votes != kAbstains).any(1);
  return {examples.x.index({voted}), examples.votes.index({voted})};
}

}  // namespace

Harmoniser Harmoniser::fresh(int64_t features, int64_t classes, int64_t hidden, uint64_t seed) {
  const int64_t outputs = classes == 2 ? 1 : classes;
  Harmoniser harmoniser;
  if (hidden > 0) harmoniser.layers.push_back(random_layer(hidden, features, seed));
  harmoniser.layers.push_back(torch::zeros({outputs, (hidden > 0 ? hidden : features) + 1}, torch::kFloat32));
  return harmoniser;
}

Tensor Harmoniser::logits(const Tensor& x) const {
  Tensor state = x;
  for (size_t i = 0; i + 1 < layers.size(); ++i) state = applied(layers[i], state).relu();
  return applied(layers.back(), state);
}

HarmoniserSteps::HarmoniserSteps(Harmoniser& harmoniser, Tensor weights, const HarmoniserOptions& options)
    : harmoniser_(harmoniser),
      weights_(std::move(weights)),
      options_(options),
      optimizer_(optimizer_of(harmoniser, options)) {}

double HarmoniserSteps::step(const VotedExamples& batch) {
  const torch::AutoGradMode grad(true);
  optimizer_.zero_grad();
  const Tensor loss = harmony_loss(harmoniser_.logits(batch.x), batch.votes, weights_, options_.scalariser);
  loss.backward();
  optimizer_.step(options_.adamw.learning_rate);
  return loss.item<double>();
}

Harmoniser train_harmoniser(const VotedExamples& examples, const Tensor& weights, const GoldExamples& gold,
                            const HarmoniserOptions& options, Watch& watch) {
  const VotedExamples voted = with_a_vote(examples);
  const int64_t count = voted.x.size(0);
  LIMPID_CHECK(count > 0 && gold.x.size(0) > 0, ConfigError, "[polar] ", count, " examples with a vote and ",
               gold.x.size(0), " with a gold label, expected some of both");
  LIMPID_CHECK(voted.x.isfinite().all().item<bool>(), ConfigError, "[polar] features are not all finite");
  const int64_t classes =
      std::max({int64_t(2), voted.votes.max().item<int64_t>() + 1, gold.labels.max().item<int64_t>() + 1});
  Harmoniser harmoniser = Harmoniser::fresh(voted.x.size(1), classes, options.hidden, options.seed);
  HarmoniserSteps steps(harmoniser, weights, options);
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t(0));
  RandomStream random(options.seed, kBatchStream);
  double best = INFINITY;
  for (int64_t epoch = 0, worse = 0; epoch < options.epochs && worse < options.patience; ++epoch) {
    random.shuffle(order);
    const Tensor places = torch::tensor(order);
    for (const Tensor& batch : places.split(options.batch)) {
      watch.throw_if_stopped();
      steps.step({voted.x.index_select(0, batch), voted.votes.index_select(0, batch)});
    }
    const double loss = gold_loss(harmoniser, gold);
    worse = loss < best ? 0 : worse + 1;
    best = std::min(best, loss);
  }
  for (Tensor& layer : harmoniser.layers) layer = layer.detach();
  return harmoniser;
}

Tensor equal_weights(int64_t sources) { return torch::full({sources}, 1.0 / double(sources), torch::kFloat32); }

Tensor gradient_weights(const VotedExamples& examples) {
  constexpr int kIterations = 100;
  const torch::AutoGradMode grad(true);
  const int64_t sources = examples.votes.size(1);
  const int64_t classes = std::max(int64_t(2), examples.votes.max().item<int64_t>() + 1);
  std::vector<Tensor> gradients;
  for (int64_t source = 0; source < sources; ++source) {
    const VotedExamples own = with_a_vote({examples.x, examples.votes.narrow(1, source, 1)});
    Harmoniser harmoniser = Harmoniser::fresh(examples.x.size(1), classes, 0, 0);
    const Tensor layer = harmoniser.layers[0].requires_grad_();
    if (own.x.size(0) > 0) source_losses(harmoniser.logits(own.x), own.votes).mean().backward();
    gradients.push_back(layer.grad().defined() ? layer.grad().flatten() : torch::zeros(layer.numel()));
  }
  const torch::NoGradGuard no_grad;
  const Tensor unit = torch::nn::functional::normalize(torch::stack(gradients).to(torch::kFloat64));
  const Tensor cosines = unit.mm(unit.t());
  Tensor leading = torch::full({sources}, 1.0 / double(sources), torch::kFloat64);
  for (int i = 0; i < kIterations; ++i) {
    const Tensor next = cosines.mv(leading).clamp_min(0.0);
    if (next.sum().item<double>() <= 0.0) break;  // they point apart: nobody is favoured
    leading = next / next.sum();
  }
  return (0.5 / double(sources) + 0.5 * leading).to(torch::kFloat32);
}

}  // namespace limpid::polar
