#include "limpid/checkpoints/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

#include "limpid/checkpoints/gguf_types.h"
#include "limpid/checkpoints/layout.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"

namespace limpid {
namespace {

constexpr uint32_t kMaxDims = 4;     // GGML_MAX_DIMS
constexpr uint64_t kMaxKey = 65535;  // of the specification

/// Reads forward through the bytes of a file; every step is checked against what is left.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, std::string prefix) : bytes_(bytes), prefix_(std::move(prefix)) {}

  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }
  const std::string& prefix() const { return prefix_; }

  template <class T>
  T read(const std::string& what) {
    need(sizeof(T), what);
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  std::string_view text(const std::string& what) {
    const uint64_t size = read<uint64_t>(what);
    need(size, what);
    const auto* data = reinterpret_cast<const char*>(bytes_.data()) + position_;
    position_ += size;
    return {data, size};
  }

  /// Reads a count of things that take at least `unit` bytes each.
  uint64_t count(const std::string& what, uint64_t unit) {
    const uint64_t number = read<uint64_t>(what);
    LIMPID_CHECK(number <= left() / unit, FormatError, prefix_, what, " is ", number, ", but only ", left(),
                 " bytes follow; truncated or damaged file?");
    return number;
  }

 private:
  void need(uint64_t size, const std::string& what) const {
    LIMPID_CHECK(size <= left(), FormatError, prefix_, what, " needs ", size, " bytes at byte ", position_,
                 ", file ends at ", bytes_.size(), "; truncated download?");
  }
  std::span<const std::byte> bytes_;
  std::string prefix_;
  size_t position_ = 0;
};

bool read_bool(Cursor& in, const std::string& what) {
  const auto value = in.read<uint8_t>(what);
  LIMPID_CHECK(value <= 1, FormatError, in.prefix(), what, ": a bool of value ", int(value), ", expected 0 or 1");
  return value != 0;
}

int64_t read_integer(Cursor& in, GgufType type, const std::string& what) {
  switch (type) {
    case GgufType::U8: return in.read<uint8_t>(what);
    case GgufType::I8: return in.read<int8_t>(what);
    case GgufType::U16: return in.read<uint16_t>(what);
    case GgufType::I16: return in.read<int16_t>(what);
    case GgufType::U32: return in.read<uint32_t>(what);
    case GgufType::I32: return in.read<int32_t>(what);
    case GgufType::I64: return in.read<int64_t>(what);
    default: break;
  }
  const auto value = in.read<uint64_t>(what);
  LIMPID_CHECK(value <= uint64_t(INT64_MAX), FormatError, in.prefix(), what, ": ", value, " is beyond 2^63");
  return int64_t(value);
}

double read_number(Cursor& in, GgufType type, const std::string& what) {
  return type == GgufType::F32 ? double(in.read<float>(what)) : in.read<double>(what);
}

GgufValue read_array(Cursor& in, const std::string& what) {
  const auto type = GgufType(in.read<uint32_t>(what));
  LIMPID_CHECK(type != GgufType::Array, FormatError, in.prefix(), what,
               " is an array of arrays, which is not supported");
  LIMPID_CHECK(size_of(type) > 0, FormatError, in.prefix(), what, " is an array of type ", uint32_t(type),
               ", expected 0 to 12");
  const uint64_t count = in.count(what + " (length of the array)", size_of(type));
  const auto fill = [&](auto list, auto&& read_one) {
    list.reserve(count);
    for (uint64_t i = 0; i < count; ++i) list.push_back(read_one());
    return GgufValue{std::move(list)};
  };
  switch (type) {
    case GgufType::Text: return fill(std::vector<std::string_view>(), [&] { return in.text(what); });
    case GgufType::Bool: return fill(std::vector<bool>(), [&] { return read_bool(in, what); });
    case GgufType::F32:
    case GgufType::F64: return fill(std::vector<double>(), [&] { return read_number(in, type, what); });
    default: return fill(std::vector<int64_t>(), [&] { return read_integer(in, type, what); });
  }
}

GgufValue read_value(Cursor& in, const std::string& what) {
  const auto type = GgufType(in.read<uint32_t>(what));
  LIMPID_CHECK(size_of(type) > 0, FormatError, in.prefix(), what, " has type ", uint32_t(type), ", expected 0 to 12");
  switch (type) {
    case GgufType::Text: return {std::string(in.text(what))};
    case GgufType::Bool: return {read_bool(in, what)};
    case GgufType::F32:
    case GgufType::F64: return {read_number(in, type, what)};
    case GgufType::Array: return read_array(in, what);
    default: return {read_integer(in, type, what)};
  }
}

struct TensorInfo {
  TensorView view;
  std::string other;  ///< name of a type that is not supported; empty for the others
  uint64_t bytes = 0, offset = 0;
};

/// Computes the bytes that a tensor takes. @param what  names it in errors
uint64_t bytes_of(const TensorView& view, const Cursor& in, const std::string& what) {
  const size_t block = info(view.dtype).block_elements;
  const uint64_t row = view.shape.empty() ? 1 : uint64_t(view.shape.back());
  LIMPID_CHECK(row % block == 0, FormatError, in.prefix(), what, " has rows of ", row,
               " elements, expected a multiple of ", block, " for ", info(view.dtype).name, " blocks");
  const auto elements = checked_elements(view.shape);
  const auto bytes = elements ? checked_bytes(view.dtype, *elements) : std::nullopt;
  LIMPID_CHECK(bytes, FormatError, in.prefix(), what, " has shape ", shape_text(view.shape),
               ", more than any file holds");
  return *bytes;
}

TensorInfo read_tensor_info(Cursor& in) {
  TensorInfo out;
  out.view.name = std::string(in.text("a tensor name"));
  const std::string what = concat("tensor ", quote(out.view.name));
  const auto dims = in.read<uint32_t>(what);
  LIMPID_CHECK(dims <= kMaxDims, FormatError, in.prefix(), what, " has ", dims, " dimensions, expected at most ",
               kMaxDims);
  for (uint32_t i = 0; i < dims; ++i) {
    const auto size = in.read<uint64_t>(what);
    LIMPID_CHECK(size <= uint64_t(INT64_MAX), FormatError, in.prefix(), what, " has a dimension of ", size);
    out.view.shape.insert(out.view.shape.begin(),
                          int64_t(size));  // the file lists the fastest dimension first
  }
  const auto type = in.read<uint32_t>(what);
  out.offset = in.read<uint64_t>(what);
  if (const auto dtype = dtype_of_ggml(type)) {
    out.view.dtype = *dtype;
    out.bytes = bytes_of(out.view, in, what);
  } else {
    out.other = other_ggml_type(type);
  }
  return out;
}

std::string kind_of(const GgufValue& value) {
  static const char* names[] = {
      "an integer",         "a number",          "true or false",           "a string",
      "a list of integers", "a list of numbers", "a list of true or false", "a list of strings"};
  return names[value.value.index()];
}

/// Returns metadata[key] as a T. @throws FormatError naming the key, what was found and what was expected.
template <class T>
const T& typed(const GgufFile& file, const std::string& key, const char* expected) {
  const auto entry = file.metadata().find(key);
  LIMPID_CHECK(entry != file.metadata().end(), FormatError, "[gguf] ", file.source(), ": metadata ", quote(key),
               " is missing");
  const T* value = std::get_if<T>(&entry->second.value);
  LIMPID_CHECK(value, FormatError, "[gguf] ", file.source(), ": metadata ", quote(key), " is ", kind_of(entry->second),
               ", expected ", expected);
  return *value;
}

uint64_t alignment_of(const GgufFile& file) {
  const int64_t alignment = file.integer_or("general.alignment", kGgufAlignment);
  LIMPID_CHECK(alignment > 0 && alignment <= 1 << 30 && std::has_single_bit(uint64_t(alignment)), FormatError,
               "[gguf] ", file.source(), ": metadata \"general.alignment\" is ", alignment,
               ", expected a power of two");
  return uint64_t(alignment);
}

void check_header(Cursor& in) {
  const auto magic = in.read<std::array<char, 4>>("the magic");
  LIMPID_CHECK(std::string_view(magic.data(), 4) == "GGUF", FormatError, in.prefix(), "begins with ",
               quote({magic.data(), 4}), ", expected \"GGUF\"; is this a GGUF file?");
  const auto version = in.read<uint32_t>("the version");
  LIMPID_CHECK(version != 0x02000000 && version != 0x03000000, FormatError, in.prefix(),
               "is big-endian, which is not supported; convert it with gguf-convert-endian");
  LIMPID_CHECK(version == 2 || version == 3, FormatError, in.prefix(), "is GGUF version ", version,
               ", expected 2 or 3");
}

}  // namespace

