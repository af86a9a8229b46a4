#include "limpid/conversion/tensor_map.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "limpid/checkpoints/finite.h"
#include "limpid/checkpoints/layout.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/checkpoints/rearrange.h"
#include "limpid/core/error.h"
#include "limpid/kernels/finite.h"
#include "limpid/kernels/quantize.h"

namespace limpid {
namespace {

bool is_norm_weight(const TensorView& tensor, const std::string& name) {
  return tensor.shape.size() == 1 && name.ends_with(".weight");
}

/// Shape of the tensor in the model's order.
std::vector<int64_t> model_shape(const TensorView& view, const StoredTensor& stored) {
  std::vector<int64_t> shape = view.shape;
  if (stored.experts > 0) shape.erase(shape.begin());
  if (stored.transposed) std::swap(shape[0], shape[1]);
  if (!stored.row.empty()) shape[0] = int64_t(stored.row.size());
  return shape;
}

/// Puts rows of a part where they lie in the whole.
void scatter(const TensorView& part, const StoredTensor& place, std::vector<std::byte>& whole,
             const std::string& source) {
  const size_t row_bytes = whole.size() / size_t(place.rows);
  LIMPID_CHECK(part.data.size() == place.row.size() * row_bytes, ShapeError, source, ": ", quote(part.name),
               " has shape ", shape_text(part.shape), ", the other parts of ", quote(place.name), " have rows of ",
               row_bytes, " bytes, ", place.row.size(), " each");
  for (size_t r = 0; r < place.row.size(); ++r)
    std::memcpy(whole.data() + size_t(place.row[r]) * row_bytes, part.data.data() + r * row_bytes, row_bytes);
}

}  // namespace

TensorView as_type(TensorView tensor, DType type, std::vector<std::byte>& storage) {
  if (tensor.dtype == type) return tensor;
  const std::vector<float> values = to_floats(tensor);
  std::vector<std::byte> bytes(byte_size(type, values.size()));
  kernels::quantize(type, values.data(), values.size(), bytes.data());
  const auto lost = kernels::first_not_finite(type, bytes.data(), values.size());
  LIMPID_CHECK(!lost, ConfigError, "[convert] tensor ", quote(tensor.name), " holds ",
               *std::ranges::max_element(values, {}, [](float value) { return std::fabs(value); }), ", which ",
               info(type).name, " cannot hold; choose another --type");
  storage = std::move(bytes);
  tensor.dtype = type;
  tensor.data = storage;
  return tensor;
}

TensorMap::TensorMap(const ModelConfig& config, std::shared_ptr<const Checkpoint> checkpoint, FileKind to, bool stored)
    : config_(config),
      checkpoint_(std::move(checkpoint)),
      from_(file_kind(config)),
      to_(to),
      stored_(stored) {
  const Family& family = family_of(config);
  if (from_ != to_) norm_offset_ = to_ == FileKind::Gguf ? family.norm_offset : -family.norm_offset;
  for (const Module& module : modules()) {
    add(module, ".weight");
    if (module.bias.value_or(find(module.name + ".bias") != nullptr)) add(module, ".bias");
  }
  if (from_ == FileKind::Gguf && to_ == FileKind::Gguf) add_rest();
}

std::vector<TensorMap::Module> TensorMap::modules() const {
  const Family& family = family_of(config_);
  const int64_t width = config_.embedding_width > 0 ? config_.embedding_width : config_.hidden_size;
  const std::vector<int64_t> table = {config_.vocab_size, width};
  std::vector<Module> modules = {{family.embedding.name, Role::Table, table, false}};
  const auto add_all = [&](const std::vector<TensorNames>& list, const std::string& prefix) {
    for (const TensorNames& names : list)
      if (!names.when || names.when(config_)) modules.push_back({prefix + names.name});
  };
  add_all(family.tensors, "");
  for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
    const std::string block = concat(family.layers, layer, ".");
    for (const ProjectionFormat& format : family.projections) {
      if (!has_projection(config_, format.projection, layer)) continue;
      const MatrixShape shape = shape_of(config_, format.projection);
      modules.push_back(
          {block + format.name, Role::Matrix, {shape.out, shape.in}, has_bias(config_, format.projection)});
    }
    if (config_.has_experts(layer)) add_experts(*family.experts, block, modules);
    add_all(family.block_tensors, block);
  }
  if (!config_.tie_word_embeddings) modules.push_back({family.output.name, Role::Table, table, false});
  return modules;
}

void TensorMap::add_experts(const ExpertsFormat& parts, const std::string& block, std::vector<Module>& modules) const {
  modules.push_back({block + parts.router.name, Role::Other, {config_.num_experts, config_.hidden_size}, false});
  for (const ProjectionFormat& format : parts.projections) {
    const MatrixShape shape = expert_shape_of(config_, format.projection);
    for (int64_t expert = 0; expert < config_.num_experts; ++expert)
      modules.push_back(
          {concat(block, parts.list, expert, ".", format.name), Role::Matrix, {shape.out, shape.in}, false});
  }
}

const TensorView* TensorMap::find(const std::string& name) const {
  return find_stored(*checkpoint_, config_, stored_tensor(config_, name, from_));
}

