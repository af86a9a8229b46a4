#include "limpid/checkpoints/peft.h"

#include <cmath>
#include <optional>

#include "limpid/checkpoints/finite.h"
#include "limpid/checkpoints/json_guard.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/checkpoints/safetensors.h"

namespace limpid {
namespace {

constexpr const char *kConfigFile = "adapter_config.json", *kTensorFile = "adapter_model.safetensors";
constexpr std::string_view kPrefix = "base_model.model.", kFactorA = ".lora_A.weight", kFactorB = ".lora_B.weight";

/// Returns whether a feature is not used, which null, false, "none", and empty lists and objects all say.
bool is_off(const Json& object, const char* key) {
  const auto setting = object.find(key);
  return setting == object.end() || setting->is_null() || *setting == false || *setting == "none" ||
         (setting->is_structured() && setting->empty());
}

std::vector<std::string> module_list(const Json& object, const std::string& source) {
  const auto modules = object.find("target_modules");
  if (modules == object.end() || modules->is_null()) return {};
  if (modules->is_string()) return {modules->get<std::string>()};  // a pattern; the tensors say which modules it chose
  LIMPID_CHECK(modules->is_array(), FormatError, source, ": \"target_modules\" is ", json_kind(*modules),
               ", expected a list of names");
  std::vector<std::string> names;
  for (const Json& name : *modules) {
    LIMPID_CHECK(name.is_string(), FormatError, source, ": \"target_modules\" holds ", json_kind(name),
                 ", expected names");
    names.push_back(name.get<std::string>());
  }
  return names;
}

PeftConfig parse_config(const Json& json, const std::string& source) {
  LIMPID_CHECK(json.is_object(), FormatError, source, ": found ", json_kind(json), ", expected an object");
  const auto kind = require<std::string>(json, "peft_type", source);
  LIMPID_CHECK(kind == "LORA", ConfigError, source, ": an adapter of type ", quote(kind),
               " is not supported; supported is LORA");
  for (const char* key :
       {"use_dora", "modules_to_save", "bias", "lora_bias", "alpha_pattern", "megatron_config", "layer_replication",
        "trainable_token_indices", "target_parameters", "use_qalora", "alora_invocation_tokens"})
    LIMPID_CHECK(is_off(json, key), ConfigError, source, ": \"", key, "\" is ",
                 printable(to_text(json[key]).substr(0, 60)),
                 ", which is not supported; train the adapter without it, or merge it into its base with peft");
  PeftConfig config;
  config.rank = require<int64_t>(json, "r", source);
  config.alpha = require<double>(json, "lora_alpha", source);
  config.dropout = get_or<double>(json, "lora_dropout", 0.0, source);
  config.rank_stabilised = get_or<bool>(json, "use_rslora", false, source);
  config.fan_in_fan_out = get_or<bool>(json, "fan_in_fan_out", false, source);
  config.base_model = get_or<std::string>(json, "base_model_name_or_path", "", source);
  config.target_modules = module_list(json, source);
  LIMPID_CHECK(config.rank >= 1, FormatError, source, ": \"r\" is ", config.rank, ", expected at least 1");
  LIMPID_CHECK(std::isfinite(config.alpha), FormatError, source, ": \"lora_alpha\" is ", config.alpha,
               ", expected a number");
  return config;
}

std::optional<std::string> module_of(std::string_view tensor, std::string_view factor) {
  if (!tensor.starts_with(kPrefix) || !tensor.ends_with(factor) || tensor.size() <= kPrefix.size() + factor.size())
    return std::nullopt;
  return std::string(tensor.substr(kPrefix.size(), tensor.size() - kPrefix.size() - factor.size()));
}

void check_factor(const TensorView& view, const std::string& source) {
  LIMPID_CHECK(view.shape.size() == 2 && view.shape[0] > 0 && view.shape[1] > 0, FormatError, source, ": ",
               quote(view.name), " has ", view.shape.size(), " dimensions, expected a matrix");
  LIMPID_CHECK(view.dtype == DType::F32 || view.dtype == DType::F16 || view.dtype == DType::BF16, FormatError, source,
               ": ", quote(view.name),
               " is of a type that adapters do not have; expected float32, float16 or bfloat16");
  check_finite(view, source);
}

}  // namespace

double PeftConfig::scale(int64_t module_rank) const {
  return rank_stabilised ? alpha / std::sqrt(double(module_rank)) : alpha / double(module_rank);
}

bool is_peft_folder(const fs::path& folder) { return fs::exists(folder / kConfigFile); }

std::shared_ptr<const PeftAdapter> PeftAdapter::open(const fs::path& folder) {
  const fs::path config_file = folder / kConfigFile, tensor_file = folder / kTensorFile;
  const Json json = read_guarded_json(config_file);
  auto adapter = std::make_shared<PeftAdapter>();
  adapter->path_ = folder;
  adapter->config_ = parse_config(json, config_file.string());
  LIMPID_CHECK(fs::exists(tensor_file) || !fs::exists(folder / "adapter_model.bin"), ConfigError, folder.string(),
               ": has only adapter_model.bin; save it again with peft's save_pretrained(…, safe_serialization=True)");
  const auto file = SafetensorsFile::open(tensor_file);
  adapter->tensors_ = file;
  adapter->metadata_ = file->metadata();

  const std::string source = tensor_file.string();
  std::map<std::string, std::pair<const TensorView*, const TensorView*>> pairs;
  for (const TensorView& view : file->tensors()) {
    const auto a = module_of(view.name, kFactorA), b = module_of(view.name, kFactorB);
    LIMPID_CHECK(a || b, ConfigError, source, ": ", quote(view.name), " is neither ", kPrefix, "NAME", kFactorA,
                 " nor …", kFactorB, "; only adapters of linear layers are supported");
    check_factor(view, source);
    (a ? pairs[*a].first : pairs[*b].second) = &view;
  }
  LIMPID_CHECK(!pairs.empty(), FormatError, source, ": holds no adapter");
  const bool one_rank = is_off(json, "rank_pattern");
  for (const auto& [name, factors] : pairs) {
    const auto [a, b] = factors;
    LIMPID_CHECK(a && b, FormatError, source, ": ", quote(name), " has only ", a ? "lora_A" : "lora_B",
                 "; incomplete file?");
    LIMPID_CHECK(a->shape[0] == b->shape[1], FormatError, source, ": ", quote(name), " has lora_A of rank ",
                 a->shape[0], " and lora_B of rank ", b->shape[1]);
    LIMPID_CHECK(!one_rank || a->shape[0] == adapter->config_.rank, FormatError, source, ": ", quote(name),
                 " has rank ", a->shape[0], ", ", kConfigFile, " says ", adapter->config_.rank);
    adapter->modules_.push_back({name, *a, *b});
  }
  return adapter;
}

void write_peft(const fs::path& folder, const PeftConfig& config, const std::vector<PeftModule>& modules,
                const std::map<std::string, std::string>& metadata) {
  std::vector<TensorView> views;
  for (const PeftModule& module : modules) {
    for (const bool first : {true, false}) {
      TensorView view = first ? module.a : module.b;
      view.name = concat(kPrefix, module.name, first ? kFactorA : kFactorB);
      views.push_back(view);
    }
  }
  check_finite_to_write(views, "[adapter] " + folder.string());
  const Json json = {{"peft_type", "LORA"},
                     {"task_type", "CAUSAL_LM"},
                     {"r", config.rank},
                     {"lora_alpha", config.alpha},
                     {"lora_dropout", config.dropout},
                     {"use_rslora", config.rank_stabilised},
                     {"fan_in_fan_out", config.fan_in_fan_out},
                     {"target_modules", config.target_modules},
                     {"base_model_name_or_path", config.base_model},
                     {"bias", "none"},
                     {"inference_mode", true},
                     {"init_lora_weights", true},
                     {"use_dora", false},
                     {"modules_to_save", nullptr},
                     {"rank_pattern", Json::object()},
                     {"alpha_pattern", Json::object()}};
  std::map<std::string, std::string> about = metadata;
  about["format"] = "pt";
  fs::create_directories(folder);
  write_safetensors(folder / kTensorFile, views, about);
  write_file(folder / kConfigFile, to_text(json, 2) + "\n");  // last: a folder with it is whole
}

}  // namespace limpid
