#include "limpid/scorers/scorer_training.h"

#include <algorithm>
#include <cmath>

#include "limpid/checkpoints/model_store.h"
#include "limpid/core/number_text.h"
#include "limpid/core/random.h"
#include "limpid/core/watch.h"
#include "limpid/metrics/logistic.h"
#include "limpid/scorers/quality.h"
#include "limpid/scorers/text_batches.h"

namespace limpid {
namespace {

constexpr size_t kTextsAtATime = 4096;

/// Moves a share of the rows, drawn at random, from `data` into a new set.
LabelledData hold_out(LabelledData& data, double share, uint64_t seed) {
  LIMPID_CHECK(share > 0.0 && share < 1.0, ConfigError, "the held-out share is ", share,
               ", expected a number between 0 and 1");
  RandomStream(seed, /*stream=*/1000).shuffle(data.rows);
  const auto count = ptrdiff_t(std::llround(share * double(data.rows.size())));
  LabelledData held;
  held.rows.assign(std::make_move_iterator(data.rows.end() - count), std::make_move_iterator(data.rows.end()));
  data.rows.erase(data.rows.end() - count, data.rows.end());
  return held;
}

}  // namespace

std::vector<float> scorer_features(const Encoder& encoder, const ScorerFeatures& features,
                                   std::span<const LabelledText> rows, const std::string& what, Watch& watch) {
  const size_t F = features.stages.size() * size_t(encoder.config().hidden_size);
  std::vector<float> values(rows.size() * F, 0.0f);
  Progress progress(watch, what, rows.size(), "texts");
  for (size_t begin = 0; begin < rows.size(); begin += kTextsAtATime) {
    const size_t end = std::min(rows.size(), begin + kTextsAtATime);
    std::vector<std::string> texts;
    for (size_t i = begin; i < end; ++i) texts.push_back(rows[i].text);
    size_t done = begin;
    for_each_batch(encoder, texts, features.max_length, [&](const EncoderBatch& batch, std::span<const size_t> text) {
      watch.throw_if_stopped();
      const Tensor batch_features = compute_features(features, encoder, batch);
      for (size_t i = 0; i < text.size(); ++i)
        std::copy_n(batch_features.const_data_ptr<float>() + i * F, F, values.data() + (begin + text[i]) * F);
      progress.update(done += text.size());
    });
  }
  progress.finish();
  return values;
}

TrainedScorer train_scorer(const ScorerTraining& options, LabelledData data, LabelledData held_out,
                           const LabelledData& unseen, Watch& watch) {
  LIMPID_CHECK(options.C > 0.0 && std::isfinite(options.C), ConfigError, "C is ", options.C,
               ", expected a positive number");
  const fs::path folder = resolve_model(options.encoder);
  InferenceOptions load;
  load.precision = options.precision;
  const auto encoder = open_encoder(folder, load);

  TrainedScorer result;
  ScorerFile& file = result.file;
  file.encoder_name = options.encoder;
  file.encoder_sha256 = encoder_weights_sha256(folder);
  LIMPID_CHECK(encoder->tokenizer(), ConfigError, folder.string(), ": has no tokenizer (tokenizer.json or vocab.txt)");
  file.vocab_sha256 = vocab_sha256(*encoder->tokenizer());
  file.features.max_length = options.max_length;
  file.features.stages = options.stages.empty() ? std::vector{encoder->num_layers()} : options.stages;
  for (int64_t stage : file.features.stages)
    LIMPID_CHECK(stage >= 0 && stage <= encoder->num_layers(), ConfigError, "stage ", stage, " of an encoder with ",
                 encoder->num_layers(), " layers; expected 0 (embeddings) to ", encoder->num_layers());
  LIMPID_CHECK(options.max_length >= 3 && options.max_length <= encoder->max_tokens(), ConfigError, "a length of ",
               options.max_length, " tokens, expected 3 to ", encoder->max_tokens());

  result.duplicates = remove_duplicates(data, unseen);
  if (held_out.rows.empty())
    held_out = hold_out(data, options.holdout, options.seed);
  else
    result.duplicates += remove_duplicates(data, held_out);

  const std::vector<float> features =
      scorer_features(*encoder, file.features, data.rows, "embed training texts", watch);
  std::vector<int> labels;
  for (const LabelledText& row : data.rows) labels.push_back(row.toxic());
  LogisticOptions logistic;
  logistic.C = options.C;
  logistic.tolerance = 1e-3;  // of a sum over all rows: far below what a threshold or a rank could notice
  const size_t F = file.features.stages.size() * size_t(encoder->config().hidden_size);
  watch.info(concat("fit ", F, " weights on ", thousands(data.rows.size()), " texts, ",
                    thousands(uint64_t(std::count(labels.begin(), labels.end(), 1))), " of them toxic"));
  const LogisticModel model = fit_logistic(features, F, labels, logistic);
  if (!model.converged)
    watch.warning(
        concat("the fit stopped after ", model.iterations, " iterations with a gradient of ", model.gradient_norm));
  file.weights.assign(model.weights.begin(), model.weights.end());
  file.bias = float(model.intercept);

  const std::vector<float> held_features =
      scorer_features(*encoder, file.features, held_out.rows, "embed held-out texts", watch);
  std::vector<double> scores;
  for (size_t i = 0; i < held_out.rows.size(); ++i) scores.push_back(file.score(held_features.data() + i * F));
  file.threshold = options.threshold ? *options.threshold : break_even_threshold(held_out.rows, scores);
  result.held_out = measure_by_source(held_out.rows, scores, file.threshold);
  file.licence = options.licence;
  file.provenance = {{"data", data.files},       {"held_out", held_out.files},
                     {"unseen", unseen.files},   {"duplicates_dropped", result.duplicates},
                     {"rows", data.rows.size()}, {"C", options.C},
                     {"seed", options.seed}};
  return result;
}

}  // namespace limpid
