#include <gtest/gtest.h>

#include "limpid/metrics/scorer_quality.h"
#include "tests/support/fixture.h"

namespace limpid {
namespace {

using testing_support::Fixture;
using testing_support::for_each_fixture;

TEST(ScorerQualityGolden, EveryScalarAgrees) {
  for_each_fixture("metrics_scorer", [](const Fixture& fixture) {
    ScorerOptions options;
    options.threshold = fixture.in()["threshold"].get<double>();
    options.bins = fixture.in()["bins"].get<std::vector<size_t>>();
    options.identities = fixture.in()["identities"].get<std::vector<std::string>>();
    options.power = fixture.in()["power"].get<double>();
    const LabelledScores data = read_labelled_scores(fixture.file("labelled"));
    EXPECT_EQ(std::vector<int64_t>(data.labels.begin(), data.labels.end()), fixture.integers("in.labels"));
    fixture.compare("out", to_json(measure_scorer(data, options)), fixture.out());
    fixture.compare_tensors({});
  });
}

}  // namespace
}  // namespace limpid