std::shared_ptr<const GgufFile> GgufFile::parse(std::span<const std::byte> bytes, std::string source) {
  Cursor in(bytes, concat("[gguf] ", source, ": "));
  auto file = std::make_shared<GgufFile>();
  file->source_ = std::move(source);
  check_header(in);
  const uint64_t tensors = in.count("the number of tensors", 24);
  const uint64_t entries = in.count("the number of metadata entries", 13);

  for (uint64_t i = 0; i < entries; ++i) {
    const std::string_view key = in.text("a metadata key");
    LIMPID_CHECK(key.size() <= kMaxKey, FormatError, in.prefix(), "a metadata key has ", key.size(),
                 " bytes, expected at most ", kMaxKey);
    GgufValue value = read_value(in, concat("metadata ", quote(key)));
    LIMPID_CHECK(file->metadata_.emplace(key, std::move(value)).second, FormatError, in.prefix(), "metadata ",
                 quote(key), " occurs twice");
  }
  const uint64_t alignment = alignment_of(*file);

  std::vector<TensorInfo> infos;
  for (uint64_t i = 0; i < tensors; ++i) infos.push_back(read_tensor_info(in));
  const uint64_t start = (in.position() + alignment - 1) / alignment * alignment;
  const uint64_t room = bytes.size() > start ? bytes.size() - start : 0;
  std::set<uint64_t> offsets = {room};  // where a tensor of unknown size may end
  for (const TensorInfo& info : infos) offsets.insert(info.offset);
  std::set<std::string> names;
  std::vector<Extent> extents;
  for (size_t i = 0; i < infos.size(); ++i) {
    TensorInfo& info = infos[i];
    const std::string what = concat("tensor ", quote(info.view.name));
    LIMPID_CHECK(info.offset % alignment == 0, FormatError, in.prefix(), what, " begins at offset ", info.offset,
                 ", expected a multiple of ", alignment);
    LIMPID_CHECK(info.offset <= room && info.bytes <= room - info.offset, FormatError, in.prefix(), what, " takes ",
                 info.bytes, " bytes at offset ", info.offset, " of the data, which has ", room,
                 "; truncated download?");
    LIMPID_CHECK(names.insert(info.view.name).second, FormatError, in.prefix(), what, " occurs twice");
    if (!info.other.empty()) {
      const uint64_t end = info.offset < room ? *offsets.upper_bound(info.offset) : room;
      file->others_.push_back({info.view.name, info.other, info.view.shape, end - info.offset});
      continue;
    }
    extents.push_back({info.offset, info.offset + info.bytes, i});
    file->index_.emplace(info.view.name, file->tensors_.size());
    file->tensors_.push_back(info.view);
    if (info.bytes > 0) file->tensors_.back().data = bytes.subspan(start + info.offset, info.bytes);
  }
  if (const auto pair = find_overlap(std::move(extents)))
    throw FormatError(concat(in.prefix(), "tensors ", quote(infos[pair->first].view.name), " and ",
                             quote(infos[pair->second].view.name), " overlap"));
  return file;
}

