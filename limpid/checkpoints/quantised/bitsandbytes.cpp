#include "limpid/checkpoints/layout.h"
#include "limpid/checkpoints/quantised/quantised_weight.h"
#include "limpid/checkpoints/quote.h"

namespace limpid::quantised {
namespace {

constexpr const char* kState = ".weight.quant_state.bitsandbytes__";  // "nf4" or "fp4" follows

/// What the JSON beside a weight of 4 bits says.
struct State {
  std::string tensor;
  std::vector<int64_t> shape;
  int64_t elements = 0, block = 0, nested_block = 0;
  float nested_offset = 0;
};

State read_state(const StoredForm& form, const std::string& tensor) {
  const TensorView bytes = form.part(tensor, {DType::U8}, {-1});
  const std::string place = concat("[quantised] ", form.checkpoint.source(), ": tensor ", quote(tensor));
  const Json json = parse_json({reinterpret_cast<const char*>(bytes.data.data()), bytes.data.size()}, place);
  State state{.tensor = tensor};
  const auto shape = json.is_object() ? json.find("shape") : json.end();
  LIMPID_CHECK(shape != json.end() && shape->is_array(), FormatError, place, " has no \"shape\"");
  for (const Json& size : *shape) {
    LIMPID_CHECK(size.is_number_integer(), FormatError, place, ": \"shape\" holds ", json_kind(size));
    state.shape.push_back(size.get<int64_t>());
  }
  const auto elements = checked_elements(state.shape);
  LIMPID_CHECK(state.shape.size() == 2 && elements && *elements < uint64_t(1) << 48, FormatError, place,
               ": \"shape\" is ", shape_text(state.shape), ", expected that of a matrix");
  state.elements = int64_t(*elements);
  const auto block_size = [&](const char* key) {
    const int64_t size = require<int64_t>(json, key, place);
    LIMPID_CHECK(size > 0, FormatError, place, ": \"", key, "\" is ", size, ", expected a positive integer");
    return size;
  };
  state.block = block_size("blocksize");
  if (json.contains("nested_blocksize")) {
    state.nested_block = block_size("nested_blocksize");
    state.nested_offset = float(require<double>(json, "nested_offset", place));
  }
  return state;
}

/// Returns the scale of each block: stored as it is, or itself in 8 bits with scales.
std::vector<float> read_scales(const StoredForm& form, const std::string& weight, const State& state) {
  const int64_t blocks = blocks_of(state.elements, state.block);
  const std::string name = weight + ".absmax";
  if (state.nested_block == 0) return to_floats(form.part(name, {DType::F32}, {blocks}));
  const auto codes = to_integers(form.part(name, {DType::U8}, {blocks}));
  const int64_t outer = blocks_of(blocks, state.nested_block);
  const auto map = to_floats(form.part(weight + ".nested_quant_map", {DType::F32}, {256}));
  const auto scales = to_floats(form.part(weight + ".nested_absmax", {DType::F32}, {outer}));
  std::vector<float> out;
  for (int64_t i = 0; i < blocks; ++i) {
    const float product = map[size_t(codes[size_t(i)])] * scales[size_t(i / state.nested_block)];
    out.push_back(product + state.nested_offset);
  }
  return out;
}

QuantisedWeight read_four_bits(const StoredForm& form, const std::string& tensor) {
  const State state = read_state(form, tensor);
  const std::string weight = tensor.substr(0, tensor.find(kState)) + ".weight";
  const TensorView codes = form.part(weight, {DType::U8}, {(state.elements + 1) / 2, 1});
  const auto map = to_floats(form.part(weight + ".quant_map", {DType::F32}, {16}));
  const auto make = [codes, map, state, scales = read_scales(form, weight, state)](std::vector<std::byte>& bytes) {
    std::vector<float> values(size_t(state.elements));
    for (int64_t i = 0; i < state.elements; ++i) {
      const auto pair = uint8_t(codes.data[size_t(i / 2)]);  // the first in the high half
      values[size_t(i)] = map[i % 2 ? pair & 15 : pair >> 4] * scales[size_t(i / state.block)];
    }
    put_floats(values, bytes);
  };
  return {{weight, DType::F32, state.shape, {}},
          {weight, tensor, weight + ".absmax", weight + ".quant_map", weight + ".nested_absmax",
           weight + ".nested_quant_map"},
          make};
}

QuantisedWeight read_eight_bits(const StoredForm& form, const std::string& module) {
  const TensorView codes = form.part(module + ".weight", {DType::I8}, {-1, -1});
  const auto scales = to_floats(form.part(module + ".SCB", {DType::F32}, {codes.shape[0]}));
  const auto make = [codes, scales](std::vector<std::byte>& bytes) {
    std::vector<float> values(codes.data.size());
    for (size_t i = 0; i < values.size(); ++i)  // the constant and the order of bitsandbytes: 1 / 127, last
      values[i] = float(int8_t(codes.data[i])) * scales[i / size_t(codes.shape[1])] * 7.874015718698502e-3f;
    put_floats(values, bytes);
  };
  return {{module + ".weight", DType::F32, codes.shape, {}},
          {module + ".weight", module + ".SCB", module + ".weight_format"},
          make};
}

}  // namespace

std::vector<QuantisedWeight> bitsandbytes_weights(const StoredForm& form) {
  std::vector<QuantisedWeight> weights;
  for (const TensorView& tensor : form.checkpoint.tensors())
    if (tensor.name.find(kState) != std::string::npos) weights.push_back(read_four_bits(form, tensor.name));
  for (const std::string& module : modules_with(form.checkpoint, ".SCB"))
    weights.push_back(read_eight_bits(form, module));
  return weights;
}

}  // namespace limpid::quantised
