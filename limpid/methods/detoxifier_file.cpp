#include "limpid/methods/detoxifier_file.h"

#include <algorithm>
#include <cmath>

#include "limpid/checkpoints/finite.h"
#include "limpid/checkpoints/layout.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/checkpoints/safetensors.h"

namespace limpid {
namespace {

constexpr int64_t kFormat = 1;
constexpr const char* kKey = "limpid";

/// Tensors gathered from a file under names of their own. Keeps what their bytes lie in.
class TensorList final : public Checkpoint {
 public:
  TensorList(std::string source, std::shared_ptr<const Checkpoint> owner)
      : source_(std::move(source)),
        owner_(std::move(owner)) {}
  void add(TensorView view) {
    index_.emplace(view.name, tensors_.size());
    tensors_.push_back(std::move(view));
  }
  const std::vector<TensorView>& tensors() const override { return tensors_; }
  const TensorView* find(const std::string& name) const override {
    const auto entry = index_.find(name);
    return entry == index_.end() ? nullptr : &tensors_[entry->second];
  }
  std::string source() const override { return source_; }

 private:
  std::string source_;
  std::shared_ptr<const Checkpoint> owner_;
  std::vector<TensorView> tensors_;
  std::map<std::string, size_t> index_;
};

/// Returns a U8 tensor as the blocks that settings.blocks says it holds.
TensorView as_blocks(const TensorView& stored, const Json& entry, const std::string& prefix) {
  const std::string place = concat(prefix, "settings.blocks ", quote(stored.name));
  LIMPID_CHECK(entry.is_object(), FormatError, place, " is ", json_kind(entry), ", expected {\"type\", \"shape\"}");
  const std::string type = require<std::string>(entry, "type", place);
  const auto dtype = dtype_named(type);
  LIMPID_CHECK(dtype && is_quantised(*dtype), FormatError, place, ": \"type\" is ", quote(type),
               ", expected a block type such as Q8_0");
  const auto shape = entry.find("shape");
  LIMPID_CHECK(shape != entry.end() && shape->is_array() && shape->size() == 2 && (*shape)[0].is_number_unsigned() &&
                   (*shape)[1].is_number_unsigned(),
               FormatError, place, ": \"shape\" is not a list of two sizes");
  TensorView view{stored.name, *dtype, {}, stored.data};
  for (const Json& size : *shape) {
    LIMPID_CHECK(size.get<uint64_t>() <= uint64_t(INT64_MAX), FormatError, place, ": a size of ", size.get<uint64_t>());
    view.shape.push_back(size.get<int64_t>());
  }
  LIMPID_CHECK(view.shape[1] % int64_t(info(*dtype).block_elements) == 0, FormatError, place, ": rows of ",
               view.shape[1], " numbers are no whole blocks of ", info(*dtype).block_elements);
  const auto elements = checked_elements(view.shape);
  const auto bytes = elements ? checked_bytes(*dtype, *elements) : std::nullopt;
  LIMPID_CHECK(stored.dtype == DType::U8 && bytes && *bytes == stored.data.size(), FormatError, place, " of ", type,
               " ", shape_text(view.shape), " does not fit the tensor, which has ", stored.data.size(), " bytes of ",
               info(stored.dtype).name);
  return view;
}

std::string require_text(const Json& object, const char* key, const std::string& source) {
  return require<std::string>(object, key, source);
}

const Json& require_object(const Json& object, const char* key, const std::string& source) {
  const auto value = object.find(key);
  LIMPID_CHECK(value != object.end(), FormatError, source, ": \"", key, "\" is missing");
  LIMPID_CHECK(value->is_object(), FormatError, source, ": \"", key, "\" is ", json_kind(*value),
               ", expected an object");
  return *value;
}

TargetSignature parse_target(const Json& object, const std::string& source) {
  TargetSignature target;
  target.architecture = require_text(object, "architecture", source);
  target.hidden_size = require<int64_t>(object, "hidden_size", source);
  target.layers = require<int64_t>(object, "layers", source);
  target.vocab_size = require<int64_t>(object, "vocab_size", source);
  target.vocab_sha256 = get_or<std::string>(object, "vocab_sha256", "", source);
  return target;
}

DetoxifierInfo parse_info(const Json& json, const std::string& prefix) {
  const std::string source = concat(prefix, "metadata \"limpid\"");
  LIMPID_CHECK(json.is_object(), FormatError, source, " is ", json_kind(json), ", expected an object");
  const int64_t format = require<int64_t>(json, "format", source);
  LIMPID_CHECK(format == kFormat, ConfigError, source, ": format ", format, ", this Limpid reads ", kFormat,
               format > kFormat ? "; a newer one is needed" : "");
  DetoxifierInfo result;
  result.method = require_text(json, "method", source);
  result.target = parse_target(require_object(json, "target", source), source + ": \"target\"");
  result.settings = require_object(json, "settings", source);
  result.default_strength = require<double>(json, "default_strength", source);
  LIMPID_CHECK(std::isfinite(result.default_strength), FormatError, source,
               ": \"default_strength\" is not a finite number");
  result.strength_meaning = get_or<std::string>(json, "strength_meaning", "", source);
  if (const auto needs = json.find("needs"); needs != json.end() && !needs->is_null()) {
    LIMPID_CHECK(needs->is_array(), FormatError, source, ": \"needs\" is ", json_kind(*needs), ", expected a list");
    for (const Json& need : *needs) {
      const std::string place = source + ": \"needs\"";
      LIMPID_CHECK(need.is_object(), FormatError, place, " holds ", json_kind(need), ", expected objects");
      result.needs.push_back(
          {require_text(need, "role", place), require_text(need, "path", place), require_text(need, "sha256", place)});
      LIMPID_CHECK(stays_below(result.needs.back().path), FormatError, place, " names ",
                   quote(result.needs.back().path),
                   ", which is not below the file's own folder; expected a path in it, or the name of a pulled model");
    }
  }
  if (json.contains("provenance")) result.provenance = json.at("provenance");
  if (json.contains("gate")) result.gate = require_object(json, "gate", source);
  return result;
}

}  // namespace

std::shared_ptr<const DetoxifierFile> DetoxifierFile::open(const fs::path& path) {
  const auto stored = SafetensorsFile::open(path);
  const std::string prefix = concat("[detoxifier] ", path.string(), ": ");
  const auto metadata = stored->metadata().find(kKey);
  LIMPID_CHECK(metadata != stored->metadata().end(), FormatError, prefix,
               "has no metadata \"limpid\"; it is not a detoxifier");
  auto file = std::make_shared<DetoxifierFile>();
  file->path_ = path;
  file->info_ = parse_info(parse_json(metadata->second, prefix + "metadata \"limpid\""), prefix);

  Json blocks = Json::object();
  if (file->info_.settings.contains("blocks"))
    blocks = require_object(file->info_.settings, "blocks", prefix + "settings");
  stored->require_all();
  auto tensors = std::make_shared<TensorList>(path.string(), stored);
  for (const TensorView& view : stored->tensors())
    tensors->add(blocks.contains(view.name) ? as_blocks(view, blocks.at(view.name), prefix) : view);
  for (const TensorView& view : tensors->tensors()) check_finite(view, "[detoxifier] " + path.string());
  for (const auto& [name, entry] : blocks.items())
    LIMPID_CHECK(stored->find(name), FormatError, prefix, "settings.blocks names ", quote(name),
                 ", which the file does not hold");
  file->tensors_ = tensors;
  return file;
}

std::shared_ptr<const DetoxifierFile> DetoxifierFile::part(const Json& entry, const std::string& prefix,
                                                           const std::string& place) const {
  auto file = std::make_shared<DetoxifierFile>();
  file->path_ = path_;
  file->info_ = info_;
  file->info_.gate = nullptr;
  file->info_.method = require_text(entry, "method", place);
  file->info_.settings = require_object(entry, "settings", place);
  file->info_.default_strength = require<double>(entry, "strength", place);
  file->tensors_ = tensors_below(prefix);
  return file;
}

std::shared_ptr<const Checkpoint> DetoxifierFile::tensors_below(const std::string& prefix) const {
  auto list = std::make_shared<TensorList>(path_.string(), tensors_);
  for (TensorView view : tensors_->tensors()) {
    if (!view.name.starts_with(prefix)) continue;
    view.name.erase(0, prefix.size());
    list->add(std::move(view));
  }
  return list;
}

fs::path DetoxifierFile::need(const std::string& role) const {
  for (const DetoxifierNeed& need : info_.needs) {
    if (need.role != role) continue;
    fs::path model = path_.parent_path() / need.path;
    std::error_code unreachable;  // a name too long for any file
    if (!fs::exists(model, unreachable)) {
      const std::string what = concat("[detoxifier] ", path_.string(), ": needs the ", role, " ", quote(need.path),
                                      ", which is not beside it");
      LIMPID_CHECK(find_packaged_model(need.path), IoError, what, " and no packaged model");
      try {
        model = resolve_model(need.path);
      } catch (const IoError& error) {
        throw IoError(concat(what, ": ", error.what()));
      }
    }
    const std::string hash = weights_sha256(model);
    LIMPID_CHECK(hash == need.sha256, MismatchError, "[detoxifier] ", path_.string(), ": the ", role, " ",
                 model.string(), " has SHA-256 ", hash.substr(0, 12), "…, expected ", need.sha256.substr(0, 12),
                 "…; it was changed since the detoxifier was made");
    return model;
  }
  throw FormatError(concat("[detoxifier] ", path_.string(), ": \"needs\" names no ", role));
}

void write_detoxifier(const fs::path& path, const DetoxifierInfo& info, const std::vector<TensorView>& tensors) {
  check_finite_to_write(tensors, "[detoxifier] " + path.string());
  Json settings = info.settings, blocks = Json::object();
  std::vector<TensorView> stored;
  for (TensorView view : tensors) {
    if (is_quantised(view.dtype)) {
      LIMPID_CHECK(view.shape.size() == 2, ShapeError, "[detoxifier] ", path.string(), ": ", quote(view.name),
                   " is in blocks and no matrix");
      blocks[view.name] = {{"type", limpid::info(view.dtype).name}, {"shape", view.shape}};
      view.dtype = DType::U8;
      view.shape[1] = view.shape[0] > 0 ? int64_t(view.data.size()) / view.shape[0] : 0;
    }
    stored.push_back(std::move(view));
  }
  settings["blocks"] = blocks;
  // Wider elements first, so that every tensor lies at a multiple of its element's size.
  std::stable_sort(stored.begin(), stored.end(), [](const TensorView& a, const TensorView& b) {
    return limpid::info(a.dtype).block_bytes > limpid::info(b.dtype).block_bytes;
  });
  Json needs = Json::array();
  for (const DetoxifierNeed& need : info.needs)
    needs.push_back({{"role", need.role}, {"path", need.path}, {"sha256", need.sha256}});
  const TargetSignature& t = info.target;
  Json json = {{"format", kFormat},
               {"method", info.method},
               {"target",
                {{"architecture", t.architecture},
                 {"hidden_size", t.hidden_size},
                 {"layers", t.layers},
                 {"vocab_size", t.vocab_size},
                 {"vocab_sha256", t.vocab_sha256}}},
               {"settings", settings},
               {"default_strength", info.default_strength},
               {"strength_meaning", info.strength_meaning},
               {"needs", needs},
               {"provenance", info.provenance}};
  if (!info.gate.is_null()) json["gate"] = info.gate;
  write_safetensors(path, stored, {{kKey, to_text(json)}});
}

std::string needed_path(const std::string& role, const fs::path& model, const fs::path& detoxifier) {
  const fs::path folder = fs::absolute(detoxifier).lexically_normal().parent_path();
  const fs::path path = fs::absolute(model).lexically_normal().lexically_relative(folder);
  LIMPID_CHECK(stays_below(path), ConfigError, "[detoxifier] ", detoxifier.string(), ": the ", role, " ",
               model.string(),
               " is not below its folder, and a detoxifier looks nowhere else; write it above the model, or lay the "
               "model (or a link to it) into ",
               folder.string());
  return path.generic_string();
}

DetoxifierNeed linked_model(const std::string& role, const fs::path& model, const fs::path& detoxifier) {
  if (!fs::exists(model)) return {role, model.string(), weights_sha256(resolve_model(model.string()))};
  for (const ModelListing& listing : list_models())
    if (listing.pulled && fs::equivalent(listing.place, model))
      return {role, listing.model->name, weights_sha256(model)};
  return {role, needed_path(role, model, detoxifier), weights_sha256(model)};
}

std::string weights_sha256(const fs::path& model) {
  if (!fs::is_directory(model)) return sha256_file(model);
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(model))
    if (entry.path().extension() == ".safetensors" || entry.path().extension() == ".gguf" ||
        entry.path().filename() == "adapter_config.json")
      files.push_back(entry.path());
  LIMPID_CHECK(!files.empty(), FormatError, "[detoxifier] ", model.string(),
               ": no weights found; expected .safetensors or .gguf files");
  if (files.size() == 1) return sha256_file(files[0]);
  std::sort(files.begin(), files.end());
  std::string hashes;
  for (const fs::path& file : files) hashes += sha256_file(file);
  return sha256(hashes);
}

}  // namespace limpid
