#include "limpid/checkpoints/family_parts.h"

/// RoBERTa (Liu et al. 2019, arXiv:1907.11692): BERT's blocks; positions start behind the padding id and padding does
/// not count; the head has a layer of its own instead of the pooler. XLM-RoBERTa is the same network with another
/// vocabulary.
namespace limpid {
namespace {

void read_roberta(const ConfigKeys& keys, ModelConfig& c) {
  if (c.pad_id < 0) c.pad_id = 1;
  c.position_offset = c.pad_id + 1;
  read_encoder_config(keys, c);
}

}  // namespace

Family bert_family();

Family roberta_family() {
  Family family = bert_family();
  family.name = "roberta";
  family.covers = "RoBERTa, XLM-RoBERTa";
  family.model_types = {"roberta", "xlm-roberta"};
  family.gguf_architectures = {};
  family.read_config = read_roberta;
  family.prefix = "roberta.";
  family.encoder->features = "classifier.dense";
  family.encoder->classifier = "classifier.out_proj";
  return family;
}

}  // namespace limpid
