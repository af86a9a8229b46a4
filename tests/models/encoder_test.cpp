#include "limpid/models/encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/random.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

/// A BERT-like folder with random weights, written in the test.
class TinyEncoder {
 public:
  static constexpr int64_t D = 8, kVocabulary = 11, kLayers = 2, kPositions = 16;

  explicit TinyEncoder(const std::string& family = "bert", const std::string& prefix = "bert.", bool first_names = false) {
    const bool distil = family == "distilbert", roberta = family == "roberta";
    const std::string kind = distil ? "DistilBert" : roberta ? "Roberta" : "Bert";
    std::string config = R"({"model_type": ")" + family + R"(", "architectures": [")" + kind + R"(ForSequenceClassification"],)";
    config += distil ? R"("dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 12, "activation": "gelu",)"
                     : R"("hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12, "hidden_act": "gelu",)";
    config += R"("vocab_size": 11, "max_position_embeddings": 16, "type_vocab_size": 2, "pad_token_id": 1,)"
              R"("layer_norm_eps": 1e-12, "id2label": {"0": "fine", "1": "toxic"}})";
    folder_.write("config.json", config);

    const std::string weight = first_names ? ".gamma" : ".weight", bias = first_names ? ".beta" : ".bias";
    const auto norm = [&](const std::string& name) { add(name + weight, {D}, 1.0f); add(name + bias, {D}); };
    const auto linear = [&](const std::string& name, int64_t out, int64_t in) { add(name + ".weight", {out, in}); add(name + ".bias", {out}); };
    add(prefix + "embeddings.word_embeddings.weight", {kVocabulary, D});
    add(prefix + "embeddings.position_embeddings.weight", {kPositions, D});
    if (!distil) add(prefix + "embeddings.token_type_embeddings.weight", {2, D});
    norm(prefix + "embeddings.LayerNorm");
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      const std::string at = prefix + (distil ? "transformer.layer." : "encoder.layer.") + std::to_string(layer) + ".";
      for (const char* name : {"query", "key", "value"})
        linear(at + (distil ? std::string("attention.") + name[0] + "_lin" : std::string("attention.self.") + name), D, D);
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

  void write() {
    std::vector<TensorView> views;
    for (auto& [name, tensor] : tensors_)
      views.push_back({name, DType::F32, tensor.shape, std::as_bytes(std::span(tensor.values))});
    write_safetensors(folder_.path() / "model.safetensors", views);
  }

  std::shared_ptr<const Encoder> open() const {
    LoadOptions options;
    options.precision = Precision::Exact;
    return open_encoder(folder_.path(), options);
  }

  struct Values { std::vector<int64_t> shape; std::vector<float> values; };
  std::vector<std::pair<std::string, Values>> tensors_;
  TempDir folder_;

 private:
  void add(const std::string& name, std::vector<int64_t> shape, float around = 0.0f) {
    int64_t count = 1;
    for (int64_t size : shape) count *= size;
    Values tensor{std::move(shape), {}};
    for (int64_t i = 0; i < count; ++i) tensor.values.push_back(around + 0.5f * float(random_.next_normal()));
    tensors_.emplace_back(name, std::move(tensor));
  }
  RandomStream random_{7};
};

Tensor logits_of(const Encoder& encoder, const std::vector<TokenIds>& texts) {
  EncoderBatch batch;
  for (const TokenIds& ids : texts) batch.add(ids);
  return encoder.logits(encoder.features(batch, encoder.hidden(batch)));
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.sizes() == b.sizes() && std::memcmp(a.const_data_ptr<float>(), b.const_data_ptr<float>(), size_t(a.numel()) * sizeof(float)) == 0;
}

TEST(Encoder, GivesATextTheSameBitsAloneAndAmongOthers) {
  for (const std::string family : {"bert", "roberta", "distilbert"}) {
    SCOPED_TRACE(family);
    const auto encoder = TinyEncoder(family, family + ".").open();
    const std::vector<TokenIds> texts = {{2, 3, 4}, {5}, {6, 7, 8, 9, 10, 2, 3, 4, 5, 6}, {3, 2}};
    const Tensor together = logits_of(*encoder, texts);
    for (size_t i = 0; i < texts.size(); ++i)
      EXPECT_TRUE(same_bits(logits_of(*encoder, {texts[i]})[0].contiguous(), together[int64_t(i)].contiguous())) << "text " << i;
  }
}

TEST(Encoder, LetsEveryTokenSeeTheWholeText) {
  const auto encoder = TinyEncoder().open();
  EncoderBatch one, other;
  one.add(TokenIds{2, 3, 4, 5});
  other.add(TokenIds{2, 3, 4, 6});   // the last token differs, the first must notice
  EXPECT_GT((encoder->hidden(one)[0] - encoder->hidden(other)[0]).abs().max().item<float>(), 1e-4f);
}

TEST(Encoder, ReadsNamesWithAndWithoutThePrefixOfTheFamily) {
  for (const std::string family : {"bert", "roberta", "distilbert"}) {
    SCOPED_TRACE(family);
    EXPECT_TRUE(same_bits(logits_of(*TinyEncoder(family, family + ".").open(), {{2, 3, 4}}),
                          logits_of(*TinyEncoder(family, "").open(), {{2, 3, 4}})));
  }
}

