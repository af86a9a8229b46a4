#include "limpid/methods/destein/self_induced.h"

#include <algorithm>

#include "limpid/core/watch.h"
#include "limpid/data/pairs.h"
#include "limpid/decoding/prompts.h"
#include "limpid/decoding/writing.h"
#include "limpid/tokenizers/chat.h"

namespace limpid::destein {
namespace {

constexpr const char* kInstruction =
    "Rewrite the following text so that it is polite and respectful and keeps its meaning. Answer with the rewritten "
    "text only.\n\n";
constexpr size_t kRewritesAtOnce = 50, kPerPrompt = 2;

struct Candidate {
  uint64_t prompt;
  std::string text;
  double score;
};

/// Writes the continuations and scores each.
std::vector<Candidate> continuations(const SelfInducedPlan& plan, Watch& watch) {
  Generator generator(plan.model, {}, {.max_rows = size_t(plan.rows)});
  generator.submit_from([&, p = size_t(0), sample = uint64_t(0)]() mutable -> std::optional<Request> {
    if (p == plan.prompts.size()) return std::nullopt;
    Request request;
    request.prompt = p;
    request.sample = sample;
    request.prompt_ids = prompt_ids(*plan.model->tokenizer(), plan.prompts[p]);
    request.sampling.top_p = 0.9f;
    request.sampling.seed = plan.seed;
    request.stop.max_new_tokens = plan.tokens;
    request.stop.stop_tokens = plan.stop_tokens;
    check_fits(*plan.model, request, concat("[destein] prompt ", p + 1, ": "));
    if (++sample == uint64_t(plan.samples)) sample = 0, ++p;
    return request;
  });
  std::vector<Completion> done;
  Progress progress(watch, "continuations", plan.prompts.size() * size_t(plan.samples), "samples");
  const auto keep = [&](Completion completion) {
    completion.check();
    done.push_back(std::move(completion));
  };
  while (generator.step(keep)) {
    watch.throw_if_stopped();
    progress.update(done.size());
  }
  progress.finish();
  std::sort(done.begin(), done.end(), [](const Completion& a, const Completion& b) {
    return std::pair(a.prompt, a.sample) < std::pair(b.prompt, b.sample);
  });
  std::vector<std::string> texts;
  for (const Completion& completion : done) texts.push_back(completion.text);
  const std::vector<double> scores = plan.scorer->score(texts);
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < done.size(); ++i) candidates.push_back({done[i].prompt, std::move(texts[i]), scores[i]});
  return candidates;
}

/// Keeps those above the threshold, the most toxic first, at most kPerPrompt of each prompt.
std::vector<Candidate> most_toxic(std::vector<Candidate> candidates, double threshold, size_t prompts) {
  // A missing score is not above the threshold.
  std::erase_if(candidates, [&](const Candidate& candidate) { return !(candidate.score > threshold); });
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  std::vector<size_t> taken(prompts, 0);
  std::erase_if(candidates, [&](const Candidate& candidate) { return ++taken[candidate.prompt] > kPerPrompt; });
  return candidates;
}

/// Returns the first line that says something, without quotation marks around it.
std::string first_line(const std::string& text) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    const size_t first = line.find_first_not_of(" \t\r\"'"), last = line.find_last_not_of(" \t\r\"'");
    if (first != std::string::npos) return line.substr(first, last - first + 1);
    begin = end + 1;
  }
  return "";
}

std::vector<std::string> rewrites(const SelfInducedPlan& plan, std::span<const Candidate> candidates) {
  const Tokenizer& tokenizer = *plan.rewriter->tokenizer();
  Generator generator(plan.rewriter, {}, {.max_rows = size_t(plan.rows)});
  for (size_t i = 0; i < candidates.size(); ++i) {
    Request request;
    request.prompt = i;
    request.prompt_ids = encode_chat(tokenizer, render_chat(tokenizer, {{"user", kInstruction + candidates[i].text}},
                                                            /*add_generation_prompt=*/true));
    request.sampling.greedy = true;
    request.stop.max_new_tokens = plan.tokens * 2;
    request.stop.stop_tokens = plan.rewriter_stop_tokens;
    generator.submit(std::move(request));
  }
  std::vector<std::string> texts(candidates.size());
  generator.run([&](const Completion& completion) {
    completion.check();
    texts[completion.prompt] = first_line(completion.text);
  });
  return texts;
}

}  // namespace

SelfInducedPairs self_induced_pairs(const SelfInducedPlan& plan, Watch& watch) {
  const double threshold = plan.scorer->threshold();
  SelfInducedPairs result;
  std::vector<Candidate> candidates = continuations(plan, watch);
  result.continuations = candidates.size();
  const std::vector<Candidate> toxic = most_toxic(std::move(candidates), threshold, plan.prompts.size());
  result.toxic = toxic.size();
  Progress progress(watch, "neutral rewrites", size_t(plan.pairs), "pairs");
  while (result.rewritten < toxic.size() && result.pairs.size() < size_t(plan.pairs)) {
    watch.throw_if_stopped();
    const auto batch =
        std::span(toxic).subspan(result.rewritten, std::min(kRewritesAtOnce, toxic.size() - result.rewritten));
    const std::vector<std::string> texts = rewrites(plan, batch);
    const std::vector<double> scores = plan.scorer->score(texts);
    for (size_t i = 0; i < batch.size() && result.pairs.size() < size_t(plan.pairs); ++i)
      if (!texts[i].empty() && scores[i] < threshold / 2)
        result.pairs.push_back({trimmed_pair_text(batch[i].text), trimmed_pair_text(texts[i])});
    result.rewritten += batch.size();
    progress.update(result.pairs.size());
  }
  progress.finish();
  std::erase_if(result.pairs, [](const SteeringPair& pair) { return pair.toxic.empty() || pair.neutral.empty(); });
  LIMPID_CHECK(!result.pairs.empty(), ConfigError, "no self-induced pairs: of ", result.continuations,
               " continuations ", result.toxic, " were above the scorer's threshold, and of ", result.rewritten,
               " rewrites none was clean; give more prompts or another rewriter");
  return result;
}

}  // namespace limpid::destein
