#pragma once

#include "limpid/training/lora.h"

/// Contrastive perplexity: paraphrases of a text that are harmless are drawn to one perplexity, toxic ones pushed off
/// it. Klein & Nabi 2024, arXiv:2401.08491; docs/methods.md, Contrastive perplexity.
namespace limpid {

/// With phi the mean token NLL, c the mean phi of an anchor's positives, s(x) its similarity to c:
///   Paper       s = exp(-|phi - c|) / tau;   J = sum_P s / (sum_P s + weight * sum_N s),  loss -log J   (tau cancels)
///   Inside      s = exp(-|phi - c| / tau);   the same J
///   AsReleased  c over all anchors of the pass; logits exp(-|phi - c|) / tau, + weight on negatives; loss the
///   cross-entropy with
///               ones on all positives, over P + 1
enum class ContrastiveForm { Paper, Inside, AsReleased };

/// @throws ConfigError for another name than paper, inside and as_released.
ContrastiveForm contrastive_form_named(const std::string& name);
const char* name_of(ContrastiveForm form);

struct ContrastiveLoss {
  ContrastiveForm form = ContrastiveForm::Inside;
  double tau = 1.0;     ///< temperature, above 0
  double weight = 1.1;  ///< of negatives ("alpha"): a factor, or what AsReleased adds
};

/// Sum over anchors, differentiable in every phi; the centroid takes part.
/// @param positives, negatives  per anchor, [P] and [N], float64; at least one of each
torch::Tensor contrastive_perplexity(const std::vector<torch::Tensor>& positives,
                                     const std::vector<torch::Tensor>& negatives, const ContrastiveLoss& loss);

/// Texts that mean the same: from rows {"positives": [text, …], "negatives": [text, …]}.
struct ContrastiveRow {
  std::vector<std::string> positives, negatives;
};

/// @throws FormatError "FILE:LINE: …" for rows without either, or with what is no text; ConfigError when there is no
/// row.
std::vector<ContrastiveRow> read_contrastive_rows(const std::vector<std::string>& files);

struct ContrastiveOptions : LoraOptions {
  ContrastiveLoss loss;
};

/// Trains an adapter as train_lora does; `batch` counts anchors, texts have no end token.
TrainingReport train_contrastive_perplexity(const ContrastiveOptions& options, Watch& watch = unwatched());

}  // namespace limpid
