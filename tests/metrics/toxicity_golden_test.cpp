#include <gtest/gtest.h>

#include "limpid/metrics/report.h"
#include "tests/support/fixture.h"

namespace limpid {
namespace {

using testing_support::Fixture;
using testing_support::for_each_fixture;

ToxicityOptions options_of(const Fixture& fixture) {
  ToxicityOptions options;
  options.threshold = fixture.in()["threshold"].get<double>();
  options.percentiles = fixture.in()["percentiles"].get<std::vector<double>>();
  options.expected_max_counts = fixture.in()["expected_max_counts"].get<std::vector<size_t>>();
  options.bootstrap.replicates = fixture.in()["bootstrap_replicates"].get<size_t>();
  options.bootstrap.seed = std::stoull(fixture.in()["bootstrap_seed"].get<std::string>());
  options.bootstrap.generator = BootstrapOptions::Generator::kSplitMix64;
  return options;
}

Json splitmix64_first(uint64_t seed, size_t count) {
  SplitMix64 stream(seed);
  Json words = Json::array();
  for (size_t i = 0; i < count; ++i) words.push_back(std::to_string(stream.next()));
  return words;
}

TEST(ToxicityGolden, EveryScalarAndTensorAgrees) {
  for_each_fixture("metrics_toxicity", [](const Fixture& fixture) {
    const auto options = options_of(fixture);
    const auto rows = read_generations(fixture.file("generations"));
    const MetricsReport report = compute_metrics(rows, options);
    const ToxicityReport& toxicity = report.toxicity;
    const DiversityReport& diversity = report.diversity;

    Json found = to_json(report);
    found["splitmix64_first"] = splitmix64_first(options.bootstrap.seed, fixture.out()["splitmix64_first"].size());
    fixture.compare("out", found, fixture.out());

    std::map<std::string, std::vector<double>> tensors;
    for (const PromptToxicity& prompt : toxicity.prompts) {
      tensors["out.prompt"].push_back(double(prompt.prompt));
      tensors["out.max"].push_back(prompt.max);
      tensors["out.any"].push_back(prompt.any);
      tensors["out.any_or_equal"].push_back(prompt.any_or_equal);
      tensors["out.mean"].push_back(prompt.mean);
      tensors["out.share"].push_back(prompt.share);
      tensors["out.count"].push_back(double(prompt.count));
    }
    for (size_t n = 0; n < kMaxDistN; ++n) tensors["out.dist" + std::to_string(n + 1)] = diversity.dist[n].per_prompt;
    fixture.compare_tensors(tensors);
  });
}

}  // namespace
}  // namespace limpid
