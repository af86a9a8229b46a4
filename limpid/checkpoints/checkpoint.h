#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limpid/core/files.h"
#include "limpid/core/json.h"
#include "limpid/kernels/dtype.h"

/// Named tensors of a checkpoint, whichever format they lie in. Files are mapped; a view lives as long as the
/// Checkpoint.
namespace limpid {

/// A tensor of an element type that Limpid does not compute with. A file may hold such beside what is used.
struct OtherTensor {
  std::string name, type;  ///< as the file calls it: "U16", "Q8_K"
  std::vector<int64_t> shape;
  uint64_t bytes = 0;
};

class Checkpoint {
 public:
  virtual ~Checkpoint() = default;
  virtual const std::vector<TensorView>& tensors() const = 0;
  virtual const std::vector<OtherTensor>& others() const;  ///< listed only; asking for one of them is an error
  /// Returns null when absent. @throws FormatError for a tensor of others().
  virtual const TensorView* find(const std::string& name) const = 0;
  const TensorView& at(const std::string& name) const;  ///< @throws FormatError that names file and tensor
  void require_all() const;  ///< @throws FormatError for the first of others(): in some files every tensor counts
  virtual std::string source() const = 0;  ///< path, for messages

  /// Returns a tensor of this checkpoint with its values. Most are what they are; those that have to be made of several
  /// stored tensors first (GPTQ and its like, see quantised/) lie in `storage` then, and may be of another type.
  virtual TensorView load(const TensorView& tensor, std::vector<std::byte>& storage) const { return tensor; }

  /// Opens a `.safetensors` file, a `.gguf` file, or a Hugging Face folder (single file or
  /// model.safetensors.index.json).
  /// @throws FormatError for a folder with only pytorch_model.bin, saying how to convert; for every malformed file.
  static std::shared_ptr<const Checkpoint> open(const fs::path& path);

 protected:
  /// @throws FormatError when `name` is one of others().
  void refuse_other(const std::string& name) const;
};

/// Gives a writer the bytes of tensor `index` of its list. They need to live until the next call only, so that a model
/// is written that does not fit in memory.
using TensorBytes = std::function<std::span<const std::byte>(size_t index)>;

/// @throws ShapeError for a tensor whose bytes are not those of its shape: of one that is to be loaded first.
void require_bytes(const TensorView& tensor);
std::vector<float> to_floats(const TensorView& tensor);      ///< dequantised copy
std::vector<int64_t> to_integers(const TensorView& tensor);  ///< copy of an integer tensor

}  // namespace limpid
