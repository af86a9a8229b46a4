#include "limpid/scorers/scorer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "limpid/checkpoints/model_store.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/resources.h"
#include "limpid/scorers/known_windows.h"
#include "limpid/scorers/scorer_encoder.h"
#include "limpid/scorers/text_batches.h"

namespace limpid {
namespace {

constexpr const char* kBuiltIn = "scorer-minilm.safetensors";

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return c < 128 ? char(std::tolower(c)) : char(c); });
  return text;
}

/// Returns whether a label denies toxicity: "non-toxic", "not_toxic", "nothate", "neutral", "safe", …
bool is_negation(const std::string& label) {
  const std::string name = lower(label);
  for (const char* start : {"no", "neutral", "safe", "clean", "benign", "normal", "acceptable", "un", "harmless", "ok"})
    if (name.starts_with(start)) return true;
  return name.find("non-") != std::string::npos || name.find("not_") != std::string::npos ||
         name.find("not ") != std::string::npos;
}

/// For scorers that do not work in parts.
class WholeScoring final : public Scoring {
 public:
  WholeScoring(const Scorer& scorer, std::vector<std::string> texts) : scorer_(scorer), texts_(std::move(texts)) {}
  bool step(int64_t) override {
    if (!std::exchange(is_done_, true)) scores_ = scorer_.score(texts_);
    return true;
  }

 private:
  const Scorer& scorer_;
  std::vector<std::string> texts_;
  bool is_done_ = false;
};

/// Base of scorers on an encoder: the highest score of each text's windows, in batches by length.
class EncoderScorer : public Scorer {
 public:
  EncoderScorer(std::shared_ptr<const Encoder> encoder, int64_t max_length, double threshold)
      : encoder_(std::move(encoder)),
        max_length_(max_length),
        threshold_(threshold) {}

  std::vector<double> score(std::span<const std::string> texts) const override {
    WindowedScoring scoring(*this, texts, /*known=*/nullptr);
    while (!scoring.step(kBatchTokens)) {
    }
    return scoring.scores();
  }
  std::unique_ptr<Scoring> begin(std::vector<std::string> texts, KnownWindows* known) const override {
    return std::make_unique<WindowedScoring>(*this, texts, known);
  }
  double threshold() const override { return threshold_; }

 protected:
  virtual std::vector<double> score_batch(const EncoderBatch& batch) const = 0;

  std::shared_ptr<const Encoder> encoder_;
  int64_t max_length_;
  double threshold_;

 private:
  class WindowedScoring final : public Scoring {
   public:
    WindowedScoring(const EncoderScorer& scorer, std::span<const std::string> texts, KnownWindows* known)
        : scorer_(scorer),
          known_(known),
          batches_({}) {
      scores_.resize(texts.size(), 0.0);
      batches_ = TextBatches(unknown_windows(texts));
    }

    bool step(int64_t max_tokens) override {
      if (batches_.done()) return true;
      const TextBatches::Batch batch = batches_.next(max_tokens);
      const std::vector<double> scores = scorer_.score_batch(batch.tokens);
      for (size_t i = 0; i < scores.size(); ++i) {
        const Window& window = windows_[batch.text[i]];
        take(window.text, scores[i]);
        if (!known_ || window.is_last) continue;
        const auto ids = batch.tokens.tokens.begin();
        known_->add({ids + batch.tokens.offset[i], ids + batch.tokens.offset[i + 1]}, scores[i]);
      }
      return batches_.done();
    }

   private:
    struct Window {
      size_t text;
      bool is_last;  // of its text; it becomes another one when the text grows
    };

    void take(size_t text, double score) {
      double& highest = scores_[text];
      if (!std::isnan(highest) && !(score <= highest)) highest = score;  // what is missing stays missing
    }

    /// Returns the windows of all texts that say something and are not known, and keeps whose they are.
    std::vector<TokenIds> unknown_windows(std::span<const std::string> texts) {
      const Encoder& encoder = *scorer_.encoder_;
      const size_t special = encoder.encode("", scorer_.max_length_).size();
      std::vector<TokenIds> unknown;
      for (size_t text = 0; text < texts.size(); ++text) {
        if (is_empty_text(texts[text])) continue;
        std::vector<TokenIds> windows = encoder.windows(texts[text], scorer_.max_length_);
        for (size_t i = 0; i < windows.size(); ++i) {
          if (windows[i].size() <= special) continue;
          if (const auto score = known_ ? known_->find(windows[i]) : std::nullopt) {
            take(text, *score);
            continue;
          }
          windows_.push_back({text, i + 1 == windows.size()});
          unknown.push_back(std::move(windows[i]));
        }
      }
      return unknown;
    }

    const EncoderScorer& scorer_;
    KnownWindows* known_;
    std::vector<Window> windows_;  // of batches_
    TextBatches batches_;
  };
};

/// A Hugging Face sequence classifier: the probability of one label.
class ClassifierScorer final : public EncoderScorer {
 public:
  ClassifierScorer(std::shared_ptr<const Encoder> encoder, size_t label, double threshold)
      : EncoderScorer(encoder, encoder->max_tokens(), threshold),
        label_(label) {}

  std::string name() const override { return encoder_->path().filename().string(); }
  Json describe() const override {
    return {{"name", name()},
            {"kind", encoder_->config().model_class},
            {"label", encoder_->config().labels[label_]},
            {"threshold", threshold_},
            {"encoder_sha256", encoder_weights_sha256(encoder_->path())},
            {"max_length", max_length_}};
  }

