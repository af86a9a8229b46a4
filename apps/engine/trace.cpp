#include <fstream>
#include <sstream>

#include "apps/engine/commands.h"
#include "apps/engine/common.h"
#include "limpid/checkpoints/safetensors.h"

namespace limpid::apps {
namespace {

/// Keeps a copy of every activation, as [layers][N, width].
class Recorder final : public ActivationHook {
 public:
  explicit Recorder(int64_t layers) : layers_(size_t(layers)), heads_(size_t(layers)) {}
  void activations(Site site, int64_t layer, const nn::Pass&, Tensor& x) override {
    if (site == Site::Embeddings) embeddings = x.clone();
    if (site == Site::LayerOutput) layers_[size_t(layer)] = x.clone();
    if (site == Site::HeadOutputs) heads_[size_t(layer)] = x.clone();
  }
  Tensor embeddings;
  Tensor layers() const { return torch::stack(layers_); }
  Tensor heads() const { return torch::stack(heads_); }

 private:
  std::vector<Tensor> layers_, heads_;
};

std::vector<TokenIds> read_ids(const std::string& file, int64_t vocab) {
  std::ifstream in(file);
  LIMPID_CHECK(in, IoError, file, ": cannot be opened");
  std::vector<TokenIds> rows;
  std::string line;
  for (size_t number = 1; std::getline(in, line); ++number) {
    std::istringstream words(line);
    TokenIds row;
    for (std::string word; words >> word;) {
      char* end = nullptr;
      const long id = std::strtol(word.c_str(), &end, 10);
      LIMPID_CHECK(*end == '\0', FormatError, file, ":", number, ": \"", word, "\" is not a token id");
      LIMPID_CHECK(id >= 0 && id < vocab, FormatError, file, ":", number, ": token id ", id, " is outside the vocabulary of ", vocab);
      row.push_back(TokenId(id));
    }
    if (!row.empty()) rows.push_back(std::move(row));
  }
  LIMPID_CHECK(!rows.empty(), FormatError, file, ": has no token ids");
  for (const TokenIds& row : rows)
    LIMPID_CHECK(row.size() == rows[0].size(), FormatError, file, ": rows have ", rows[0].size(), " and ", row.size(), " ids, expected equal lengths");
  return rows;
}

TensorView view(const std::string& name, const Tensor& tensor) {
  return {name, tensor.dtype() == torch::kFloat32 ? DType::F32 : DType::I32, tensor.sizes().vec(),
          {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}};
}

}  // namespace

int run_trace(const TraceOptions& options) {
  LIMPID_CHECK(options.prompt.empty() != options.ids_file.empty(), ConfigError, "trace needs -p TEXT or --ids FILE");
  torch::NoGradGuard no_grad;
  const auto model = open_model_for(options);
  std::vector<TokenIds> rows;
  if (!options.ids_file.empty()) rows = read_ids(options.ids_file, model->config().vocab_size);
  else rows.push_back(prompt_ids(tokenizer_of(*model), options.prompt));

  // With a detoxifier each position is a decode step, since methods act on the state that the next token is drawn from.
  const Detoxifiers detox = open_detoxifiers(options.detox);
  const int64_t B = int64_t(rows.size()), T = int64_t(rows[0].size()), L = model->config().num_layers;
  Recorder recorder(L);
  std::vector<nn::KvCache> caches(size_t(B), model->make_cache());
  std::vector<nn::Sequence> sequences;
  for (int64_t b = 0; b < B; ++b) sequences.push_back({&caches[size_t(b)], rows[size_t(b)]});
  nn::Pass pass(sequences);
  Tensor final = model->final_state(pass, Outputs::All, &recorder), logits;
  if (detox.detoxifiers.empty()) {
    logits = model->output_matrix(final);
  } else {
    std::vector<Tensor> final_steps, logit_steps;
    auto sessions = detox.open(*model);
    std::vector<Row> state(static_cast<size_t>(B));
    for (int64_t t = 0; t < T; ++t) {
      Tensor h = final.view({B, T, -1}).select(1, t).contiguous();
      for (int64_t b = 0; b < B; ++b) {
        Row& row = state[size_t(b)];
        row.id = RowId(b + 1);
        if (t == 0) row.request.prompt_ids = {rows[size_t(b)][0]};
        else row.new_ids.push_back(rows[size_t(b)][size_t(t)]);
      }
      std::vector<const Row*> pointers;
      for (const Row& row : state) pointers.push_back(&row);
      std::vector<int64_t> index(pointers.size());
      for (size_t i = 0; i < index.size(); ++i) index[i] = int64_t(i);
      const auto each_session = [&](auto&& edit) {
        for (size_t s = 0; s < sessions.size(); ++s) {
          if (detox.strengths[s] == 0.0f) continue;
          const std::vector<float> strengths(pointers.size(), detox.strengths[s]);
          if (t == 0 && edit.first)
            for (const Row& row : state) sessions[s]->admit(row);
          edit.second(*sessions[s], Step{pointers, strengths, nullptr, index});
        }
      };
      each_session(std::pair{true, [&](Session& session, const Step& step) { session.final_state(step, h); }});
      Tensor z = model->output_matrix(h);
      each_session(std::pair{false, [&](Session& session, const Step& step) { session.logits(step, z); }});
      final_steps.push_back(h);
      logit_steps.push_back(z);
    }
    final = torch::stack(final_steps, 1).reshape({B * T, -1});
    logits = torch::stack(logit_steps, 1).reshape({B * T, -1});
  }
  TokenIds flat;
  for (const TokenIds& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  const Tensor ids = torch::tensor(flat, torch::kInt32).view({B, T});
  const Tensor embeddings = recorder.embeddings.view({B, T, -1}), layers = recorder.layers().view({L, B, T, -1}),
               heads = recorder.heads().view({L, B, T, -1});
  final = final.view({B, T, -1}).contiguous();
  logits = logits.view({B, T, -1}).contiguous();
  write_safetensors(options.output, {view("input_ids", ids), view("embeddings", embeddings), view("layers", layers), view("final", final),
                                     view("head_outputs", heads), view("logits", logits)});
  return 0;
}

}  // namespace limpid::apps
