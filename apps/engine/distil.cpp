#include "limpid/methods/unidetox/distil.h"

#include <cmath>
#include <iostream>

#include "apps/commands/distil.h"
#include "apps/engine/common.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/core/parse.h"
#include "limpid/core/version.h"
#include "limpid/data/generations.h"
#include "limpid/data/text_data.h"
#include "limpid/methods/adapter.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/unidetox/first_order.h"
#include "limpid/models/vocabulary.h"

namespace limpid::apps {
namespace {

double parse_beta(const std::string& text) {
  if (text == "inf") return std::numeric_limits<double>::infinity();
  const auto beta = parse_number<double>(text);
  LIMPID_CHECK(beta.value_or(0.0) > 0.0, ConfigError, "--beta ", text, ", expected a number above 0, or inf");
  return *beta;
}

std::string rounded(double value) { return concat(std::round(value * 1000.0) / 1000.0 + 0.0); }

int check_first_order(const DistilCommand& options) {
  LIMPID_CHECK(!is_peft_folder(options.anti), ConfigError,
               "--check-first-order compares weights and needs the toxic model whole, not as an adapter");
  const auto base = open_named_model(options.model, TrainingOptions{});
  const unidetox::FirstOrderCheck check(base, open_named_model(options.anti, TrainingOptions{}));
  const Tokenizer& tokenizer = tokenizer_of(*base);
  const TokenId begin = text_beginning(*base);
  std::cout
      << "per token, nats: -tau . gradient, log p_base - log p_toxic, texts whose gradient points away from toxicity\n";
  for (const std::string& file : options.first_order) {
    std::vector<unidetox::FirstOrder> texts;
    size_t away = 0;
    const TextData data = read_text_data({{file}, {}, {}});
    const size_t count = std::min(data.rows.size(), size_t(options.distil.texts));
    Progress progress(terminal(), "first-order check", count, "texts");
    for (size_t i = 0; i < count; ++i) {
      terminal().throw_if_stopped();
      TokenIds ids = tokenizer.encode(data.rows[i].text, /*add_special=*/false);
      ids.insert(ids.begin(), begin);
      if (int64_t(ids.size()) > options.distil.length + 1) ids.resize(size_t(options.distil.length) + 1);
      if (ids.size() < 2) continue;
      texts.push_back(check(ids));
      away += texts.back().first_order > 0.0;
      progress.update(i + 1);
    }
    progress.finish();
    LIMPID_CHECK(!texts.empty(), ConfigError, file, ": no text has a token");
    const unidetox::FirstOrder mean = unidetox::mean_of(texts);
    std::cout << file << ": " << mean.first_order << ", " << mean.score << ", "
              << percent(double(away) / double(texts.size())) << " of " << thousands(texts.size()) << " texts\n"
              << std::flush;
  }
  return 0;
}

void open_toxic(unidetox::DistilPlan& plan, const DistilCommand& options) {
  const fs::path anti = resolve_model(options.anti);
  const Precision precision = is_peft_folder(anti) ? plan.base->precision() : precision_for(options.precision, anti);
  plan.toxic = open_reader(anti, plan.base, precision);
  check_same_vocabulary(*plan.base, *plan.toxic.model, "toxic model", concat(options.anti, ": "));
  plan.provenance["toxic"] = anti.filename().string();
  plan.provenance["toxic_sha256"] = weights_sha256(anti);
  plan.provenance["toxic_precision"] = name(precision);
}

}  // namespace

int run(const DistilCommand& options) {
  LIMPID_CHECK(options.plain != !options.anti.empty(), ConfigError,
               "give --anti MODEL, or --plain for samples of the model itself");
  if (!options.first_order.empty()) {
    LIMPID_CHECK(!options.plain, ConfigError, "--check-first-order needs --anti MODEL");
    return check_first_order(options);
  }
  LIMPID_CHECK(!options.distil.output.empty(), ConfigError, "no output: give -o FILE, or --check-first-order FILE");
  unidetox::DistilPlan plan;
  static_cast<unidetox::DistilOptions&>(plan) = options.distil;
  plan.contrast.beta = parse_beta(options.beta);
  plan.contrast.check();
  if (!options.contexts.empty())
    for (auto& prompt : read_prompts(options.contexts)) plan.contexts.push_back(std::move(prompt.text));

  const fs::path base = resolve_model(options.model);
  plan.base = open_model_for(options);
  plan.provenance = {{"tool", concat("limpid ", version())},
                     {"base", base.filename().string()},
                     {"base_sha256", weights_sha256(base)}};
  if (!options.anti.empty()) open_toxic(plan, options);
  if (!options.no_score) plan.scorer = open_scorer(options.scorer);
  plan.begin = text_beginning(*plan.base);
  plan.stop_tokens = end_tokens(*plan.base);
  terminal().info(concat("texts begin behind ", tokenizer_of(*plan.base).token_text(plan.begin)));

  const unidetox::DistilReport report = unidetox::distil(plan, terminal());
  std::cout << plan.output.string() << ": " << thousands(report.written) << " texts, " << thousands(report.tokens)
            << " tokens";
  if (report.rejected > 0)
    std::cout << "; " << thousands(report.rejected) << " rejected, "
              << (options.plain ? "above a toxicity of " : "below a mean score of ") << rounded(*report.bound);
  if (report.empty > 0) std::cout << "; " << thousands(report.empty) << " ended before their first token";
  if (report.failed > 0) std::cout << "; " << thousands(report.failed) << " failed";
  if (report.mean_score)
    std::cout << "\n  log p_base - log p_toxic: " << rounded(*report.mean_score) << " nats a token";
  if (report.mean_toxicity) std::cout << "\n  toxicity " << rounded(*report.mean_toxicity);
  std::cout << "\n  distinct openings of two tokens: " << percent(report.distinct_openings)
            << "; distinct-1/2/3 over all texts: " << rounded(report.distinct[0]) << " / "
            << rounded(report.distinct[1]) << " / " << rounded(report.distinct[2]) << "\n";
  return report.failed > 0 ? 1 : 0;
}

}  // namespace limpid::apps
