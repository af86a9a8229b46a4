#include <cmath>
#include <iostream>
#include <sstream>

#include "apps/commands/files.h"
#include "apps/commands/generate.h"
#include "apps/engine/common.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/data/named_data.h"
#include "limpid/decoding/judge.h"
#include "limpid/evaluation/perplexity_judge.h"
#include "limpid/metrics/report.h"

namespace limpid::apps {
namespace {

std::vector<TokenIds> read_documents(const PerplexityCommand& options, const Model& model) {
  std::vector<TokenIds> documents;
  const fs::path path = resolve_data(options.file);
  if (path.extension() == ".jsonl") {
    for_each_jsonl(path, [&](const Json& row, size_t line) {
      const std::string source = concat(options.file, ":", line);
      if (row.contains("ids"))
        documents.push_back(require<TokenIds>(row, "ids", source));
      else
        documents.push_back(tokenizer_of(model).encode(require<std::string>(row, "text", source), true));
    });
  } else {
    std::istringstream lines(read_file(path));
    for (std::string line; std::getline(lines, line);)
      if (!line.empty()) documents.push_back(tokenizer_of(model).encode(line, true));
  }
  LIMPID_CHECK(!documents.empty(), FormatError, options.file, ": has no documents");
  return documents;
}

}  // namespace

int run(const PerplexityCommand& options) {
  const auto model = open_model_for(options);
  const std::vector<TokenIds> documents = read_documents(options, *model);
  Progress progress(terminal(), "perplexity", documents.size(), "documents");
  std::vector<float> nll;
  std::vector<int32_t> best;
  double sum = 0.0;
  size_t failed = 0;
  for (size_t d = 0; d < documents.size(); ++d) {
    terminal().throw_if_stopped();
    TokenIds ids = documents[d];
    if (const int64_t limit = model->config().max_positions; limit > 0 && int64_t(ids.size()) > limit)
      ids.resize(size_t(limit));
    TokenLikelihoods result;
    try {
      result = likelihoods(*model, ids);
    } catch (const LikelihoodError& error) {
      terminal().warning(concat("document ", d + 1, " is left out: ", error.what()));
      ++failed;
    }
    for (double value : result.nll) {
      sum += value;
      nll.push_back(float(value));
    }
    best.insert(best.end(), result.best.begin(), result.best.end());
    progress.update(d + 1);
  }
  LIMPID_CHECK(!nll.empty(), ConfigError, options.file, ": no document has two tokens",
               failed > 0 ? " whose likelihood is a number" : "");
  const double perplexity = std::exp(sum / double(nll.size()));
  const double seconds = progress.seconds();
  progress.finish();
  if (!options.output.empty()) {
    const auto bytes = [](const auto& values) { return std::as_bytes(std::span(values)); };
    write_safetensors(options.output, {{"nll", DType::F32, {int64_t(nll.size())}, bytes(nll)},
                                       {"best", DType::I32, {int64_t(best.size())}, bytes(best)}});
  }
  const size_t counted = documents.size() - failed;
  Json report = {{"model", options.model},   {"precision", name(model->precision())},
                 {"documents", counted},     {"tokens", nll.size()},
                 {"perplexity", perplexity}, {"tokens_per_second", double(nll.size()) / seconds}};
  if (failed > 0) report["failed_documents"] = failed;
  if (options.json)
    std::cout << to_text(report, 1) << '\n';
  else
    std::cout << "perplexity " << perplexity << " over " << thousands(nll.size()) << " tokens of " << counted
              << " documents\n";
  return failed > 0 ? 1 : 0;
}

int run_judged(const MetricsCommand& options) {
  const auto rows = read_generations(options.file);
  const PerplexityJudge judge(open_named_model(options.judge, options.precision), options.judge);
  const auto report = compute_metrics(rows, {}, judge_rows(judge, rows, terminal()));
  if (const std::string missing = missing_scores(report); !missing.empty())
    terminal().warning(concat(options.file.string(), ": ", missing));
  std::cout << (options.json ? to_text(to_json(report), 1) + "\n"
                             : summary_table({{options.file.string(), report}}).to_markdown());
  return 0;
}

}  // namespace limpid::apps
