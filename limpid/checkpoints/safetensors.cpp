#include "limpid/checkpoints/safetensors.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "limpid/checkpoints/layout.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"

namespace limpid {
namespace {

constexpr uint64_t kMaxHeader = 100'000'000;        // as in the reference implementation
constexpr size_t kMostTensors = 1 << 18;            // more than any model has; an empty one takes no place in the data
constexpr size_t kMostMetadata = size_t(32) << 20;  // bytes; it is parsed as JSON
constexpr size_t kMostDims = 16;
constexpr const char* kMetadataKey = "__metadata__";

/// One tensor as the header describes it.
struct Entry {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::vector<uint64_t> offsets;
  bool has_dtype = false, has_shape = false, has_offsets = false;
};

/// Reads the header as it is parsed: no document is built, so a header costs no more memory than what it
/// holds, and anything but {"name": {"dtype", "shape", "data_offsets"}, "__metadata__": {"key": "text"}}
/// stops at once.
class HeaderReader final : public nlohmann::json_sax<Json> {
 public:
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;
  std::string problem;

  bool start_object(size_t) override {
    if (depth_ == 0 || (depth_ == 1 && !in_array_)) return ++depth_, true;
    return fail("nested too deeply");
  }
  bool end_object() override {
    if (depth_-- == 2 && !in_metadata_) {
      const Entry& entry = entries.back();
      const auto lacks = [&](const char* what) {
        return fail(concat("tensor ", quote(entry.name), " has no \"", what, "\""));
      };
      if (!entry.has_dtype) return lacks("dtype");
      if (!entry.has_shape) return lacks("shape");
      if (!entry.has_offsets) return lacks("data_offsets");
    }
    return true;
  }
  bool key(string_t& text) override {
    if (depth_ == 1) {
      if (!names_.insert(text).second) return fail(concat("tensor ", quote(text), " occurs twice"));
      in_metadata_ = text == kMetadataKey;
      if (entries.size() == kMostTensors) return fail(concat("names more than ", kMostTensors, " tensors"));
      if (!in_metadata_) (entries.emplace_back()).name = text;
      return true;
    }
    key_ = text;
    if (in_metadata_)
      return metadata.emplace(text, "").second || fail(concat("metadata key ", quote(text), " occurs twice"));
    Entry& entry = entries.back();
    bool* seen = nullptr;
    if (text == "dtype") seen = &entry.has_dtype;
    if (text == "shape") seen = &entry.has_shape;
    if (text == "data_offsets") seen = &entry.has_offsets;
    if (!seen) return fail(concat("tensor ", quote(entry.name), " has an unknown key ", quote(text)));
    if (*seen) return fail(concat("tensor ", quote(entry.name), " has \"", text, "\" twice"));
    return *seen = true;
  }
  bool string(string_t& text) override {
    if (depth_ == 2 && in_metadata_) {
      if ((metadata_bytes_ += text.size()) > kMostMetadata)
        return fail(concat("metadata of more than ", kMostMetadata, " bytes"));
      return metadata[key_] = std::move(text), true;
    }
    if (depth_ == 2 && !in_array_ && key_ == "dtype") return entries.back().dtype = std::move(text), true;
    return unexpected("a string");
  }
  bool start_array(size_t) override {
    if (depth_ != 2 || in_metadata_ || in_array_ || key_ == "dtype") return unexpected("an array");
    return in_array_ = true;
  }
  bool end_array() override { return in_array_ = false, true; }
  bool number_unsigned(number_unsigned_t value) override {
    if (!in_array_) return unexpected("a number");
    Entry& entry = entries.back();
    if (key_ == "data_offsets") {
      if (entry.offsets.size() == 2)
        return fail(concat("tensor ", quote(entry.name), ": \"data_offsets\" has more than 2 numbers"));
      return entry.offsets.push_back(value), true;
    }
    if (value > uint64_t(INT64_MAX)) return fail(concat("tensor ", quote(entry.name), ": a size of ", value));
    if (entry.shape.size() == kMostDims)
      return fail(concat("tensor ", quote(entry.name), " has more than ", kMostDims, " dimensions"));
    return entry.shape.push_back(int64_t(value)), true;
  }
  bool number_integer(number_integer_t value) override { return unexpected(concat("the number ", value)); }
  bool number_float(number_float_t, const string_t& text) override {
    return unexpected(concat("the number ", quote(text)));
  }
  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("true or false"); }
  bool binary(binary_t&) override { return unexpected("binary"); }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return fail(concat("not valid JSON at byte ", position));
  }

