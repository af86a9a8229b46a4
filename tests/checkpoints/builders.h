#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "limpid/checkpoints/checkpoint.h"

/// Small files made by hand, byte by byte, so that the tests do not trust the writers.
namespace limpid::test_builders {

template <class Container>
TensorView view(std::string name, DType dtype, std::vector<int64_t> shape, const Container& values) {
  return {std::move(name), dtype, std::move(shape), std::as_bytes(std::span(values.data(), values.size()))};
}

template <class T>
std::string raw(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

inline std::string text(const std::string& value) { return raw(uint64_t(value.size())) + value; }

inline std::string safetensors(const std::string& header, const std::string& data) {
  return raw(uint64_t(header.size())) + header + data;
}

/// A GGUF file piece by piece: header, metadata entries, tensor infos, data.
struct GgufBytes {
  std::string magic = "GGUF";
  uint32_t version = 3;
  std::vector<std::string> entries, infos;
  uint64_t extra_tensors = 0, extra_entries = 0;  ///< claimed but not there
  std::string data;

  std::string bytes() const {
    std::string out = magic + raw(version) + raw(uint64_t(infos.size() + extra_tensors)) +
                      raw(uint64_t(entries.size() + extra_entries));
    for (const std::string& entry : entries) out += entry;
    for (const std::string& info : infos) out += info;
    if (!infos.empty()) out.resize((out.size() + 31) / 32 * 32);
    return out + data;
  }
};

inline std::string gguf_entry(const std::string& key, uint32_t type, const std::string& value) {
  return text(key) + raw(type) + value;
}

/// @param dims  as in the file, fastest first
inline std::string gguf_info(const std::string& name, const std::vector<uint64_t>& dims, uint32_t type,
                             uint64_t offset) {
  std::string out = text(name) + raw(uint32_t(dims.size()));
  for (uint64_t size : dims) out += raw(size);
  return out + raw(type) + raw(offset);
}

}  // namespace limpid::test_builders