TEST(Encoder, ReadsTheFirstNamesOfLayerNorm) {
  EXPECT_TRUE(same_bits(logits_of(*TinyEncoder("bert", "bert.", /*first_names=*/true).open(), {{2, 3, 4}}),
                        logits_of(*TinyEncoder("bert", "bert.").open(), {{2, 3, 4}})));
}

TEST(Encoder, UsesTokenTypes) {
  const auto encoder = TinyEncoder().open();
  EncoderBatch first, second;
  first.add(TokenIds{2, 3});
  second.add(TokenIds{2, 3}, std::vector<int32_t>{0, 1});
  EXPECT_FALSE(same_bits(encoder->hidden(first), encoder->hidden(second)));
}

TEST(Encoder, CountsRobertaPositionsFromBehindThePaddingId) {
  // Position rows 2, 3, … belong to the tokens and row 1 to padding: with rows 0 and 1 changed, only padding may notice.
  TinyEncoder tiny("roberta", "roberta.");
  const Tensor plain = logits_of(*tiny.open(), {{2, 3, 4}}), with_padding = logits_of(*tiny.open(), {{2, 1, 4}});
  for (auto& [name, tensor] : tiny.tensors_)
    if (name == "roberta.embeddings.position_embeddings.weight")
      for (int i = 0; i < 2 * 8; ++i) tensor.values[size_t(i)] += float(i % 3);   // not a constant: the norm would remove it
  tiny.write();
  EXPECT_TRUE(same_bits(logits_of(*tiny.open(), {{2, 3, 4}}), plain));
  EXPECT_FALSE(same_bits(logits_of(*tiny.open(), {{2, 1, 4}}), with_padding));
  EXPECT_EQ(tiny.open()->max_tokens(), 14);
}

TEST(Encoder, RefusesWhatDoesNotFit) {
  const auto encoder = TinyEncoder().open();
  EXPECT_THROW(encoder->hidden(EncoderBatch()), ConfigError);
  EXPECT_THROW(logits_of(*encoder, {{}}), ConfigError);
  EXPECT_THROW(logits_of(*encoder, {TokenIds(17, 2)}), ConfigError);
  EXPECT_THROW(logits_of(*encoder, {{2, 11}}), ShapeError);
  EXPECT_THROW(logits_of(*encoder, {{2, -1}}), ShapeError);
  EncoderBatch batch;
  EXPECT_THROW(batch.add(TokenIds{2, 3}, std::vector<int32_t>{0}), ShapeError);
  EXPECT_THROW(encoder->encode("text", 8), ConfigError) << "there is no tokenizer in the folder";
}

TEST(Encoder, NamesATensorThatIsMissingOrHasAnotherShape) {
  TinyEncoder tiny;
  const auto kept = tiny.tensors_;
  std::erase_if(tiny.tensors_, [](const auto& entry) { return entry.first == "bert.encoder.layer.1.output.dense.weight"; });
  tiny.write();
  try {
    tiny.open();
    FAIL() << "opened without a tensor";
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find("encoder.layer.1.output.dense.weight"), std::string::npos) << error.what();
  }
  tiny.tensors_ = kept;
  for (auto& [name, tensor] : tiny.tensors_)
    if (name == "classifier.weight") tensor.shape = {8, 2};
  tiny.write();
  EXPECT_THROW(tiny.open(), ShapeError);
}

TEST(Encoder, WithoutAHeadStillEncodesAndSaysWhyItCannotClassify) {
  TinyEncoder tiny("bert", "");
  std::string config = read_file(tiny.folder_.path() / "config.json");
  config.replace(config.find("BertForSequenceClassification"), 29, "BertModel");
  tiny.folder_.write("config.json", config);
  const auto encoder = tiny.open();
  EncoderBatch batch;
  batch.add(TokenIds{2, 3, 4});
  const Tensor hidden = encoder->hidden(batch);
  EXPECT_EQ(hidden.size(0), 3);
  EXPECT_FALSE(encoder->has_classifier());
  EXPECT_THROW(encoder->features(batch, hidden), ConfigError);
}

TEST(MeanPool, AveragesTheTokensOfEachTextAndNormalises) {
  EncoderBatch batch;
  batch.add(TokenIds{1, 2});
  batch.add(TokenIds{3});
  const Tensor hidden = torch::tensor({{2.0f, 0.0f}, {4.0f, 8.0f}, {0.0f, -5.0f}});
  const Tensor plain = mean_pool(batch, hidden, false), unit = mean_pool(batch, hidden, true);
  EXPECT_FLOAT_EQ(plain[0][0].item<float>(), 3.0f);
  EXPECT_FLOAT_EQ(plain[0][1].item<float>(), 4.0f);
  EXPECT_FLOAT_EQ(unit[0][0].item<float>(), 0.6f);   // 3-4-5
  EXPECT_FLOAT_EQ(unit[0][1].item<float>(), 0.8f);
  EXPECT_FLOAT_EQ(unit[1][1].item<float>(), -1.0f);
}

}  // namespace
}  // namespace limpid
