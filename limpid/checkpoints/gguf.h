#pragma once

#include <map>
#include <variant>

#include "limpid/checkpoints/checkpoint.h"

/// GGUF v2 and v3: typed metadata and tensors in block formats.
/// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
namespace limpid {

/// One metadata value. Integers of every width are int64 (uint64 above its range is refused), arrays are homogeneous.
/// String arrays are views into the mapped file: a vocabulary of 262,144 entries costs no copies.
struct GgufValue {
  std::variant<int64_t, double, bool, std::string, std::vector<int64_t>, std::vector<double>, std::vector<bool>,
               std::vector<std::string_view>>
      value;
};

class GgufFile final : public Checkpoint {
 public:
  /// Opens a file, or all parts of a model whose files end in -00001-of-00003.gguf, given any of them: the tensors of
  /// all, the metadata of the first. @throws FormatError, IoError
  static std::shared_ptr<const GgufFile> open(const fs::path& path);
  static std::shared_ptr<const GgufFile> parse(std::span<const std::byte> bytes, std::string source);  ///< not copied
  /// Returns a file as it would be read, before it is written. Tensors need no bytes where nobody looks at them.
  static std::shared_ptr<const GgufFile> of(std::map<std::string, GgufValue> metadata, std::vector<TensorView> tensors,
                                            std::string source);

  const std::vector<TensorView>& tensors() const override { return tensors_; }
  const std::vector<OtherTensor>& others() const override { return others_; }
  const TensorView* find(const std::string& name) const override;
  std::string source() const override { return source_; }
  /// Multiplies weights in NVFP4 blocks by the scale of the whole matrix beside them ("blk.0.ffn_up.scale").
  TensorView load(const TensorView& tensor, std::vector<std::byte>& storage) const override;
  const std::map<std::string, GgufValue>& metadata() const { return metadata_; }

  bool has(const std::string& key) const { return metadata_.count(key) > 0; }
  /// Returns metadata[key] by type. @throws FormatError naming the key, what was found and what was expected.
  int64_t integer(const std::string& key) const;
  double number(const std::string& key) const;  ///< accepts integers
  bool boolean(const std::string& key) const;
  std::string text(const std::string& key) const;
  const std::vector<std::string_view>& texts(const std::string& key) const;
  const std::vector<int64_t>& integers(const std::string& key) const;
  const std::vector<double>& numbers(const std::string& key) const;
  int64_t integer_or(const std::string& key, int64_t fallback) const;
  double number_or(const std::string& key, double fallback) const;
  bool boolean_or(const std::string& key, bool fallback) const;
  std::string text_or(const std::string& key, std::string fallback) const;

 private:
  static std::shared_ptr<GgufFile> open_one(const fs::path& path);
  void add_part(const GgufFile& part);  ///< @throws FormatError for a tensor that is here already

  std::vector<std::shared_ptr<const MappedFile>> files_;
  std::string source_;
  std::vector<TensorView> tensors_;
  std::vector<OtherTensor> others_;
  std::map<std::string, size_t> index_;
  std::map<std::string, GgufValue> metadata_;
};

/// Returns the models that lie in a folder as .gguf files, by name; of one in several parts the first.
std::vector<fs::path> gguf_models(const fs::path& folder);

/// Writes a GGUF v3 file, alignment 32, atomically. Shapes are C order and are reversed on the way out. Values get the
/// widths other readers insist on: integers u32 (i32 or i64 where they must), lists of integers i32, numbers f32.
/// @param bytes  where the tensors' bytes come from; none: they are there
/// @throws ConfigError for tensors whose bytes do not fit their shape, two of one name, and types GGUF does not have.
void write_gguf(const fs::path& path, const std::map<std::string, GgufValue>& metadata,
                const std::vector<TensorView>& tensors, const TensorBytes& bytes = {});

}  // namespace limpid
