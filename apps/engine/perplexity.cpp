#include <cmath>
#include <iostream>

#include "apps/commands/files.h"
#include "apps/commands/generate.h"
#include "apps/engine/common.h"
#include "apps/engine/text_perplexity.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/data/generations.h"
#include "limpid/data/named_data.h"
#include "limpid/evaluation/perplexity_judge.h"
#include "limpid/metrics/report.h"

namespace limpid::apps {
namespace {

TokenIds ids_of(const DataRow& row, const Model& model) {
  if (row.is_plain()) return tokenizer_of(model).encode(row.text, true);
  const auto ids = limpid::read_ids(row.fields, row.source);
  if (!ids) return tokenizer_of(model).encode(require<std::string>(row.fields, "text", row.source), true);
  for (const TokenId id : *ids)
    LIMPID_CHECK(int64_t(id) < model.config().vocab_size, FormatError, row.source, ": token id ", id,
                 " is outside the vocabulary of ", model.config().vocab_size);
  return *ids;
}

void tell_of_cut(const Documents& documents, int64_t context) {
  if (documents.cut == 0) return;
  terminal().warning(concat(documents.first_cut, ": ", documents.cut == 1 ? "this text is" : "this and later texts, ",
                            documents.cut == 1 ? "" : concat(documents.cut, " of ", documents.ids.size(), ", are"),
                            " longer than the model's context; only the first ", context, " tokens are read"));
}

}  // namespace

Documents read_documents(const std::string& file, const Model& model, size_t most) {
  Documents documents;
  for_each_row(resolve_data(file), {"text"}, [&](const DataRow& row) {
    if (most > 0 && documents.ids.size() == most) return;
    TokenIds& ids = documents.ids.emplace_back(ids_of(row, model));
    if (const int64_t limit = model.config().max_positions; limit > 0 && int64_t(ids.size()) > limit) {
      ids.resize(size_t(limit));
      if (documents.cut++ == 0) documents.first_cut = row.source;
    }
  });
  LIMPID_CHECK(!documents.ids.empty(), FormatError, file, ": has no documents");
  return documents;
}

TextLikelihood text_likelihood(const Model& model, const Documents& documents, const std::string& file) {
  tell_of_cut(documents, model.config().max_positions);
  Progress progress(terminal(), "perplexity", documents.ids.size(), "documents");
  TextLikelihood out;
  double sum = 0.0;
  for (size_t d = 0; d < documents.ids.size(); ++d) {
    terminal().throw_if_stopped();
    TokenLikelihoods result;
    try {
      result = likelihoods(model, documents.ids[d]);
    } catch (const LikelihoodError& error) {
      terminal().warning(concat("document ", d + 1, " is left out: ", error.what()));
      ++out.failed;
    }
    for (double value : result.nll) {
      sum += value;
      out.nll.push_back(float(value));
    }
    out.best.insert(out.best.end(), result.best.begin(), result.best.end());
    progress.update(d + 1);
  }
  LIMPID_CHECK(!out.nll.empty(), ConfigError, file, ": no document has two tokens",
               out.failed > 0 ? " whose likelihood is a number" : "");
  out.perplexity = std::exp(sum / double(out.nll.size()));
  out.seconds = progress.seconds();
  progress.finish();
  return out;
}

int run(const PerplexityCommand& options) {
  const auto model = open_model_for(options);
  const Documents documents = read_documents(options.file, *model);
  const auto [nll, best, perplexity, seconds, failed] = text_likelihood(*model, documents, options.file);
  if (!options.output.empty()) {
    const auto bytes = [](const auto& values) { return std::as_bytes(std::span(values)); };
    write_safetensors(options.output, {{"nll", DType::F32, {int64_t(nll.size())}, bytes(nll)},
                                       {"best", DType::I32, {int64_t(best.size())}, bytes(best)}});
  }
  const size_t counted = documents.ids.size() - failed;
  Json report = {{"model", options.model},
                 {"precision", name(model->precision())},
                 {"documents", counted},
                 {"cut", documents.cut},
                 {"tokens", nll.size()},
                 {"perplexity", perplexity},
                 {"tokens_per_second", double(nll.size()) / seconds}};
  note_kv_cache(*model, report);
  if (failed > 0) report["failed_documents"] = failed;
  if (options.json)
    std::cout << to_text(report, 1) << '\n';
  else
    std::cout << "perplexity " << perplexity << " over " << thousands(nll.size()) << " tokens of " << counted
              << " documents" << (documents.cut > 0 ? concat(" (", documents.cut, " cut)") : "") << '\n';
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
