#include "limpid/models/encoder_families.h"

/// RoBERTa (Liu et al. 2019, arXiv:1907.11692): BERT's blocks; positions start behind the padding id and padding does
/// not count; the head has a layer of its own instead of the pooler.
namespace limpid {
namespace {

class Roberta final : public Encoder {
 public:
  Roberta(const ModelConfig& c, const Weights& w) : Encoder(c) {
    words_ = w.embedding("embeddings.word_embeddings", c.vocab_size, c.hidden_size);
    positions_ = w.embedding("embeddings.position_embeddings", c.max_positions, c.hidden_size);
    types_ = w.embedding("embeddings.token_type_embeddings", c.type_vocab_size, c.hidden_size);
    embeddings_norm_ = encoder_norm(w, "embeddings.LayerNorm", c);
    for (int64_t layer = 0; layer < c.num_layers; ++layer)
      blocks_.push_back(bert_block(w.sub("encoder.layer." + std::to_string(layer)), c));
    if (!classifies()) return;
    features_ = w.linear("classifier.dense", c.hidden_size, c.hidden_size, true);
    classifier_ = w.linear("classifier.out_proj", c.num_labels, c.hidden_size, true);
  }
};

}  // namespace

std::shared_ptr<Encoder> make_roberta(const ModelConfig& config, std::shared_ptr<const Checkpoint> checkpoint,
                                      const LoadOptions& options) {
  WeightLayout layout;
  layout.prefixes = {"roberta.", ""};
  return std::make_shared<Roberta>(config, Weights(std::move(checkpoint), layout, options));
}

}  // namespace limpid