 private:
  bool fail(std::string what) { return problem = std::move(what), false; }
  bool unexpected(const std::string& kind) {
    if (depth_ == 0) return fail("is " + kind + ", expected an object");
    if (in_metadata_)
      return fail(concat("metadata ", depth_ == 1 ? "" : quote(key_) + " ", "is ", kind, ", expected ",
                         depth_ == 1 ? "an object" : "a string"));
    const std::string tensor = concat("tensor ", quote(entries.back().name));
    if (depth_ == 1) return fail(concat(tensor, " is ", kind, ", expected an object"));
    return fail(concat(tensor, ": \"", key_, "\" holds ", kind, ", expected ",
                       key_ == "dtype" ? "a string" : "a list of non-negative integers"));
  }

  std::set<std::string> names_;
  std::string key_;
  size_t metadata_bytes_ = 0;
  int depth_ = 0;
  bool in_metadata_ = false, in_array_ = false;
};

std::optional<DType> dtype_of(const Entry& entry) {
  const auto type = dtype_named(entry.dtype);
  return type && !is_quantised(*type) ? type : std::nullopt;
}

/// Returns the bytes of a tensor, checked against the `data` that follow the header.
std::span<const std::byte> bytes_of(const Entry& entry, std::span<const std::byte> data, const std::string& prefix) {
  LIMPID_CHECK(entry.offsets.size() == 2, FormatError, prefix, "tensor ", quote(entry.name), ": \"data_offsets\" has ",
               entry.offsets.size(), " numbers, expected 2");
  const uint64_t begin = entry.offsets[0], end = entry.offsets[1];
  LIMPID_CHECK(begin <= end, FormatError, prefix, "tensor ", quote(entry.name), " begins at byte ", begin,
               " after its end at ", end);
  LIMPID_CHECK(end <= data.size(), FormatError, prefix, "tensor ", quote(entry.name), " ends at byte ", end,
               " of the data, which has ", data.size(), "; truncated download?");
  return data.subspan(begin, end - begin);
}

/// Returns one tensor of the header, checked against the `data` that follow it.
TensorView view_of(const Entry& entry, DType type, std::span<const std::byte> data, const std::string& prefix) {
  TensorView view{entry.name, type, entry.shape, {}};
  const auto elements = checked_elements(view.shape);
  const auto bytes = elements ? checked_bytes(view.dtype, *elements) : std::nullopt;
  LIMPID_CHECK(bytes, FormatError, prefix, "tensor ", quote(view.name), " has shape ", shape_text(view.shape),
               ", more than any file holds");
  view.data = bytes_of(entry, data, prefix);
  LIMPID_CHECK(view.data.size() == *bytes, FormatError, prefix, "tensor ", quote(view.name), " of ", entry.dtype, " ",
               shape_text(view.shape), " takes ", *bytes, " bytes, but its offsets span ", view.data.size());
  return view;
}

std::string json_string(const std::string& text) {
  try {
    return Json(text).dump();
  } catch (const Json::exception&) {
    throw ConfigError(concat("[safetensors] ", quote(text), " is not valid UTF-8 and cannot be written"));
  }
}

}  // namespace

std::shared_ptr<const SafetensorsFile> SafetensorsFile::open(const fs::path& path) {
  auto file = MappedFile::open(path);
  auto parsed = std::const_pointer_cast<SafetensorsFile>(parse(file->bytes(), path.string()));
  parsed->file_ = std::move(file);
  return parsed;
}

