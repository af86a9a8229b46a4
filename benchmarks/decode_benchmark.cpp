#include <benchmark/benchmark.h>

#include <map>
#include <numeric>

#include "limpid/decoding/generator.h"
#include "limpid/methods/self_debiasing/debiasing.h"
#include "limpid/methods/steering.h"
#include "tests/kernels/random_tensor.h"

/// Tokens per second of the whole decoder at the shape of SmolLM2-135M, its weights random and in its formats: no
/// download. Compare a commit with another on a quiet machine, for example
///   decode_benchmark --benchmark_repetitions=5 --benchmark_report_aggregates_only
namespace limpid {
namespace {

ModelConfig smol_config() {
  ModelConfig config;
  config.architecture = "llama";
  config.source = "decode_benchmark";
  config.vocab_size = 49152;
  config.hidden_size = 576;
  config.num_layers = 30;
  config.num_heads = 9;
  config.num_kv_heads = 3;
  config.head_dim = 64;
  config.intermediate_size = 1536;
  config.max_positions = 2048;
  config.norm_eps = 1e-5;
  config.activation = "silu";
  config.tie_word_embeddings = true;
  config.attention_scale = 0.125;
  config.layer_types.assign(size_t(config.num_layers), LayerType::kFull);
  return config;
}

/// Matrices in Q4_1, the embedding in Q8_0, norms around 1.
class SmolCheckpoint final : public Checkpoint {
 public:
  explicit SmolCheckpoint(const ModelConfig& config) {
    const size_t D = size_t(config.hidden_size), F = size_t(config.intermediate_size),
                 K = size_t(config.num_kv_heads * config.head_dim);
    add_matrix("model.embed_tokens", DType::Q8_0, size_t(config.vocab_size), D);
    add_norm("model.norm", D);
    for (int64_t layer = 0; layer < config.num_layers; ++layer) {
      const std::string at = "model.layers." + std::to_string(layer) + ".";
      add_norm(at + "input_layernorm", D);
      add_norm(at + "post_attention_layernorm", D);
      for (const auto& [name, out, in] : {std::tuple{"self_attn.q_proj", D, D},
                                          {"self_attn.k_proj", K, D},
                                          {"self_attn.v_proj", K, D},
                                          {"self_attn.o_proj", D, D},
                                          {"mlp.gate_proj", F, D},
                                          {"mlp.up_proj", F, D},
                                          {"mlp.down_proj", D, F}})
        add_matrix(at + name, DType::Q4_1, out, in);
    }
    for (kernels::OwnedTensor& tensor : storage_) views_.push_back(tensor.view);
  }
  const std::vector<TensorView>& tensors() const override { return views_; }
  const TensorView* find(const std::string& name) const override {
    const auto found = std::find_if(views_.begin(), views_.end(), [&](const auto& view) { return view.name == name; });
    return found == views_.end() ? nullptr : &*found;
  }
  std::string source() const override { return "decode_benchmark"; }

 private:
  void add_matrix(const std::string& name, DType type, size_t out, size_t in) {
    storage_.push_back(kernels::random_tensor(type, out, in, storage_.size()));
    storage_.back().view.name = name + ".weight";
  }
  void add_norm(const std::string& name, size_t width) {
    add_matrix(name, DType::F32, 1, width);
    storage_.back().view.shape = {int64_t(width)};
  }
  std::vector<kernels::OwnedTensor> storage_;
  std::vector<TensorView> views_;
};

const std::shared_ptr<const Model>& smol() {
  static const std::shared_ptr<const Model> model = [] {
    const ModelConfig config = smol_config();
    InferenceOptions options;
    options.precision = Precision::Int8;
    return make_model(config, std::make_shared<SmolCheckpoint>(config), options);
  }();
  return model;
}

using OpenSession = std::unique_ptr<Session> (*)();

/// DeStein's rule on every head of every layer.
std::unique_ptr<Session> open_steering() {
  const ModelConfig& config = smol()->config();
  SteeringParts parts;
  torch::manual_seed(1);
  parts.directions = torch::randn({config.num_layers, config.hidden_size});
  parts.weights = torch::full({config.num_layers, config.num_heads}, 0.8f);
  return std::make_unique<SteeringSession>(*smol(), parts);
}

/// Two descriptions, each a text that is read along.
std::unique_ptr<Session> open_debiasing() {
  TokenIds first(12), second(20);
  std::iota(first.begin(), first.end(), 100);
  std::iota(second.begin(), second.end(), 200);
  return std::make_unique<self_debiasing::DebiasingSession>(*smol(), std::vector<TokenIds>{first, second}, 0.01);
}

constexpr int64_t kPromptTokens = 16, kSteps = 32;

/// Rows of prompts of their own, none of which ends within `steps`.
std::unique_ptr<Generator> start(size_t rows, int64_t prompt_tokens, int64_t steps, OpenSession open) {
  std::vector<std::unique_ptr<Session>> sessions;
  if (open) sessions.push_back(open());
  auto generator = std::make_unique<Generator>(smol(), std::move(sessions), GeneratorOptions{.max_rows = rows});
  for (size_t row = 0; row < rows; ++row) {
    Request request;
    request.prompt = row;
    request.prompt_ids.resize(size_t(prompt_tokens));
    std::iota(request.prompt_ids.begin(), request.prompt_ids.end(), TokenId(1000 * row + 1));
    request.sampling.greedy = true;
    request.stop.max_new_tokens = steps;
    if (open) request.strengths = {0.3f};
    generator->submit(std::move(request));
  }
  return generator;
}

void report_tokens(benchmark::State& state, double tokens) {
  state.counters["tokens/s"] = benchmark::Counter(tokens, benchmark::Counter::kIsIterationInvariantRate);
}

/// kSteps steps of rows whose prompts have been read.
void BM_Decode(benchmark::State& state, size_t rows, OpenSession open) {
  const auto ignore = [](const Completion&) {};
  std::unique_ptr<Generator> generator;
  for (auto _ : state) {
    state.PauseTiming();
    generator = start(rows, kPromptTokens, kSteps + 3, open);
    generator->step(ignore);
    state.ResumeTiming();
    for (int64_t step = 0; step < kSteps; ++step) generator->step(ignore);
  }
  report_tokens(state, double(rows) * kSteps);
}

/// Reading one prompt, up to its first new token.
void BM_Prefill(benchmark::State& state, int64_t tokens, OpenSession open) {
  std::unique_ptr<Generator> generator;
  for (auto _ : state) {
    state.PauseTiming();
    generator = start(1, tokens, 1, open);
    state.ResumeTiming();
    generator->run([](const Completion&) {});
  }
  report_tokens(state, double(tokens));
}

void register_all() {
  const std::pair<const char*, OpenSession> settings[] = {
      {"Plain", nullptr}, {"Steering", open_steering}, {"SelfDebiasing", open_debiasing}};
  const auto add = [](const std::string& name, auto run, auto size, OpenSession open) {
    benchmark::RegisterBenchmark(name.c_str(), run, size, open)->UseRealTime()->Unit(benchmark::kMillisecond);
  };
  for (const auto& [name, open] : settings) {
    for (size_t rows : {1, 8, 25})
      add("Decode/" + std::string(name) + "/" + std::to_string(rows), BM_Decode, rows, open);
    add("Prefill/" + std::string(name) + "/256", BM_Prefill, int64_t(256), open);
  }
}

}  // namespace
}  // namespace limpid

int main(int argc, char** argv) {
  limpid::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
