#include <cmath>
#include <iostream>
#include <sstream>

#include "apps/commands/files.h"
#include "apps/commands/generate.h"
#include "apps/engine/common.h"
#include "apps/engine/text_perplexity.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/data/named_data.h"
#include "limpid/evaluation/perplexity_judge.h"
#include "limpid/metrics/report.h"

namespace limpid::apps {

std::vector<TokenIds> read_documents(const std::string& file, const Model& model, size_t most) {
  std::vector<TokenIds> documents;
  const auto wanted = [&] { return most == 0 || documents.size() < most; };
  const fs::path path = resolve_data(file);
  if (path.extension() == ".jsonl") {
    for_each_jsonl(path, [&](const Json& row, size_t line) {
      const std::string source = concat(file, ":", line);
      if (!wanted()) return;
      if (row.contains("ids"))
        documents.push_back(require<TokenIds>(row, "ids", source));
      else
        documents.push_back(tokenizer_of(model).encode(require<std::string>(row, "text", source), true));
    });
  } else {
    std::istringstream lines(read_file(path));
    for (std::string line; wanted() && std::getline(lines, line);)
      if (!line.empty()) documents.push_back(tokenizer_of(model).encode(line, true));
  }
  LIMPID_CHECK(!documents.empty(), FormatError, file, ": has no documents");
  return documents;
}

TextLikelihood text_likelihood(const Model& model, const std::vector<TokenIds>& documents, const std::string& file) {
  Progress progress(terminal(), "perplexity", documents.size(), "documents");
  TextLikelihood out;
  double sum = 0.0;
  for (size_t d = 0; d < documents.size(); ++d) {
    terminal().throw_if_stopped();
    TokenIds ids = documents[d];
    if (const int64_t limit = model.config().max_positions; limit > 0 && int64_t(ids.size()) > limit)
      ids.resize(size_t(limit));
    const TokenLikelihoods result = likelihoods(model, ids);
    for (double value : result.nll) {
      sum += value;
      out.nll.push_back(float(value));
    }
    out.best.insert(out.best.end(), result.best.begin(), result.best.end());
    progress.update(d + 1);
  }
  LIMPID_CHECK(!out.nll.empty(), ConfigError, file, ": no document has two tokens");
  out.perplexity = std::exp(sum / double(out.nll.size()));
  out.seconds = progress.seconds();
  progress.finish();
  return out;
}

int run(const PerplexityCommand& options) {
  const auto model = open_model_for(options);
  const std::vector<TokenIds> documents = read_documents(options.file, *model);
  const auto [nll, best, perplexity, seconds] = text_likelihood(*model, documents, options.file);
  if (!options.output.empty()) {
    const auto bytes = [](const auto& values) { return std::as_bytes(std::span(values)); };
    write_safetensors(options.output, {{"nll", DType::F32, {int64_t(nll.size())}, bytes(nll)},
                                       {"best", DType::I32, {int64_t(best.size())}, bytes(best)}});
  }
  const Json report = {{"model", options.model},        {"precision", name(model->precision())},
                       {"documents", documents.size()}, {"tokens", nll.size()},
                       {"perplexity", perplexity},      {"tokens_per_second", double(nll.size()) / seconds}};
  if (options.json)
    std::cout << to_text(report, 1) << '\n';
  else
    std::cout << "perplexity " << perplexity << " over " << thousands(nll.size()) << " tokens of " << documents.size()
              << " documents\n";
  return 0;
}

int run_judged(const MetricsCommand& options) {
  const auto rows = read_generations(options.file);
  const PerplexityJudge judge(open_named_model(options.judge, options.precision), options.judge);
  const auto report = compute_metrics(rows, {}, judge_rows(judge, rows, terminal()));
  std::cout << (options.json ? to_text(to_json(report), 1) + "\n"
                             : summary_table({{options.file.string(), report}}).to_markdown());
  return 0;
}

}  // namespace limpid::apps