void TensorMap::add(const Module& module, const std::string& ending) {
  const std::string name = module.name + ending;
  const TensorView* view = find(name);
  const StoredTensor source = stored_tensor(config_, name, from_), target = stored_tensor(config_, name, to_);
  LIMPID_CHECK(view, FormatError, checkpoint_->source(), ": tensor ", quote(source.name), " is missing");
  const bool weight = ending == ".weight";
  LIMPID_CHECK(view->shape.size() == (source.experts > 0 ? 3 : 2) ||
                   (view->shape.size() == 1 && !source.transposed && !target.transposed),
               FormatError, checkpoint_->source(), ": tensor ", quote(view->name), " has shape ",
               shape_text(view->shape));
  std::vector<int64_t> shape = model_shape(*view, source);
  const std::vector<int64_t> expected = weight || module.shape.empty() ? module.shape : std::vector{module.shape[0]};
  LIMPID_CHECK(expected.empty() || shape == expected, ShapeError, checkpoint_->source(), ": tensor ", quote(view->name),
               " has shape ", shape_text(view->shape), ", the config asks for ", shape_text(expected),
               source.transposed ? ", transposed" : "");
  DType type = view->dtype == DType::NVFP4 && !stored_ ? DType::F32 : view->dtype;
  const bool offset = norm_offset_ != 0 && is_norm_weight(*view, name);
  if (offset || (is_quantised(type) && (source.transposed || target.transposed))) type = DType::F32;

  const auto [place, is_new] = index_.try_emplace(target.name, tensors_.size());
  if (is_new) {
    if (target.rows > 0) shape[0] = target.rows;
    if (target.transposed) std::swap(shape[0], shape[1]);
    if (target.experts > 0) shape = {target.experts, target.rows / target.experts, shape[1]};
    tensors_.push_back({target.name, weight ? module.role : Role::Other, type, shape, {}});
  }
  MappedTensor& tensor = tensors_[place->second];
  if (tensor.type != type) tensor.type = DType::F32;
  tensor.parts.push_back(name);
}

void TensorMap::add_rest() {
  std::set<std::string> known;
  for (const MappedTensor& tensor : tensors_) known.insert(tensor.name);
  if (!stored_)
    for (const TensorView& view : checkpoint_->tensors())
      if (const TensorView* scale = GgufFile::scale_of(*checkpoint_, view)) known.insert(scale->name);
  for (const TensorView& view : checkpoint_->tensors())
    if (!known.contains(view.name)) tensors_.push_back({view.name, Role::Other, view.dtype, view.shape, {}});
}

TensorView TensorMap::load(const TensorView& tensor, std::vector<std::byte>& storage) const {
  const TensorView view = stored_ ? tensor : checkpoint_->load(tensor, storage);
  check_finite(view, checkpoint_->source());
  return view;
}

TensorView TensorMap::read_part(const std::string& name, std::vector<std::byte>& storage) const {
  const StoredTensor source = stored_tensor(config_, name, from_);
  TensorView view = as_matrix(load(*find(name), storage), source, checkpoint_->source());
  const std::vector<int64_t> stored_shape = view.shape;
  LIMPID_CHECK(source.rows == 0 || stored_shape[source.transposed ? 1 : 0] == source.rows, ShapeError,
               checkpoint_->source(), ": ", quote(view.name), " has shape ", shape_text(stored_shape),
               ", the config asks for ", source.rows, " rows");
  if (source.transposed) view = transposed(view, storage);
  if (!source.row.empty()) view = gathered(view, source.row, storage);
  if (norm_offset_ == 0 || !is_norm_weight(view, name)) return view;
  std::vector<float> values = to_floats(view);
  for (float& value : values) value += float(norm_offset_);
  const auto bytes = std::as_bytes(std::span(values));
  storage = std::vector<std::byte>(bytes.begin(), bytes.end());
  return {view.name, DType::F32, view.shape, storage};
}

TensorView TensorMap::read(const MappedTensor& tensor, std::vector<std::byte>& storage) const {
  TensorView view;
  if (tensor.parts.empty()) return load(checkpoint_->at(tensor.name), storage);
  const StoredTensor first = stored_tensor(config_, tensor.parts.front(), to_);
  if (first.row.empty()) {
    view = as_type(read_part(tensor.parts.front(), storage), tensor.type, storage);
  } else {
    std::vector<int64_t> shape = tensor.shape;
    if (first.transposed) std::swap(shape[0], shape[1]);
    size_t elements = 1;
    for (int64_t size : shape) elements *= size_t(size);
    std::vector<std::byte> whole(byte_size(tensor.type, elements)), part_storage;
    for (const std::string& part : tensor.parts)
      scatter(as_type(read_part(part, part_storage), tensor.type, part_storage), stored_tensor(config_, part, to_),
              whole, checkpoint_->source());
    storage = std::move(whole);
    view = {tensor.name, tensor.type, shape, storage};
  }
  if (first.transposed) view = transposed(view, storage);
  view.name = tensor.name;
  return view;
}

}  // namespace limpid
