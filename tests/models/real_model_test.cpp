#include <cmath>

#include "limpid/models/model.h"
#include "tests/support/golden.h"
#include "tests/support/real.h"

namespace limpid {
namespace {

using namespace testing_support;

struct LayerRecorder final : ActivationHook {
  bool listens(Site site, int64_t) const override { return site == Site::LayerOutput; }
  void activations(Site, int64_t layer, const nn::Pass&, Tensor& x) override { last[layer] = x[x.size(0) - 1].clone(); }
  std::map<int64_t, Tensor> last;
};

std::shared_ptr<Model> open_at(const fs::path& path, Precision precision) {
  InferenceOptions options;
  options.precision = precision;
  return open_model(path, options);
}

Tensor all_logits(const Model& model, const TokenIds& tokens) {
  nn::KvCache cache = model.make_cache();
  const nn::Sequence sequence{&cache, tokens};
  nn::Pass pass({&sequence, 1});
  return model.output_matrix(model.final_state(pass, Outputs::All));
}

const fs::path kSmol = pulled_model_dir("smollm2-135m-instruct") / "SmolLM2-135M-Instruct.Q4_1.gguf";
const fs::path kSmolGolden = golden_folder_of("smollm2-135m-instruct"), kGemmaGolden = golden_folder_of("gemma-3-270m");
const fs::path kGemma = pulled_model_dir("gemma-3-270m") / "gemma-3-270m-q4_k_m.gguf";

TEST(SmolLm2Real, ExactModeAgreesWithTheReference) {
  LIMPID_REQUIRE_PATH(kSmol);
  LIMPID_REQUIRE_PATH(kSmolGolden);
  torch::NoGradGuard no_grad;
  const auto model = open_at(kSmol, Precision::Exact);
  const auto golden = SafetensorsFile::open(kSmolGolden / "golden.safetensors");
  for (int i = 0; golden->find("prompt" + std::to_string(i) + ".input_ids"); ++i) {
    const std::string name = "prompt" + std::to_string(i);
    SCOPED_TRACE(name);
    const TokenIds tokens = ids(tensor(*golden, name + ".input_ids"));
    nn::KvCache cache = model->make_cache();
    const nn::Sequence sequence{&cache, tokens};
    nn::Pass pass({&sequence, 1});
    LayerRecorder recorder;
    const Tensor final = model->final_state(pass, Outputs::All, &recorder), logits = model->output_matrix(final);
    EXPECT_LT(largest_difference(logits[logits.size(0) - 1], tensor(*golden, name + ".last_logits")), 1e-3);
    EXPECT_LT(largest_difference(torch::logsumexp(logits, -1), tensor(*golden, name + ".logsumexp")), 1e-3);
    EXPECT_LT(largest_difference(logits.gather(1, tensor(*golden, name + ".top50_ids")),
                                 tensor(*golden, name + ".top50_logits")),
              1e-3);
    const Tensor hidden = tensor(*golden, name + ".hidden");
    for (int64_t h = 0; h < hidden.size(0); ++h)
      EXPECT_LT(largest_difference(recorder.last.at(10 * (h + 1) - 1), hidden[h]), 5e-3);
    const TokenIds expected = ids(tensor(*golden, name + ".greedy"));
    TokenIds input = {}, greedy = {TokenId(logits[logits.size(0) - 1].argmax().item<int64_t>())};
    while (greedy.size() < expected.size()) {
      const TokenId last = greedy.back();
      const nn::Sequence next{&cache, {&last, 1}};
      nn::Pass step({&next, 1});
      greedy.push_back(
          TokenId(model->output_matrix(model->final_state(step, Outputs::Last))[0].argmax().item<int64_t>()));
    }
    EXPECT_EQ(greedy, expected);
  }
}

/// Share of positions whose best token agrees, and the perplexity, over the WikiText documents of the fixture.
struct WikiText {
  double perplexity;
  std::vector<int64_t> best;
  std::vector<double> nll;
};

WikiText wikitext(const Model& model, const Checkpoint& golden) {
  const TokenIds all = ids(tensor(golden, "wikitext.ids"));
  const Tensor starts = tensor(golden, "wikitext.starts");
  WikiText result{};
  double sum = 0.0;
  for (int64_t d = 0; d + 1 < starts.numel(); ++d) {
    const TokenIds document(all.begin() + starts[d].item<int64_t>(), all.begin() + starts[d + 1].item<int64_t>());
    const Tensor log_p = torch::log_softmax(all_logits(model, document), -1);
    for (size_t t = 0; t + 1 < document.size(); ++t) {
      result.nll.push_back(-log_p[int64_t(t)][document[t + 1]].item<double>());
      result.best.push_back(log_p[int64_t(t)].argmax().item<int64_t>());
      sum += result.nll.back();
    }
  }
  result.perplexity = std::exp(sum / double(result.nll.size()));
  return result;
}

TEST(SmolLm2Real, RoundedActivationsStayCloseToExact) {
  LIMPID_REQUIRE_PATH(kSmol);
  LIMPID_REQUIRE_PATH(kSmolGolden);
  torch::NoGradGuard no_grad;
  const auto golden = SafetensorsFile::open(kSmolGolden / "golden.safetensors");
  const WikiText exact = wikitext(*open_at(kSmol, Precision::Exact), *golden);
  const Tensor expected = tensor(*golden, "wikitext.nll");
  double worst = 0.0;
  for (size_t i = 0; i < exact.nll.size(); ++i)
    worst = std::max(worst, std::fabs(exact.nll[i] - expected[int64_t(i)].item<double>()));
  EXPECT_LT(worst, 1e-3);
  const auto agreement = [&](const WikiText& other) {
    size_t same = 0;
    for (size_t i = 0; i < exact.best.size(); ++i) same += exact.best[i] == other.best[i];
    return double(same) / double(exact.best.size());
  };
  const WikiText bf16 = wikitext(*open_at(kSmol, Precision::BF16), *golden),
                 int8 = wikitext(*open_at(kSmol, Precision::Int8), *golden);
  std::cout << "perplexity exact " << exact.perplexity << ", bf16 " << bf16.perplexity << " (top-1 " << agreement(bf16)
            << "), int8 " << int8.perplexity << " (top-1 " << agreement(int8) << ")\n";
  EXPECT_NEAR(bf16.perplexity / exact.perplexity, 1.0, 0.005);
  EXPECT_GE(agreement(bf16), 0.985);
  EXPECT_NEAR(int8.perplexity / exact.perplexity, 1.0, 0.01);
  EXPECT_GE(agreement(int8), 0.975);
}

TEST(Gemma3Real, ExactModeAgreesWithTheReference) {
  LIMPID_REQUIRE_PATH(kGemma);
  LIMPID_REQUIRE_PATH(kGemmaGolden);
  torch::NoGradGuard no_grad;
  const auto model = open_at(kGemma, Precision::Exact);
  const auto golden = SafetensorsFile::open(kGemmaGolden / "golden.safetensors");
  const Json about = read_json(kGemmaGolden / "golden.json");
  size_t i = 0;
  for (const Json& prompt : about.at("prompts")) {
    const std::string name = "prompt" + std::to_string(i++);
    SCOPED_TRACE(name);
    const TokenIds tokens = prompt.at("ids").get<TokenIds>();
    nn::KvCache cache = model->make_cache();
    const nn::Sequence sequence{&cache, tokens};
    nn::Pass pass({&sequence, 1});
    LayerRecorder recorder;
    const Tensor final = model->final_state(pass, Outputs::All, &recorder), logits = model->output_matrix(final);
    EXPECT_LT(largest_difference(logits[logits.size(0) - 1], tensor(*golden, name + ".last_logits")), 1e-3);
    EXPECT_LT(largest_difference(logits.gather(1, tensor(*golden, name + ".top50_ids")),
                                 tensor(*golden, name + ".top50_logits")),
              1e-3);
    const TokenIds expected = ids(tensor(*golden, name + ".greedy"));
    TokenIds greedy = {TokenId(logits[logits.size(0) - 1].argmax().item<int64_t>())};
    while (greedy.size() < expected.size()) {
      const TokenId last = greedy.back();
      const nn::Sequence next{&cache, {&last, 1}};
      nn::Pass step({&next, 1});
      greedy.push_back(
          TokenId(model->output_matrix(model->final_state(step, Outputs::Last))[0].argmax().item<int64_t>()));
    }
    EXPECT_EQ(greedy, expected);
  }
}

}  // namespace
}  // namespace limpid
