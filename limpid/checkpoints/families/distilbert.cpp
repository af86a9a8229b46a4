#include "limpid/checkpoints/family_parts.h"

/// DistilBERT (Sanh et al. 2019, arXiv:1910.01108): BERT without token types and pooler; the head has a ReLU layer.
namespace limpid {
namespace {

void read_distilbert(const ConfigKeys& keys, ModelConfig& c) {
  read_encoder_config(keys, c);
  c.type_vocab_size = 0;
  c.head_activation = "relu";
}

}  // namespace

Family distilbert_family() {
  using enum Projection;
  return {
      .name = "distilbert",
      .covers = "DistilBERT",
      .model_types = {"distilbert"},
      .gguf_architectures = {},
      .defaults = {.max_positions = 512, .norm_eps = 1e-12, .activation = "gelu", .tied = true, .biased = true},
      .read_config = read_distilbert,
      .prefix = "distilbert.",
      .layers = "transformer.layer.",
      .embedding = {"embeddings.word_embeddings"},
      .projections = {{Query, "attention.q_lin", {}},
                      {Key, "attention.k_lin", {}},
                      {Value, "attention.v_lin", {}},
                      {AttentionOutput, "attention.out_lin", {}},
                      {MlpGate, "ffn.lin1", {}},
                      {MlpDown, "ffn.lin2", {}}},
      .output_bias = OutputBias::Always,
      .encoder = EncoderParts{"sa_layer_norm", "output_layer_norm", "pre_classifier", "classifier"},
  };
}

}  // namespace limpid
