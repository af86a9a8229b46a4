#include "limpid/checkpoints/layout.h"
#include "limpid/checkpoints/quantised/quantised_weight.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"

namespace limpid::quantised {
namespace {

struct BlockSize {
  int64_t rows, columns;
};

/// Returns the size of the blocks that have a scale each: a matrix, a row, or what the settings say; where they say
/// nothing, the scales divide the matrix evenly.
BlockSize block_size(const StoredForm& form, const TensorView& weight, const TensorView& scales) {
  const int64_t rows = weight.shape[0], columns = weight.shape[1];
  if (scales.elements() == 1) return {rows, columns};
  const bool by_row = scales.shape[0] == rows && scales.elements() == rows;
  if (by_row) return {1, columns};
  BlockSize size{0, 0};
  if (scales.shape.size() == 2) {
    const auto stated = form.settings.find("weight_block_size");
    if (stated != form.settings.end() && stated->is_array() && stated->size() == 2 &&
        (*stated)[0].is_number_integer() && (*stated)[1].is_number_integer())
      size = {(*stated)[0].get<int64_t>(), (*stated)[1].get<int64_t>()};
    else if (scales.shape[0] > 0 && scales.shape[1] > 0 && rows % scales.shape[0] == 0 &&
             columns % scales.shape[1] == 0)
      size = {rows / scales.shape[0], columns / scales.shape[1]};
  }
  LIMPID_CHECK(size.rows > 0 && size.columns > 0 && scales.shape[0] == blocks_of(rows, size.rows) &&
                   scales.shape[1] == blocks_of(columns, size.columns),
               FormatError, "[quantised] ", form.checkpoint.source(), ": ", quote(scales.name), " has shape ",
               shape_text(scales.shape), " for a weight of ", shape_text(weight.shape),
               "; expected one scale, one for each row, or one for each block of \"weight_block_size\"");
  return size;
}

QuantisedWeight read_scaled_weight(const StoredForm& form, const std::string& module, const std::string& scale_name) {
  const TensorView codes = form.part(module + ".weight", {DType::F8_E4M3, DType::F8_E5M2, DType::I8}, {-1, -1});
  const TensorView& scales = form.checkpoint.at(scale_name);
  const BlockSize block = block_size(form, codes, scales);
  const auto make = [codes, block, factors = to_floats(scales)](std::vector<std::byte>& bytes) {
    const int64_t rows = codes.shape[0], columns = codes.shape[1];
    const int64_t across = blocks_of(columns, block.columns);
    std::vector<float> values(size_t(rows * columns));
    if (codes.dtype == DType::I8)
      for (size_t i = 0; i < values.size(); ++i) values[i] = float(int8_t(codes.data[i]));
    else
      dequantize(codes.dtype, codes.data.data(), values.size(), values.data());
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c)
        values[size_t(r * columns + c)] *= factors[size_t(r / block.rows * across + c / block.columns)];
    put_floats(values, bytes);
  };
  return {{module + ".weight", DType::F32, codes.shape, {}},
          {module + ".weight", scale_name, module + ".input_scale", module + ".activation_scale",
           module + ".input_zero_point"},
          make};
}

}  // namespace

std::vector<QuantisedWeight> scaled_weights(const StoredForm& form) {
  std::vector<QuantisedWeight> weights;
  for (const std::string ending : {".weight_scale_inv", ".weight_scale"})
    for (const std::string& module : modules_with(form.checkpoint, ending))
      weights.push_back(read_scaled_weight(form, module, module + ending));
  return weights;
}

std::vector<QuantisedWeight> compressed_weights(const StoredForm& form) {
  const std::string format = get_or<std::string>(form.settings, "format", "dense", form.place);
  LIMPID_CHECK(
      format == "float-quantized" || format == "int-quantized" || format == "naive-quantized" || format == "dense",
      ConfigError, form.place, ": compressed-tensors of format ", quote(format),
      " are not supported; expected float-quantized, int-quantized, naive-quantized or dense");
  for (const std::string& module : modules_with(form.checkpoint, ".weight_zero_point"))
    for (int64_t zero : to_integers(form.checkpoint.at(module + ".weight_zero_point")))
      LIMPID_CHECK(zero == 0, ConfigError, form.place, ": ", quote(module),
                   " has zero points, which are not supported for format ", quote(format));
  return scaled_weights(form);
}

}  // namespace limpid::quantised
