#pragma once

#include <functional>
#include <string>
#include <vector>

#include "limpid/checkpoints/checkpoint.h"
#include "limpid/core/json.h"

/// Weights that a checkpoint keeps as several tensors, in a form of the program that quantised it. One reader for each
/// form finds them by their names and says how each is made, with exactly the values that the form's formula gives.
namespace limpid::quantised {

struct QuantisedWeight {
  TensorView weight;               ///< name, type and shape; no bytes yet
  std::vector<std::string> parts;  ///< names of the stored tensors that it is made from
  std::function<void(std::vector<std::byte>& bytes)> make;
};

/// A checkpoint as it is stored. Outlives the weights that are made from it.
struct StoredForm {
  const Checkpoint& checkpoint;
  const Json& settings;  ///< "quantization_config" of config.json; an empty object where there is none
  std::string place;     ///< begins errors about the settings: "[quantised] FILE"

  /// Returns a tensor of a weight, checked. @param shape  -1 stands for any size
  /// @throws FormatError when it is missing, of another type than one of `types`, of another shape, or empty.
  TensorView part(const std::string& name, std::initializer_list<DType> types, std::vector<int64_t> shape) const;
};

using Reader = std::vector<QuantisedWeight> (*)(const StoredForm&);

/// GPTQ of 4 and 8 bits (Frantar et al. 2022, arXiv:2210.17323), as AutoGPTQ and GPTQModel write it.
std::vector<QuantisedWeight> gptq_weights(const StoredForm& form);
/// AWQ of 4 bits (Lin et al. 2023, arXiv:2306.00978), version "gemm" of AutoAWQ.
std::vector<QuantisedWeight> awq_weights(const StoredForm& form);
/// bitsandbytes: 4 bits, NF4 and FP4 (Dettmers et al. 2023, arXiv:2305.14314), and int8 (2022, arXiv:2208.07339).
std::vector<QuantisedWeight> bitsandbytes_weights(const StoredForm& form);
/// 8-bit floats and integers with a scale for the matrix, for each row, or for each block of a grid.
std::vector<QuantisedWeight> scaled_weights(const StoredForm& form);
/// Formats of compressed-tensors whose weights are 8 bits with a scale: float-, int- and naive-quantized.
std::vector<QuantisedWeight> compressed_weights(const StoredForm& form);

/// Returns how many blocks cover a length. Files may claim blocks of any size.
inline int64_t blocks_in(int64_t length, int64_t block) { return length / block + (length % block != 0); }

/// Writes float32 values as bytes.
void put_floats(const std::vector<float>& values, std::vector<std::byte>& bytes);

/// Returns the names in front of `ending` of all tensors that end so: "model.layers.0.mlp.up_proj" of ".qweight".
std::vector<std::string> modules_with(const Checkpoint& checkpoint, std::string_view ending);

}  // namespace limpid::quantised
