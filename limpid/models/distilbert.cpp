#include "limpid/models/encoder_families.h"

/// DistilBERT (Sanh et al. 2019, arXiv:1910.01108): BERT without token types and pooler; the head has a ReLU layer.
namespace limpid {
namespace {

EncoderBlock distilbert_block(const Weights& w, const ModelConfig& c) {
  const int64_t D = c.hidden_size;
  EncoderBlock block;
  block.query = w.linear("attention.q_lin", D, D, true);
  block.key = w.linear("attention.k_lin", D, D, true);
  block.value = w.linear("attention.v_lin", D, D, true);
  block.attention_output = w.linear("attention.out_lin", D, D, true);
  block.attention_norm = encoder_norm(w, "sa_layer_norm", c);
  block.up = w.linear("ffn.lin1", c.intermediate_size, D, true);
  block.down = w.linear("ffn.lin2", D, c.intermediate_size, true);
  block.output_norm = encoder_norm(w, "output_layer_norm", c);
  return block;
}

class DistilBert final : public Encoder {
 public:
  DistilBert(const ModelConfig& c, const Weights& w) : Encoder(c) {
    words_ = w.embedding("embeddings.word_embeddings", c.vocab_size, c.hidden_size);
    positions_ = w.embedding("embeddings.position_embeddings", c.max_positions, c.hidden_size);
    embeddings_norm_ = encoder_norm(w, "embeddings.LayerNorm", c);
    for (int64_t layer = 0; layer < c.num_layers; ++layer)
      blocks_.push_back(distilbert_block(w.sub("transformer.layer." + std::to_string(layer)), c));
    if (!classifies()) return;
    features_ = w.linear("pre_classifier", c.hidden_size, c.hidden_size, true);
    features_relu_ = true;
    classifier_ = w.linear("classifier", c.num_labels, c.hidden_size, true);
  }
};

}  // namespace

std::shared_ptr<Encoder> make_distilbert(const ModelConfig& config, std::shared_ptr<const Checkpoint> checkpoint,
                                         const LoadOptions& options) {
  WeightLayout layout;
  layout.prefixes = {"distilbert.", ""};
  return std::make_shared<DistilBert>(config, Weights(std::move(checkpoint), layout, options));
}

}  // namespace limpid
