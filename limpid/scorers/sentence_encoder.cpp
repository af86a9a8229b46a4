#include "limpid/scorers/sentence_encoder.h"

#include <algorithm>
#include <cmath>

#include "limpid/checkpoints/model_store.h"
#include "limpid/core/json.h"

namespace limpid {
namespace {

/// Checks what the folder says of pooling, where it says something. @throws ConfigError for another than the mean
void check_pooling(const fs::path& folder) {
  const fs::path path = folder / "1_Pooling" / "config.json";
  if (!fs::exists(path)) return;
  const Json settings = read_json(path);
  for (const auto& [key, value] : settings.items()) {
    if (!key.starts_with("pooling_mode_") || !value.is_boolean()) continue;
    LIMPID_CHECK(value.get<bool>() == (key == "pooling_mode_mean_tokens"), ConfigError, path.string(), ": \"", key,
                 "\" is ", value.dump(),
                 ", expected the mean over the tokens; vectors of this encoder would be others");
  }
}

/// Returns the tokens that the folder wants read at most.
int64_t limit_of(const fs::path& folder, const Encoder& encoder) {
  const fs::path path = folder / "sentence_bert_config.json";
  if (!fs::exists(path)) return encoder.max_tokens();
  const int64_t limit = get_or<int64_t>(read_json(path), "max_seq_length", encoder.max_tokens(), path.string());
  LIMPID_CHECK(limit > 0, ConfigError, path.string(), ": \"max_seq_length\" is ", limit, ", expected 1 or more");
  return std::min(limit, encoder.max_tokens());
}

}  // namespace

SentenceEncoder::SentenceEncoder(std::string name, std::shared_ptr<const Encoder> encoder, int64_t max_tokens)
    : name_(std::move(name)),
      encoder_(std::move(encoder)),
      max_tokens_(max_tokens) {}

Embedding::Embedding(std::shared_ptr<const SentenceEncoder> encoder, std::vector<TokenIds> texts)
    : encoder_(std::move(encoder)),
      batches_({}) {
  for (const TokenIds& text : texts) {
    LIMPID_CHECK(!text.empty() && int64_t(text.size()) <= encoder_->max_tokens(), ConfigError, "[embedding] a text of ",
                 text.size(), " tokens, expected 1 to ", encoder_->max_tokens());
    for (TokenId id : text)
      LIMPID_CHECK(id >= 0 && id < encoder_->vocab_size(), ShapeError, "[embedding] token ", id, ", expected 0 to ",
                   encoder_->vocab_size() - 1);
  }
  vectors_.resize(texts.size());
  batches_ = TextBatches(std::move(texts));
}

bool Embedding::step(int64_t max_tokens) {
  if (batches_.done()) return true;
  const TextBatches::Batch batch = batches_.next(max_tokens);
  const Tensor means = mean_pool(batch.tokens, encoder_->encoder_->hidden(batch.tokens), /*normalise=*/true);
  const int64_t D = encoder_->width();
  for (size_t i = 0; i < batch.text.size(); ++i) {
    const float* mean = means.const_data_ptr<float>() + int64_t(i) * D;
    LIMPID_CHECK(std::all_of(mean, mean + D, [](float value) { return std::isfinite(value); }), Error, "[embedding] ",
                 encoder_->name(), ": the numbers of a text left float32; are the weights of the encoder sound?");
    vectors_[batch.text[i]].assign(mean, mean + D);
  }
  return batches_.done();
}

std::shared_ptr<const SentenceEncoder> open_sentence_encoder(const std::string& name, Precision precision) {
  const fs::path folder = resolve_model(name);
  InferenceOptions options;
  options.precision = precision;
  auto encoder = open_encoder(folder, options);
  LIMPID_CHECK(encoder->tokenizer(), ConfigError, folder.string(), ": has no tokenizer (tokenizer.json or vocab.txt)");
  check_pooling(folder);
  const int64_t limit = limit_of(folder, *encoder);
  const fs::path given(name);
  const fs::path last = given.has_filename() ? given.filename() : given.parent_path().filename();
  return std::make_shared<const SentenceEncoder>(last.string(), std::move(encoder), limit);
}

}  // namespace limpid
