#include <gtest/gtest.h>

#include "limpid/data/generations.h"
#include "limpid/metrics/perplexity.h"
#include "tests/support/fixture.h"

namespace limpid {
namespace {

using testing_support::Fixture;
using testing_support::for_each_fixture;

/// Tokens of text k of a ragged list.
TokenIds tokens_of(const std::vector<int64_t>& ids, const std::vector<int64_t>& offsets, size_t k) {
  return {ids.begin() + offsets.at(k), ids.begin() + offsets.at(k + 1)};
}

// The judge's mean NLLs are those of the fixture; lengths, boundaries, quirks and everything derived are ours.
TEST(PerplexityGolden, EveryScalarAndDerivedTensorAgrees) {
  for_each_fixture("metrics_perplexity", [](const Fixture& fixture) {
    const auto full_ids = fixture.integers("in.full_ids"), full_offsets = fixture.integers("in.full_offsets");
    const auto prompt_ids = fixture.integers("in.prompt_ids"), prompt_offsets = fixture.integers("in.prompt_offsets");
    const auto prompt_of = fixture.integers("in.prompt_of"), first = fixture.integers("in.first_continuation_token");
    const auto nll_full = fixture.floats("out.nll_full"), nll_prompt = fixture.floats("out.nll_prompt");
    const auto continuation_nll = fixture.floats("out.continuation_nll");
    std::vector<bool> empty;
    for (const GenerationRow& row : read_generations(fixture.file("generations")))
      for (const Continuation& one : row.generations) empty.push_back(one.text.empty());
    ASSERT_EQ(empty.size(), prompt_of.size());

    std::vector<JudgedContinuation> judged;
    std::map<std::string, std::vector<double>> tensors;
    for (size_t k = 0; k < prompt_of.size(); ++k) {
      const size_t prompt = size_t(prompt_of[k]);
      const TokenIds full = tokens_of(full_ids, full_offsets, k), alone = tokens_of(prompt_ids, prompt_offsets, prompt);
      const std::vector<double> full_nlls(full.empty() ? 0 : full.size() - 1, nll_full[k]);
      const std::vector<double> prompt_nlls(alone.empty() ? 0 : alone.size() - 1, nll_prompt[prompt]);
      auto one = judge_continuation(prompt, full, full_nlls, alone, prompt_nlls, size_t(first[k]), empty[k]);
      one.continuation_nll = continuation_nll[k];  // the fixture has means of texts, not the NLL of every token
      judged.push_back(one);
      const double value = compatible_perplexity(one);
      tensors["out.ppl"].push_back(value);
      tensors["out.kept"].push_back(is_kept(value));
      tensors["out.continuation_tokens"].push_back(double(one.continuation_tokens));
    }
    fixture.compare_tensors(tensors, {"out.nll_full", "out.nll_prompt", "out.continuation_nll"});
    fixture.compare("out", to_json(measure_perplexity(judged)), fixture.out());
  });
}

}  // namespace
}  // namespace limpid
