#include "limpid/checkpoints/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "limpid/checkpoints/gguf.h"
#include "limpid/checkpoints/quantised/quantised_checkpoint.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/error.h"

namespace limpid {
namespace {

constexpr const char* kConvert =
    "pickle is never read; convert it once in Python: "
    "AutoModel….from_pretrained(FOLDER).save_pretrained(NEW_FOLDER, safe_serialization=True)";

/// A folder whose model.safetensors.index.json says which shard holds which tensor.
class ShardedCheckpoint final : public Checkpoint {
 public:
  explicit ShardedCheckpoint(const fs::path& index_path) : source_(index_path.parent_path().string()) {
    const std::string prefix = concat("[safetensors] ", index_path.string(), ": ");
    const Json index = read_json(index_path);
    LIMPID_CHECK(index.is_object() && index.contains("weight_map") && index["weight_map"].is_object(), FormatError,
                 prefix, "\"weight_map\" is missing; expected an object from tensor names to file names");
    std::map<std::string, std::shared_ptr<const SafetensorsFile>> shards;
    for (const auto& [name, value] : index["weight_map"].items()) {
      LIMPID_CHECK(value.is_string(), FormatError, prefix, "tensor ", quote(name), " is mapped to ", json_kind(value),
                   ", expected a file name");
      const std::string file_name = value.get<std::string>();
      auto& shard = shards[file_name];
      if (!shard) shard = open_shard(index_path, file_name, name, prefix);
      take(*shard, name, concat(prefix, "tensor ", quote(name), " is not in ", quote(file_name)));
    }
    for (auto& [_, shard] : shards) shards_.push_back(std::move(shard));
  }

  const std::vector<TensorView>& tensors() const override { return tensors_; }
  const std::vector<OtherTensor>& others() const override { return others_; }
  const TensorView* find(const std::string& name) const override {
    const auto place = index_.find(name);
    if (place != index_.end()) return &tensors_[place->second];
    refuse_other(name);
    return nullptr;
  }
  std::string source() const override { return source_; }

 private:
  void take(const SafetensorsFile& shard, const std::string& name, const std::string& absent) {
    for (const OtherTensor& other : shard.others())
      if (other.name == name) return others_.push_back(other);
    const TensorView* tensor = shard.find(name);
    LIMPID_CHECK(tensor, FormatError, absent);
    index_.emplace(name, tensors_.size());
    tensors_.push_back(*tensor);
  }

  static std::shared_ptr<const SafetensorsFile> open_shard(const fs::path& index_path, const std::string& file_name,
                                                           const std::string& tensor, const std::string& prefix) {
    // A name, not a path: an index must not reach outside its folder.
    const bool plain = !file_name.empty() &&
                       file_name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos && file_name != "." &&
                       file_name != "..";
    LIMPID_CHECK(plain, FormatError, prefix, "tensor ", quote(tensor), " is mapped to ", quote(file_name),
                 ", expected the name of a file in the same folder");
    const fs::path path = index_path.parent_path() / file_name;
    std::error_code unreachable;  // a name too long for any file
    LIMPID_CHECK(fs::exists(path, unreachable), FormatError, prefix, "shard ", quote(file_name),
                 " is missing; incomplete download?");
    return SafetensorsFile::open(path);
  }

