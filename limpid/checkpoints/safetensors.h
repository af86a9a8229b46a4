#pragma once

#include <map>

#include "limpid/checkpoints/checkpoint.h"

/// safetensors: u64 little-endian header length, a JSON header, tensor bytes.
/// https://github.com/huggingface/safetensors
namespace limpid {

class SafetensorsFile final : public Checkpoint {
 public:
  static std::shared_ptr<const SafetensorsFile> open(const fs::path& path);  ///< @throws FormatError, IoError
  static std::shared_ptr<const SafetensorsFile> parse(std::span<const std::byte> bytes,
                                                      std::string source);  ///< not copied

  const std::vector<TensorView>& tensors() const override { return tensors_; }
  const std::vector<OtherTensor>& others() const override { return others_; }
  const TensorView* find(const std::string& name) const override;  ///< also by a name of `__metadata__` that shares it
  std::string source() const override { return source_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }  ///< `__metadata__`

 private:
  std::shared_ptr<const MappedFile> file_;
  std::string source_;
  std::vector<TensorView> tensors_;
  std::vector<OtherTensor> others_;
  std::map<std::string, size_t> index_;
  std::map<std::string, std::string> metadata_;
};

/// Writes one safetensors file, tensors in the order given, atomically.
/// @param bytes  where the tensors' bytes come from; none: they are there
/// @throws ConfigError for block types (safetensors has none) and for two tensors of one name.
void write_safetensors(const fs::path& path, const std::vector<TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata = {}, const TensorBytes& bytes = {});

}  // namespace limpid
