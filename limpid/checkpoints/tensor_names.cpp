#include "limpid/checkpoints/tensor_names.h"

#include <cstring>

#include "limpid/checkpoints/layout.h"
#include "limpid/core/error.h"

namespace limpid {
namespace {

/// A name within an entry of a list: of "model.layers.", "model.layers.3.mlp.up_proj" is 3 and "mlp.up_proj".
struct ListedName {
  int64_t number;
  std::string_view inner;
};

std::optional<ListedName> parse_listed_name(std::string_view name, std::string_view list) {
  if (!name.starts_with(list)) return std::nullopt;
  const size_t end = name.find('.', list.size());
  const std::string_view digits = name.substr(list.size(), end - list.size());
  if (end == std::string_view::npos || digits.empty() || digits.size() > 6 ||
      digits.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  return ListedName{std::stoll(std::string(digits)), name.substr(end + 1)};
}

/// Returns the length of a name without ".weight" or ".bias".
size_t module_length(std::string_view name) {
  for (const std::string_view ending : {".weight", ".bias"})
    if (name.ends_with(ending)) return name.size() - ending.size();
  return name.size();
}

const StoredMatrix& matrix_in(const ProjectionFormat& format, FileKind kind) {
  return kind == FileKind::Gguf ? format.gguf : format.huggingface;
}

const char* name_in(const ProjectionFormat& format, FileKind kind) {
  const StoredMatrix& matrix = matrix_in(format, kind);
  return matrix.name ? matrix.name : format.name;
}

const ProjectionFormat* find_format(const std::vector<ProjectionFormat>& projections, std::string_view module) {
  for (const ProjectionFormat& format : projections)
    if (module == format.name) return &format;
  return nullptr;
}

/// Fills in the rows of a layer: all, those below the parts that come before it, or in an order of their own.
void place_rows(const ModelConfig& config, const Family& family, const ProjectionFormat& format, FileKind kind,
                StoredTensor& out) {
  int64_t before = 0;
  for (const ProjectionFormat& other : family.projections) {
    if (std::strcmp(name_in(other, kind), name_in(format, kind)) != 0) continue;
    if (&other == &format) before = out.rows;
    out.rows += shape_of(config, other.projection).out;
  }
  const int64_t rows = shape_of(config, format.projection).out;
  const auto order = matrix_in(format, kind).row;
  if (!order && rows == out.rows) return;
  for (int64_t r = 0; r < rows; ++r) out.row.push_back(order ? order(config, format.projection, r) : before + r);
}

/// Fills in the place of a layer of an expert, if it is one.
void place_expert(const ModelConfig& config, const Family& family, std::string_view module, FileKind kind,
                  std::string& inner, StoredTensor& out) {
  const auto expert = family.experts ? parse_listed_name(module, family.experts->list) : std::nullopt;
  const ProjectionFormat* format = expert ? find_format(family.experts->projections, expert->inner) : nullptr;
  if (!format) return;
  const int64_t rows = out.rows = expert_shape_of(config, format->projection).out;
  if (kind == FileKind::HuggingFace) return;
  inner = format->gguf.name;
  out.experts = config.num_experts;
  out.rows = out.experts * rows;
  for (int64_t r = 0; r < rows; ++r) out.row.push_back(expert->number * rows + r);
}

/// Returns the name of a tensor in GGUF files; Hugging Face's where the table does not have it.
std::string gguf_name(const std::vector<TensorNames>& table, std::string_view module) {
  for (const TensorNames& names : table)
    if (module == names.name && names.gguf) return names.gguf;
  return std::string(module);
}

}  // namespace

StoredTensor stored_tensor(const ModelConfig& config, const std::string& name, FileKind kind) {
  const Family& family = family_of(config);
  const size_t length = module_length(name);
  const std::string_view module = std::string_view(name).substr(0, length);
  const std::string ending = name.substr(length);
  const bool gguf = kind == FileKind::Gguf;
  const std::string prefix = gguf || module == family.output.name ? "" : family.prefix;
  const auto block = parse_listed_name(module, family.layers);
  if (!block) {
    std::vector<TensorNames> table = family.tensors;
    table.insert(table.end(), {family.embedding, family.output});
    return {prefix + (gguf ? gguf_name(table, module) : std::string(module)) + ending};
  }
  StoredTensor out;
  std::vector<TensorNames> table = family.block_tensors;
  if (family.experts) table.push_back(family.experts->router);
  std::string inner = gguf ? gguf_name(table, block->inner) : std::string(block->inner);
  if (const ProjectionFormat* format = find_format(family.projections, block->inner)) {
    inner = name_in(*format, kind);
    out.transposed = matrix_in(*format, kind).transposed && ending == ".weight";
    place_rows(config, family, *format, kind, out);
  } else {
    place_expert(config, family, block->inner, kind, inner, out);
  }
  out.name = concat(prefix, gguf ? "blk." : family.layers, block->number, ".", inner, ending);
  return out;
}

TensorView as_matrix(TensorView view, const StoredTensor& stored, const std::string& source) {
  if (stored.experts == 0) return view;
  const auto& shape = view.shape;
  LIMPID_CHECK(shape.size() == 3 && shape[0] == stored.experts && shape[0] * shape[1] == stored.rows, ShapeError,
               source, ": \"", view.name, "\" has shape ", shape_text(shape), ", the config asks for ", stored.experts,
               " experts of ", stored.rows / stored.experts, " rows");
  view.shape = {stored.rows, shape[2]};
  return view;
}

const TensorView* find_stored(const Checkpoint& checkpoint, const ModelConfig& config, const StoredTensor& stored) {
  if (const TensorView* view = checkpoint.find(stored.name)) return view;
  return config.from_gguf ? nullptr : checkpoint.find(without_prefix(family_of(config), stored.name));
}

bool has_output_matrix(const ModelConfig& config, const Checkpoint& checkpoint) {
  const std::string name = family_of(config).output.name + std::string(".weight");
  return checkpoint.find(stored_tensor(config, name, file_kind(config)).name) != nullptr;
}

std::string without_prefix(const Family& family, const std::string& stored) {
  return stored.starts_with(family.prefix) ? stored.substr(std::strlen(family.prefix)) : stored;
}

std::optional<BlockProjection> find_projection(const Family& family, std::string_view name) {
  const auto block = parse_listed_name(name.substr(0, module_length(name)), family.layers);
  const ProjectionFormat* format = block ? find_format(family.projections, block->inner) : nullptr;
  if (!format) return std::nullopt;
  return BlockProjection{block->number, format->projection};
}

std::vector<BlockProjection> projections_of_module(const Family& family, std::string_view module) {
  std::string_view list = family.layers;  // "layers."
  if (const size_t dot = list.rfind('.', list.size() - 2); dot != std::string_view::npos) list.remove_prefix(dot + 1);
  std::vector<BlockProjection> projections;
  for (size_t begin = module.find(list); begin != std::string_view::npos; begin = module.find(list, begin + 1)) {
    if (begin > 0 && module[begin - 1] != '.') continue;
    const auto block = parse_listed_name(module.substr(begin), list);
    if (!block) continue;
    for (const ProjectionFormat& format : family.projections)
      if (block->inner == format.name || block->inner == name_in(format, FileKind::HuggingFace))
        projections.push_back({block->number, format.projection});
  }
  return projections;
}

std::string module_name(const Family& family, Projection projection, int64_t layer) {
  const ProjectionFormat* format = family.find(projection);
  LIMPID_CHECK(format, ConfigError, "[model] the family ", family.name, " has no such linear layer");
  return concat(family.layers, layer, ".", format->name);
}

MatrixShape shape_of(const ModelConfig& c, Projection projection) {
  const int64_t D = c.hidden_size, heads = c.num_heads * c.head_dim, groups = c.num_kv_heads * c.head_dim;
  switch (projection) {
    case Projection::Query: return {heads, D};
    case Projection::Key:
    case Projection::Value: return {groups, D};
    case Projection::QueryKeyValue: return {heads + 2 * groups, D};
    case Projection::AttentionOutput: return {D, heads};
    case Projection::MlpGate:
    case Projection::MlpUp: return {c.intermediate_size, D};
    case Projection::MlpDown: break;
  }
  return {D, c.intermediate_size};
}

MatrixShape expert_shape_of(const ModelConfig& c, Projection projection) {
  if (projection == Projection::MlpDown) return {c.hidden_size, c.expert_size};
  return {c.expert_size, c.hidden_size};
}

bool has_projection(const ModelConfig& c, Projection projection, int64_t layer) {
  using enum Projection;
  if (!family_of(c).find(projection)) return false;
  const bool feeds = projection == MlpGate || projection == MlpUp || projection == MlpDown;
  return !feeds || !c.has_experts(layer);
}

bool has_bias(const ModelConfig& c, Projection projection) {
  switch (projection) {
    case Projection::MlpGate:
    case Projection::MlpUp:
    case Projection::MlpDown: return c.mlp_bias;
    case Projection::AttentionOutput: {
      const OutputBias bias = family_of(c).output_bias;
      return bias == OutputBias::Always || (bias != OutputBias::Never && c.attention_bias);
    }
    default: return c.attention_bias;
  }
}

}  // namespace limpid