const TensorView* GgufFile::find(const std::string& name) const {
  const auto place = index_.find(name);
  if (place != index_.end()) return &tensors_[place->second];
  refuse_other(name);
  return nullptr;
}

int64_t GgufFile::integer(const std::string& key) const { return typed<int64_t>(*this, key, "an integer"); }
double GgufFile::number(const std::string& key) const {
  const auto entry = metadata_.find(key);
  if (entry != metadata_.end())
    if (const auto* whole = std::get_if<int64_t>(&entry->second.value)) return double(*whole);
  return typed<double>(*this, key, "a number");
}
bool GgufFile::boolean(const std::string& key) const { return typed<bool>(*this, key, "true or false"); }
std::string GgufFile::text(const std::string& key) const { return typed<std::string>(*this, key, "a string"); }
const std::vector<std::string_view>& GgufFile::texts(const std::string& key) const {
  return typed<std::vector<std::string_view>>(*this, key, "a list of strings");
}
const std::vector<int64_t>& GgufFile::integers(const std::string& key) const {
  return typed<std::vector<int64_t>>(*this, key, "a list of integers");
}
const std::vector<double>& GgufFile::numbers(const std::string& key) const {
  return typed<std::vector<double>>(*this, key, "a list of numbers");
}
int64_t GgufFile::integer_or(const std::string& key, int64_t fallback) const {
  return has(key) ? integer(key) : fallback;
}
double GgufFile::number_or(const std::string& key, double fallback) const { return has(key) ? number(key) : fallback; }
bool GgufFile::boolean_or(const std::string& key, bool fallback) const { return has(key) ? boolean(key) : fallback; }
std::string GgufFile::text_or(const std::string& key, std::string fallback) const {
  return has(key) ? text(key) : fallback;
}

}  // namespace limpid
