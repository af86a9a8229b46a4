#include "limpid/methods/unidetox/distil.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "limpid/core/number_text.h"
#include "limpid/core/watch.h"
#include "limpid/data/journal.h"
#include "limpid/decoding/generator.h"
#include "limpid/decoding/judge.h"
#include "limpid/decoding/prompts.h"
#include "limpid/decoding/writing.h"
#include "limpid/metrics/diversity.h"

namespace limpid::unidetox {
namespace {

constexpr const char* kPlace = "[distil] ";

void check(const DistilPlan& plan) {
  plan.contrast.check();
  LIMPID_CHECK(plan.base->tokenizer(), ConfigError, kPlace, plan.base->path().string(),
               ": has no tokenizer; its tokens cannot become text");
  LIMPID_CHECK(plan.texts > 0 && plan.length > 0, ConfigError, kPlace, "texts and length must be at least 1");
  const int64_t opening = plan.opening_tokens();
  LIMPID_CHECK(opening >= 0 && opening < plan.length, ConfigError, kPlace, "the opening has ", opening,
               " tokens, expected 0 to ", plan.length - 1, ", fewer than the text");
  LIMPID_CHECK(plan.reject >= 0.0 && plan.reject < 1.0, ConfigError, kPlace, "reject is ", plan.reject,
               ", expected 0 (off) to below 1");
  LIMPID_CHECK(plan.toxic || plan.reject == 0.0 || plan.scorer, ConfigError, kPlace,
               "plain samples are rejected by toxicity, which needs a scorer");
}

fs::path with_ending(const fs::path& path, const char* ending) {
  fs::path result = path;
  result += ending;
  return result;
}

/// Returns everything that changes a text; the number of texts and what is rejected do not.
Json settings_of(const DistilPlan& plan) {
  const ContrastOptions& c = plan.contrast;
  Json contexts;
  if (!plan.contexts.empty())
    contexts = {{"count", plan.contexts.size()}, {"sha256", sha256(to_text(Json(plan.contexts)))}};
  Json contrast;
  if (plan.toxic)
    contrast = {{"alpha", c.alpha},
                {"beta", std::isinf(c.beta) ? Json("inf") : Json(c.beta)},
                {"temperature", c.temperature},
                {"top_k", c.top_k},
                {"opening", plan.opening_tokens()}};
  return {{"method", plan.toxic ? "unidetox" : "plain"},
          {"provenance", plan.provenance},
          {"contrast", contrast},
          {"length", plan.length},
          {"contexts", contexts},
          {"begin", plan.base->tokenizer()->token_text(plan.begin)},
          {"stop_tokens", plan.stop_tokens},
          {"seed", plan.seed},
          {"precision", name(plan.base->precision())},
          {"scorer", plan.scorer ? plan.scorer->describe() : Json()}};
}

TokenIds context_ids(const DistilPlan& plan, size_t index) {
  TokenIds ids{plan.begin};
  if (plan.contexts.empty()) return ids;
  const TokenIds more =
      plan.base->tokenizer()->encode(plan.contexts[index % plan.contexts.size()], /*add_special=*/false);
  ids.insert(ids.end(), more.begin(), more.end());
  return ids;
}

Json optional_json(const std::optional<double>& value) { return value ? Json(*value) : Json(); }
double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / double(values.size());
}

/// Measures a finished text under the models, each with its own cache, by itself: its numbers depend on nothing beside
/// it.
GenerationRow finished_row(const DistilPlan& plan, size_t index, const Completion& completion) {
  GenerationRow row;
  row.index = index;
  if (!plan.contexts.empty()) row.prompt = plan.contexts[index % plan.contexts.size()];
  Continuation sample;
  sample.text = row.prompt + completion.text;
  sample.ids = completion.ids;
  sample.finish_reason = name(completion.finish_reason);
  if (!completion.ids.empty() && completion.finish_reason != FinishReason::Error) {
    const TokenIds before = context_ids(plan, index);
    const auto nll = [&](const Model& model, ActivationHook* change) {
      return mean(continuation_likelihoods(model, before, {&completion.ids, 1}, change)[0]);
    };
    const double base = nll(*plan.base, nullptr);
    sample.fields = {{"base_nll", base}};
    if (plan.toxic) {
      const double toxic = nll(*plan.toxic.model, plan.toxic.change.get());
      sample.fields["toxic_nll"] = toxic;
      sample.fields["mean_score"] = toxic - base;
    }
    if (plan.scorer)
      if (const double score = plan.scorer->score({&sample.text, 1})[0]; std::isfinite(score)) sample.toxicity = score;
  }
  row.generations.push_back(std::move(sample));
  return row;
}

/// @throws ConfigError when the model has no room for a text behind its context
void check_room(const DistilPlan& plan) {
  for (size_t c = 0; c < std::max(plan.contexts.size(), size_t(1)); ++c) {
    Request request;
    request.prompt_ids = context_ids(plan, c);
    request.stop.max_new_tokens = plan.length;
    check_fits(*plan.base, request, plan.contexts.empty() ? kPlace : concat(kPlace, "context ", c + 1, ": "));
  }
}

/// Decodes the texts that the journal does not have yet.
void write_texts(const DistilPlan& plan, GenerationJournal& journal, Watch& watch) {
  std::vector<std::unique_ptr<Session>> sessions;
  if (plan.toxic)
    sessions.push_back(
        std::make_unique<ContrastSession>(*plan.base, plan.toxic, plan.contrast, size_t(plan.opening_tokens())));
  Generator generator(plan.base, std::move(sessions), {.max_rows = size_t(plan.rows)});
  size_t written = size_t(std::count_if(journal.rows().begin(), journal.rows().end(),
                                        [&](const GenerationRow& row) { return *row.index < uint64_t(plan.texts); }));
  generator.submit_from([&, i = size_t(0)]() mutable -> std::optional<Request> {
    while (i < size_t(plan.texts) && journal.has(i)) ++i;
    if (i == size_t(plan.texts)) return std::nullopt;
    Request request;
    request.prompt = plan.contexts.empty() ? 0 : i % plan.contexts.size();
    request.sample = i;
    request.prompt_ids = context_ids(plan, i);
    request.sampling.seed = plan.seed;
    request.stop.max_new_tokens = plan.length;
    request.stop.stop_tokens = plan.stop_tokens;
    request.strengths = {1.0f};
    ++i;
    return request;
  });
  if (written > 0)
    watch.info(concat(thousands(written), " of ", thousands(uint64_t(plan.texts)), " texts are in ",
                      with_ending(plan.output, ".journal").string()));
  Progress progress(watch, "distil", uint64_t(plan.texts), "texts");
  progress.update(written);
  std::vector<Completion> finished;
  for (bool more = written < size_t(plan.texts); more;) {
    if (watch.stop())
      throw Interrupted(concat("interrupted; ", written, " of ", plan.texts, " texts are finished and kept in ",
                               journal.path().string(), "; the same command goes on from there"));
    more = generator.step([&](Completion completion) { finished.push_back(std::move(completion)); });
    for (const Completion& completion : finished) {
      if (completion.finish_reason == FinishReason::Error)
        watch.warning(concat("text ", completion.sample + 1, ": ", completion.error));
      journal.append(finished_row(plan, size_t(completion.sample), completion));
    }
    progress.update(written += finished.size());
    finished.clear();
  }
  progress.finish();
}

/// Returns a score, higher for a better text: its contrast, or without a toxic model how little toxic it is.
double score_of(const GenerationRow& row, bool plain) {
  const Continuation& sample = row.generations.at(0);
  return plain ? -sample.toxicity.value_or(0.0) : sample.fields.at("mean_score").get<double>();
}

Json line_of(const GenerationRow& row) {
  const Continuation& sample = row.generations.at(0);
  Json line = sample.fields;
  line["text"] = sample.text;
  line["ids"] = *sample.ids;
  line["finish_reason"] = sample.finish_reason;
  if (!row.prompt.empty()) line["context"] = row.prompt;
  if (sample.toxicity) line["toxicity"] = *sample.toxicity;
  return line;
}

}  // namespace

