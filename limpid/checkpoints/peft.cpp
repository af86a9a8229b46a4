#include "limpid/checkpoints/peft.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "limpid/checkpoints/finite.h"
#include "limpid/checkpoints/known_settings.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/checkpoints/safetensors.h"

namespace limpid {
namespace {

constexpr const char *kConfigFile = "adapter_config.json", *kTensorFile = "adapter_model.safetensors";
constexpr std::string_view kPrefix = "base_model.model.", kFactorA = ".lora_A.weight", kFactorB = ".lora_B.weight";

/// Settings that parse_config reads.
constexpr std::string_view kHonouredInAdapters[] = {"peft_type",      "r",
                                                    "lora_alpha",     "lora_dropout",
                                                    "use_rslora",     "fan_in_fan_out",
                                                    "rank_pattern",   "init_lora_weights",
                                                    "target_modules", "base_model_name_or_path"};

/// Settings that change nothing once an adapter is trained: which layers it chose (its tensors say so), how its first
/// weights were drawn, and what belongs to kinds that are refused by a setting of their own.
constexpr std::string_view kHarmlessInAdapters[] = {
    "auto_mapping",      "corda_config",   "ensure_weight_tying", "eva_config",
    "exclude_modules",   "inference_mode", "layers_pattern",      "layers_to_transform",
    "loftq_config",      "lora_ga_config", "megatron_core",       "peft_version",
    "qalora_group_size", "revision",       "runtime_config",      "task_type"};

/// Values of init_lora_weights that leave the base as it is. The others (PiSSA, OLoRA, CorDA, LoftQ, …) take something
/// out of it, so that the factors mean nothing beside the untouched base.
constexpr std::string_view kInitsBesideTheBase[] = {"true", "false", "null", "gaussian", "eva", "orthogonal"};

template <class Names>
bool is_one_of(std::string_view name, const Names& names) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

void check_settings(const Json& json, const std::string& source) {
  const auto is_known = [](const std::string& name) {
    return is_one_of(name, kHonouredInAdapters) || is_one_of(name, kHarmlessInAdapters);
  };
  refuse_unknown_settings(json, is_known, source, "train the adapter without it, merge it into its base with peft");
  const auto init = json.find("init_lora_weights");
  if (init == json.end()) return;
  const std::string name = init->is_string() ? init->get<std::string>() : to_text(*init);
  LIMPID_CHECK(is_one_of(name, kInitsBesideTheBase), ConfigError, source, ": \"init_lora_weights\" is ", quote(name),
               ", which changes the weights of the base; convert the adapter with peft (save_pretrained(…, "
               "path_initial_model_for_weight_conversion=…)), or merge it into its base");
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
  check_settings(json, source);
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
  Json json = read_json(config_file);
  remove_ignored_settings(json, config_file.string());
  auto adapter = std::make_shared<PeftAdapter>();
  adapter->path_ = folder;
  adapter->config_ = parse_config(json, config_file.string());
  LIMPID_CHECK(fs::exists(tensor_file) || !fs::exists(folder / "adapter_model.bin"), ConfigError, folder.string(),
               ": has only adapter_model.bin; save it again with peft's save_pretrained(…, safe_serialization=True)");
  const auto file = SafetensorsFile::open(tensor_file);
  file->require_all();
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
  const bool one_rank = is_off(json.value("rank_pattern", Json()));
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
