#include "limpid/models/encoder_families.h"

/// BERT (Devlin et al. 2018, arXiv:1810.04805): learned positions and token types, post-norm blocks, tanh pooler.
namespace limpid {

EncoderBlock bert_block(const Weights& w, const ModelConfig& c) {
  const int64_t D = c.hidden_size;
  EncoderBlock block;
  block.query = w.linear("attention.self.query", D, D, true);
  block.key = w.linear("attention.self.key", D, D, true);
  block.value = w.linear("attention.self.value", D, D, true);
  block.attention_output = w.linear("attention.output.dense", D, D, true);
  block.attention_norm = encoder_norm(w, "attention.output.LayerNorm", c);
  block.up = w.linear("intermediate.dense", c.intermediate_size, D, true);
  block.down = w.linear("output.dense", D, c.intermediate_size, true);
  block.output_norm = encoder_norm(w, "output.LayerNorm", c);
  return block;
}

namespace {

class Bert final : public Encoder {
 public:
  Bert(const ModelConfig& c, const Weights& w) : Encoder(c) {
    words_ = w.embedding("embeddings.word_embeddings", c.vocab_size, c.hidden_size);
    positions_ = w.embedding("embeddings.position_embeddings", c.max_positions, c.hidden_size);
    types_ = w.embedding("embeddings.token_type_embeddings", c.type_vocab_size, c.hidden_size);
    embeddings_norm_ = encoder_norm(w, "embeddings.LayerNorm", c);
    for (int64_t layer = 0; layer < c.num_layers; ++layer)
      blocks_.push_back(bert_block(w.sub("encoder.layer." + std::to_string(layer)), c));
    if (!classifies()) return;
    features_ = w.linear("pooler.dense", c.hidden_size, c.hidden_size, true);
    classifier_ = w.linear("classifier", c.num_labels, c.hidden_size, true);
  }
};

}  // namespace

std::shared_ptr<Encoder> make_bert(const ModelConfig& config, std::shared_ptr<const Checkpoint> checkpoint,
                                   const LoadOptions& options) {
  WeightLayout layout;
  layout.prefixes = {"bert.", ""};
  return std::make_shared<Bert>(config, Weights(std::move(checkpoint), layout, options));
}

}  // namespace limpid
