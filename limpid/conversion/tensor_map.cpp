#include "limpid/conversion/tensor_map.h"

#include <cmath>
#include <cstring>
#include <set>

#include "limpid/checkpoints/layout.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/checkpoints/rearrange.h"
#include "limpid/core/error.h"
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
  std::vector<float> values = to_floats(tensor);
  for (float value : values)
    LIMPID_CHECK(type == DType::F32 || (std::isfinite(value) && (type != DType::F16 || std::fabs(value) < 65520.0f)),
                 ConfigError, "[convert] tensor ", quote(tensor.name), " holds ", value, ", which ", info(type).name,
                 " cannot hold; choose another --type");
  std::vector<std::byte> bytes(byte_size(type, values.size()));
  kernels::quantize(type, values.data(), values.size(), bytes.data());
  storage = std::move(bytes);
  tensor.dtype = type;
  tensor.data = storage;
  return tensor;
}

TensorMap::TensorMap(const ModelConfig& config, std::shared_ptr<const Checkpoint> checkpoint, FileKind to)
    : config_(config),
      checkpoint_(std::move(checkpoint)),
      from_(file_kind(config)),
      to_(to) {
  const Family& family = family_of(config);
  if (from_ != to_) norm_offset_ = to_ == FileKind::Gguf ? family.norm_offset : -family.norm_offset;
  add(family.embedding.name, Role::Table);
  for (const TensorNames& names : family.tensors) add(names.name, Role::Other);
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    const std::string block = concat(family.layers, layer, ".");
    for (const ProjectionFormat& format : family.projections)
      if (has_projection(config, format.projection, layer)) add(block + format.name, Role::Matrix);
    if (config.has_experts(layer)) add_experts(*family.experts, block);
    for (const TensorNames& names : family.block_tensors) add(block + names.name, Role::Other);
  }
  if (!config.tie_word_embeddings) add(family.output.name, Role::Table);
  if (from_ == FileKind::Gguf && to_ == FileKind::Gguf) add_rest();
}

void TensorMap::add_experts(const ExpertsFormat& parts, const std::string& block) {
  add(block + parts.router.name, Role::Other);
  for (const ProjectionFormat& format : parts.projections)
    for (int64_t expert = 0; expert < config_.num_experts; ++expert)
      add(concat(block, parts.list, expert, ".", format.name), Role::Matrix);
}

const TensorView* TensorMap::find(const std::string& name) const {
  const StoredTensor stored = stored_tensor(config_, name, from_);
  if (const TensorView* view = checkpoint_->find(stored.name)) return view;
  return from_ == FileKind::Gguf ? nullptr : checkpoint_->find(without_prefix(family_of(config_), stored.name));
}

void TensorMap::add(const std::string& module, Role role) {
  for (const std::string ending : {".weight", ".bias"}) {
    const std::string name = module + ending;
    const TensorView* view = find(name);
    LIMPID_CHECK(view || role != Role::Matrix || ending != ".weight", FormatError, checkpoint_->source(), ": tensor ",
                 quote(stored_tensor(config_, name, from_).name), " is missing");
    if (!view) continue;
    const StoredTensor source = stored_tensor(config_, name, from_), target = stored_tensor(config_, name, to_);
    const bool matrix = view->shape.size() == (source.experts > 0 ? 3 : 2);
    LIMPID_CHECK(matrix || (view->shape.size() == 1 && !source.transposed && !target.transposed), FormatError,
                 checkpoint_->source(), ": tensor ", quote(view->name), " has shape ", shape_text(view->shape));
    DType type = view->dtype == DType::NVFP4 ? DType::F32 : view->dtype;
    const bool offset = norm_offset_ != 0 && is_norm_weight(*view, name);
    if (offset || (is_quantised(type) && (source.transposed || target.transposed))) type = DType::F32;

    const auto [place, is_new] = index_.try_emplace(target.name, tensors_.size());
    if (is_new) {
      tensors_.push_back(
          {target.name, ending == ".weight" ? role : Role::Other, type, model_shape(*view, source), {}});
      std::vector<int64_t>& shape = tensors_.back().shape;
      if (target.rows > 0) shape[0] = target.rows;
      if (target.transposed) std::swap(shape[0], shape[1]);
      if (target.experts > 0) shape = {target.experts, target.rows / target.experts, shape[1]};
    }
    MappedTensor& tensor = tensors_[place->second];
    if (tensor.type != type) tensor.type = DType::F32;
    tensor.parts.push_back(name);
  }
}

void TensorMap::add_rest() {
  std::set<std::string> known;
  for (const MappedTensor& tensor : tensors_) known.insert(tensor.name);
  for (const TensorView& view : checkpoint_->tensors())
    if (!known.contains(view.name)) tensors_.push_back({view.name, Role::Other, view.dtype, view.shape, {}});
}

TensorView TensorMap::read_part(const std::string& name, std::vector<std::byte>& storage) const {
  const StoredTensor source = stored_tensor(config_, name, from_);
  TensorView view = as_matrix(checkpoint_->load(*find(name), storage), source, checkpoint_->source());
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
  if (tensor.parts.empty()) return checkpoint_->load(checkpoint_->at(tensor.name), storage);
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
