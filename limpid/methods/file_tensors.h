#pragma once

#include <torch/types.h>

#include <list>
#include <string>
#include <vector>

#include "limpid/methods/detoxifier_file.h"

/// Tensors on their way into a detoxifier file and out of it.
namespace limpid {

using torch::Tensor;

/// Views for write_detoxifier, with the bytes they lie in.
class OutgoingTensors {
 public:
  /// @param type  F32, F16 or Q8_0 (of a matrix whose width is whole blocks)
  void add(const std::string& name, const Tensor& values, DType type = DType::F32);
  void add_integers(const std::string& name, const Tensor& values);  ///< as I64
  /// Returns the views, wider elements first, so that every tensor lies at a multiple of its element's size.
  std::vector<TensorView> views() const;

 private:
  std::vector<TensorView> views_;
  std::list<std::vector<std::byte>> storage_;
};

/// Returns a float32 copy of any tensor of floats or blocks.
Tensor float_tensor(const TensorView& view);
/// Returns such a copy by name. @throws FormatError when the file does not hold it, or not with these sizes (-1: any).
Tensor float_tensor(const DetoxifierFile& file, const std::string& name, std::vector<int64_t> shape);
/// Returns an integer tensor as int64, on the same terms.
Tensor integer_tensor(const DetoxifierFile& file, const std::string& name, std::vector<int64_t> shape);

}  // namespace limpid
