#include "limpid/evaluation/rows.h"

#include <algorithm>
#include <chrono>

#include "limpid/data/journal.h"
#include "limpid/decoding/generator.h"
#include "limpid/decoding/kl_probe.h"
#include "limpid/decoding/writing.h"

namespace limpid {
namespace {

constexpr uint64_t kKlTokens = 1000;

/// Time and tokens of decoding; those of the first kKlTokens apart, in which a probe reads the plain model along.
struct Speed {
  double seconds = 0.0, first_seconds = 0.0;
  uint64_t tokens = 0, first_tokens = 0;

  void add(double step_seconds, uint64_t step_tokens) {
    const bool first = first_tokens < kKlTokens;
    (first ? first_seconds : seconds) += step_seconds;
    (first ? first_tokens : tokens) += step_tokens;
  }
  double tokens_per_second() const {
    if (tokens > 0) return double(tokens) / seconds;
    return first_seconds > 0.0 ? double(first_tokens) / first_seconds : 0.0;
  }
};

/// Returns a source of the requests that the journal does not have yet, prompt by prompt.
auto open_requests(const RowsPlan& plan, const std::vector<float>& strengths, const GenerationJournal& journal) {
  return [&plan, &strengths, &journal, next = size_t(0), request = Request()]() mutable -> std::optional<Request> {
    if (next > 0 && ++request.sample < uint64_t(plan.samples)) return request;
    while (next < plan.prompts && journal.has(next)) ++next;
    if (next == plan.prompts) return std::nullopt;
    request = plan.request(next);
    request.prompt = next++;
    request.strengths = strengths;
    return request;
  };
}

/// Decodes the prompts that the journal does not have yet.
Speed decode(const RowsPlan& plan, const EvaluationSetting& setting, GenerationJournal& journal, KlTotal& kl,
             Watch& watch) {
  if (journal.size() == plan.prompts) return {};
  std::vector<std::unique_ptr<Session>> sessions = setting.open(*plan.model);
  std::vector<float> strengths = setting.strengths();
  if (!setting.is_plain()) add_kl_probe(*plan.model, kl, sessions, strengths);
  Generator generator(plan.model, std::move(sessions), {.max_rows = size_t(plan.rows), .watch = watch});
  generator.submit_from(open_requests(plan, strengths, journal));

  std::vector<std::vector<Completion>> pending(plan.prompts);
  std::vector<size_t> ready;
  Progress progress(watch, setting.name, plan.prompts, plan.unit);
  progress.update(journal.size());
  Speed speed;
  bool more = true;
  while (more) {
    watch.throw_if_stopped();
    const auto start = std::chrono::steady_clock::now();
    const uint64_t before = generator.tokens_generated();
    more = generator.step([&](Completion completion) {
      if (completion.finish_reason == FinishReason::Error)
        watch.warning(concat(setting.name, ", prompt ", completion.prompt + 1, ", sample ", completion.sample + 1, ": ",
                             completion.error));
      auto& samples = pending[completion.prompt];
      samples.push_back(std::move(completion));
      if (int64_t(samples.size()) == plan.samples) ready.push_back(size_t(samples[0].prompt));
    });
    speed.add(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
              generator.tokens_generated() - before);
    for (size_t p : ready) {
      std::sort(pending[p].begin(), pending[p].end(),
                [](const Completion& a, const Completion& b) { return a.sample < b.sample; });
      journal.append(plan.finish(p, pending[p]));
      pending[p].clear();
      progress.update(journal.size());
    }
    ready.clear();
  }
  progress.finish();
  return speed;
}

}  // namespace

GenerationRow row_of(size_t index, const std::string& prompt, const std::vector<Completion>& samples) {
  GenerationRow row;
  row.index = index;
  row.prompt = prompt;
  for (const Completion& sample : samples) {
    Continuation text;
    text.text = sample.text;
    text.ids = sample.ids;
    text.finish_reason = name(sample.finish_reason);
    row.generations.push_back(std::move(text));
  }
  return row;
}

void judge_row(const std::vector<std::shared_ptr<const PerplexityJudge>>& judges, GenerationRow& row,
               const std::string& context) {
  std::vector<std::string> texts;
  for (const Continuation& one : row.generations) texts.push_back(one.text);
  for (const auto& judge : judges) {
    const auto judged = judge->judge(*row.index, context, texts);
    for (size_t i = 0; i < judged.size(); ++i) row.generations[i].fields["judged"][judge->name()] = to_json(judged[i]);
  }
}

void check_rows(const RowsPlan& plan, const std::vector<PromptRow>& prompts) {
  for (size_t p = 0; p < plan.prompts; ++p)
    check_fits(*plan.model, plan.request(p),
               concat(prompts[p].source.empty() ? concat("prompt ", p + 1) : prompts[p].source, ": "));
}

WrittenRows write_rows(const RowsPlan& plan, const EvaluationSetting& setting, const RowsFiles& files,
                       const Json& settings, Watch& watch) {
  GenerationJournal journal(files.journal, settings);
  KlTotal kl{0.0, 0, kKlTokens};
  const Speed speed = decode(plan, setting, journal, kl, watch);
  journal.sort_by_index();
  WrittenRows written{journal.rows(), 0.0, speed.tokens_per_second()};
  if (written.tokens_per_second > 0.0)
    write_file(
        files.measured,
        to_text(Json{{"mean_kl", kl.mean()}, {"tokens", kl.tokens}, {"tokens_per_second", written.tokens_per_second}}));
  if (fs::exists(files.measured)) {
    const Json stored = read_json(files.measured);
    written.mean_kl = get_or<double>(stored, "mean_kl", 0.0, files.measured.string());
    if (written.tokens_per_second == 0.0)
      written.tokens_per_second = get_or<double>(stored, "tokens_per_second", 0.0, files.measured.string());
  }
  return written;
}

}  // namespace limpid
