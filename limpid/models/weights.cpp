#include "limpid/models/weights.h"

#include "limpid/checkpoints/finite.h"
#include "limpid/checkpoints/layout.h"
#include "limpid/checkpoints/rearrange.h"

namespace limpid {
namespace {

Tensor float_tensor(const TensorView& view) {
  Tensor tensor = torch::empty(view.shape, torch::kFloat32);
  dequantize(view.dtype, view.data.data(), size_t(view.elements()), tensor.mutable_data_ptr<float>());
  return tensor;
}

}  // namespace

Weights::Weights(std::shared_ptr<const Checkpoint> checkpoint, const ModelConfig& config, LoadOptions options)
    : shared_(std::make_shared<Shared>(Shared{std::move(checkpoint), config, std::move(options), {}, {}})) {}

Weights Weights::block(int64_t layer) const {
  Weights scope = *this;
  scope.prefix_ = concat(family_of(config()).layers, layer, ".");
  return scope;
}

bool Weights::has(const std::string& name) const {
  return shared_->checkpoint && find(stored_tensor(config(), prefix_ + name, file_kind(config())));
}

const TensorView* Weights::find(const StoredTensor& stored) const {
  return find_stored(*shared_->checkpoint, config(), stored);
}

const TensorView& Weights::at(const StoredTensor& stored) const {
  const TensorView* view = find(stored);
  LIMPID_CHECK(view, FormatError, shared_->checkpoint->source(), ": tensor \"", stored.name, "\" is missing");
  return *view;
}

TensorView Weights::matrix(const std::string& full_name, int64_t rows, int64_t columns,
                           std::vector<std::byte>& storage) const {
  const StoredTensor stored = stored_tensor(config(), full_name, file_kind(config()));
  TensorView view = as_matrix(shared_->checkpoint->load(at(stored), storage), stored, shared_->checkpoint->source());
  const int64_t stored_rows = stored.rows > 0 ? stored.rows : rows;
  const std::vector<int64_t> expected =
      stored.transposed ? std::vector{columns, stored_rows} : std::vector{stored_rows, columns};
  LIMPID_CHECK(view.shape == expected, ShapeError, shared_->checkpoint->source(), ": \"", view.name, "\" has shape ",
               shape_text(view.shape), ", the config asks for ", shape_text(expected));
  check_finite(view, shared_->checkpoint->source());
  if (stored.transposed) view = transposed(view, storage);
  if (!stored.row.empty()) view = gathered(view, stored.row, storage);
  return view;
}

Tensor Weights::parameter(const std::string& full_name, Tensor value) const {
  if (training() && !training()->frozen) {
    value.set_requires_grad(true);
    shared_->parameters[full_name] = value;
  }
  return value;
}

std::shared_ptr<const nn::PackedMatrix> Weights::packed(const std::string& full_name, int64_t rows,
                                                        int64_t columns) const {
  std::shared_ptr<const nn::PackedMatrix> result;
  const InferenceOptions& options = inference();
  if (const auto given = options.shared.find(full_name); given != options.shared.end()) {
    result = given->second;
    LIMPID_CHECK(int64_t(result->out()) == rows && int64_t(result->in()) == columns, ShapeError,
                 shared_->checkpoint->source(), ": \"", full_name, "\" shared by another model has shape [",
                 result->out(), ", ", result->in(), "], the config asks for [", rows, ", ", columns, "]");
  } else {
    std::vector<std::byte> storage;
    const TensorView view = matrix(full_name, rows, columns, storage);
    // Only the layers' matrices: a helper that lies in a detoxifier file reads the target's tables, unrounded, and one
    // that is linked must give the same states.
    const bool is_table = prefix_.empty();
    if (options.eight_bit && !is_table && !is_quantised(view.dtype) && columns % 32 == 0) {
      const Tensor values = float_tensor(view);
      result = nn::PackedMatrix::pack(values.const_data_ptr<float>(), size_t(rows), size_t(columns), DType::Q8_0);
    } else {
      result = nn::PackedMatrix::pack(view);
    }
  }
  if (prefix_.empty()) shared_->tables[full_name] = result;
  return result;
}

nn::Linear Weights::linear(const std::string& name, int64_t out, int64_t in, bool bias) const {
  const std::string full_name = prefix_ + name + ".weight";
  Tensor bias_vector;
  if (bias) bias_vector = vector(name + ".bias", out);
  if (!training()) return nn::Linear(packed(full_name, out, in), bias_vector, inference().precision);
  const auto adapter = training()->adapter ? training()->adapter(prefix_ + name, out, in) : nullptr;
  return nn::Linear(trainable_matrix(full_name, out, in), bias_vector, training()->compute, adapter);
}

nn::Linear Weights::expert_linear(const std::string& name, int64_t out, int64_t in, Precision precision) const {
  const std::string full_name = prefix_ + name + ".weight";
  if (!training()) return nn::Linear(packed(full_name, out, in), Tensor(), precision);
  return nn::Linear(trainable_matrix(full_name, out, in), Tensor(), training()->compute);
}

nn::Experts Weights::experts(int64_t layer) const {
  const ModelConfig& c = config();
  if (!c.has_experts(layer)) return {};
  const Weights scope = block(layer);
  const ExpertsFormat& parts = *family_of(c).experts;
  std::vector<nn::Expert> experts(size_t(c.num_experts));
  for (int64_t e = 0; e < c.num_experts; ++e)
    for (const ProjectionFormat& format : parts.projections) {
      using enum Projection;
      const auto [out, in] = expert_shape_of(c, format.projection);
      nn::Expert& expert = experts[size_t(e)];
      (format.projection == MlpGate ? expert.gate
       : format.projection == MlpUp ? expert.up
                                    : expert.down) =
          scope.expert_linear(concat(parts.list, e, ".", format.name), out, in,
                              training() ? Precision::Exact : inference().precision);
    }
  // Exact: its products decide which experts are read at all.
  const nn::Linear router = scope.expert_linear(parts.router.name, c.num_experts, c.hidden_size, Precision::Exact);
  return {router, std::move(experts), c.experts_per_token, c.whole_shares};
}

nn::Linear Weights::convolution(const std::string& name, int64_t out, int64_t in, int64_t width) const {
  const TensorView& view = at(stored_tensor(config(), prefix_ + name + ".weight", file_kind(config())));
  const std::vector<int64_t> expected{out, in, width};
  LIMPID_CHECK(view.shape == expected, ShapeError, shared_->checkpoint->source(), ": \"", view.name, "\" has shape ",
               shape_text(view.shape), ", the config asks for ", shape_text(expected));
  check_finite(view, shared_->checkpoint->source());
  const Tensor values = float_tensor(view).transpose(1, 2).contiguous();
  const auto packed = nn::PackedMatrix::pack(values.const_data_ptr<float>(), size_t(out), size_t(width * in));
  return nn::Linear(packed, vector(name + ".bias", out), inference().precision);
}

Tensor Weights::trainable_matrix(const std::string& full_name, int64_t rows, int64_t columns) const {
  const TrainingOptions& options = *training();
  std::vector<std::byte> storage;
  const Tensor value = options.fresh ? options.fresh(full_name, {rows, columns})
                                     : float_tensor(matrix(full_name, rows, columns, storage));
  return parameter(full_name, options.frozen ? value.to(options.compute) : value);
}

nn::Embedding Weights::embedding(const std::string& name, int64_t rows, int64_t columns) const {
  const std::string full_name = prefix_ + name + ".weight";
  if (!training()) return nn::Embedding(packed(full_name, rows, columns));
  return nn::Embedding(trainable_matrix(full_name, rows, columns));
}

nn::Linear Weights::tied(const nn::Embedding& embedding) const {
  if (training()) return nn::Linear(embedding.table(), Tensor(), training()->compute);
  return nn::Linear(embedding.packed(), Tensor(), inference().precision);
}

Tensor Weights::vector(const std::string& name, int64_t size) const {
  const std::string full_name = prefix_ + name;
  if (training() && training()->fresh) return parameter(full_name, training()->fresh(full_name, {size}));
  const StoredTensor stored = stored_tensor(config(), full_name, file_kind(config()));
  const int64_t stored_size = stored.rows > 0 ? stored.rows : size;
  TensorView view = at(stored);
  LIMPID_CHECK(view.elements() == stored_size && view.shape.size() == 1, ShapeError, shared_->checkpoint->source(),
               ": \"", view.name, "\" has shape ", shape_text(view.shape), ", the config asks for [", stored_size, "]");
  check_finite(view, shared_->checkpoint->source());
  std::vector<std::byte> storage;
  if (!stored.row.empty()) view = gathered(view, stored.row, storage);
  return parameter(full_name, float_tensor(view));
}

BlockLinears Weights::linears(int64_t layer) const {
  BlockLinears all;
  const Weights scope = block(layer);
  for (const ProjectionFormat& format : family_of(config()).projections) {
    if (!has_projection(config(), format.projection, layer)) continue;
    const MatrixShape shape = shape_of(config(), format.projection);
    all[size_t(format.projection)] =
        scope.linear(format.name, shape.out, shape.in, has_bias(config(), format.projection));
  }
  return all;
}

nn::RmsNorm Weights::rms_norm(const std::string& name, int64_t size) const {
  const double offset = config().from_gguf ? 0 : family_of(config()).norm_offset;
  return {vector(name + ".weight", size > 0 ? size : config().hidden_size), config().norm_eps, offset};
}

nn::LayerNorm Weights::layer_norm(const std::string& name, int64_t size, bool bias) const {
  const int64_t D = size > 0 ? size : config().hidden_size;
  const bool first_names = !has(name + ".weight") && has(name + ".gamma");
  return {vector(name + (first_names ? ".gamma" : ".weight"), D),
          bias ? vector(name + (first_names ? ".beta" : ".bias"), D) : Tensor(), config().norm_eps};
}

Precision natural_precision(const Checkpoint& checkpoint) {
  int64_t wide = 0, sixteen = 0, blocks = 0;
  for (const TensorView& tensor : checkpoint.tensors()) {
    if (tensor.shape.size() < 2) continue;
    const bool half = is_floating(tensor.dtype) && info(tensor.dtype).block_bytes <= 2;
    int64_t& dense = half ? sixteen : wide;
    (is_quantised(tensor.dtype) ? blocks : dense) += tensor.elements();
  }
  if (blocks > std::max(wide, sixteen)) return Precision::Int8;
  return sixteen > wide ? Precision::BF16 : Precision::Exact;
}

}  // namespace limpid
