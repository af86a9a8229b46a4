#include "limpid/methods/fusion/fusion_file.h"

#include <algorithm>
#include <mutex>

#include "limpid/checkpoints/config.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/fusion/method.h"
#include "limpid/methods/method_options.h"

namespace limpid::fusion {
namespace {

using Store = FusionFileSettings::Store;

Store parse_store(const std::string& text, const std::string& place) {
  for (Store store : {Store::Target, Store::Base, Store::Folder})
    if (text == name(store)) return store;
  throw FormatError(concat(place, ": \"store\" is ", quote(text), ", expected ", join_alternatives(kFileStores)));
}

/// Reads the models when it is first opened on a target, and keeps them for the next Generator on the same target.
class FusionModels {
 public:
  FusionModels(std::shared_ptr<const DetoxifierFile> file, FusionFileSettings settings, Readout readout)
      : file_(std::move(file)),
        settings_(std::move(settings)),
        readout_(readout) {}

  FusionParts parts(const Model& target) {
    const std::lock_guard lock(mutex_);
    if (!read_for_ || read_for_ != target.head().packed()) {
      parts_ = read_parts(target);
      read_for_ = target.head().packed();
    }
    return parts_;
  }

 private:
  FusionParts read_parts(const Model& target) const {
    FusionParts parts{readout_, nullptr, nullptr, {}};
    if (readout_ == Readout::Temperature) return parts;
    InferenceOptions options;
    options.precision = target.precision();
    options.eight_bit = true;
    std::shared_ptr<const Tokenizer> tokenizer = target.tokenizer();
    if (settings_.store == Store::Target) {
      check_base(target);
      options.shared = vocabulary_tables(target);
    } else if (settings_.store == Store::Base) {
      InferenceOptions base_options = options;
      base_options.layers = 1;  // only its tables are wanted
      const auto base = open_model(file_->need("base"), base_options);
      check_base(*base);
      options.shared = vocabulary_tables(*base);
      tokenizer = base->tokenizer();
    }
    parts.calibrator = read_model("calibrator", kCalibratorPrefix, settings_.calibrator_config, options, tokenizer);
    if (readout_ == Readout::Contrast)
      parts.other = read_model("toxic", kToxicTensors, settings_.toxic_config, options, tokenizer);
    if (settings_.has_map && readout_ != Readout::Probability)
      parts.map = StateMap(float_tensor(file_->tensors()->at(kMapTensor)));
    return parts;
  }

  std::shared_ptr<const Model> read_model(const std::string& role, const std::string& prefix, const Json& config,
                                          const InferenceOptions& options,
                                          const std::shared_ptr<const Tokenizer>& tokenizer) const {
    if (settings_.store == Store::Folder) return open_model(file_->need(role), options);
    const std::string source = concat(file_->path().string(), ": settings.", role, ".config");
    const auto model =
        make_model(config_from_huggingface(config, nullptr, source), file_->tensors_below(prefix), options);
    model->set_tokenizer(tokenizer);
    return model;
  }

  void check_base(const Model& base) const {
    const Tensor sample = embedding_sample(base), stored = float_tensor(file_->tensors()->at(kSampleTensor));
    LIMPID_CHECK(sample.sizes() == stored.sizes() && relative_distance(sample, stored) <= kSameBase, MismatchError,
                 "[fusion] ", file_->path().string(), ": its calibrator was trained on other embeddings than those of ",
                 base.path().empty() ? "this model" : base.path().string());
  }

