#include <fstream>
#include <sstream>

#include "apps/commands/generate.h"
#include "apps/engine/common.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/parse.h"
#include "limpid/decoding/doors.h"

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
      const auto id = parse_number<int64_t>(word);
      LIMPID_CHECK(id, FormatError, file, ":", number, ": \"", word, "\" is not a token id");
      LIMPID_CHECK(*id >= 0 && *id < vocab, FormatError, file, ":", number, ": token id ", *id,
                   " is outside the vocabulary of ", vocab);
      row.push_back(TokenId(*id));
    }
    if (!row.empty()) rows.push_back(std::move(row));
  }
  LIMPID_CHECK(!rows.empty(), FormatError, file, ": has no token ids");
  for (const TokenIds& row : rows)
    LIMPID_CHECK(row.size() == rows[0].size(), FormatError, file, ": rows have ", rows[0].size(), " and ", row.size(),
                 " ids, expected equal lengths");
  return rows;
}

TensorView view(const std::string& name, const Tensor& tensor) {
  return {name,
          tensor.dtype() == torch::kFloat32 ? DType::F32 : DType::I32,
          tensor.sizes().vec(),
          {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}};
}

struct Traced {
  Tensor embeddings, layers, heads, final_state, logits;
};  // [B, T, …], layers and heads [L, B, T, …]

/// Traces all positions in one pass.
Traced trace_plain(const Model& model, const std::vector<TokenIds>& rows) {
  const int64_t B = int64_t(rows.size()), T = int64_t(rows[0].size()), L = model.config().num_layers;
  std::vector<nn::KvCache> caches(size_t(B), model.make_cache());
  std::vector<nn::Sequence> sequences;
  for (size_t b = 0; b < rows.size(); ++b) sequences.push_back({&caches[b], rows[b]});
  nn::Pass pass(sequences);
  Recorder recorder(L);
  const Tensor final_state = model.final_state(pass, Outputs::All, &recorder),
               logits = model.output_matrix(final_state);
  return {recorder.embeddings.view({B, T, -1}), recorder.layers().view({L, B, T, -1}),
          recorder.heads().view({L, B, T, -1}), final_state.view({B, T, -1}), logits.view({B, T, -1})};
}

/// Says which of the embeddings and layers is the first that holds a number that is not finite, else the final state;
/// empty when none does.
std::string first_fault(const Traced& traced) {
  const auto is_faulty = [](const Tensor& x) { return !x.isfinite().all().item<bool>(); };
  if (is_faulty(traced.embeddings)) return "the embeddings are not finite";
  for (int64_t layer = 0; layer < traced.layers.size(0); ++layer)
    if (is_faulty(traced.layers[layer])) return concat("the output of layer ", layer, " is not finite");
  if (is_faulty(traced.final_state)) return "the final state is not finite";
  return (traced.logits < INFINITY).all().item<bool>()
             ? ""
             : "the logits are infinite or not numbers";  // minus infinity: removed
}

/// Traces with detoxifiers: each position is a decode step behind a prompt of one token, since methods act on the state
/// that the next token is drawn from. Activations are recorded as the methods left them.
Traced trace_detoxified(std::shared_ptr<const Model> model, const std::vector<TokenIds>& rows,
                        const DetoxStack& detox) {
  const int64_t L = model->config().num_layers;
  Doors doors(model, detox.open(*model));
  std::vector<ActiveRow> active;
  std::vector<ActiveRow*> pointers;
  for (const TokenIds& row : rows)
    active.push_back(doors.open_row({.prompt_ids = {row[0]}, .strengths = detox.strengths()}));
  for (ActiveRow& row : active) pointers.push_back(&row);
  std::vector<Tensor> embeddings, layers, heads, final_states, logits;
  for (size_t t = 0; t < rows[0].size(); ++t) {
    for (size_t b = 0; t > 0 && b < rows.size(); ++b) active[b].row.new_ids.push_back(rows[b][t]);
    Recorder recorder(L);
    const auto result = doors.step(pointers, &recorder);
    for (const ActiveRow& row : active) LIMPID_CHECK(!row.error, ConfigError, *row.error);
    embeddings.push_back(recorder.embeddings);
    layers.push_back(recorder.layers());
    heads.push_back(recorder.heads());
    final_states.push_back(result.final_state);
    logits.push_back(result.logits);
  }
  return {torch::stack(embeddings, 1), torch::stack(layers, 2), torch::stack(heads, 2), torch::stack(final_states, 1),
          torch::stack(logits, 1)};
}

}  // namespace

int run(const TraceCommand& options) {
  LIMPID_CHECK(options.prompt.empty() != options.ids_file.empty(), ConfigError, "trace needs -p TEXT or --ids FILE");
  torch::NoGradGuard no_grad;
  const auto model = open_model_for(options);
  std::vector<TokenIds> rows;
  if (!options.ids_file.empty())
    rows = read_ids(options.ids_file, model->config().vocab_size);
  else
    rows.push_back(prompt_ids(tokenizer_of(*model), options.prompt));
  const DetoxStack detox = open_detoxifiers(options.detox);
  const Traced traced = detox.is_plain() ? trace_plain(*model, rows) : trace_detoxified(model, rows, detox);

  TokenIds flat;
  for (const TokenIds& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  const Tensor ids = torch::tensor(flat, torch::kInt32).view({int64_t(rows.size()), int64_t(rows[0].size())});
  std::vector<TensorView> views = {view("input_ids", ids)};
  std::vector<Tensor> kept;
  for (const auto& [name, tensor] : {std::pair{"embeddings", traced.embeddings},
                                     {"layers", traced.layers},
                                     {"final", traced.final_state},
                                     {"head_outputs", traced.heads},
                                     {"logits", traced.logits}}) {
    kept.push_back(tensor.contiguous());
    views.push_back(view(name, kept.back()));
  }
  write_safetensors(options.output, views);
  const std::string fault = first_fault(traced);
  if (!fault.empty()) terminal().warning(concat(options.output, ": ", fault));
  return fault.empty() ? 0 : 1;
}

}  // namespace limpid::apps