Json DistilReport::json() const {
  return {{"written", written},
          {"rejected", rejected},
          {"empty", empty},
          {"failed", failed},
          {"tokens", tokens},
          {"mean_score", optional_json(mean_score)},
          {"bound", optional_json(bound)},
          {"mean_toxicity", optional_json(mean_toxicity)},
          {"distinct_openings", distinct_openings},
          {"distinct", distinct}};
}

DistilReport distil(const DistilPlan& plan, Watch& watch) {
  check(plan);
  check_room(plan);
  const Json settings = settings_of(plan);
  GenerationJournal journal(with_ending(plan.output, ".journal"), settings);
  write_texts(plan, journal, watch);

  DistilReport report;
  std::vector<GenerationRow> rows;
  for (const GenerationRow& row : journal.rows()) {
    if (*row.index >= uint64_t(plan.texts)) continue;  // of an earlier run that asked for more
    const Continuation& sample = row.generations.at(0);
    if (sample.finish_reason == name(FinishReason::Error) || (plan.scorer && !sample.ids->empty() && !sample.toxicity))
      ++report.failed;
    else if (sample.ids->empty())
      ++report.empty;
    else
      rows.push_back(row);
  }
  LIMPID_CHECK(!rows.empty(), ConfigError, kPlace, "no text can be used: ", report.empty,
               " ended before their first token, ", report.failed, " failed");
  const auto score = [plain = !plan.toxic](const GenerationRow& row) { return score_of(row, plain); };
  std::sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
    return score(a) != score(b) ? score(a) < score(b) : *a.index < *b.index;
  });
  report.rejected = size_t(plan.reject * double(rows.size()));
  rows.erase(rows.begin(), rows.begin() + long(report.rejected));
  if (report.rejected > 0) report.bound = plan.toxic ? score(rows.front()) : -score(rows.front());
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return *a.index < *b.index; });

  AtomicFile file(plan.output);
  std::set<TokenIds> openings;
  std::vector<std::string> texts;
  std::vector<double> scores, toxicities;
  for (const GenerationRow& row : rows) {
    const Continuation& sample = row.generations[0];
    file.write(to_text(line_of(row)) + "\n");
    openings.insert(TokenIds(sample.ids->begin(), sample.ids->begin() + long(std::min<size_t>(2, sample.ids->size()))));
    texts.push_back(sample.text);
    if (plan.toxic) scores.push_back(score(row));
    if (sample.toxicity) toxicities.push_back(*sample.toxicity);
    report.tokens += sample.ids->size();
  }
  report.written = rows.size();
  if (!scores.empty()) report.mean_score = mean(scores);
  if (!toxicities.empty()) report.mean_toxicity = mean(toxicities);
  report.distinct_openings = double(openings.size()) / double(rows.size());
  const NgramCounts counts = count_ngrams(texts);
  for (size_t n = 0; n < report.distinct.size(); ++n)
    report.distinct[n] = counts.ngrams[n] > 0 ? double(counts.distinct[n]) / double(counts.ngrams[n]) : 0.0;
  file.commit();
  write_file(with_ending(plan.output, ".settings.json"),
             to_text(Json{{"format", 1}, {"settings", settings}, {"report", report.json()}}, 1) + "\n");
  return report;
}

}  // namespace limpid::unidetox
