#include <gtest/gtest.h>

#include "limpid/methods/polar/calibration.h"
#include "limpid/methods/polar/harmoniser.h"
#include "tests/support/golden.h"

/// golden/methods/polar*: losses of several sources made scalar, heads trained with each, and their calibration.
namespace limpid {
namespace {

using namespace polar;
using testing_support::for_each_tensor_fixture;
using testing_support::TensorFixture;

std::vector<double> doubles(const Tensor& x) {
  const Tensor flat = x.detach().to(torch::kFloat64).contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

/// The results of one fixture by name, tensors and scalars.
struct Found {
  std::map<std::string, std::vector<double>> tensors;
  Json scalars = Json::object();

  void layer(const std::string& prefix, const Tensor& layer) {
    const int64_t inputs = layer.size(1) - 1;
    tensors[prefix + "W"] = doubles(layer.narrow(1, 0, inputs));
    tensors[prefix + "b"] = doubles(layer.select(1, inputs));
  }
};

Harmoniser first_head(const TensorFixture& fixture) {
  return {{torch::cat({fixture.tensor("in.W0"), fixture.tensor("in.b0").unsqueeze(1)}, 1).contiguous()}};
}

/// Scalars and gradient at the given head.
void look_at_the_start(const TensorFixture& fixture, Scalariser scalariser, Found& found) {
  const std::string prefix = concat("out.", name(scalariser), "_");
  Harmoniser head = first_head(fixture);
  head.layers[0].requires_grad_();
  const Tensor logits = head.logits(fixture.tensor("in.x")), votes = fixture.tensor("in.labels"),
               weights = fixture.tensor("in.weights");
  found.tensors[prefix + "scalars"] = doubles(scalarise(source_losses(logits, votes), weights, scalariser));
  const Tensor loss = harmony_loss(logits, votes, weights, scalariser);
  loss.backward();
  found.layer(prefix + "gradient_", head.layers[0].grad());
  found.scalars[concat(name(scalariser), "_loss")] = loss.item<double>();
}

/// The head after its steps, and the risk of the last source's answers.
void train_and_judge(const TensorFixture& fixture, Scalariser scalariser, Found& found) {
  const std::string prefix = concat("out.", name(scalariser), "_");
  HarmoniserOptions options{.scalariser = scalariser};
  options.adamw = {
      .learning_rate = fixture.in("lr"), .epsilon = fixture.in("eps"), .weight_decay = fixture.in("decay")};
  options.adamw.beta1 = fixture.in().at("betas").at(0);
  options.adamw.beta2 = fixture.in().at("betas").at(1);
  Harmoniser head = first_head(fixture);
  HarmoniserSteps steps(head, fixture.tensor("in.weights"), options);
  const VotedExamples all{fixture.tensor("in.x"), fixture.tensor("in.labels")};
  for (int64_t step = 0; step < fixture.in().at("steps").get<int64_t>(); ++step)
    found.tensors[prefix + "losses"].push_back(steps.step(all));
  found.layer(prefix, head.layers[0]);

  const Tensor answers = all.votes.select(1, all.votes.size(1) - 1), answered = answers != kAbstains;
  const std::vector<double> risks = doubles(risk_scores(head.logits(all.x), answers).index({answered}));
  std::vector<int> wrong;
  for (double is_wrong : doubles((answers != fixture.tensor("in.truth")).index({answered})))
    wrong.push_back(int(is_wrong));
  const Calibration calibration = calibration_of(risks, wrong, fixture.in().at("bins").get<size_t>());
  found.tensors[prefix + "risk"] = risks;
  for (const ReliabilityBin& bin : calibration.bins) {
    found.tensors[prefix + "bin_counts"].push_back(double(bin.count));
    found.tensors[prefix + "bin_scores"].push_back(bin.confidence);
    found.tensors[prefix + "bin_errors"].push_back(bin.hits);
  }
  found.scalars[concat(name(scalariser), "_ece")] = calibration.error;
  found.scalars[concat(name(scalariser), "_risk_of_wrong_minus_right")] = calibration.wrong_minus_right;
}

void look_at_two_classes(const TensorFixture& fixture, Found& found) {
  const Tensor logits = fixture.tensor("in.binary_logits").unsqueeze(1), votes = fixture.tensor("in.binary_labels");
  const Tensor losses = source_losses(logits, votes);
  found.tensors["out.binary_losses"] = doubles(losses);
  found.tensors["out.binary_risk"] = doubles(risk_scores(logits, votes));
  for (const char* scalariser : kScalarisers)
    found.tensors[concat("out.binary_", scalariser)] =
        doubles(scalarise(losses, fixture.tensor("in.binary_weights"), named<Scalariser>(scalariser, "")));
}

TEST(PolarGolden, LossesScalarsGradientsHeadsAndCalibrationAgree) {
  for_each_tensor_fixture("polar", [](const TensorFixture& fixture) {
    Found found;
    found.tensors["out.losses"] =
        doubles(source_losses(first_head(fixture).logits(fixture.tensor("in.x")), fixture.tensor("in.labels")));
    for (const char* scalariser : kScalarisers) {
      look_at_the_start(fixture, named<Scalariser>(scalariser, ""), found);
      train_and_judge(fixture, named<Scalariser>(scalariser, ""), found);
    }
    if (fixture.has("in.binary_logits")) look_at_two_classes(fixture, found);
    fixture.compare_tensors(found.tensors);
    fixture.compare("out", found.scalars, fixture.out());
  });
}

}  // namespace
}  // namespace limpid
