#pragma once

#include <string>
#include <utility>
#include <vector>

#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/random.h"
#include "limpid/models/encoder.h"
#include "tests/support/fixtures.h"

namespace limpid::testing_support {

/// A BERT-like folder with random weights, written in the test.
class TinyEncoder {
 public:
  static constexpr int64_t D = 8, kVocabulary = 11, kLayers = 2, kPositions = 16;

  explicit TinyEncoder(const std::string& family = "bert", const std::string& prefix = "bert.",
                       bool first_names = false) {
    const bool distil = family == "distilbert", roberta = family == "roberta";
    const std::string kind = distil ? "DistilBert" : roberta ? "Roberta" : "Bert";
    std::string config =
        R"({"model_type": ")" + family + R"(", "architectures": [")" + kind + R"(ForSequenceClassification"],)";
    config +=
        distil
            ? R"("dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 12, "activation": "gelu",)"
            : R"("hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12, "hidden_act": "gelu",)";
    config += R"("vocab_size": 11, "max_position_embeddings": 16, "type_vocab_size": 2, "pad_token_id": 1,)"
              R"("layer_norm_eps": 1e-12, "id2label": {"0": "fine", "1": "toxic"}})";
    folder.write("config.json", config);

    const std::string weight = first_names ? ".gamma" : ".weight", bias = first_names ? ".beta" : ".bias";
    const auto norm = [&](const std::string& name) {
      add(name + weight, {D}, 1.0f);
      add(name + bias, {D});
    };
    const auto linear = [&](const std::string& name, int64_t out, int64_t in) {
      add(name + ".weight", {out, in});
      add(name + ".bias", {out});
    };
    add(prefix + "embeddings.word_embeddings.weight", {kVocabulary, D});
    add(prefix + "embeddings.position_embeddings.weight", {kPositions, D});
    if (!distil) add(prefix + "embeddings.token_type_embeddings.weight", {2, D});
    norm(prefix + "embeddings.LayerNorm");
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      const std::string at = prefix + (distil ? "transformer.layer." : "encoder.layer.") + std::to_string(layer) + ".";
      for (const char* name : {"query", "key", "value"})
        linear(at + (distil ? std::string("attention.") + name[0] + "_lin" : std::string("attention.self.") + name), D,
               D);
      linear(at + (distil ? "attention.out_lin" : "attention.output.dense"), D, D);
      norm(at + (distil ? "sa_layer_norm" : "attention.output.LayerNorm"));
      linear(at + (distil ? "ffn.lin1" : "intermediate.dense"), 12, D);
      linear(at + (distil ? "ffn.lin2" : "output.dense"), D, 12);
      norm(at + (distil ? "output_layer_norm" : "output.LayerNorm"));
    }
    linear(distil ? "pre_classifier" : roberta ? "classifier.dense" : prefix + "pooler.dense", D, D);
    linear(roberta ? "classifier.out_proj" : "classifier", 2, D);
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
  void add(const std::string& name, std::vector<int64_t> shape, float around = 0.0f) {
    int64_t count = 1;
    for (int64_t size : shape) count *= size;
    Values tensor{std::move(shape), {}};
    for (int64_t i = 0; i < count; ++i) tensor.values.push_back(around + 0.5f * float(random_.next_normal()));
    tensors.emplace_back(name, std::move(tensor));
  }
  RandomStream random_{7};
};

}  // namespace limpid::testing_support
