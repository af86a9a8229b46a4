#include "limpid/checkpoints/inspect.h"

#include <map>
#include <set>

#include "limpid/checkpoints/family.h"
#include "limpid/checkpoints/gguf.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/error.h"

namespace limpid {
namespace {

void add_tensors(const Checkpoint& checkpoint, Json& out) {
  struct Sum {
    uint64_t tensors = 0, bytes = 0;
  };
  std::map<std::string, Sum> sums;
  Json list = Json::array();
  int64_t parameters = 0;
  const auto add = [&](const std::string& name, const std::string& type, const auto& shape, uint64_t bytes) {
    list.push_back({{"name", name}, {"dtype", type}, {"shape", shape}, {"bytes", bytes}});
    ++sums[type].tensors;
    sums[type].bytes += bytes;
  };
  for (const TensorView& tensor : checkpoint.tensors()) {
    // Some are made when they are loaded.
    add(tensor.name, info(tensor.dtype).name, tensor.shape, byte_size(tensor.dtype, size_t(tensor.elements())));
    parameters += tensor.elements();
  }
  for (const OtherTensor& other : checkpoint.others()) add(other.name, printable(other.type), other.shape, other.bytes);
  Json& types = out["types"] = Json::object();
  for (const auto& [type, sum] : sums) types[type] = {{"tensors", sum.tensors}, {"bytes", sum.bytes}};
  out["parameters"] = parameters;
  out["tensors"] = std::move(list);
}

const char* scaling_name(RopeConfig::Scaling scaling) {
  switch (scaling) {
    case RopeConfig::Scaling::kNone: return "none";
    case RopeConfig::Scaling::kLinear: return "linear";
    case RopeConfig::Scaling::kLlama3: return "llama3";
    case RopeConfig::Scaling::kYarn: return "yarn";
    case RopeConfig::Scaling::kDivisors: return "per frequency";
    case RopeConfig::Scaling::kOther: break;
  }
  return "other";
}

Json describe(const ModelConfig& config) {
  Json out = {{"architecture", config.architecture}};
  const auto put = [&](const char* key, auto value) {
    if (value > 0) out[key] = value;
  };
  put("vocab_size", config.vocab_size);
  put("hidden_size", config.hidden_size);
  put("layers", config.num_layers);
  put("heads", config.num_heads);
  put("kv_heads", config.num_kv_heads);
  put("head_dim", config.head_dim);
  put("intermediate_size", config.intermediate_size);
  put("experts", config.num_experts);
  put("experts_per_token", config.experts_per_token);
  put("expert_size", config.expert_size);
  put("max_positions", config.max_positions);
  put("sliding_window", config.sliding_window);
  if (!config.activation.empty()) out["activation"] = config.activation;
  if (const Family* family = find_family(config.architecture); family && family->rotary) {
    out["rope_theta"] = config.rope.theta;
    out["rope_scaling"] = scaling_name(config.rope.scaling);
    if (config.local_rope != config.rope) out["rope_local_theta"] = config.local_rope.theta;
  }
  if (!config.is_encoder()) out["tied_embeddings"] = config.tie_word_embeddings;
  if (!config.eos_ids.empty()) out["eos_ids"] = config.eos_ids;
  if (!config.labels.empty()) out["labels"] = config.labels;
  if (!config.problem_type.empty()) out["problem_type"] = config.problem_type;
  return out;
}

/// Describes a config. Where it is refused, the reason takes its place: the rest of the file is still worth a look.
template <class Read>
Json describe_or_reason(Read&& read) {
  try {
    return describe(read());
  } catch (const Error& error) {
    return {{"problem", error.what()}};
  }
}

// ---- safetensors ----

void check_needs(Json& detoxifier, const fs::path& folder) {
  const auto needs = detoxifier.find("needs");
  if (needs == detoxifier.end() || !needs->is_array()) return;
  for (Json& need : *needs) {
    if (!need.is_object() || !need.contains("path") || !need["path"].is_string()) continue;
    need["state"] = "not below its folder";
    if (!stays_below(need["path"].get<std::string>())) continue;
    std::error_code error;
    fs::path path = folder / need["path"].get<std::string>();
    for (const ModelListing& listing : list_models())  // or the name of a pulled model
      if (listing.pulled && !fs::exists(path, error) && listing.model->name == need["path"]) path = listing.place;
    need["state"] = "missing";
    if (fs::is_directory(path, error)) {
      need["state"] = "found";
    } else if (fs::is_regular_file(path, error)) {
      const bool stated = need.contains("sha256") && need["sha256"].is_string();
      need["state"] = !stated || need["sha256"] == sha256_file(path) ? "found" : "has another hash";
    }
  }
}

Json inspect_safetensors(const fs::path& path) {
  const auto file = SafetensorsFile::open(path);
  Json out = {{"kind", "safetensors"}, {"metadata", file->metadata()}};
  add_tensors(*file, out);
  const auto limpid = file->metadata().find("limpid");
  if (limpid == file->metadata().end()) return out;
  const std::string place = concat(path.string(), ": metadata \"limpid\"");
  Json about = parse_json(limpid->second, place);
  LIMPID_CHECK(about.is_object(), FormatError, place, " is ", json_kind(about), ", expected an object");
  out["metadata"].erase("limpid");
  if (about.contains("kind") && about["kind"].is_string()) {
    out["kind"] = "limpid";
    out["limpid"] = std::move(about);
  } else {
    check_needs(about, path.parent_path());
    out["kind"] = "detoxifier";
    out["detoxifier"] = std::move(about);
  }
  return out;
}

// ---- GGUF ----

struct ValueAsJson {
  Json operator()(int64_t value) const { return value; }
  Json operator()(double value) const { return value; }
  Json operator()(bool value) const { return value; }
  Json operator()(const std::string& text) const { return text; }
  Json operator()(const auto& list) const { return {{"length", list.size()}}; }
};

Json gguf_tokenizer(const GgufFile& file) {
  if (!file.has("tokenizer.ggml.model")) return nullptr;
  static const std::map<std::string, const char*> kinds = {
      {"gpt2", "byte-level BPE"}, {"llama", "SentencePiece"}, {"bert", "WordPiece"}, {"t5", "SentencePiece unigram"}};
  const std::string model = file.text("tokenizer.ggml.model");
  const auto known = kinds.find(model);
  Json out = {{"kind", known == kinds.end() ? model : known->second}};
  if (file.has("tokenizer.ggml.pre")) out["pre"] = file.text("tokenizer.ggml.pre");
  if (file.has("tokenizer.ggml.tokens")) out["size"] = file.texts("tokenizer.ggml.tokens").size();
  out["chat_template"] = file.has("tokenizer.chat_template");
  return out;
}

Json inspect_gguf(const fs::path& path) {
  const auto file = GgufFile::open(path);
  const bool control_vector = file->text_or("general.architecture", "") == "controlvector";
  Json out = {{"kind", control_vector ? "control-vector" : "gguf"}};
  if (!control_vector) out["config"] = describe_or_reason([&] { return config_from_gguf(*file); });
  add_tensors(*file, out);
  if (Json tokenizer = gguf_tokenizer(*file); !tokenizer.is_null()) out["tokenizer"] = std::move(tokenizer);
  Json& metadata = out["metadata"] = Json::object();
  for (const auto& [key, value] : file->metadata()) metadata[key] = std::visit(ValueAsJson(), value.value);
  return out;
}

// ---- folders ----

Json folder_tokenizer(const fs::path& folder) {
  Json out;
  if (fs::exists(folder / "tokenizer.json")) {
    const Json file = read_json(folder / "tokenizer.json");
    const Json model = file.is_object() ? file.value("model", Json::object()) : Json::object();
    out["kind"] = model.is_object() && model.contains("type") && model["type"].is_string()
                      ? model["type"].get<std::string>()
                      : "tokenizer.json";
    if (model.is_object() && model.contains("vocab")) out["size"] = model["vocab"].size();
  } else if (fs::exists(folder / "tokenizer.model")) {
    out["kind"] = "SentencePiece";
  } else if (fs::exists(folder / "vocab.txt")) {
    out["kind"] = "WordPiece";
  } else if (fs::exists(folder / "merges.txt")) {
    out["kind"] = "byte-level BPE";
  }
  return out;
}

Json inspect_folder(const fs::path& folder) {
  Json out;
  if (fs::exists(folder / "adapter_config.json")) {
    out = {{"kind", "adapter"}, {"adapter", read_json(folder / "adapter_config.json")}};
    if (fs::exists(folder / "adapter_model.safetensors"))
      add_tensors(*SafetensorsFile::open(folder / "adapter_model.safetensors"), out);
    return out;
  }
  const auto checkpoint = Checkpoint::open(folder);
  if (!fs::exists(folder / "config.json") && checkpoint->source().ends_with(".gguf"))
    return inspect_gguf(checkpoint->source());
  out = {{"kind", "folder"}, {"config", describe_or_reason([&] { return read_config(folder); })}};
  add_tensors(*checkpoint, out);
  uint64_t bytes = 0;
  for (const auto& [type, sum] : out["types"].items()) bytes += sum["bytes"].get<uint64_t>();
  out["bytes"] = bytes;
  if (Json tokenizer = folder_tokenizer(folder); !tokenizer.is_null()) out["tokenizer"] = std::move(tokenizer);
  if (fs::exists(folder / "training.json")) out["training"] = read_json(folder / "training.json");
  return out;
}

// ---- texts ----

Json inspect_jsonl(const fs::path& path) {
  struct Key {
    uint64_t rows = 0;
    std::set<std::string> kinds;
  };
  std::map<std::string, Key> keys;
  uint64_t rows = 0;
  try {
    for_each_jsonl(path, [&](const Json& row, size_t) {
      ++rows;
      for (const auto& [name, value] : row.items()) {
        ++keys[name].rows;
        keys[name].kinds.insert(json_kind(value));
      }
    });
  } catch (const Json::exception&) {
    throw FormatError(concat(path.string(), ": line ", rows + 1, ": not valid JSON: a number is out of range"));
  }
  Json list = Json::array();
  for (const auto& [name, key] : keys) list.push_back({{"name", name}, {"rows", key.rows}, {"kinds", key.kinds}});
  return {{"kind", "jsonl"}, {"rows", rows}, {"keys", std::move(list)}};
}

Json inspect_plain_json(const fs::path& path) {
  const Json file = read_json(path);
  Json keys = Json::array();
  if (file.is_object())
    for (const auto& [name, value] : file.items()) keys.push_back({{"name", name}, {"kinds", {json_kind(value)}}});
  return {{"kind", "json"}, {"keys", std::move(keys)}};
}

Json inspect_file(const fs::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".jsonl") return inspect_jsonl(path);
  if (extension == ".json") return inspect_plain_json(path);
  // The content decides, so that a renamed file is still explained; Checkpoint::open says what cannot be
  // read.
  const auto checkpoint = Checkpoint::open(path);
  return dynamic_cast<const GgufFile*>(checkpoint.get()) ? inspect_gguf(path) : inspect_safetensors(path);
}

}  // namespace

Json inspect_json(const fs::path& path) {
  std::error_code error;
  LIMPID_CHECK(fs::exists(path, error), IoError, "[inspect] ", path.string(), ": no such file or folder");
  const bool folder = fs::is_directory(path, error);
  Json out = folder ? inspect_folder(path) : inspect_file(path);
  out["path"] = path.string();
  if (!folder) out["bytes"] = fs::file_size(path);
  return out;
}

}  // namespace limpid
