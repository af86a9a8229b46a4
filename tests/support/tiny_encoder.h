#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/random.h"
#include "limpid/models/encoder.h"
#include "tests/support/fixtures.h"

namespace limpid::testing_support {

/// A folder of an encoder with random weights and a head for two labels, written in the test.
class TinyEncoder {
 public:
  static constexpr int64_t D = 8, kVocabulary = 11, kLayers = 2, kPositions = 16, kInner = 12;
  struct Kind {
    const char *family, *prefix, *model_class;
  };
  static constexpr Kind kKinds[] = {{"bert", "bert.", "Bert"},
                                    {"roberta", "roberta.", "Roberta"},
                                    {"electra", "electra.", "Electra"},
                                    {"distilbert", "distilbert.", "DistilBert"},
                                    {"deberta-v2", "deberta.", "DebertaV2"},
                                    {"modernbert", "model.", "ModernBert"}};

  /// @param family       model_type of one of kKinds    @param prefix  of the tensors' names; null: the family's
  /// @param first_names  norms have gamma and beta
  explicit TinyEncoder(const std::string& family = "bert", const char* prefix = nullptr, bool first_names = false)
      : family_(family),
        first_names_(first_names) {
    const Kind& kind =
        *std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind& k) { return k.family == family; });
    prefix_ = prefix ? prefix : kind.prefix;
    write_config(kind);
    if (family == "modernbert")
      add_modernbert();
    else
      add_bert();
    write();
  }

  /// A WordPiece vocabulary of the right size, so that words become ids.
  void write_vocabulary() { folder.write("vocab.txt", "[UNK]\n[PAD]\n[CLS]\n[SEP]\ngood\nbad\ncat\ndog\n##s\na\n.\n"); }

  void write() {
    std::vector<TensorView> views;
    for (auto& [name, tensor] : tensors)
      views.push_back({name, DType::F32, tensor.shape, std::as_bytes(std::span(tensor.values))});
    write_safetensors(path() / "model.safetensors", views);
  }

  const fs::path& path() const { return folder.path(); }
  std::shared_ptr<const Encoder> open() const {
    InferenceOptions options;
    options.precision = Precision::Exact;
    return open_encoder(path(), options);
  }

  struct Values {
    std::vector<int64_t> shape;
    std::vector<float> values;
  };
  std::vector<std::pair<std::string, Values>> tensors;
  TempDir folder;

 private:
  void write_config(const Kind& kind) {
    Json config = {
        {"model_type", family_},     {"architectures", {std::string(kind.model_class) + "ForSequenceClassification"}},
        {"vocab_size", kVocabulary}, {"max_position_embeddings", kPositions},
        {"pad_token_id", 1},         {"id2label", {{"0", "fine"}, {"1", "toxic"}}}};
    if (family_ == "distilbert")
      config.update({{"dim", D}, {"n_layers", kLayers}, {"n_heads", 2}, {"hidden_dim", kInner}});
    else
      config.update({{"hidden_size", D},
                     {"num_hidden_layers", kLayers},
                     {"num_attention_heads", 2},
                     {"intermediate_size", kInner}});
    if (family_ == "electra") config["embedding_size"] = 4;
    if (family_ == "modernbert") config["local_attention"] = 4;
    if (family_ == "deberta-v2")
      config.update({{"relative_attention", true},
                     {"position_buckets", 4},
                     {"pos_att_type", "p2c|c2p"},
                     {"share_att_key", true},
                     {"norm_rel_ebd", "layer_norm"},
                     {"position_biased_input", false},
                     {"conv_kernel_size", 3}});
    folder.write("config.json", to_text(config));
  }

  void add_bert() {
    const bool distil = family_ == "distilbert", deberta = family_ == "deberta-v2", electra = family_ == "electra";
    const int64_t width = electra ? 4 : D;
    add(prefix_ + "embeddings.word_embeddings.weight", {kVocabulary, width});
    if (!deberta) add(prefix_ + "embeddings.position_embeddings.weight", {kPositions, width});
    if (!deberta && !distil) add(prefix_ + "embeddings.token_type_embeddings.weight", {2, width});
    norm(prefix_ + "embeddings.LayerNorm", width);
    if (electra) linear(prefix_ + "embeddings_project", D, width);
    if (deberta) {
      add(prefix_ + "encoder.rel_embeddings.weight", {8, D});
      norm(prefix_ + "encoder.LayerNorm", D);
      add(prefix_ + "encoder.conv.conv.weight", {D, D, 3});
      add(prefix_ + "encoder.conv.conv.bias", {D});
      norm(prefix_ + "encoder.conv.LayerNorm", D);
    }
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      const std::string at = prefix_ + (distil ? "transformer.layer." : "encoder.layer.") + std::to_string(layer) + ".";
      for (const std::string name : {"query", "key", "value"})
        linear(at + (distil ? "attention." + name.substr(0, 1) + "_lin"
                            : "attention.self." + name + (deberta ? "_proj" : "")),
               D, D);
      linear(at + (distil ? "attention.out_lin" : "attention.output.dense"), D, D);
      norm(at + (distil ? "sa_layer_norm" : "attention.output.LayerNorm"), D);
      linear(at + (distil ? "ffn.lin1" : "intermediate.dense"), kInner, D);
      linear(at + (distil ? "ffn.lin2" : "output.dense"), D, kInner);
      norm(at + (distil ? "output_layer_norm" : "output.LayerNorm"), D);
    }
    const bool own_head = family_ == "roberta" || electra;
    linear(distil     ? "pre_classifier"
           : own_head ? "classifier.dense"
           : deberta  ? "pooler.dense"
                      : prefix_ + "pooler.dense",
           D, D);
    linear(own_head ? "classifier.out_proj" : "classifier", 2, D);
  }

  void add_modernbert() {
    add(prefix_ + "embeddings.tok_embeddings.weight", {kVocabulary, D});
    add(prefix_ + "embeddings.norm.weight", {D}, 1.0f);
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      const std::string at = prefix_ + "layers." + std::to_string(layer) + ".";
      if (layer > 0) add(at + "attn_norm.weight", {D}, 1.0f);
      add(at + "attn.Wqkv.weight", {3 * D, D});
      add(at + "attn.Wo.weight", {D, D});
      add(at + "mlp_norm.weight", {D}, 1.0f);
      add(at + "mlp.Wi.weight", {2 * kInner, D});
      add(at + "mlp.Wo.weight", {D, kInner});
    }
    add(prefix_ + "final_norm.weight", {D}, 1.0f);
    add("head.dense.weight", {D, D});
    add("head.norm.weight", {D}, 1.0f);
    linear("classifier", 2, D);
  }

  void norm(const std::string& name, int64_t size) {
    add(name + (first_names_ ? ".gamma" : ".weight"), {size}, 1.0f);
    add(name + (first_names_ ? ".beta" : ".bias"), {size});
  }
  void linear(const std::string& name, int64_t out, int64_t in) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  }
  void add(const std::string& name, std::vector<int64_t> shape, float around = 0.0f) {
    int64_t count = 1;
    for (int64_t size : shape) count *= size;
    Values tensor{std::move(shape), {}};
    for (int64_t i = 0; i < count; ++i) tensor.values.push_back(around + 0.5f * float(random_.next_normal()));
    tensors.emplace_back(name, std::move(tensor));
  }
  std::string family_, prefix_;
  bool first_names_;
  RandomStream random_{7};
};

}  // namespace limpid::testing_support
