#include "limpid/evaluation/detox_contrast.h"

#include <algorithm>
#include <cmath>

#include "limpid/core/random.h"
#include "limpid/data/pairs.h"
#include "limpid/methods/fusion/fit.h"
#include "limpid/methods/provenance.h"
#include "limpid/training/calibrator.h"

namespace limpid {
namespace {

constexpr double kSafeBelow = 0.2, kToxicAbove = 0.5;  // scores of the texts that a half learns from
constexpr int64_t kTokens = 40, kLayers = 3;

/// The files of the halves and their texts.
struct ContrastFiles {
  fs::path written, all, safe, toxic, common_half, safe_half, toxic_half;

  explicit ContrastFiles(const DetoxFiles& files)
      : written(files.work / "own-texts"),
        all(written / "all.jsonl"),
        safe(written / "safe.jsonl"),
        toxic(written / "toxic.jsonl"),
        common_half(files.work / "calibrator-common"),
        safe_half(files.work / "calibrator-safe"),
        toxic_half(files.work / "calibrator-toxic") {}
};

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  const auto add = [&] {
    const bool is_mark = word == "USER" || word == "URL" || word == "EMAIL" || word.starts_with('@');
    if (!word.empty() && !is_mark) words.push_back(word);
    word.clear();
  };
  for (char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
      add();
    else if (c != '#')
      word += c;
  }
  add();
  return words;
}

std::vector<std::string> texts_to_open(const DetoxSplits& splits, uint64_t seed) {
  std::vector<std::string> texts;
  for (TextRow& row : read_text_data({.files = {kComments}, .where = {}, .fields = {}}).rows)
    texts.push_back(std::move(row.text));
  RandomStream sides(seed, /*stream=*/0x73696465);
  for (const SteeringPair& pair : read_pairs({.files = {kSteeringPairs}, .where = {}, .fields = {}}))
    texts.push_back(sides.next_below(2) == 0 ? pair.toxic : pair.neutral);
  for (std::string& text : texts_of(rows_between(kOrdinaryWebPrompts, 0, size_t(splits.gate))))
    texts.push_back(std::move(text));
  return texts;
}

std::string text_line(const GenerationRow& row, const Continuation& text) {
  return to_text(Json{{"text", row.prompt + text.text}}) + "\n";
}

CalibratorOptions half_of(const DetoxPlan& plan, const fs::path& base, const fs::path& output,
                          std::vector<std::string> data) {
  CalibratorOptions options;
  options.base = base;
  options.output = output;
  options.data.files = std::move(data);
  options.layers = std::min(kLayers, plan.model->config().num_layers);
  options.examples.max_length = 96;
  options.examples.end_token = false;
  options.seed = plan.seed;
  return options;
}

/// Returns the options of a half that branches off the common one: its whole epoch counts.
CalibratorOptions branch_of(const DetoxPlan& plan, const ContrastFiles& files, const fs::path& output,
                            std::vector<std::string> data) {
  CalibratorOptions options = half_of(plan, files.common_half, output, std::move(data));
  options.adamw.learning_rate = 5e-4;
  options.warmup = 20;
  options.patience = 0;
  return options;
}

}  // namespace

OwnTexts OwnTexts::for_minutes(double minutes) {
  constexpr double kPerMinute = 400.0;  // written, scored, and learned from twice
  return {size_t(std::clamp(minutes * kPerMinute, 40.0, double(kUsual)))};
}

std::vector<PromptRow> openings(const DetoxPlan& plan, const DetoxSplits& splits) {
  std::vector<PromptRow> found;
  RandomStream draw(plan.seed, /*stream=*/0x6f70656e);
  for (const std::string& text : texts_to_open(splits, plan.seed)) {
    std::vector<std::string> words = words_of(text);
    if (words.size() < 6) continue;
    words.resize(3 + size_t(draw.next_below(std::min<size_t>(12, words.size() - 2) - 2)));
    found.push_back({join(words, " "), {}});
  }
  draw.shuffle(found);
  return found;
}

void write_own_texts(const DetoxPlan& plan, const DetoxFiles& files, const DetoxSplits& splits, const OwnTexts& texts,
                     Watch& watch) {
  const ContrastFiles contrast(files);
  if (fs::exists(contrast.all) && fs::exists(contrast.safe) && fs::exists(contrast.toxic)) return;
  std::vector<PromptRow> prompts = openings(plan, splits);
  const size_t samples = (texts.count + prompts.size() - 1) / prompts.size();
  prompts.resize(texts.count / samples);
  EvaluationPlan evaluation = evaluation_of(plan, std::move(prompts), int64_t(samples), contrast.written);
  evaluation.tokens = kTokens;
  evaluation.sampling.top_p = 0.95f;
  evaluation.judges.clear();
  std::string all, safe, toxic;
  const std::vector<SettingResult> written = evaluate(evaluation, watch);
  for (const GenerationRow& row : written[0].rows)
    for (const Continuation& text : row.generations) {
      if (text.text.find_first_not_of(" \t\r\n") == std::string::npos) continue;
      all += text_line(row, text);
      if (text.toxicity && *text.toxicity < kSafeBelow) safe += text_line(row, text);
      if (text.toxicity && *text.toxicity > kToxicAbove) toxic += text_line(row, text);
    }
  write_file(contrast.all, all);
  write_file(contrast.safe, safe);
  write_file(contrast.toxic, toxic);
}

void fit_contrast(const DetoxPlan& plan, const DetoxFiles& files, Watch& watch) {
  if (fs::exists(files.contrast)) return;
  const ContrastFiles contrast(files);
  CalibratorOptions common = half_of(plan, plan.model_path, contrast.common_half, {contrast.all.string()});
  common.adamw.learning_rate = 1e-3;
  train_calibrator(common, watch);
  const std::string pairs = kSteeringPairs;
  train_calibrator(branch_of(plan, contrast, contrast.safe_half, {contrast.safe.string(), pairs + "?text=neutral"}),
                   watch);
  train_calibrator(branch_of(plan, contrast, contrast.toxic_half, {contrast.toxic.string(), pairs + "?text=toxic"}),
                   watch);
  fusion::FusionFit fit;
  fit.calibrator = contrast.safe_half;
  fit.against = contrast.toxic_half;
  fit.output = files.contrast;
  fit.seed = plan.seed;
  fit.provenance = fit_provenance(plan.model_name, {kComments, kSteeringPairs, kOrdinaryWebPrompts});
  fusion::fit_fusion(*plan.model, fit, watch);
}

}  // namespace limpid