std::shared_ptr<const SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes, std::string source) {
  const std::string prefix = concat("[safetensors] ", source, ": ");
  LIMPID_CHECK(bytes.size() >= 8, FormatError, prefix, "file has ", bytes.size(), " bytes, expected at least 8");
  uint64_t header_size = 0;
  std::memcpy(&header_size, bytes.data(), 8);
  LIMPID_CHECK(header_size <= kMaxHeader, FormatError, prefix, "header is said to have ", header_size,
               " bytes, expected at most ", kMaxHeader, "; is this a safetensors file?");
  LIMPID_CHECK(header_size <= bytes.size() - 8, FormatError, prefix, "header ends at byte ", header_size + 8,
               ", file at ", bytes.size(), "; truncated download?");
  const char* header = reinterpret_cast<const char*>(bytes.data()) + 8;
  HeaderReader reader;
  Json::sax_parse(header, header + header_size, &reader);
  LIMPID_CHECK(reader.problem.empty(), FormatError, prefix, "header: ", reader.problem);

  auto file = std::make_shared<SafetensorsFile>();
  file->source_ = std::move(source);
  file->metadata_ = std::move(reader.metadata);
  const auto data = bytes.subspan(8 + header_size);
  std::vector<Extent> extents;
  uint64_t covered = 0;
  for (const Entry& entry : reader.entries) {
    if (const auto type = dtype_of(entry)) {
      file->index_.emplace(entry.name, file->tensors_.size());
      file->tensors_.push_back(view_of(entry, *type, data, prefix));
    } else {
      file->others_.push_back({entry.name, entry.dtype, entry.shape, bytes_of(entry, data, prefix).size()});
    }
    extents.push_back({entry.offsets[0], entry.offsets[1], extents.size()});
    covered += entry.offsets[1] - entry.offsets[0];
    LIMPID_CHECK(covered <= data.size(), FormatError, prefix, "tensor ", quote(entry.name), " overlaps another tensor");
  }
  if (const auto pair = find_overlap(std::move(extents)))
    throw FormatError(concat(prefix, "tensors ", quote(reader.entries[pair->first].name), " and ",
                             quote(reader.entries[pair->second].name), " overlap"));
  // Ranges that do not overlap and are as long together as the data leave no gap.
  LIMPID_CHECK(covered == data.size(), FormatError, prefix, "tensors take ", covered, " bytes, the file has ",
               data.size(), " for them; expected no gaps and nothing after them");
  return file;
}

const TensorView* SafetensorsFile::find(const std::string& name) const {
  auto place = index_.find(name);
  // Of tensors that share their memory safetensors keeps one; the metadata say under which name.
  if (const auto kept = metadata_.find(name); place == index_.end() && kept != metadata_.end())
    place = index_.find(kept->second);
  if (place != index_.end()) return &tensors_[place->second];
  refuse_other(name);
  return nullptr;
}

void write_safetensors(const fs::path& path, const std::vector<TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata, const TensorBytes& bytes_of) {
  const std::string prefix = concat("[safetensors] ", path.string(), ": ");
  std::string header = "{";
  if (!metadata.empty()) {
    header += concat("\"", kMetadataKey, "\":{");
    for (const auto& [key, text] : metadata)
      header += concat(header.back() == '{' ? "" : ",", json_string(key), ":", json_string(text));
    header += "}";
  }
  std::set<std::string> names{kMetadataKey};
  uint64_t offset = 0;
  for (const TensorView& tensor : tensors) {
    const char* type = info(tensor.dtype).name;
    LIMPID_CHECK(!is_quantised(tensor.dtype), ConfigError, prefix, "tensor ", quote(tensor.name), " is in ", type,
                 " blocks, which safetensors does not have; dequantise it first");
    LIMPID_CHECK(names.insert(tensor.name).second, ConfigError, prefix, "two tensors are named ", quote(tensor.name));
    const auto elements = checked_elements(tensor.shape);
    const auto bytes = elements ? checked_bytes(tensor.dtype, *elements) : std::nullopt;
    LIMPID_CHECK(bytes && (bytes_of || *bytes == tensor.data.size()), ConfigError, prefix, "tensor ",
                 quote(tensor.name), " of ", type, " ", shape_text(tensor.shape), " comes with ", tensor.data.size(),
                 " bytes");
    header +=
        concat(header.back() == '{' ? "" : ",", json_string(tensor.name), ":{\"dtype\":\"", type,
               "\",\"shape\":", shape_text(tensor.shape), ",\"data_offsets\":[", offset, ",", offset + *bytes, "]}");
    offset += *bytes;
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  LIMPID_CHECK(header.size() <= kMaxHeader, ConfigError, prefix, "header of ", header.size(),
               " bytes, the format allows ", kMaxHeader);

  AtomicFile file(path);
  const uint64_t header_size = header.size();
  file.write(&header_size, 8);
  file.write(header);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto data = bytes_of ? bytes_of(i) : tensors[i].data;
    LIMPID_CHECK(data.size() == byte_size(tensors[i].dtype, size_t(tensors[i].elements())), ConfigError, prefix,
                 "tensor ", quote(tensors[i].name), " comes with ", data.size(), " bytes");
    file.write(data.data(), data.size());
  }
  file.commit();
}

}  // namespace limpid
