#include "limpid/conversion/convert.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>

#include "limpid/checkpoints/known_settings.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/checkpoints/rotary_frequencies.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/checkpoints/tied_output.h"
#include "limpid/conversion/gguf_metadata.h"
#include "limpid/conversion/tensor_map.h"
#include "limpid/core/error.h"
#include "limpid/core/staged_folder.h"
#include "limpid/kernels/quantize.h"
#include "limpid/tokenizers/tokenizer.h"
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
    untie_separate_output(config, *checkpoint);
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

/// Refuses an output that is a file of the model itself.
void check_output(const Source& source, const fs::path& output) {
  std::set<std::string> files = {source.path.string()};
  for (const TensorView& tensor : source.checkpoint->tensors())
    if (const char* file = mapped_file_at(tensor.data.data())) files.insert(file);
  for (const std::string& file : files) {
    std::error_code ignored;
    LIMPID_CHECK(!fs::equivalent(output, file, ignored), ConfigError, "[convert] ", output.string(),
                 ": is a file of the model itself, which would be overwritten");
  }
}

/// Says where texts end and begin as the model's own files do. The tokenizer's own end stays the first, where the model
/// knows it.
void add_special_ids(const ModelConfig& config, GgufMetadata& metadata) {
  std::vector<int64_t> ends = config.eos_ids;
  if (const auto own = metadata.find(kGgufEndTokens[0]); own != metadata.end())
    std::ranges::stable_partition(ends, [&](int64_t id) { return own->second.value == GgufValue{id}.value; });
  for (size_t i = 0; i < std::min(ends.size(), std::size(kGgufEndTokens)); ++i) metadata[kGgufEndTokens[i]] = {ends[i]};
  if (config.bos_id >= 0) metadata.try_emplace("tokenizer.ggml.bos_token_id", GgufValue{config.bos_id});
  if (config.pad_id >= 0) metadata.try_emplace("tokenizer.ggml.padding_token_id", GgufValue{config.pad_id});
}

/// @param tokenizer  keeps the texts that the metadata look at
GgufMetadata metadata_of(const Source& source, const TensorMap& map, DType type, GgufTokenizer& tokenizer,
                         Watch& watch) {
  GgufMetadata metadata;
  if (const GgufFile* file = source.gguf()) {
    metadata = file->metadata();
    std::erase_if(metadata, [](const auto& entry) {
      return entry.first.starts_with("split.") || entry.first == "general.alignment" || is_ignored_setting(entry.first);
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
    add_special_ids(source.config, metadata);
  }
  metadata["general.file_type"] = {gguf_file_type(type)};
  if (is_quantised(type)) metadata["general.quantization_version"] = {int64_t(2)};
  return metadata;
}

/// Reads what will be written as any reader does: settings that it has no key for would be lost without a word.
/// @param read  reads it
void check_settings(const Source& source, const char* kind, const std::function<ModelConfig()>& read) {
  const std::string prefix = concat("[convert] ", source.config.source, ": ", kind, " as Limpid writes it ");
  std::string difference;
  try {
    difference = first_difference(source.config, read());
  } catch (const Error& error) {
    throw ConfigError(concat(prefix, "could not be opened: ", error.what()));
  }
  LIMPID_CHECK(difference.empty(), ConfigError, prefix, "cannot say this model's ", difference);
}

/// Returns the divisors of the rotary frequencies; none for other scaling than Llama 3's.
std::vector<float> divisors_of(const ModelConfig& config) {
  return family_of(config).rotary ? llama3_divisors(config.rope, config.rotary_width()) : std::vector<float>();
}

std::string torch_name(DType type) {
  if (type == DType::F16) return "float16";
  return type == DType::BF16 ? "bfloat16" : "float32";
}

}  // namespace

ConvertedModel write_gguf_model(const fs::path& model, const fs::path& output, std::optional<DType> type,
                                Watch& watch) {
  const Source source(model);
  check_output(source, output);
  const TensorMap map(source.config, source.checkpoint, FileKind::Gguf, /*stored=*/source.gguf() && !type);
  std::vector<TensorView> views;
  for (const MappedTensor& tensor : map.tensors()) {
    const bool copied = tensor.parts.empty();  // some of these are settings: divisors of rotary frequencies
    views.push_back({tensor.name, gguf_type(tensor, type), tensor.shape,
                     copied ? source.checkpoint->at(tensor.name).data : std::span<const std::byte>()});
  }
  const std::vector<float> divisors = source.gguf() ? std::vector<float>() : divisors_of(source.config);
  if (!divisors.empty())
    views.push_back({"rope_freqs.weight", DType::F32, {int64_t(divisors.size())}, std::as_bytes(std::span(divisors))});
  GgufTokenizer tokenizer;
  const GgufMetadata metadata = metadata_of(source, map, type.value_or(usual_type(map)), tokenizer, watch);
  check_settings(source, "a GGUF file",
                 [&] { return config_from_gguf(*GgufFile::of(metadata, views, output.string())); });
  Stream stream(map, std::move(views), watch);
  write_gguf(output, metadata, stream.views(), [&](size_t index) { return stream.bytes(index); });
  return stream.finish(*source.checkpoint);
}

ConvertedModel write_huggingface_model(const fs::path& model, const fs::path& folder, std::optional<DType> type,
                                       Watch& watch) {
  LIMPID_CHECK(!fs::exists(folder / "config.json"), ConfigError, "[convert] ", folder.string(),
               ": holds a model already, whose other files would stay beside the new ones; name another folder");
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
  const Json generation = generation_json(config);
  check_settings(source, "config.json",
                 [&] { return config_from_huggingface(config, generation, (folder / "config.json").string()); });
  StagedFolder staged(folder, "config.json");
  if (!write_tokenizer_json(*file, staged.path()))
    watch.warning(concat(folder.string(), ": the tokenizer of ", model.filename().string(),
                         " cannot be written as tokenizer.json; the folder has none"));
  write_file(staged.path() / "generation_config.json", to_text(generation, 2) + "\n");
  Stream stream(map, std::move(views), watch);
  write_safetensors(staged.path() / "model.safetensors", stream.views(), {{"format", "pt"}},
                    [&](size_t index) { return stream.bytes(index); });
  write_file(staged.path() / "config.json", to_text(config, 2) + "\n");
  staged.commit();
  return stream.finish(*source.checkpoint);
}

}  // namespace limpid
