#include <algorithm>
#include <cstdio>

#include "limpid/checkpoints/gguf.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"

namespace limpid {
namespace {

constexpr int64_t kMostParts = 65535;  // split.count is a u16
constexpr size_t kEndingLength = 20;   // of "-00001-of-00003.gguf"

std::string part_ending(int64_t number, int64_t count) {
  char ending[48];
  std::snprintf(ending, sizeof ending, "-%05d-of-%05d.gguf", int(number), int(count));
  return ending;
}

/// Returns whether a file is named like a part of a model that is not its first.
bool is_later_part(const std::string& name) {
  if (name.size() < kEndingLength) return false;
  int number = 0, count = 0;
  const std::string ending = name.substr(name.size() - kEndingLength);
  return std::sscanf(ending.c_str(), "-%5d-of-%5d.gguf", &number, &count) == 2 && number > 1 && number <= count &&
         ending == part_ending(number, count);
}

}  // namespace

std::shared_ptr<GgufFile> GgufFile::open_one(const fs::path& path) {
  auto file = MappedFile::open(path);
  auto parsed = std::const_pointer_cast<GgufFile>(parse(file->bytes(), path.string()));
  parsed->files_.push_back(std::move(file));
  return parsed;
}

void GgufFile::add_part(const GgufFile& part) {
  files_.insert(files_.end(), part.files_.begin(), part.files_.end());
  for (const TensorView& tensor : part.tensors_) {
    LIMPID_CHECK(index_.emplace(tensor.name, tensors_.size()).second, FormatError, "[gguf] ", part.source_, ": tensor ",
                 quote(tensor.name), " is in another part, too");
    tensors_.push_back(tensor);
  }
  others_.insert(others_.end(), part.others_.begin(), part.others_.end());
}

std::shared_ptr<const GgufFile> GgufFile::of(std::map<std::string, GgufValue> metadata, std::vector<TensorView> tensors,
                                             std::string source) {
  auto file = std::make_shared<GgufFile>();
  file->source_ = std::move(source);
  file->metadata_ = std::move(metadata);
  file->tensors_ = std::move(tensors);
  for (size_t i = 0; i < file->tensors_.size(); ++i) file->index_.emplace(file->tensors_[i].name, i);
  return file;
}

std::shared_ptr<const GgufFile> GgufFile::open(const fs::path& path) {
  const auto given = open_one(path);
  const int64_t count = given->integer_or("split.count", 1), number = given->integer_or("split.no", 0);
  if (count <= 1) return given;
  const std::string prefix = concat("[gguf] ", path.string(), ": ");
  LIMPID_CHECK(count <= kMostParts && number >= 0 && number < count, FormatError, prefix, "is said to be part ", number,
               " (counted from 0) of ", count);
  const std::string name = path.filename().string(), ending = part_ending(number + 1, count);
  LIMPID_CHECK(name.ends_with(ending), FormatError, prefix, "is part ", number + 1, " of ", count,
               ", expected a name that ends in ", quote(ending), " to find the others by; has it been renamed?");
  auto whole = std::make_shared<GgufFile>();
  int64_t expected = -1;
  for (int64_t part = 0; part < count; ++part) {
    const fs::path file =
        path.parent_path() / (name.substr(0, name.size() - kEndingLength) + part_ending(part + 1, count));
    LIMPID_CHECK(fs::exists(file), FormatError, "[gguf] ", file.string(), ": part ", part + 1, " of ", count,
                 " is missing; expected all parts of the model in one folder");
    const auto opened = part == number ? given : open_one(file);
    const int64_t its_number = opened->integer_or("split.no", -1), its_count = opened->integer_or("split.count", -1);
    LIMPID_CHECK(its_number == part && its_count == count, FormatError, "[gguf] ", file.string(), ": is part ",
                 its_number + 1, " of ", its_count, " by its metadata; has it been renamed?");
    whole->add_part(*opened);
    if (part > 0) continue;
    whole->source_ = opened->source_;
    whole->metadata_ = opened->metadata_;
    expected = opened->integer_or("split.tensors.count", -1);
  }
  const auto found = int64_t(whole->tensors_.size() + whole->others_.size());
  LIMPID_CHECK(expected < 0 || expected == found, FormatError, prefix, "the ", count, " parts hold ", found,
               " tensors, expected ", expected, "; are they of one and the same model?");
  return whole;
}

const TensorView* GgufFile::scale_of(const Checkpoint& file, const TensorView& tensor) {
  const std::string_view ending = ".weight";
  if (tensor.dtype != DType::NVFP4 || !tensor.name.ends_with(ending)) return nullptr;
  const TensorView* scale = file.find(tensor.name.substr(0, tensor.name.size() - ending.size()) + ".scale");
  return scale ? scale : file.find(tensor.name + ".scale");
}

TensorView GgufFile::load(const TensorView& tensor, std::vector<std::byte>& storage) const {
  const TensorView* scale = scale_of(*this, tensor);
  if (!scale) return tensor;
  LIMPID_CHECK(scale->elements() == 1, FormatError, "[gguf] ", source_, ": tensor ", quote(scale->name), " has ",
               scale->elements(), " elements, expected the one scale of ", quote(tensor.name));
  const float factor = to_floats(*scale).front();
  std::vector<float> values = to_floats(tensor);
  for (float& value : values) value *= factor;
  const auto bytes = std::as_bytes(std::span(values));
  storage.assign(bytes.begin(), bytes.end());
  return {tensor.name, DType::F32, tensor.shape, storage};
}

std::vector<fs::path> gguf_models(const fs::path& folder) {
  std::vector<fs::path> models;
  for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : folder))
    if (entry.path().extension() == ".gguf" && !is_later_part(entry.path().filename().string()))
      models.push_back(entry.path());
  std::sort(models.begin(), models.end());
  return models;
}

}  // namespace limpid
