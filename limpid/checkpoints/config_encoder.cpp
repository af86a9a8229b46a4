#include "limpid/checkpoints/family_parts.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/names.h"

namespace limpid {
namespace {

/// Returns the labels in order of the ids, "LABEL_0", … where the file has none.
std::vector<std::string> read_labels(const ConfigKeys& keys) {
  std::vector<std::string> labels;
  if (!keys.has({{"id2label"}})) {
    const int64_t count = keys.integer_or({{"num_labels"}}, 2);
    LIMPID_CHECK(count > 0 && count <= 100'000, FormatError, keys.place(), ": \"num_labels\" is ", count,
                 ", expected 1 to 100000");
    for (int64_t i = 0; i < count; ++i) labels.push_back(concat("LABEL_", i));
    return labels;
  }
  const Json& names = (*keys.json())["id2label"];
  LIMPID_CHECK(names.is_object() && !names.empty(), FormatError, keys.place(), ": \"id2label\" is ",
               names.is_object() ? "empty" : json_kind(names), ", expected an object from ids to names");
  for (size_t i = 0; i < names.size(); ++i) {
    const auto name = names.find(std::to_string(i));
    LIMPID_CHECK(name != names.end() && name->is_string(), FormatError, keys.place(), ": \"id2label\" has ",
                 names.size(), " entries, but none named \"", i, "\" with a string");
    labels.push_back(name->get<std::string>());
  }
  return labels;
}

constexpr const char* kProblemTypes[] = {"single_label_classification", "multi_label_classification", "regression"};

}  // namespace

void read_embedding_size(const ConfigKeys& keys, int64_t usual, ModelConfig& c) {
  constexpr int64_t kMost = 1 << 20;
  c.embedding_width = keys.integer_or({{"embedding_size"}}, usual);
  LIMPID_CHECK(c.embedding_width > 0 && c.embedding_width <= kMost, FormatError, keys.place(),
               ": \"embedding_size\" is ", c.embedding_width, ", expected 1 to ", kMost);
}

void read_encoder_config(const ConfigKeys& keys, ModelConfig& c) {
  if (c.pad_id < 0) c.pad_id = 0;
  c.head_activation = "tanh";
  if (const GgufFile* file = keys.gguf()) {
    const TensorView* types = file->find("token_types.weight");
    c.type_vocab_size = types && !types->shape.empty() ? types->shape.front() : 0;
    return;
  }
  c.type_vocab_size = keys.integer_or({{"type_vocab_size"}}, 2);
  c.problem_type = keys.text_or({{"problem_type"}}, "");
  if (!c.problem_type.empty())
    index_of(kProblemTypes, c.problem_type, concat(keys.place(), ": \"problem_type\" is ", quote(c.problem_type)));
  const std::string style = keys.text_or({{"position_embedding_type"}}, "absolute");
  LIMPID_CHECK(style == "absolute", FormatError, keys.place(), ": \"position_embedding_type\" is ", quote(style),
               ", expected \"absolute\"");
  if (!c.model_class.ends_with("Classification")) return;
  c.labels = read_labels(keys);
  c.num_labels = int64_t(c.labels.size());
}

}  // namespace limpid
