#include "limpid/methods/gate/recorded_texts.h"

#include <map>

#include "limpid/decoding/generator.h"
#include "limpid/decoding/prompts.h"
#include "limpid/decoding/writing.h"
#include "limpid/methods/polar/losses.h"
#include "limpid/metrics/mask.h"

namespace limpid::gate {
namespace {

/// What is asked of the model, in the order of the prompts' numbers.
struct Question {
  TextKind kind;
  std::string prompt;
  bool chat;
};

std::vector<Question> questions_of(const GateTexts& texts, bool has_chat) {
  std::vector<Question> questions;
  for (size_t i = 0; i < texts.toxic.size(); ++i)
    questions.push_back({TextKind::Toxic, texts.toxic[i], has_chat && i % 3 == 2});
  for (const std::string& prompt : texts.ordinary) questions.push_back({TextKind::Ordinary, prompt, false});
  for (size_t i = 0; i < texts.everyday.size(); ++i) {
    questions.push_back({TextKind::Everyday, texts.everyday[i], has_chat});
    if (has_chat && i % 3 == 2) questions.push_back({TextKind::Everyday, texts.everyday[i], false});
  }
  return questions;
}

WritingOptions writing_of(const Question& question, const GateOptions& options) {
  WritingOptions writing;
  writing.chat = question.chat;
  const bool everyday = question.kind == TextKind::Everyday;
  writing.tokens = everyday ? options.everyday_tokens : options.tokens;
  writing.samples = everyday ? 1 : options.samples;
  writing.sampling.seed = options.seed;
  writing.sampling.top_p = 0.9f;
  if (everyday) writing.sampling.temperature = 0.0f;
  return writing;
}

int64_t vote_by_prompt(TextKind kind) {
  if (kind == TextKind::Ordinary) return polar::kAbstains;
  return kind == TextKind::Toxic;
}

void vote(std::vector<RecordedText>& recorded, const Scorers& scorers) {
  std::vector<std::string> texts;
  for (RecordedText& text : recorded) {
    texts.push_back(text.text);
    text.votes.push_back(vote_by_prompt(text.kind));
  }
  for (const Scorer& scorer : scorers) {
    const std::vector<double> scores = all_scores(scorer, texts);
    for (size_t i = 0; i < scores.size(); ++i) recorded[i].votes.push_back(scores[i] > scorer.threshold());
  }
  const WordMask words;
  for (RecordedText& text : recorded) {
    text.is_toxic = text.votes[1] == 1;
    text.votes.push_back(words.mask(text.text) != text.text ? 1 : polar::kAbstains);
  }
}

}  // namespace

std::vector<std::string> source_names(const Scorers& scorers) {
  std::vector<std::string> names = {"prompts"};
  for (const Scorer& scorer : scorers) names.push_back(scorer.name());
  names.push_back("words");
  return names;
}

std::vector<RecordedText> record_texts(const std::shared_ptr<const Model>& model, const Scorers& scorers,
                                       const GateTexts& texts, const RiskyTokens& tokens, const GateOptions& options,
                                       Watch& watch) {
  const std::vector<Question> questions = questions_of(texts, !tokenizer_of(*model).chat_template().empty());
  auto recorder = std::make_unique<StepRecorder>(tokens);
  StepRecorder& steps = *recorder;
  std::vector<std::unique_ptr<Session>> sessions;
  sessions.push_back(std::move(recorder));
  Generator generator(model, std::move(sessions), {.max_rows = size_t(options.rows)});
  size_t asked = 0;
  for (size_t q = 0; q < questions.size(); ++q) {
    const WritingOptions writing = writing_of(questions[q], options);
    Request request = make_request(*model, questions[q].prompt, writing);
    request.prompt = q;
    request.strengths = {1.0f};
    check_fits(*model, request, concat("[gate] prompt ", q + 1, ": "));
    for (request.sample = 0; int64_t(request.sample) < writing.samples; ++request.sample, ++asked)
      generator.submit(request);
  }

  std::map<std::pair<uint64_t, uint64_t>, RecordedText> finished;
  Progress progress(watch, "gate: texts", asked, "texts");
  const auto finish = [&](Completion completion) {
    completion.check();
    const std::pair key(completion.prompt, completion.sample);
    RecordedText& text = finished[key];
    text.kind = questions[completion.prompt].kind;
    text.fold = int64_t(completion.prompt % kFolds);
    text.text = std::move(completion.text);
    text.steps = steps.take(completion.prompt, completion.sample);
    progress.update(finished.size());
  };
  while (generator.step(finish)) watch.throw_if_stopped();
  progress.finish();
  std::vector<RecordedText> recorded;
  for (auto& [key, text] : finished) recorded.push_back(std::move(text));
  vote(recorded, scorers);
  return recorded;
}

}  // namespace limpid::gate