  std::string source_;
  std::vector<std::shared_ptr<const SafetensorsFile>> shards_;
  std::vector<TensorView> tensors_;
  std::vector<OtherTensor> others_;
  std::map<std::string, size_t> index_;
};

bool is_pickle_name(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".bin" || extension == ".pt" || extension == ".pth" || extension == ".ckpt" ||
         extension == ".pkl";
}

std::shared_ptr<const Checkpoint> open_folder(const fs::path& folder) {
  if (fs::exists(folder / "model.safetensors")) return SafetensorsFile::open(folder / "model.safetensors");
  if (fs::exists(folder / "model.safetensors.index.json"))
    return std::make_shared<ShardedCheckpoint>(folder / "model.safetensors.index.json");
  const std::vector<fs::path> gguf = gguf_models(folder);
  std::vector<fs::path> pickles;
  for (const auto& entry : fs::directory_iterator(folder))
    if (is_pickle_name(entry.path())) pickles.push_back(entry.path());
  if (gguf.size() == 1) return GgufFile::open(gguf.front());
  const std::string prefix = concat("[checkpoint] ", folder.string(), ": ");
  LIMPID_CHECK(gguf.empty(), FormatError, prefix, "holds ", gguf.size(), " .gguf files; name the one you mean");
  LIMPID_CHECK(pickles.empty(), FormatError, prefix, "holds its weights only as ",
               quote(std::min_element(pickles.begin(), pickles.end())->filename().string()), "; ", kConvert);
  LIMPID_CHECK(!fs::exists(folder / "adapter_model.safetensors"), FormatError, prefix,
               "is a PEFT adapter, not a model; name the model it was trained for");
  throw FormatError(
      concat(prefix, "no weights found; expected model.safetensors, model.safetensors.index.json or a .gguf file"));
}

std::shared_ptr<const Checkpoint> open_file(const fs::path& path) {
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  const std::string extension = path.extension().string();
  const auto starts_with = [&](std::string_view magic) {
    return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
  };
  if (extension == ".gguf" || starts_with("GGUF")) return GgufFile::open(path);
  if (extension == ".safetensors") return SafetensorsFile::open(path);
  LIMPID_CHECK(!is_pickle_name(path) && !starts_with("PK\x03\x04"), FormatError, "[checkpoint] ", path.string(), ": ",
               kConvert);
  if (bytes.size() > 8 && char(bytes[8]) == '{') return SafetensorsFile::open(path);
  throw FormatError(concat("[checkpoint] ", path.string(), ": is neither safetensors nor GGUF"));
}

template <class T>
T load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

template <class T>
std::vector<int64_t> widen(const TensorView& tensor) {
  std::vector<int64_t> out(tensor.data.size() / sizeof(T));
  for (size_t i = 0; i < out.size(); ++i) out[i] = load<T>(tensor.data.data() + i * sizeof(T));
  return out;
}

}  // namespace

const std::vector<OtherTensor>& Checkpoint::others() const {
  static const std::vector<OtherTensor> none;
  return none;
}

void Checkpoint::refuse_other(const std::string& name) const {
  for (const OtherTensor& other : others())
    LIMPID_CHECK(other.name != name, FormatError, "[checkpoint] ", source(), ": tensor ", quote(name), " has type ",
                 printable(other.type),
                 ", which is not supported; convert the model to F32, F16, BF16 or, in GGUF, "
                 "for example Q4_K_M or Q8_0");
}

void Checkpoint::require_all() const {
  if (!others().empty()) refuse_other(others().front().name);
}

const TensorView& Checkpoint::at(const std::string& name) const {
  const TensorView* tensor = find(name);
  LIMPID_CHECK(tensor, FormatError, "[checkpoint] ", source(), ": tensor ", quote(name), " is missing");
  return *tensor;
}

std::shared_ptr<const Checkpoint> Checkpoint::open(const fs::path& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  LIMPID_CHECK(fs::exists(status), IoError, "[checkpoint] ", path.string(), ": no such file or folder");
  if (!fs::is_directory(status) && path.filename() != "model.safetensors") return open_file(path);
  auto checkpoint = fs::is_directory(status) ? open_folder(path) : open_file(path);
  if (dynamic_cast<const GgufFile*>(checkpoint.get())) return checkpoint;
  return with_quantised_weights(std::move(checkpoint),
                                (fs::is_directory(status) ? path : path.parent_path()) / "config.json");
}

void require_bytes(const TensorView& tensor) {
  LIMPID_CHECK(tensor.data.size() == byte_size(tensor.dtype, size_t(tensor.elements())), ShapeError,
               "[checkpoint] tensor ", quote(tensor.name), " comes with ", tensor.data.size(),
               " bytes; is it one to be loaded first?");
}

std::vector<float> to_floats(const TensorView& tensor) {
  require_bytes(tensor);
  std::vector<float> out(size_t(tensor.elements()));
  dequantize(tensor.dtype, tensor.data.data(), out.size(),
             out.data());  // takes any address: files promise no alignment
  return out;
}

std::vector<int64_t> to_integers(const TensorView& tensor) {
  switch (tensor.dtype) {
    case DType::I8: return widen<int8_t>(tensor);
    case DType::I16: return widen<int16_t>(tensor);
    case DType::I32: return widen<int32_t>(tensor);
    case DType::I64: return widen<int64_t>(tensor);
    case DType::U8:
    case DType::Bool: return widen<uint8_t>(tensor);
    default:
      throw ShapeError(
          concat("[checkpoint] tensor ", quote(tensor.name), " is ", info(tensor.dtype).name, ", expected integers"));
  }
}

}  // namespace limpid
