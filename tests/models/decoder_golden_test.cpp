#include <iostream>

#include "limpid/models/model.h"
#include "tests/support/fixture.h"
#include "tests/support/golden.h"

namespace limpid {
namespace {

using namespace testing_support;

struct Recorder final : ActivationHook {
  explicit Recorder(int64_t layers) : layers(size_t(layers)), heads(size_t(layers)) {}
  void activations(Site site, int64_t layer, const nn::Pass&, Tensor& x) override {
    if (site == Site::Embeddings) embeddings = x.clone();
    if (site == Site::LayerOutput) layers[size_t(layer)] = x.clone();
    if (site == Site::HeadOutputs) heads[size_t(layer)] = x.clone();
  }
  Tensor embeddings;
  std::vector<Tensor> layers, heads;
};

InferenceOptions exact() {
  InferenceOptions options;
  options.precision = Precision::Exact;
  return options;
}

constexpr double kTolerance = 1e-4;

/// Opens the folder, or says why it is passed over. Only families that do not exist yet may be.
std::shared_ptr<Model> open_or_skip(const fs::path& folder) {
  if (!fs::exists(folder / "golden.safetensors") || !fs::exists(folder / "config.json")) {
    std::cout << "[ SKIPPED  ] " << folder.filename().string() << ": no golden.safetensors\n";
    return nullptr;
  }
  const ModelConfig config = read_config(folder);
  if (!find_family(config.architecture) || config.is_encoder()) {
    std::cout << "[ SKIPPED  ] " << folder.filename().string() << ": family \"" << config.architecture
              << "\" is not a supported decoder\n";
    return nullptr;
  }
  if (!fs::exists(folder / "model.safetensors") && !fs::exists(folder / "model.safetensors.index.json")) {
    EXPECT_THROW(open_model(folder, exact()), FormatError) << "a folder with only a pickle must be refused";
    std::cout << "[ REFUSED  ] " << folder.filename().string() << ": holds only a pickle\n";
    return nullptr;
  }
  return open_model(folder, exact());
}

void check_row(const Model& model, const Checkpoint& golden, const std::string& set, int64_t row, int64_t padding) {
  SCOPED_TRACE(set + " row " + std::to_string(row));
  const auto part = [&](const char* name) {
    const Tensor all = tensor(golden, set + "." + name);
    const bool per_layer = all.dim() == 4;
    const Tensor mine = all.select(per_layer ? 1 : 0, row);
    return mine.narrow(per_layer ? 1 : 0, padding, mine.size(per_layer ? 1 : 0) - padding);
  };
  const TokenIds tokens = ids(part("input_ids"));
  nn::KvCache cache = model.make_cache();
  const nn::Sequence sequence{&cache, tokens};
  nn::Pass pass({&sequence, 1});
  Recorder recorder(model.config().num_layers);
  const Tensor final = model.final_state(pass, Outputs::All, &recorder);
  EXPECT_LT(largest_difference(recorder.embeddings, part("embeddings")), kTolerance);
  EXPECT_LT(largest_difference(torch::stack(recorder.layers), part("layers")), kTolerance);
  EXPECT_LT(largest_difference(torch::stack(recorder.heads), part("head_outputs")), kTolerance);
  EXPECT_LT(largest_difference(final, part("final")), kTolerance);
  EXPECT_LT(largest_difference(model.output_matrix(final), part("logits")), kTolerance);
}

/// Greedy tokens and the logits they came from.
std::pair<TokenIds, Tensor> greedy(const Model& model, const TokenIds& prompt, int64_t count) {
  nn::KvCache cache = model.make_cache();
  TokenIds input = prompt, out;
  std::vector<Tensor> logits;
  for (int64_t i = 0; i < count; ++i) {
    const nn::Sequence sequence{&cache, input};
    nn::Pass pass({&sequence, 1});
    logits.push_back(model.output_matrix(model.final_state(pass, Outputs::Last))[0]);
    out.push_back(TokenId(logits.back().argmax().item<int64_t>()));
    input = {out.back()};
  }
  return {out, torch::stack(logits)};
}

TEST(DecoderGolden, EveryInnerResultOfEverySupportedFamilyAgrees) {
  torch::NoGradGuard no_grad;
  const fs::path models = golden_dir() / "models";
  LIMPID_REQUIRE_PATH(models);
  int checked = 0;
  for (const fs::path& folder : sorted_folders(models)) {
    SCOPED_TRACE(folder.filename().string());
    const auto model = open_or_skip(folder);
    if (!model) continue;
    const auto golden = SafetensorsFile::open(folder / "golden.safetensors");
    const int64_t plain_rows = golden->at("plain.input_ids").shape[0];
    for (int64_t row = 0; row < plain_rows; ++row) check_row(*model, *golden, "plain", row, 0);
    const Tensor mask = tensor(*golden, "padded.attention_mask"), expected = tensor(*golden, "padded.greedy");
    for (int64_t row = 0; row < mask.size(0); ++row) {
      const int64_t padding = mask.size(1) - mask[row].sum().item<int64_t>();
      check_row(*model, *golden, "padded", row, padding);
      const TokenIds prompt = ids(tensor(*golden, "padded.input_ids")[row].narrow(0, padding, mask.size(1) - padding));
      EXPECT_EQ(greedy(*model, prompt, expected.size(1)).first, ids(expected[row]));
    }
    ++checked;
  }
  EXPECT_GT(checked, 0);
}

TEST(DecoderGolden, GreedyTextFromTheTokenizerBesideTheModelIsIdentical) {
  torch::NoGradGuard no_grad;
  const fs::path models = golden_dir() / "models";
  LIMPID_REQUIRE_PATH(models);
  for (const fs::path& folder : sorted_folders(models)) {
    SCOPED_TRACE(folder.filename().string());
    const auto model = open_or_skip(folder);
    if (!model) continue;
    const auto golden = SafetensorsFile::open(folder / "golden.safetensors");
    const Json about = read_json(folder / "golden.json");
    const TokenIds prompt = ids(tensor(*golden, "greedy.input_ids")), expected = ids(tensor(*golden, "greedy.tokens"));
    if (about.contains("greedy_prompt") && model->tokenizer()) {
      EXPECT_EQ(model->tokenizer()->encode(about["greedy_prompt"].get<std::string>(), true), prompt);
    }
    const auto [tokens, logits] = greedy(*model, prompt, int64_t(expected.size()));
    EXPECT_EQ(tokens, expected);
    EXPECT_LT(largest_difference(logits, tensor(*golden, "greedy.logits")), kTolerance);
    if (about.contains("greedy_text") && model->tokenizer()) {
      EXPECT_EQ(model->tokenizer()->decode(tokens, /*skip_special=*/false), about["greedy_text"].get<std::string>());
    }
  }
}

TEST(DecoderGolden, DecodingWithTheCacheGivesTheSameLogits) {
  torch::NoGradGuard no_grad;
  const fs::path models = golden_dir() / "models";
  LIMPID_REQUIRE_PATH(models);
  for (const fs::path& folder : sorted_folders(models)) {
    SCOPED_TRACE(folder.filename().string());
    const auto model = open_or_skip(folder);
    if (!model) continue;
    const auto golden = SafetensorsFile::open(folder / "golden.safetensors");
    const TokenIds tokens = ids(tensor(*golden, "decode.input_ids"));
    const Tensor expected = tensor(*golden, "decode.logits");
    const size_t first = tokens.size() - size_t(expected.size(0));
    nn::KvCache cache = model->make_cache();
    const auto feed = [&](std::span<const TokenId> part) {
      const nn::Sequence sequence{&cache, part};
      nn::Pass pass({&sequence, 1});
      return model->output_matrix(model->final_state(pass, Outputs::Last))[0];
    };
    feed(std::span(tokens).first(first));
    for (int64_t i = 0; i < expected.size(0); ++i)
      EXPECT_LT(largest_difference(feed(std::span(tokens).subspan(first + size_t(i), 1)), expected[i]), kTolerance);
  }
}

std::vector<double> values(const Tensor& tensor) {
  const Tensor flat = tensor.to(torch::kFloat64).contiguous().view(-1);
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

/// The models of the methods' fixtures, by the roles that models.json gives them.
TEST(MethodModelsGolden, ForwardPassesAgree) {
  torch::NoGradGuard no_grad;
  const fs::path description = golden_dir() / "methods" / "models.json";
  LIMPID_REQUIRE_PATH(description);
  const Fixture fixture(description);
  Walk roles;
  for (const auto& [role, folder] : fixture.json().at("models").items())
    roles.visit(role, [&, role = role] {
      const auto model = open_model(fixture.model(role), exact());
      const auto numbers = fixture.integers("in." + role + ".ids");
      const TokenIds tokens(numbers.begin(), numbers.end());
      nn::KvCache cache = model->make_cache();
      const nn::Sequence sequence{&cache, tokens};
      nn::Pass pass({&sequence, 1});
      Recorder recorder(model->config().num_layers);
      const Tensor final = model->final_state(pass, Outputs::All, &recorder);
      fixture.compare_tensor("out." + role + ".hidden", values(final));
      fixture.compare_tensor("out." + role + ".heads", values(torch::stack(recorder.heads)));
      fixture.compare_tensor("out." + role + ".logits", values(model->output_matrix(final)));
    });
  roles.finish(description.string());
}

}  // namespace
}  // namespace limpid
