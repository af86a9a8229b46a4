#pragma once

#include "limpid/core/json.h"
#include "limpid/core/random.h"
#include "limpid/models/model.h"
#include "limpid/models/save.h"
#include "tests/support/fixtures.h"

/// Tiny models of any family, made from its description alone.
namespace limpid::testing_support {

/// A config.json in every spelling; a family takes the one it knows.
inline Json family_config(const Family& family, int64_t layers = 2) {
  Json json = {{"model_type", family.model_types.front()}, {"vocab_size", 257}, {"head_dim", 8}};
  if (family.defaults.slides) json.update({{"sliding_window", 8}, {"sliding_window_pattern", 2}});
  if (family.experts) json.update({{"num_experts", 4}, {"num_experts_per_tok", 2}, {"moe_intermediate_size", 24}});
  const auto spell = [&](int64_t value, std::initializer_list<const char*> names) {
    for (const char* name : names) json[name] = value;
  };
  spell(32, {"hidden_size", "n_embd", "d_model"});
  spell(layers, {"num_hidden_layers", "n_layer", "n_layers"});
  spell(4, {"num_attention_heads", "n_head", "n_heads"});
  spell(4, {"num_key_value_heads", "num_kv_heads"});
  spell(48, {"intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"});
  spell(128, {"max_position_embeddings", "n_positions", "max_seq_len"});
  return json;
}

/// Weights for TrainingOptions::fresh, a function of the name: matrices with rows of length 1, norms around 1.
inline Tensor family_weight(const Family& family, const std::string& name, torch::IntArrayRef shape) {
  const bool norm = shape.size() == 1 && name.ends_with(".weight");
  const double centre = norm ? 1.0 - family.norm_offset : 0.0;
  const double spread = shape.size() == 1 ? 0.1 : 1.0 / std::sqrt(double(shape[1]));
  Tensor value = torch::empty(shape, torch::kFloat32);
  RandomStream random(7, std::hash<std::string>{}(name));
  for (int64_t i = 0; i < value.numel(); ++i)
    value.data_ptr<float>()[i] = float(centre + spread * random.next_normal());
  return value;
}

/// Writes a folder with such a model, without a tokenizer. @return the model that was saved, trainable
inline std::shared_ptr<Model> write_family_model(const Family& family, const fs::path& folder) {
  fs::create_directories(folder);
  write_file(folder / "config.json", to_text(family_config(family)));
  const auto fresh = [&family](const std::string& name, torch::IntArrayRef shape) {
    return family_weight(family, name, shape);
  };
  auto model = make_model(read_config(folder), nullptr, TrainingOptions{.fresh = fresh});
  save_hf_folder(*model, folder, {}, {.tokenizer = folder});
  return model;
}

}  // namespace limpid::testing_support
