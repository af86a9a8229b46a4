#include "limpid/decoding/model_sampling.h"

#include <algorithm>

#include "limpid/checkpoints/gguf.h"
#include "limpid/core/json.h"

namespace limpid {
namespace {

/// A setting that is a number: its names for a person, in generation_config.json and in GGUF files (null: none).
struct Setting {
  const char *name, *json, *gguf;
  std::optional<float> SamplingChoices::* choice;
  float SamplingOptions::* option;
};
constexpr Setting kSettings[] = {
    {"temperature", "temperature", "general.sampling.temp", &SamplingChoices::temperature,
     &SamplingOptions::temperature},
    {"top-p", "top_p", "general.sampling.top_p", &SamplingChoices::top_p, &SamplingOptions::top_p},
    {"min-p", "min_p", "general.sampling.min_p", &SamplingChoices::min_p, &SamplingOptions::min_p},
    {"typical-p", "typical_p", nullptr, &SamplingChoices::typical_p, &SamplingOptions::typical_p},
    {"repetition penalty", "repetition_penalty", "general.sampling.penalty_repeat",
     &SamplingChoices::repetition_penalty, &SamplingOptions::repetition_penalty},
};
constexpr const char* kTopKGguf = "general.sampling.top_k";

SamplingChoices choices_of_huggingface(const fs::path& path) {
  SamplingChoices asked;
  if (!fs::exists(path)) return asked;
  const std::string place = "[sampling] " + path.string();
  const Json file = parse_json(read_file(path), place);
  LIMPID_CHECK(file.is_object(), FormatError, place, ": found ", json_kind(file), ", expected an object");
  const auto says = [&](const char* key) { return file.contains(key) && !file[key].is_null(); };
  for (const Setting& setting : kSettings)
    if (says(setting.json)) asked.*setting.choice = require<float>(file, setting.json, place);
  if (says("top_k")) asked.top_k = require<int64_t>(file, "top_k", place);
  if (says("do_sample") && !require<bool>(file, "do_sample", place)) asked.greedy = true;
  return asked;
}

SamplingChoices choices_of_gguf(const GgufFile& file) {
  SamplingChoices asked;
  for (const Setting& setting : kSettings)
    if (setting.gguf && file.has(setting.gguf)) asked.*setting.choice = float(file.number(setting.gguf));
  if (file.has(kTopKGguf)) asked.top_k = file.integer(kTopKGguf);
  return asked;
}

}  // namespace

SamplingChoices model_sampling(const ModelConfig& config) {
  const fs::path file =
      config.from_gguf ? fs::path(config.source) : fs::path(config.source).parent_path() / "generation_config.json";
  SamplingChoices asked = config.from_gguf ? choices_of_gguf(*GgufFile::open(file)) : choices_of_huggingface(file);
  if (asked.top_k) asked.top_k = std::max<int64_t>(*asked.top_k, 0);  // -1 is off, too
  if (asked.temperature == 0.0f) asked.greedy = true, asked.temperature.reset();
  const SamplingOptions off, options = sampling_options(asked, 0);
  try {
    options.check();
  } catch (const ConfigError& error) {
    throw FormatError(concat("[sampling] ", file.string(), ": ", error.what()));
  }
  for (const Setting& setting : kSettings)
    if (options.*setting.option == off.*setting.option) (asked.*setting.choice).reset();
  if (options.top_k == off.top_k) asked.top_k.reset();
  return asked;
}

SamplingChoices left_open(const SamplingChoices& given, SamplingChoices asked) {
  if (sampling_options(given, 0).is_greedy()) return {};
  for (const Setting& setting : kSettings)
    if (given.*setting.choice) (asked.*setting.choice).reset();
  if (given.top_k) asked.top_k.reset();
  SamplingChoices drawing = given;
  drawing.repetition_penalty.reset();  // changes what the best token is
  if (drawing != SamplingChoices()) asked.greedy.reset();
  return asked.greedy ? SamplingChoices{.greedy = true, .repetition_penalty = asked.repetition_penalty} : asked;
}

SamplingOptions sampling_options(const SamplingChoices& given, uint64_t seed, const SamplingChoices& others) {
  SamplingOptions options;
  options.seed = seed;
  for (const Setting& setting : kSettings) {
    const auto& choice = given.*setting.choice ? given.*setting.choice : others.*setting.choice;
    options.*setting.option = choice.value_or(options.*setting.option);
  }
  options.top_k = given.top_k.value_or(others.top_k.value_or(options.top_k));
  options.greedy = given.greedy.value_or(others.greedy.value_or(options.greedy));
  return options;
}

std::string describe(const SamplingChoices& choices) {
  std::vector<std::string> parts;
  if (choices.greedy.value_or(false)) parts.push_back("greedy");
  for (const Setting& setting : kSettings)
    if (const auto& value = choices.*setting.choice) parts.push_back(concat(setting.name, " ", *value));
  if (choices.top_k) parts.push_back(concat("top-k ", *choices.top_k));
  return join(parts);
}

}  // namespace limpid
