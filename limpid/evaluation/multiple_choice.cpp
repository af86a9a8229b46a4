#include "limpid/evaluation/multiple_choice.h"

#include <algorithm>
#include <map>

#include "limpid/core/watch.h"
#include "limpid/decoding/logits.h"
#include "limpid/decoding/prompts.h"
#include "limpid/decoding/writing.h"

namespace limpid {
namespace {

std::string letter(size_t choice) { return std::string(1, char('A' + choice)); }

/// Returns the ids of `ending` as it is spelt behind the prompt.
TokenIds ending_ids(const Tokenizer& tokenizer, const TokenIds& prompt, const ChoicePrompt& text,
                    const std::string& ending) {
  TokenIds joint = prompt_ids(tokenizer, text.prompt + ending);
  if (joint.size() > prompt.size() && std::equal(prompt.begin(), prompt.end(), joint.begin()))
    return TokenIds(joint.begin() + long(prompt.size()), joint.end());
  return tokenizer.encode(ending, /*add_special=*/false);
}

size_t best_of(const std::vector<double>& scores) {
  return size_t(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

}  // namespace

ChoicePrompt choice_prompt(const ChoiceQuestion& question, ChoiceFormat format) {
  ChoicePrompt result;
  result.prompt = format == ChoiceFormat::Continuation ? question.question : "Question: " + question.question + "\n";
  if (format == ChoiceFormat::Letter)
    for (size_t c = 0; c < question.choices.size(); ++c) result.prompt += letter(c) + ". " + question.choices[c] + "\n";
  if (format != ChoiceFormat::Continuation) result.prompt += "Answer:";
  for (size_t c = 0; c < question.choices.size(); ++c)
    result.endings.push_back(" " + (format == ChoiceFormat::Letter ? letter(c) : question.choices[c]));
  return result;
}

std::vector<ChoicePrompt> choice_prompts(std::vector<ChoiceQuestion>& questions, ChoiceFormat format, size_t shots) {
  std::map<std::string, std::pair<size_t, std::string>> examples;  // of a category: how many, and their text
  std::vector<ChoiceQuestion> asked;
  for (ChoiceQuestion& question : questions) {
    auto& [count, text] = examples[question.category];
    if (count == shots) {
      asked.push_back(std::move(question));
      continue;
    }
    const ChoicePrompt example = choice_prompt(question, format);
    text += example.prompt + example.endings[question.answer] + "\n\n";
    ++count;
  }
  LIMPID_CHECK(!asked.empty(), ConfigError, "--shots ", shots,
               " leaves no question to ask: no category has more than that");
  questions = std::move(asked);
  std::vector<ChoicePrompt> prompts;
  for (const ChoiceQuestion& question : questions) {
    prompts.push_back(choice_prompt(question, format));
    prompts.back().prompt.insert(0, examples.at(question.category).second);
  }
  return prompts;
}

std::vector<std::vector<double>> choice_likelihoods(const MultipleChoicePlan& plan,
                                                    const std::vector<ChoicePrompt>& prompts, Watch& watch) {
  const Tokenizer& tokenizer = *plan.model->tokenizer();
  std::vector<std::vector<double>> sums;
  for (const ChoicePrompt& prompt : prompts) sums.emplace_back(prompt.endings.size(), 0.0);
  GeneratorOptions options;
  options.max_rows = size_t(plan.rows);
  options.on_logits = [&](const Row& row, std::span<const float> z) {
    sums[row.request.prompt][row.request.sample] +=
        double(z[size_t(row.request.given[row.new_ids.size()])]) - log_sum_exp(z);
  };
  Generator generator(plan.model, plan.sessions ? plan.sessions() : std::vector<std::unique_ptr<Session>>{}, options);
  for (size_t p = 0; p < prompts.size(); ++p) {
    Request request;
    request.prompt = p;
    request.prompt_ids = prompt_ids(tokenizer, prompts[p].prompt);
    request.strengths = plan.strengths;
    for (size_t c = 0; c < prompts[p].endings.size(); ++c) {
      request.sample = c;
      request.given = ending_ids(tokenizer, request.prompt_ids, prompts[p], prompts[p].endings[c]);
      request.stop.max_new_tokens = int64_t(request.given.size());
      check_fits(*plan.model, request, concat("asked question ", p + 1, ", choice ", c + 1, ": "));
      generator.submit(request);
    }
  }
  size_t finished = 0, choices = 0;
  for (const ChoicePrompt& prompt : prompts) choices += prompt.endings.size();
  Progress progress(watch, "multiple choice", choices, "choices");
  const auto done = [&](const Completion& completion) {
    LIMPID_CHECK(completion.finish_reason != FinishReason::Error, Error, "[multiple choice] question ",
                 completion.prompt + 1, ", choice ", letter(completion.sample), ": ", completion.error);
    ++finished;
  };
  while (generator.step(done)) {
    watch.throw_if_stopped();
    progress.update(finished);
  }
  progress.finish();
  return sums;
}

MultipleChoiceReport multiple_choice_report(const std::vector<ChoiceQuestion>& questions,
                                            const std::vector<ChoicePrompt>& prompts,
                                            const std::vector<std::vector<double>>& likelihoods) {
  struct Sums {
    size_t questions = 0, total = 0, per_byte = 0;
  };
  MultipleChoiceReport report;
  std::vector<double> total, per_byte;
  std::map<std::string, Sums> categories;
  for (size_t q = 0; q < questions.size(); ++q) {
    std::vector<double> scaled = likelihoods[q];
    for (size_t c = 0; c < scaled.size(); ++c) scaled[c] /= double(prompts[q].endings[c].size());
    const bool right = best_of(likelihoods[q]) == questions[q].answer,
               right_scaled = best_of(scaled) == questions[q].answer;
    total.push_back(right);
    per_byte.push_back(right_scaled);
    report.chance += 1.0 / double(questions[q].choices.size());
    Sums& sums = categories[questions[q].category];
    ++sums.questions;
    sums.total += right;
    sums.per_byte += right_scaled;
  }
  report.questions = questions.size();
  report.chance /= double(questions.size());
  report.total = estimate_mean(total);
  report.per_byte = estimate_mean(per_byte);
  report.by_category = Json::object();
  for (const auto& [name, sums] : categories)
    report.by_category[name] = {{"questions", sums.questions},
                                {"total", double(sums.total) / double(sums.questions)},
                                {"per_byte", double(sums.per_byte) / double(sums.questions)}};
  return report;
}

Json to_json(const MultipleChoiceReport& report) {
  return {{"questions", report.questions},
          {"chance", report.chance},
          {"total", to_json(report.total)},
          {"per_byte", to_json(report.per_byte)},
          {"by_category", report.by_category}};
}

}  // namespace limpid
