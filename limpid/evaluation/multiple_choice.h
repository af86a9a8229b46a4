#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "limpid/core/watch.h"
#include "limpid/data/choice_questions.h"
#include "limpid/decoding/generator.h"
#include "limpid/evaluation/options.h"
#include "limpid/metrics/bootstrap.h"

/// Multiple-choice questions: what a model still knows (docs/methods.md, Multiple choice).
namespace limpid {

/// A question as text: what stands before the choice, and each choice.
struct ChoicePrompt {
  std::string prompt;
  std::vector<std::string> endings;
};
ChoicePrompt choice_prompt(const ChoiceQuestion& question, ChoiceFormat format);

/// Makes the first `shots` questions of each category examples in front of its others; they are not asked themselves.
/// The prompts follow the order of what is left of `questions`.
std::vector<ChoicePrompt> choice_prompts(std::vector<ChoiceQuestion>& questions, ChoiceFormat format, size_t shots);

struct MultipleChoicePlan {
  std::shared_ptr<const Model> model;
  std::function<std::vector<std::unique_ptr<Session>>()> sessions = {};  ///< null: the plain model
  std::vector<float> strengths;                                          ///< one per session
  int64_t rows = 32;                                                     ///< choices read together
};

/// Returns log p of each choice's tokens, summed in double over those tokens alone: [questions][choices].
std::vector<std::vector<double>> choice_likelihoods(const MultipleChoicePlan& plan,
                                                    const std::vector<ChoicePrompt>& prompts,
                                                    Watch& watch = unwatched());

/// Shares of questions whose likeliest choice is the right one; ties go to the first.
struct MultipleChoiceReport {
  size_t questions = 0;
  double chance = 0;         ///< mean of 1 / choices
  Estimate total, per_byte;  ///< by log p of the choice; by log p over its length in bytes
  Json by_category;          ///< {"name": {"questions", "total", "per_byte"}}
};
MultipleChoiceReport multiple_choice_report(const std::vector<ChoiceQuestion>& questions,
                                            const std::vector<ChoicePrompt>& prompts,
                                            const std::vector<std::vector<double>>& likelihoods);
Json to_json(const MultipleChoiceReport& report);

}  // namespace limpid