  std::shared_ptr<const DetoxifierFile> file_;
  FusionFileSettings settings_;
  Readout readout_;
  std::mutex mutex_;
  FusionParts parts_;
  std::shared_ptr<const nn::PackedMatrix> read_for_;  // held, so that its address names this target only
};

}  // namespace

FusionFileSettings FusionFileSettings::parse(const DetoxifierFile& file) {
  const std::string place = concat("[fusion] ", file.path().string(), ": settings");
  const Json& json = file.info().settings;
  FusionFileSettings settings;
  const auto readout_of = [&](const Json& value, const char* key) {
    LIMPID_CHECK(value.is_string(), FormatError, place, ".", key, " is ", json_kind(value),
                 ", expected the name of a read-out");
    return named<Readout>(value.get<std::string>(), place + ": read-out");
  };
  LIMPID_CHECK(json.contains("readout"), FormatError, place, ": \"readout\" is missing");
  settings.readout = readout_of(json.at("readout"), "readout");
  const auto readouts = json.find("readouts");
  LIMPID_CHECK(readouts != json.end() && readouts->is_array(), FormatError, place,
               ": \"readouts\" is missing or no list");
  for (const Json& readout : *readouts) settings.readouts.push_back(readout_of(readout, "readouts"));

  const auto model = [&](const char* key) -> const Json& {
    const auto entry = json.find(key);
    LIMPID_CHECK(entry != json.end() && entry->is_object(), FormatError, place, ": \"", key,
                 "\" is missing or no object");
    return *entry;
  };
  const Json& calibrator = model("calibrator");
  settings.store = parse_store(require<std::string>(calibrator, "store", place + ".calibrator"), place + ".calibrator");
  settings.has_toxic = json.contains("toxic");
  settings.has_map = file.tensors()->find(kMapTensor) != nullptr;
  if (settings.has_map)
    LIMPID_CHECK(file.tensors()->at(kMapTensor).shape.size() == 2 && file.tensors()->at(kMapTensor).dtype == DType::F32,
                 FormatError, "[fusion] ", file.path().string(), ": tensor \"map\" is no float32 matrix");
  LIMPID_CHECK(
      settings.has_toxic || std::count(settings.readouts.begin(), settings.readouts.end(), Readout::Contrast) == 0,
      FormatError, place, ".readouts has contrast, but there is no \"toxic\" model to hold the calibrator against");
  if (settings.store == Store::Folder) return settings;
  const auto config = [&](const char* key) {
    const Json& entry = model(key);
    LIMPID_CHECK(entry.contains("config") && entry.at("config").is_object(), FormatError, place, ".", key,
                 ": \"config\" is missing or no object");
    return entry.at("config");
  };
  settings.calibrator_config = config("calibrator");
  if (settings.has_toxic) settings.toxic_config = config("toxic");
  file.tensors()->at(kSampleTensor);
  return settings;
}

std::map<std::string, std::shared_ptr<const nn::PackedMatrix>> vocabulary_tables(const Model& model) {
  auto tables = model.packed_tables();
  std::erase_if(tables, [&](const auto& table) { return int64_t(table.second->out()) != model.config().vocab_size; });
  LIMPID_CHECK(!tables.empty(), ConfigError,
               "[fusion] the model's embeddings are not packed; open it without training");
  return tables;
}

Tensor embedding_sample(const Model& model) {
  const auto tables = vocabulary_tables(model);
  const auto& table = *tables.at(concat(family_of(model.config()).embedding.name, ".weight"));
  const int64_t rows = std::min<int64_t>(64, int64_t(table.out()));
  Tensor sample = torch::empty({rows, int64_t(table.in())}, torch::kFloat32);
  for (int64_t r = 0; r < rows; ++r)
    table.row(size_t(r) * table.out() / size_t(rows), sample.mutable_data_ptr<float>() + size_t(r) * table.in());
  return sample;
}

double relative_distance(const Tensor& a, const Tensor& b) {
  const Tensor wide = b.to(torch::kFloat64);
  return (a.to(torch::kFloat64) - wide).norm().item<double>() / std::max(1e-30, wide.norm().item<double>());
}

std::shared_ptr<Detoxifier> FusionMethod::load(std::shared_ptr<const DetoxifierFile> file,
                                               const MethodOptions& options) {
  const FusionFileSettings settings = FusionFileSettings::parse(*file);
  const Readout readout = options.choice<Readout>("readout").value_or(settings.readout);
  LIMPID_CHECK(
      readout == Readout::Temperature || std::count(settings.readouts.begin(), settings.readouts.end(), readout) > 0,
      ConfigError, options.place(), "has not what read-out ", name(readout), " needs; it has ",
      join(settings.readouts, ", ", [](Readout known) { return name(known); }), " and temperature");
  const float strength =
      readout == settings.readout ? float(file->info().default_strength) : default_strength(readout, settings.has_map);
  const auto models = std::make_shared<FusionModels>(file, settings, readout);
  return std::make_shared<Detoxifier>(concat(info.name, "/", name(readout)), strength, strength_range(readout),
                                      [file, models](const Model& target) {
                                        file->check_target(target);
                                        return std::make_unique<FusionSession>(target, models->parts(target));
                                      });
}

}  // namespace limpid::fusion
