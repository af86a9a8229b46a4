#include "limpid/evaluation/rows.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "limpid/data/journal.h"
#include "limpid/decoding/generator.h"
#include "limpid/decoding/kl_probe.h"
#include "limpid/decoding/writing.h"
#include "limpid/metrics/statistics.h"

namespace limpid {
namespace {

constexpr int64_t kKlTokens = 1000;

/// Time and tokens of decoding; apart from them those of the steps in which a probe reads the plain model along.
struct Speed {
  double seconds = 0.0, measured_seconds = 0.0;
  uint64_t tokens = 0, measured_tokens = 0;

  void add(double step_seconds, uint64_t step_tokens, bool measured) {
    (measured ? measured_seconds : seconds) += step_seconds;
    (measured ? measured_tokens : tokens) += step_tokens;
  }
  double tokens_per_second() const {
    if (tokens > 0) return double(tokens) / seconds;
    return measured_seconds > 0.0 ? double(measured_tokens) / measured_seconds : 0.0;
  }
};

/// Decodes the prompts that a journal does not have yet.
class Decoding {
 public:
  Decoding(const RowsPlan& plan, const EvaluationSetting& setting, GenerationJournal& journal, Watch& watch)
      : plan_(plan),
        setting_(setting),
        journal_(journal),
        watch_(watch) {}

  Speed run() {
    if (journal_.size() == plan_.prompts) return {};
    std::vector<std::unique_ptr<Session>> sessions = setting_.open(*plan_.model);
    std::vector<float> strengths = setting_.strengths();
    if (!setting_.is_plain()) add_kl_probe(*plan_.model, kl_, sessions, strengths);
    Generator generator(plan_.model, std::move(sessions), {.max_rows = size_t(plan_.rows), .watch = watch_});
    generator.submit_from(open_requests(std::move(strengths)));
    Progress progress(watch_, setting_.name, plan_.prompts, plan_.unit);
    progress.update(journal_.size());
    Speed speed;
    for (bool more = true; more;) {
      stop_if_asked();
      const auto start = std::chrono::steady_clock::now();
      const uint64_t before = generator.tokens_generated();
      more = generator.step([&](Completion completion) { take(std::move(completion)); });
      const bool measured = unmeasured_ > 0;  // a step admits rows before it computes; those it ends are kept below
      speed.add(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
                generator.tokens_generated() - before, measured);
      for (size_t p : ready_) keep(p);
      if (!ready_.empty()) progress.update(journal_.size());
      ready_.clear();
    }
    progress.finish();
    return speed;
  }

 private:
  /// Returns whether a prompt is among the first, whose divergence from plain is measured. That depends on nothing that
  /// is decoded, so that it is the same prompts when a run is taken up again.
  bool is_measured(size_t p, const Request& request) const {
    return !setting_.is_plain() && int64_t(p) * plan_.samples * request.stop.max_new_tokens < kKlTokens;
  }

  /// Returns a source of the requests that the journal does not have yet, prompt by prompt.
  std::function<std::optional<Request>()> open_requests(std::vector<float> strengths) {
    return [this, strengths = std::move(strengths), next = size_t(0),
            request = Request()]() mutable -> std::optional<Request> {
      if (next > 0 && ++request.sample < uint64_t(plan_.samples)) return request;
      while (next < plan_.prompts && journal_.has(next)) ++next;
      if (next == plan_.prompts) return std::nullopt;
      request = plan_.request(next);
      const bool measured = is_measured(next, request);
      unmeasured_ += measured;
      if (!setting_.is_plain()) strengths.back() = measured ? 1.0f : 0.0f;
      request.prompt = next++;
      request.strengths = strengths;
      return request;
    };
  }

  void take(Completion completion) {
    if (completion.finish_reason == FinishReason::Error)
      watch_.warning(concat(setting_.name, ", prompt ", completion.prompt + 1, ", sample ", completion.sample + 1, ": ",
                            completion.error));
    auto& samples = pending_[size_t(completion.prompt)];
    samples.push_back(std::move(completion));
    if (int64_t(samples.size()) == plan_.samples) ready_.push_back(size_t(samples[0].prompt));
  }

  /// Puts a finished prompt into the journal.
  void keep(size_t p) {
    std::vector<Completion> samples = std::move(pending_[p]);
    pending_.erase(p);
    std::sort(samples.begin(), samples.end(),
              [](const Completion& a, const Completion& b) { return a.sample < b.sample; });
    GenerationRow row = plan_.finish(p, samples);
    KlTotal total;
    for (auto text = kl_.lower_bound({p, 0}); text != kl_.end() && text->first.first == p; text = kl_.erase(text))
      total.add(text->second);
    if (total.tokens > 0) {
      row.fields["kl"] = {{"sum", total.sum}, {"tokens", total.tokens}};
      --unmeasured_;
    }
    journal_.append(row);
  }

  void stop_if_asked() const {
    if (watch_.stop())
      throw Interrupted(concat("interrupted; ", journal_.size(), " of ", plan_.prompts, " ", plan_.unit, " of ",
                               setting_.name, " are finished and kept in ", journal_.path().string(),
                               "; the same command goes on from there"));
  }

  const RowsPlan& plan_;
  const EvaluationSetting& setting_;
  GenerationJournal& journal_;
  Watch& watch_;
  KlTotals kl_;            // of prompts that are not finished
  size_t unmeasured_ = 0;  // prompts that are still to be measured
  std::map<size_t, std::vector<Completion>> pending_;
  std::vector<size_t> ready_;
};

/// Returns the mean over the rows that were measured, in the order of the prompts.
double mean_kl(const GenerationJournal& journal) {
  KlTotal total;
  const std::string source = journal.path().string();
  for (const GenerationRow& row : journal.rows())
    if (const auto kl = row.fields.find("kl"); kl != row.fields.end())
      total.add({require<double>(*kl, "sum", source), require<uint64_t>(*kl, "tokens", source)});
  return total.tokens > 0 ? total.mean() : kUndefined;
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
  const Speed speed = Decoding(plan, setting, journal, watch).run();
  journal.sort_by_index();
  WrittenRows written{journal.rows(), setting.is_plain() ? 0.0 : mean_kl(journal), speed.tokens_per_second()};
  constexpr const char* kSpeed = "tokens_per_second";
  if (written.tokens_per_second == 0.0 && fs::exists(files.speed))
    written.tokens_per_second = get_or<double>(read_json(files.speed), kSpeed, 0.0, files.speed.string());
  write_file(files.speed, to_text(Json{{kSpeed, written.tokens_per_second}}));
  return written;
}

}  // namespace limpid
