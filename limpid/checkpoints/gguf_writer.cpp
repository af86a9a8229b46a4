#include <cmath>
#include <limits>
#include <set>

#include "limpid/checkpoints/gguf.h"
#include "limpid/checkpoints/gguf_types.h"
#include "limpid/checkpoints/layout.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"

namespace limpid {
namespace {

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::string& out, std::string_view text) {
  put(out, uint64_t(text.size()));
  out += text;
}

template <class List>
bool all_fit(const List& list, int64_t low, int64_t high) {
  for (int64_t value : list)
    if (value < low || value > high) return false;
  return true;
}

constexpr int64_t kMinI32 = std::numeric_limits<int32_t>::min(), kMaxI32 = std::numeric_limits<int32_t>::max(),
                  kMaxU32 = std::numeric_limits<uint32_t>::max();

/// Writes values in the widths that other readers insist on: llama.cpp takes sizes only as u32, lists of ids as i32,
/// numbers as f32.
struct ValueWriter {
  std::string& out;

  void type(GgufType type) { put(out, uint32_t(type)); }
  void operator()(int64_t value) {
    if (value >= 0 && value <= kMaxU32) return type(GgufType::U32), put(out, uint32_t(value));
    if (value >= kMinI32 && value < 0) return type(GgufType::I32), put(out, int32_t(value));
    type(GgufType::I64), put(out, value);
  }
  static bool needs_f64(double value) {
    return std::isfinite(value) && std::fabs(value) > double(std::numeric_limits<float>::max());
  }
  void operator()(double value) {
    if (needs_f64(value)) return type(GgufType::F64), put(out, value);
    type(GgufType::F32), put(out, float(value));
  }
  void operator()(bool value) { type(GgufType::Bool), put(out, uint8_t(value)); }
  void operator()(const std::string& text) { type(GgufType::Text), put_text(out, text); }
  void operator()(const std::vector<int64_t>& list) {
    const bool narrow = all_fit(list, kMinI32, kMaxI32);
    array(narrow ? GgufType::I32 : GgufType::I64, list.size());
    for (int64_t value : list) narrow ? put(out, int32_t(value)) : put(out, value);
  }
  void operator()(const std::vector<double>& list) {
    bool wide = false;
    for (double value : list) wide = wide || needs_f64(value);
    array(wide ? GgufType::F64 : GgufType::F32, list.size());
    for (double value : list) wide ? put(out, value) : put(out, float(value));
  }
  void operator()(const std::vector<bool>& list) {
    array(GgufType::Bool, list.size());
    for (bool value : list) put(out, uint8_t(value));
  }
  void operator()(const std::vector<std::string_view>& list) {
    array(GgufType::Text, list.size());
    for (std::string_view text : list) put_text(out, text);
  }
  void array(GgufType element, size_t count) {
    type(GgufType::Array);
    type(element);
    put(out, uint64_t(count));
  }
};

uint64_t padded(uint64_t size) { return (size + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment; }

}  // namespace

void write_gguf(const fs::path& path, const std::map<std::string, GgufValue>& metadata,
                const std::vector<TensorView>& tensors, const TensorBytes& bytes_of) {
  const std::string prefix = concat("[gguf] ", path.string(), ": ");
  std::string header = "GGUF";
  put(header, uint32_t(3));
  put(header, uint64_t(tensors.size()));
  put(header, uint64_t(metadata.size()));
  for (bool general : {true, false})  // by convention the general keys, first of them the architecture, come first
    for (const auto& [key, value] : metadata) {
      if (key.starts_with("general.") != general) continue;
      LIMPID_CHECK(key != "general.alignment" || value.value == GgufValue{int64_t(kGgufAlignment)}.value, ConfigError,
                   prefix, "\"general.alignment\" must be ", kGgufAlignment, " or absent");
      put_text(header, key);
      std::visit(ValueWriter{header}, value.value);
    }
  std::set<std::string_view> names;
  uint64_t offset = 0;
  for (const TensorView& tensor : tensors) {
    const auto elements = checked_elements(tensor.shape);
    const auto bytes = elements ? checked_bytes(tensor.dtype, *elements) : std::nullopt;
    LIMPID_CHECK(bytes && (bytes_of || *bytes == tensor.data.size()), ConfigError, prefix, "tensor ",
                 quote(tensor.name), " of ", info(tensor.dtype).name, " ", shape_text(tensor.shape), " comes with ",
                 tensor.data.size(), " bytes");
    LIMPID_CHECK(tensor.shape.size() <= 4, ConfigError, prefix, "tensor ", quote(tensor.name), " has ",
                 tensor.shape.size(), " dimensions, GGUF allows 4");
    LIMPID_CHECK(tensor.shape.empty() || uint64_t(tensor.shape.back()) % info(tensor.dtype).block_elements == 0,
                 ConfigError, prefix, "tensor ", quote(tensor.name), " has rows of ", tensor.shape.back(),
                 " elements, not whole ", info(tensor.dtype).name, " blocks");
    LIMPID_CHECK(names.insert(tensor.name).second, ConfigError, prefix, "two tensors are named ", quote(tensor.name));
    put_text(header, tensor.name);
    put(header, uint32_t(tensor.shape.size()));
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) put(header, uint64_t(*size));
    put(header, ggml_type_of(tensor.dtype));
    put(header, offset);
    offset += padded(*bytes);
  }
  header.resize(padded(header.size()));

  AtomicFile file(path);
  file.write(header);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto data = bytes_of ? bytes_of(i) : tensors[i].data;
    LIMPID_CHECK(data.size() == byte_size(tensors[i].dtype, size_t(tensors[i].elements())), ConfigError, prefix,
                 "tensor ", quote(tensors[i].name), " comes with ", data.size(), " bytes");
    file.write(data.data(), data.size());
    file.write(std::string(padded(data.size()) - data.size(), '\0'));
  }
  file.commit();
}

}  // namespace limpid
