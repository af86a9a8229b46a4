#pragma once

#include "limpid/models/encoder.h"

/// The encoder families: one file and one maker each. encoder.cpp holds the table that picks them.
namespace limpid {

std::shared_ptr<Encoder> make_bert(const ModelConfig&, std::shared_ptr<const Checkpoint>, const LoadOptions&);
std::shared_ptr<Encoder> make_roberta(const ModelConfig&, std::shared_ptr<const Checkpoint>, const LoadOptions&);
std::shared_ptr<Encoder> make_distilbert(const ModelConfig&, std::shared_ptr<const Checkpoint>, const LoadOptions&);

/// LayerNorm of a checkpoint; the first BERT files call weight and bias gamma and beta.
nn::LayerNorm encoder_norm(const Weights& weights, const std::string& name, const ModelConfig& config);

/// Block of BERT and RoBERTa, which name their parts alike.
EncoderBlock bert_block(const Weights& weights, const ModelConfig& config);

}  // namespace limpid
