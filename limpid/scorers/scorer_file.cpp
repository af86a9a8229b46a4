#include "limpid/scorers/scorer_file.h"

#include <algorithm>
#include <cmath>

#include "limpid/checkpoints/finite.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/half.h"

namespace limpid {
namespace {

constexpr int64_t kFormat = 1;

/// Returns the values of a tensor with `dims` dimensions, all of them finite.
std::vector<float> finite_floats(const SafetensorsFile& file, const char* name, size_t dims) {
  const TensorView& view = file.at(name);
  LIMPID_CHECK(view.shape.size() == dims, FormatError, "[scorer] ", file.source(), ": tensor \"", name, "\" has ",
               view.shape.size(), " dimensions, expected ", dims);
  check_finite(view, "[scorer] " + file.source());
  return to_floats(view);
}

}  // namespace

double ScorerFile::score(const float* x) const {
  const size_t F = inputs(), H = hidden_bias.size();
  const auto dot = [](const float* a, const float* b, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; ++i) sum += double(a[i]) * b[i];
    return sum;
  };
  double z = bias;
  if (H == 0) z += dot(weights.data(), x, F);
  for (size_t h = 0; h < H; ++h)
    z += weights[h] * std::max(dot(hidden_weight.data() + h * F, x, F) + hidden_bias[h], 0.0);  // so NaN stays
  return std::isfinite(z) ? 1.0 / (1.0 + std::exp(-z)) : std::nan("");
}

ScorerFile ScorerFile::read(const fs::path& path) {
  const auto file = SafetensorsFile::open(path);
  const std::string place = "[scorer] " + path.string();
  const auto entry = file->metadata().find("limpid");
  LIMPID_CHECK(entry != file->metadata().end(), FormatError, place,
               ": has no \"limpid\" metadata; expected a scorer file (limpid train scorer)");
  const Json meta = parse_json(entry->second, place + ": metadata");
  LIMPID_CHECK(meta.is_object(), FormatError, place, ": metadata is ", json_kind(meta), ", expected an object");
  const auto kind = get_or<std::string>(meta, "kind", "detoxifier", place);
  LIMPID_CHECK(kind == "scorer", FormatError, place, ": is a ", quote(kind), ", expected a scorer");
  const auto format = require<int64_t>(meta, "format", place);
  LIMPID_CHECK(format == kFormat, FormatError, place, ": format ", format, ", this program reads ", kFormat);
  LIMPID_CHECK(require<std::string>(meta, "pooling", place) == "mean" && require<bool>(meta, "normalise", place),
               FormatError, place, ": pooling is not the normalised mean, which is all that this program computes");

  ScorerFile out;
  const Json encoder = require<Json>(meta, "encoder", place);
  LIMPID_CHECK(encoder.is_object(), FormatError, place, ": \"encoder\" is ", json_kind(encoder),
               ", expected an object");
  out.encoder_name = require<std::string>(encoder, "name", place);
  out.encoder_sha256 = require<std::string>(encoder, "weights_sha256", place);
  out.vocab_sha256 = require<std::string>(encoder, "vocab_sha256", place);
  out.features.max_length = require<int64_t>(meta, "max_length", place);
  LIMPID_CHECK(out.features.max_length >= 3 && out.features.max_length <= 1 << 20, FormatError, place,
               ": \"max_length\" is ", out.features.max_length, ", expected 3 or more");
  const Json stages = require<Json>(meta, "stages", place);
  LIMPID_CHECK(stages.is_array() && !stages.empty() && stages.size() <= 1000, FormatError, place,
               ": \"stages\" is not a list of stages");
  for (const Json& stage : stages) {
    LIMPID_CHECK(stage.is_number_integer() && stage.get<int64_t>() >= 0 && stage.get<int64_t>() < 1000, FormatError,
                 place, ": \"stages\" holds ", stage.dump(), ", expected whole numbers from 0");
    out.features.stages.push_back(stage.get<int64_t>());
  }
  out.threshold = require<double>(meta, "threshold", place);
  LIMPID_CHECK(out.threshold >= 0.0 && out.threshold <= 1.0, FormatError, place, ": \"threshold\" is ", out.threshold,
               ", expected 0 to 1");
  out.provenance = meta.value("provenance", Json::object());
  out.licence = get_or<std::string>(meta, "licence", "", place);

  out.weights = finite_floats(*file, "weights", 1);
  const auto bias = finite_floats(*file, "bias", 1);
  LIMPID_CHECK(bias.size() == 1 && !out.weights.empty(), FormatError, place, ": ", out.weights.size(), " weights and ",
               bias.size(), " biases, expected at least one weight and one bias");
  out.bias = bias[0];
  if (file->find("hidden.weight")) {
    out.hidden_weight = finite_floats(*file, "hidden.weight", 2);
    out.hidden_bias = finite_floats(*file, "hidden.bias", 1);
    const auto& shape = file->at("hidden.weight").shape;
    LIMPID_CHECK(size_t(shape[0]) == out.weights.size() && out.hidden_bias.size() == out.weights.size() && shape[1] > 0,
                 FormatError, place, ": hidden.weight is [", shape[0], ", ", shape[1], "] with ",
                 out.hidden_bias.size(), " biases and ", out.weights.size(), " weights behind it");
  }
  return out;
}

void ScorerFile::write(const fs::path& path) const {
  const Json meta = {
      {"format", kFormat},
      {"kind", "scorer"},
      {"encoder", {{"name", encoder_name}, {"weights_sha256", encoder_sha256}, {"vocab_sha256", vocab_sha256}}},
      {"stages", features.stages},
      {"pooling", "mean"},
      {"normalise", true},
      {"max_length", features.max_length},
      {"threshold", threshold},
      {"provenance", provenance},
      {"licence", licence}};
  std::vector<uint16_t> halves;
  for (float value : hidden_weight) halves.push_back(float_to_f16(value));
  const auto bytes = [](const auto& values) { return std::as_bytes(std::span(values)); };
  std::vector<TensorView> tensors = {{"weights", DType::F32, {int64_t(weights.size())}, bytes(weights)},
                                     {"bias", DType::F32, {1}, std::as_bytes(std::span(&bias, 1))}};
  if (!hidden_bias.empty()) {
    tensors.push_back({"hidden.weight", DType::F16, {int64_t(hidden_bias.size()), int64_t(inputs())}, bytes(halves)});
    tensors.push_back({"hidden.bias", DType::F32, {int64_t(hidden_bias.size())}, bytes(hidden_bias)});
  }
  check_finite_to_write(tensors, "[scorer] " + path.string());
  write_safetensors(path, tensors, {{"limpid", to_text(meta)}});
}

}  // namespace limpid
