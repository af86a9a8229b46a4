#include "limpid/conversion/convert.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "limpid/checkpoints/quote.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/conversion/gguf_metadata.h"
#include "limpid/conversion/tensor_map.h"
#include "limpid/core/error.h"
#include "limpid/kernels/quantize.h"
#include "limpid/tokenizers/write_gguf_tokenizer.h"
#include "limpid/tokenizers/write_tokenizer_json.h"

namespace limpid {
namespace {

using Role = MappedTensor::Role;

/// A model that is read.
struct Source {
  fs::path path;
  ModelConfig config;
  std::shared_ptr<const Checkpoint> checkpoint;

  explicit Source(const fs::path& path) : path(path), config(read_config(path)), checkpoint(Checkpoint::open(path)) {
    const Family& family = family_of(config);
    LIMPID_CHECK(!family.encoder, ConfigError, config.source, ": is an encoder; only decoders can be converted");
    if (!has_output_matrix(config, *checkpoint)) config.tie_word_embeddings = true;
  }
  const GgufFile* gguf() const { return dynamic_cast<const GgufFile*>(checkpoint.get()); }
};

DType plain_type(DType stored) {
  if (stored == DType::F8_E4M3 || stored == DType::F8_E5M2) return DType::BF16;
  return stored == DType::F64 ? DType::F32 : stored;
}

bool fits(DType type, int64_t row) { return row % int64_t(info(type).block_elements) == 0; }

double bits(DType type) { return 8.0 * double(info(type).block_bytes) / double(info(type).block_elements); }

DType gguf_type(const MappedTensor& tensor, std::optional<DType> asked) {
  if (tensor.role == Role::Other) return tensor.parts.empty() ? tensor.type : DType::F32;
  if (!asked) return plain_type(tensor.type);
  const bool coarse = tensor.role == Role::Table && bits(*asked) < bits(DType::Q8_0);
  const int64_t row = tensor.shape.back();
  if (!coarse && fits(*asked, row)) return *asked;
  return fits(DType::Q8_0, row) ? DType::Q8_0 : DType::F32;
}

/// Returns the type that most of the matrices' elements have.
DType usual_type(const TensorMap& map) {
  std::map<DType, int64_t> elements;
  for (const MappedTensor& tensor : map.tensors()) {
    const int64_t size = std::accumulate(tensor.shape.begin(), tensor.shape.end(), int64_t(1), std::multiplies<>());
    if (tensor.role != Role::Other) elements[plain_type(tensor.type)] += size;
  }
  const auto most = std::max_element(elements.begin(), elements.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == elements.end() ? DType::F32 : most->first;
}

bool is_exact(const TensorView& tensor, DType type) {
  std::vector<std::byte> storage;
  const TensorView rounded = as_type(tensor, type, storage);
  const auto before = to_floats(tensor), after = to_floats(rounded);
  return std::memcmp(before.data(), after.data(), before.size() * sizeof(float)) == 0;
}

/// Hands a writer the tensors of a map, one after the other.
class Stream {
 public:
  Stream(const TensorMap& map, std::vector<TensorView> views, Watch& watch)
      : map_(map),
        views_(std::move(views)),
        watch_(watch),
        progress_(watch, "tensors", views_.size(), "tensors") {}

  const std::vector<TensorView>& views() const { return views_; }

  std::span<const std::byte> bytes(size_t index) {
    watch_.throw_if_stopped();
    progress_.update(index);
    if (index >= map_.tensors().size()) return views_[index].data;
    return as_type(map_.read(map_.tensors()[index], storage_), views_[index].dtype, storage_).data;
  }

  ConvertedModel finish(const Checkpoint& source) {
    progress_.finish();
    ConvertedModel result;
    for (const TensorView& view : views_) {
      result.parameters += uint64_t(view.elements());
      result.bytes += byte_size(view.dtype, size_t(view.elements()));
    }
    for (const TensorView& view : source.tensors())
      result.stored_bytes += byte_size(view.dtype, size_t(view.elements()));
    return result;
  }

 private:
  const TensorMap& map_;
  std::vector<TensorView> views_;
  Watch& watch_;
  Progress progress_;
  std::vector<std::byte> storage_;
};

bool has_layer_norm(const Source& source, const TensorMap& map) {
  for (const TensorNames& names : family_of(source.config).tensors)
    for (const MappedTensor& tensor : map.tensors())
      if (names.gguf && tensor.name == names.gguf + std::string(".bias")) return true;
  return false;
}

bool has_tokenizer(const fs::path& folder) {
  return fs::exists(folder / "tokenizer.json") || fs::exists(folder / "vocab.json");
}

/// @param tokenizer  keeps the texts that the metadata look at
GgufMetadata metadata_of(const Source& source, const TensorMap& map, DType type, GgufTokenizer& tokenizer,
                         Watch& watch) {
  GgufMetadata metadata;
  if (const GgufFile* file = source.gguf()) {
    metadata = file->metadata();
    std::erase_if(metadata, [](const auto& entry) {
      return entry.first.starts_with("split.") || entry.first == "general.alignment";
    });
  } else {
    metadata = gguf_metadata(source.config, has_layer_norm(source, map));
    fs::path folder = fs::is_directory(source.path) ? source.path : source.path.parent_path();
    metadata["general.name"] = {fs::absolute(folder).lexically_normal().filename().string()};
    if (has_tokenizer(folder)) {
      tokenizer = gguf_tokenizer(folder, source.config.vocab_size);
      metadata.insert(tokenizer.metadata.begin(), tokenizer.metadata.end());
    } else {
      watch.warning(concat(folder.string(), ": has no tokenizer; the GGUF file has none either"));
    }
  }
  metadata["general.file_type"] = {gguf_file_type(type)};
  if (is_quantised(type)) metadata["general.quantization_version"] = {int64_t(2)};
  return metadata;
}

/// Reads what was written as any reader does: settings that GGUF has no key for would be lost without a word.
void check_settings(const Source& source, const fs::path& output) {
  std::string difference;
  try {
    difference = first_difference(source.config, read_config(output));
  } catch (const Error& error) {
    difference = error.what();
  }
  if (difference.empty()) return;
  fs::remove(output);
  throw ConfigError(concat("[convert] ", source.config.source, ": a GGUF file cannot say this model's ", difference));
}

std::string torch_name(DType type) {
  if (type == DType::F16) return "float16";
  return type == DType::BF16 ? "bfloat16" : "float32";
}

Json generation_json(const Json& config) {
  Json generation = {{"_from_model_config", true}};
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"})
    if (config.contains(key) && !config[key].is_null()) generation[key] = config[key];
  return generation;
}

}  // namespace

ConvertedModel write_gguf_model(const fs::path& model, const fs::path& output, std::optional<DType> type,
                                Watch& watch) {
  const Source source(model);
  std::error_code ignored;
  LIMPID_CHECK(!fs::equivalent(output, model, ignored), ConfigError, "[convert] ", output.string(),
               ": is the model itself, which would be overwritten");
  const TensorMap map(source.config, source.checkpoint, FileKind::Gguf);
  std::vector<TensorView> views;
  for (const MappedTensor& tensor : map.tensors())
    views.push_back({tensor.name, gguf_type(tensor, type), tensor.shape, {}});
  const std::vector<float> divisors = source.gguf() ? std::vector<float>() : rope_divisors(source.config);
  if (!divisors.empty())
    views.push_back({"rope_freqs.weight", DType::F32, {int64_t(divisors.size())}, std::as_bytes(std::span(divisors))});
  GgufTokenizer tokenizer;
  const GgufMetadata metadata = metadata_of(source, map, type.value_or(usual_type(map)), tokenizer, watch);
  Stream stream(map, std::move(views), watch);
  write_gguf(output, metadata, stream.views(), [&](size_t index) { return stream.bytes(index); });
  check_settings(source, output);
  return stream.finish(*source.checkpoint);
}

ConvertedModel write_huggingface_model(const fs::path& model, const fs::path& folder, std::optional<DType> type,
                                       Watch& watch) {
  const Source source(model);
  const GgufFile* file = source.gguf();
  LIMPID_CHECK(file, ConfigError, "[convert] ", model.string(),
               ": is a Hugging Face model already; expected a GGUF file, or an output that ends in .gguf");
  LIMPID_CHECK(!type || *type == DType::F32 || *type == DType::F16 || *type == DType::BF16, ConfigError, "[convert] ",
               folder.string(), ": a Hugging Face folder holds F32, F16 or BF16, not ",
               info(type.value_or(DType::F32)).name);
  Json config = config_to_huggingface(source.config);
  const TensorMap map(source.config, source.checkpoint, FileKind::HuggingFace);
  const DType usual = usual_type(map), natural = is_quantised(usual) ? DType::F32 : usual;
  std::vector<TensorView> views;
  for (const MappedTensor& tensor : map.tensors()) {
    std::vector<std::byte> storage;
    DType chosen = type.value_or(is_quantised(tensor.type) ? DType::F32 : plain_type(tensor.type));
    if (!type && tensor.role == Role::Other && is_exact(map.read(tensor, storage), natural)) chosen = natural;
    views.push_back({tensor.name, chosen, tensor.shape, {}});
  }
  config[config.contains("dtype") ? "dtype" : "torch_dtype"] = torch_name(type.value_or(natural));
  fs::create_directories(folder);
  if (!write_tokenizer_json(*file, folder))
    watch.warning(concat(folder.string(), ": the tokenizer of ", model.filename().string(),
                         " cannot be written as tokenizer.json; the folder has none"));
  write_file(folder / "generation_config.json", to_text(generation_json(config), 2) + "\n");
  Stream stream(map, std::move(views), watch);
  write_safetensors(folder / "model.safetensors", stream.views(), {{"format", "pt"}},
                    [&](size_t index) { return stream.bytes(index); });
  write_file(folder / "config.json", to_text(config, 2) + "\n");  // last: a folder with it is whole
  return stream.finish(*source.checkpoint);
}

}  // namespace limpid
