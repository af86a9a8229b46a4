#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "limpid/checkpoints/config.h"

/// Description of a family of models: the names it goes by, what its config leaves out, and how its tensors are named
/// and stored. Everything that reads, writes or explains a model asks the description; the family's model file
/// (limpid/models) says what is computed.
namespace limpid {

class ConfigKeys;

/// The linear layers of a block, beside which a method may keep a change of its own.
enum class Projection {
  Query,            ///< [H * head_dim, D]
  Key,              ///< [kv_heads * head_dim, D]
  Value,            ///< likewise
  QueryKeyValue,    ///< the three in one, computed as one: [(H + 2 kv_heads) * head_dim, D]
  AttentionOutput,  ///< [D, H * head_dim]
  MlpGate,          ///< the layer whose output goes through the activation, [F, D]
  MlpUp,            ///< the factor beside it in a gated feed-forward, [F, D]
  MlpDown,          ///< [D, F]
};
inline constexpr size_t kProjectionKinds = 8;

/// Values that a family's config class assumes where config.json is silent (transformers leaves out what equals the
/// class's defaults, in places). 0 and "": the key must be there. GGUF files say all sizes; of them only `norm_eps`,
/// `activation`, the rotary bases and the sliding pattern may be missing.
struct ConfigDefaults {
  int64_t vocab_size = 0, num_heads = 0, max_positions = 0;
  int64_t num_kv_heads = 0;    ///< 0: as many as there are heads
  int64_t head_dim = 0;        ///< 0: hidden_size / num_heads
  int64_t inner_multiple = 0;  ///< intermediate_size in hidden sizes
  double norm_eps = 1e-5;
  const char* activation = "";
  bool tied = false;    ///< the output matrix is the embedding
  bool biased = false;  ///< linear layers of the blocks have biases
  double rope_theta = 1e4;
  double rotary_fraction = 1;   ///< part of each head that rotates
  double local_rope_theta = 0;  ///< base of sliding layers; 0: that of the others, scaling included
  bool slides = false;          ///< may have sliding layers
  int64_t sliding_window = 0;
  int64_t sliding_pattern = 0;  ///< every n-th layer is full; 0: none is
  int64_t num_experts = 0, experts_per_token = 0;
  int64_t expert_size = 0;  ///< 0: the intermediate size
};

/// Storage of the linear layers of one kind in one kind of file.
struct StoredMatrix {
  /// Name within the block; null: that of the model. Several layers of one name lie in one matrix, one below the other
  /// in the order of the table.
  const char* name = nullptr;
  bool transposed = false;  ///< stored [in, out]
  /// Row of the stored matrix at which row `row` of the layer lies, where the order differs; null: as said above.
  int64_t (*row)(const ModelConfig& config, Projection projection, int64_t row) = nullptr;
};

struct ProjectionFormat {
  Projection projection;
  const char* name;  ///< within the block, as Hugging Face's modules are called and Model::parameters()
  StoredMatrix gguf;
  StoredMatrix huggingface = {};
};

/// A tensor or module in Hugging Face and in GGUF files, without its ending.
struct TensorNames {
  const char* name;
  const char* gguf = nullptr;  ///< null: as in Hugging Face files
  /// Returns whether a model has it; null: all models of the family do.
  bool (*when)(const ModelConfig& config) = nullptr;
};

/// Parts of a feed-forward half with several experts, of which a router chooses some for each token.
struct ExpertsFormat {
  TensorNames router;  ///< [experts, D]; within the block
  /// Within the block; an expert's number follows, a dot and the name of its layer: "mlp.experts." of
  /// "mlp.experts.3.up_proj".
  const char* list;
  /// The linear layers of an expert. In GGUF files, within the block, those of one kind lie in one tensor, [experts,
  /// out, in].
  std::vector<ProjectionFormat> projections;
};

/// Condition on which the attention's output projection has a bias.
enum class OutputBias {
  Never,
  Always,
  ByConfig,  ///< along with query, key and value, where config.json's "attention_bias" says so
  WithAll,   ///< along with all linear layers of the blocks
};

/// Linear layer that widens token embeddings narrower than the hidden size (ModelConfig::embedding_width).
struct Widening {
  const char* name;
  bool before_norm;  ///< of the embeddings; else behind it
  bool biased;
};

/// Parts of an encoder that its relatives name or compute differently.
struct EncoderParts {
  const char *attention_norm, *output_norm;  ///< within the block
  const char *features, *classifier;         ///< the linear layers behind the blocks
  const char* head_norm = nullptr;           ///< between the two, behind the activation; null: none
  const char* embeddings_norm = "embeddings.LayerNorm";
  std::optional<Widening> widening = {};  ///< none: token embeddings are as wide as the states
};

struct Family {
  const char* name;                             ///< ModelConfig::architecture
  const char* covers = "";                      ///< published models of the family, for people (docs/models.md)
  std::vector<std::string> model_types;         ///< in config.json
  std::vector<std::string> gguf_architectures;  ///< in GGUF files
  ConfigDefaults defaults = {};
  bool rotary = false;  ///< positions rotate queries and keys
  /// Reads what only this family has, after everything else.
  void (*read_config)(const ConfigKeys& keys, ModelConfig& config) = nullptr;
  /// Keys of a config.json for a model that has none, besides those of all families; null: cannot be written.
  Json (*write_config)(const ModelConfig& config) = nullptr;
  const char* written_as = nullptr;  ///< architecture in GGUF files that are written; null: the first above
  /// Metadata of a GGUF file besides those of all families, by their names behind "ARCHITECTURE.".
  std::map<std::string, GgufValue> (*write_metadata)(const ModelConfig& config) = nullptr;

  const char* prefix = "";  ///< in front of all names but the output matrix's in Hugging Face files; some leave it out
  const char* layers = "";  ///< "model.layers.": a block's number follows
  TensorNames embedding;    ///< the token embedding
  TensorNames output = {"lm_head", "output"};
  std::vector<TensorNames> tensors = {};  ///< others outside the blocks
  /// Every block has them all, but for those of the feed-forward where it has experts.
  std::vector<ProjectionFormat> projections;
  std::vector<TensorNames> block_tensors = {};  ///< others of a block
  double norm_offset = 0;                       ///< norms multiply by this + weight; in GGUF files it is added in
  OutputBias output_bias = OutputBias::Never;
  std::optional<ExpertsFormat> experts = {};  ///< of families some of whose blocks have experts
  std::optional<EncoderParts> encoder = {};   ///< of encoders only

  const ProjectionFormat* find(Projection projection) const;  ///< null where the family has no such layer
};

/// All families by name: those of families/table.inl and those added.
const std::map<std::string, Family>& families();
/// Adds or replaces a family. Not while models are being opened.
void add_family(const Family& family);

const Family* find_family(const std::string& name);  ///< null for a name that is not known
/// @throws ConfigError naming `config.source` and the family that is not known.
const Family& family_of(const ModelConfig& config);

}  // namespace limpid
