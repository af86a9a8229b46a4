#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "limpid/core/files.h"
#include "limpid/core/json.h"

/// Our scorer file: a small head on a frozen sentence encoder. One safetensors file whose `__metadata__` has one key,
/// `limpid`:
///   {"format": 1, "kind": "scorer", "encoder": {"name", "weights_sha256", "vocab_sha256"}, "stages": [6],
///    "pooling": "mean", "normalise": true, "max_length": 96, "threshold": 0.33, "provenance": {…}, "licence": "…"}
/// and tensors, float32 or float16: `weights` [F] and `bias` [1], or with a hidden layer `hidden.weight` [H, F],
/// `hidden.bias` [H], `weights` [H], `bias` [1].
namespace limpid {

/// Features that the head sees of a text: for each stage (0 embeddings, i output of layer i) the mean over its tokens,
/// divided by its L2 length; F = stages * D values side by side.
struct ScorerFeatures {
  std::vector<int64_t> stages;
  int64_t max_length = 96;  ///< tokens, special ones in
};

struct ScorerFile {
  ScorerFeatures features;
  std::string encoder_name, encoder_sha256, vocab_sha256;
  std::vector<float> hidden_weight, hidden_bias;  ///< [H, F], [H]; empty: a linear head
  std::vector<float> weights;                     ///< [F], or [H] behind a hidden layer
  float bias = 0.0f;
  double threshold = 0.5;
  Json provenance = Json::object();
  std::string licence;

  size_t inputs() const { return hidden_bias.empty() ? weights.size() : hidden_weight.size() / hidden_bias.size(); }
  /// Returns sigmoid(w · x + b), or sigmoid(w · relu(H x + h) + b), in double sums: one row at a time, so rows do not
  /// meet. NaN where that is no finite number.
  double score(const float* features) const;

  /// Reads a scorer file. @throws FormatError for a file of another kind, a newer format, sizes that do not fit, or
  /// values that are not finite.
  static ScorerFile read(const fs::path& path);
  /// Writes float16 for a hidden layer, float32 otherwise. @throws FormatError for numbers that are not finite.
  void write(const fs::path& path) const;
};

}  // namespace limpid
