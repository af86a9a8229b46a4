#include "limpid/checkpoints/family_parts.h"

/// ELECTRA's discriminator (Clark et al. 2020, arXiv:2003.10555): BERT's blocks behind embeddings that may be narrower
/// than they are; the head has a layer of its own, with GELU.
namespace limpid {
namespace {

void read_electra(const ConfigKeys& keys, ModelConfig& c) {
  constexpr int64_t kUsualWidth = 128;
  read_encoder_config(keys, c);
  read_embedding_size(keys, kUsualWidth, c);
  c.head_activation = "gelu";
}

}  // namespace

Family bert_family();

Family electra_family() {
  Family family = bert_family();
  family.name = "electra";
  family.covers = "ELECTRA";
  family.model_types = {"electra"};
  family.gguf_architectures = {};
  family.read_config = read_electra;
  family.prefix = "electra.";
  family.encoder->features = "classifier.dense";
  family.encoder->classifier = "classifier.out_proj";
  family.encoder->widening = Widening{"embeddings_project", /*before_norm=*/false, /*biased=*/true};
  return family;
}

}  // namespace limpid
