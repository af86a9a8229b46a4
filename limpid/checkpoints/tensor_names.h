#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limpid/checkpoints/family.h"

/// Maps the names of a model's tensors, which are those of Model::parameters(), to their places in files, and back.
namespace limpid {

enum class FileKind { HuggingFace, Gguf };
inline FileKind file_kind(const ModelConfig& config) {
  return config.from_gguf ? FileKind::Gguf : FileKind::HuggingFace;
}

/// Place of a tensor in a file. A part of a matrix that several layers share has fewer rows than is stored.
struct StoredTensor {
  std::string name;
  bool transposed = false;   ///< matrices: stored [in, out]
  int64_t rows = 0;          ///< rows of what is stored; 0: as many as the tensor has
  std::vector<int64_t> row;  ///< row r of the tensor is row row[r] of what is stored; empty: row r
  int64_t experts = 0;       ///< what is stored has three dimensions, [experts, rows / experts, columns]; 0: it has not
};

/// Returns what is stored as a matrix: the experts' one below the other. @throws ShapeError naming both shapes, where
/// it has not the experts that it should.
TensorView as_matrix(TensorView view, const StoredTensor& stored, const std::string& source);

/// Returns where a tensor of the model lies in a file. @param name  "model.layers.0.mlp.up_proj.weight"
StoredTensor stored_tensor(const ModelConfig& config, const std::string& name, FileKind kind);

/// Returns the tensor in a checkpoint, whose names may lack the family's prefix; null where there is none.
const TensorView* find_stored(const Checkpoint& checkpoint, const ModelConfig& config, const StoredTensor& stored);

/// Returns whether a decoder's checkpoint holds an output matrix. Without one the model reads it from the embedding,
/// whatever its config says.
bool has_output_matrix(const ModelConfig& config, const Checkpoint& checkpoint);

/// Returns the model's name of a tensor that a Hugging Face file calls `stored`, with the family's prefix or without.
std::string without_prefix(const Family& family, const std::string& stored);

struct BlockProjection {
  int64_t layer;
  Projection projection;
};
/// Returns which linear layer of a block a tensor or module of the model is, if it is one.
std::optional<BlockProjection> find_projection(const Family& family, std::string_view name);
/// Returns which ones a module of the base's checkpoint stands for, whatever stands in front of the block's number:
/// "model.layers.3.self_attn.q_proj". Several where they lie in one matrix; none for other modules.
std::vector<BlockProjection> projections_of_module(const Family& family, std::string_view module);

/// Returns the name of a linear layer: "model.layers.0.self_attn.o_proj". @throws ConfigError where the family has no
/// such layer.
std::string module_name(const Family& family, Projection projection, int64_t layer);

struct MatrixShape {
  int64_t out, in;
};
MatrixShape shape_of(const ModelConfig& config, Projection projection);
MatrixShape expert_shape_of(const ModelConfig& config, Projection projection);  ///< of one expert
/// Returns whether a block has such a layer: experts stand in the place of those of the feed-forward.
bool has_projection(const ModelConfig& config, Projection projection, int64_t layer);
bool has_bias(const ModelConfig& config, Projection projection);

}  // namespace limpid
