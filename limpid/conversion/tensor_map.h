#pragma once

#include <map>
#include <memory>
#include <optional>

#include "limpid/checkpoints/tensor_names.h"

/// The tensors of a decoder on their way from one kind of file to the other: names, the order of rows, transposes,
/// matrices that one kind keeps in one piece and the other in several.
namespace limpid {

/// A tensor of the file that is written.
struct MappedTensor {
  enum class Role {
    Matrix,  ///< of a linear layer
    Table,   ///< the token embedding or the output matrix
    Other,   ///< norms, biases, tables of positions
  };
  std::string name;
  Role role = Role::Other;
  DType type = DType::F32;         ///< as it is read
  std::vector<int64_t> shape;      ///< as it is written; three sizes where it holds experts
  std::vector<std::string> parts;  ///< the model's names of what lies in it, as Model::parameters() has them
};

class TensorMap {
 public:
  /// @param to      the kind of file that is written
  /// @param stored  from GGUF to GGUF: NVFP4 blocks stay beside the scale of their matrix; else they are read with it
  /// @throws FormatError when a tensor of the model is missing, ShapeError for one of another shape.
  TensorMap(const ModelConfig& config, std::shared_ptr<const Checkpoint> checkpoint, FileKind to, bool stored = false);

  const std::vector<MappedTensor>& tensors() const { return tensors_; }
  /// Returns a tensor in the order of the file that is written, of the type it says; `storage` keeps what had to be
  /// rearranged. @throws FormatError for numbers that are not finite.
  TensorView read(const MappedTensor& tensor, std::vector<std::byte>& storage) const;

 private:
  using Role = MappedTensor::Role;
  /// A module of the model: its weight, and its bias where there is one.
  struct Module {
    std::string name;
    Role role = Role::Other;
    std::vector<int64_t> shape = {};  ///< of the weight; empty: any
    std::optional<bool> bias = {};    ///< none: where the file has one
  };
  std::vector<Module> modules() const;
  void add_experts(const ExpertsFormat& parts, const std::string& block, std::vector<Module>& modules) const;
  void add(const Module& module, const std::string& ending);
  void add_rest();
  const TensorView* find(const std::string& name) const;
  TensorView load(const TensorView& tensor, std::vector<std::byte>& storage) const;
  TensorView read_part(const std::string& name, std::vector<std::byte>& storage) const;

  ModelConfig config_;
  std::shared_ptr<const Checkpoint> checkpoint_;
  FileKind from_, to_;
  bool stored_;
  double norm_offset_ = 0;  ///< added to norms on the way
  std::vector<MappedTensor> tensors_;
  std::map<std::string, size_t> index_;
};

/// Returns a tensor as another type, rounded where it must be; `storage` may be where it lies already.
/// @throws ConfigError for numbers that the type cannot hold: infinities, or finite ones that would become such.
TensorView as_type(TensorView tensor, DType type, std::vector<std::byte>& storage);

}  // namespace limpid