 private:
  std::vector<double> score_batch(const EncoderBatch& batch) const override {
    const Tensor logits = encoder_->logits(encoder_->features(batch, encoder_->hidden(batch)));
    const Tensor probabilities = encoder_->probabilities(logits);
    std::vector<double> scores;
    for (int64_t b = 0; b < batch.texts(); ++b) {
      const float* z = logits.const_data_ptr<float>() + b * logits.size(1);
      const bool finite = std::all_of(z, z + logits.size(1), [](float value) { return std::isfinite(value); });
      const float* p = probabilities.const_data_ptr<float>() + b * probabilities.size(1);
      scores.push_back(finite ? double(p[label_]) : std::nan(""));
    }
    return scores;
  }

  size_t label_;
};

/// A head from our scorer file.
class HeadScorer final : public EncoderScorer {
 public:
  HeadScorer(const fs::path& path, ScorerFile file, std::shared_ptr<const Encoder> encoder, double threshold)
      : EncoderScorer(std::move(encoder), file.features.max_length, threshold),
        file_(std::move(file)),
        path_(path),
        sha256_(sha256_file(path)) {}

  std::string name() const override { return path_.stem().string() + "-" + sha256_.substr(0, 8); }
  std::string full_name() const override { return fs::path(file_.encoder_name).filename().string() + "/" + name(); }
  Json describe() const override {
    return {{"name", name()},          {"kind", "head on " + file_.encoder_name}, {"sha256", sha256_},
            {"threshold", threshold_}, {"encoder_sha256", file_.encoder_sha256},  {"max_length", max_length_}};
  }

 private:
  std::vector<double> score_batch(const EncoderBatch& batch) const override {
    const Tensor features = compute_features(file_.features, *encoder_, batch);
    std::vector<double> scores;
    for (int64_t b = 0; b < batch.texts(); ++b)
      scores.push_back(file_.score(features.const_data_ptr<float>() + b * features.size(1)));
    return scores;
  }

  ScorerFile file_;
  fs::path path_;
  std::string sha256_;
};

}  // namespace

std::unique_ptr<Scoring> Scorer::begin(std::vector<std::string> texts, KnownWindows*) const {
  return std::make_unique<WholeScoring>(*this, std::move(texts));
}

std::vector<double> all_scores(const Scorer& scorer, std::span<const std::string> texts) {
  std::vector<double> scores = scorer.score(texts);
  for (size_t i = 0; i < scores.size(); ++i)
    LIMPID_CHECK(std::isfinite(scores[i]), Error, "[scorer] ", scorer.name(), ": its score of \"",
                 texts[i].substr(0, 60), "\" is no number; are the weights of its encoder sound?");
  return scores;
}

bool is_empty_text(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\xc2' && i + 1 < text.size() && text[i + 1] == '\xa0')
      ++i;  // no-break space
    else if (std::string_view(" \t\n\v\f\r").find(text[i]) == std::string_view::npos)
      return false;
  }
  return true;
}

size_t toxic_label(const std::vector<std::string>& labels, const std::string& wanted, const std::string& source) {
  const std::string list = printable(join(labels));
  if (!wanted.empty()) {
    for (size_t i = 0; i < labels.size(); ++i)
      if (labels[i] == wanted || std::to_string(i) == wanted) return i;
    throw ConfigError(concat(source, ": has no label \"", wanted, "\"; its labels are ", list));
  }
  std::vector<size_t> toxic;
  for (size_t i = 0; i < labels.size(); ++i) {
    const std::string name = lower(labels[i]);
    if (name == "toxic" || name == "toxicity") return i;
    if (name.find("toxic") != std::string::npos && !is_negation(name)) toxic.push_back(i);
  }
  if (toxic.size() == 1) return toxic[0];
  LIMPID_CHECK(toxic.empty() && !labels.empty() && labels.size() <= 2 && !is_negation(labels.back()), ConfigError,
               source, ": which label means toxic? Its labels are ", list, "; say it with ?label=NAME behind the path");
  return labels.size() - 1;
}

std::shared_ptr<const Scorer> open_scorer(const ScorerSpec& spec) {
  fs::path path = spec.path.empty() ? find_resource(kBuiltIn) : fs::path(spec.path);
  if (!fs::exists(path)) path = resolve_model(spec.path);
  if (fs::is_directory(path)) {
    InferenceOptions options;
    options.precision = spec.precision.value_or(Precision::Exact);
    const auto encoder = open_encoder(path, options);
    LIMPID_CHECK(encoder->has_classifier(), ConfigError, path.string(), ": is no sequence classifier (its class is \"",
                 encoder->config().model_class, "\"); expected a scorer file or a …ForSequenceClassification");
    LIMPID_CHECK(encoder->config().problem_type != "regression", ConfigError, path.string(),
                 ": gives numbers without bounds (its problem_type is regression); expected a classifier, whose labels "
                 "have probabilities");
    const size_t label = toxic_label(encoder->config().labels, spec.label, path.string());
    return std::make_shared<ClassifierScorer>(encoder, label, spec.threshold.value_or(0.5));
  }
  LIMPID_CHECK(spec.label.empty(), ConfigError, path.string(),
               ": is a scorer file, which has no labels to choose from");
  ScorerFile file = ScorerFile::read(path);
  auto encoder = open_scorer_encoder(file, spec.precision.value_or(Precision::BF16), path.string());
  const double threshold = spec.threshold.value_or(file.threshold);
  return std::make_shared<HeadScorer>(path, std::move(file), std::move(encoder), threshold);
}

}  // namespace limpid
