#include "limpid/models/encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <utility>

#include "tests/support/tiny_encoder.h"

namespace limpid {
namespace {

using testing_support::TinyEncoder;

Tensor logits_of(const Encoder& encoder, const std::vector<TokenIds>& texts) {
  EncoderBatch batch;
  for (const TokenIds& ids : texts) batch.add(ids);
  return encoder.logits(encoder.features(batch, encoder.hidden(batch)));
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.sizes() == b.sizes() &&
         std::memcmp(a.const_data_ptr<float>(), b.const_data_ptr<float>(), size_t(a.numel()) * sizeof(float)) == 0;
}

TEST(Encoder, GivesATextTheSameBitsAloneAndAmongOthers) {
  for (const auto& kind : TinyEncoder::kKinds) {
    SCOPED_TRACE(kind.family);
    const auto encoder = TinyEncoder(kind.family).open();
    const std::vector<TokenIds> texts = {{2, 3, 4}, {5}, {6, 7, 8, 9, 10, 2, 3, 4, 5, 6}, {3, 2}};
    const Tensor together = logits_of(*encoder, texts);
    for (size_t i = 0; i < texts.size(); ++i)
      EXPECT_TRUE(same_bits(logits_of(*encoder, {texts[i]})[0].contiguous(), together[int64_t(i)].contiguous()))
          << "text " << i;
  }
}

TEST(Encoder, LetsEveryTokenSeeTheWholeText) {
  const auto encoder = TinyEncoder().open();
  EncoderBatch one, other;
  one.add(TokenIds{2, 3, 4, 5});
  other.add(TokenIds{2, 3, 4, 6});  // the last token differs, the first must notice
  EXPECT_GT((encoder->hidden(one)[0] - encoder->hidden(other)[0]).abs().max().item<float>(), 1e-4f);
}

TEST(Encoder, GivesALongTextInWindowsThatBeginInTheMiddleOfOneAnother) {
  TinyEncoder tiny;
  tiny.write_vocabulary();
  const auto encoder = tiny.open();
  using Windows = std::vector<TokenIds>;
  constexpr TokenId kStart = 2, kEnd = 3;
  const std::string text = "good bad cat dog a good bad";  // 4 5 6 7 9 4 5
  EXPECT_EQ(encoder->windows(text, 9), (Windows{{kStart, 4, 5, 6, 7, 9, 4, 5, kEnd}})) << "as long as a window";
  EXPECT_EQ(encoder->windows(text, 6),
            (Windows{{kStart, 4, 5, 6, 7, kEnd}, {kStart, 6, 7, 9, 4, kEnd}, {kStart, 9, 4, 5, kEnd}}));
  EXPECT_EQ(encoder->windows(text, 5),
            (Windows{{kStart, 4, 5, 6, kEnd}, {kStart, 6, 7, 9, kEnd}, {kStart, 9, 4, 5, kEnd}}));
  EXPECT_EQ(encoder->windows(text, 3).size(), 7u);
  EXPECT_EQ(encoder->windows(text, 6).front(), encoder->encode(text, 6));
  EXPECT_EQ(encoder->windows("", 6), (Windows{{kStart, kEnd}}));
  EXPECT_EQ(encoder->windows(text + text + text, 99).size(), 2u) << "no window is longer than the encoder reads";
  EXPECT_THROW(encoder->windows(text, 2), ConfigError);
}

TEST(Encoder, ReadsNamesWithAndWithoutThePrefixOfTheFamily) {
  for (const auto& kind : TinyEncoder::kKinds) {
    SCOPED_TRACE(kind.family);
    EXPECT_TRUE(same_bits(logits_of(*TinyEncoder(kind.family).open(), {{2, 3, 4}}),
                          logits_of(*TinyEncoder(kind.family, "").open(), {{2, 3, 4}})));
  }
}

TEST(Encoder, ReadsTheFirstNamesOfLayerNorm) {
  EXPECT_TRUE(same_bits(logits_of(*TinyEncoder("bert", "bert.", /*first_names=*/true).open(), {{2, 3, 4}}),
                        logits_of(*TinyEncoder("bert").open(), {{2, 3, 4}})));
}

TEST(Encoder, ATensorThatHoldsNanOrInfinityIsRefused) {
  for (const auto& kind : TinyEncoder::kKinds) {
    TinyEncoder tiny(kind.family);
    for (auto& [name, tensor] : tiny.tensors) {
      SCOPED_TRACE(name);
      const float sound = std::exchange(tensor.values.back(), INFINITY);
      tiny.write();
      EXPECT_THROW(tiny.open(), FormatError);
      tensor.values.back() = sound;
    }
  }
}

TEST(Encoder, UsesTokenTypes) {
  const auto encoder = TinyEncoder().open();
  EncoderBatch first, second;
  first.add(TokenIds{2, 3});
  second.add(TokenIds{2, 3}, std::vector<int32_t>{0, 1});
  EXPECT_FALSE(same_bits(encoder->hidden(first), encoder->hidden(second)));
}

TEST(Encoder, CountsRobertaPositionsFromBehindThePaddingId) {
  // Position rows 2, 3, … belong to the tokens and row 1 to padding: with rows 0 and 1 changed, only padding may
  // notice.
  TinyEncoder tiny("roberta");
  const Tensor plain = logits_of(*tiny.open(), {{2, 3, 4}}), with_padding = logits_of(*tiny.open(), {{2, 1, 4}});
  for (auto& [name, tensor] : tiny.tensors)
    if (name == "roberta.embeddings.position_embeddings.weight")
      for (int i = 0; i < 2 * 8; ++i)
        tensor.values[size_t(i)] += float(i % 3);  // not a constant: the norm would remove it
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
  const auto kept = tiny.tensors;
  std::erase_if(tiny.tensors,
                [](const auto& entry) { return entry.first == "bert.encoder.layer.1.output.dense.weight"; });
  tiny.write();
  try {
    tiny.open();
    FAIL() << "opened without a tensor";
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find("encoder.layer.1.output.dense.weight"), std::string::npos) << error.what();
  }
  tiny.tensors = kept;
  for (auto& [name, tensor] : tiny.tensors)
    if (name == "classifier.weight") tensor.shape = {8, 2};
  tiny.write();
  EXPECT_THROW(tiny.open(), ShapeError);
}

TEST(Encoder, WithoutAHeadStillEncodesAndSaysWhyItCannotClassify) {
  TinyEncoder tiny("bert", "");
  std::string config = read_file(tiny.path() / "config.json");
  config.replace(config.find("BertForSequenceClassification"), 29, "BertModel");
  tiny.folder.write("config.json", config);
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
  EXPECT_FLOAT_EQ(unit[0][0].item<float>(), 0.6f);  // 3-4-5
  EXPECT_FLOAT_EQ(unit[0][1].item<float>(), 0.8f);
  EXPECT_FLOAT_EQ(unit[1][1].item<float>(), -1.0f);
}

}  // namespace
}  // namespace limpid
