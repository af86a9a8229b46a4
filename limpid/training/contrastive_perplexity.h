#pragma once

#include "limpid/training/lora.h"

/// Contrastive perplexity: paraphrases of a text that are harmless are drawn to one perplexity, toxic ones pushed off
/// it. Klein & Nabi 2024, arXiv:2401.08491; docs/methods.md, Contrastive perplexity.
namespace limpid {

/// Returns the sum over anchors, differentiable in every phi; the centroid takes part.
/// @param positives, negatives  per anchor, [P] and [N], float64; at least one of each
torch::Tensor contrastive_perplexity(const std::vector<torch::Tensor>& positives,
                                     const std::vector<torch::Tensor>& negatives, const ContrastiveLoss& loss);

/// Texts that mean the same: from rows {"positives": [text, …], "negatives": [text, …]}.
struct ContrastiveRow {
  std::vector<std::string> positives, negatives;
};

/// Reads rows. @throws FormatError "FILE:LINE: …" for rows without either, or with what is no text; ConfigError when
/// there is no row.
std::vector<ContrastiveRow> read_contrastive_rows(const std::vector<std::string>& files);

/// Trains an adapter as train_lora does; `batch` counts anchors, texts have no end token.
TrainingReport train_contrastive_perplexity(const ContrastiveOptions& options, Watch& watch = unwatched());

}  // namespace limpid
