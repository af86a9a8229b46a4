#include "limpid/checkpoints/tensor_names.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "limpid/core/error.h"
#include "limpid/core/files.h"

namespace limpid {
namespace {

ModelConfig small(const std::string& architecture) {
  ModelConfig config;
  config.architecture = architecture;
  config.hidden_size = 8;
  config.num_heads = 2;
  config.num_kv_heads = 1;
  config.head_dim = 4;
  config.intermediate_size = 12;
  return config;
}

TEST(TensorNames, OfEveryFamilyComeBackAndNoTwoAreTheSame) {
  for (const auto& [name, family] : families()) {
    SCOPED_TRACE(name);
    const ModelConfig config = small(name);
    std::set<std::string> seen;
    for (const ProjectionFormat& format : family.projections) {
      const std::string module = module_name(family, format.projection, 11);
      const auto place = find_projection(family, module + ".weight");
      ASSERT_TRUE(place) << module;
      EXPECT_EQ(place->layer, 11);
      EXPECT_EQ(place->projection, format.projection);
      for (FileKind kind : {FileKind::HuggingFace, FileKind::Gguf}) {
        const StoredTensor stored = stored_tensor(config, module + ".weight", kind);
        const bool part = stored.rows > shape_of(config, format.projection).out;  // of a matrix that layers share
        EXPECT_TRUE(seen.insert(stored.name).second || part) << stored.name;
      }
      const std::string file_name = stored_tensor(config, module, FileKind::HuggingFace).name;
      const bool shared = projections_of_module(family, file_name).size() > 1;
      EXPECT_TRUE(without_prefix(family, file_name) == module || shared) << file_name;
      const auto adapted = projections_of_module(family, file_name);
      ASSERT_GE(adapted.size(), 1u) << file_name;  // several where they lie in one matrix
      EXPECT_TRUE(std::ranges::any_of(
          adapted, [&](const BlockProjection& found) { return found.projection == format.projection; }));
    }
  }
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "`" : ", `") + name + "`";
  return text;
}

TEST(Families, ThePageOfModelsSaysTheSame) {
  std::string table = "| family | models | `model_type` in config.json | in GGUF files |\n| --- | --- | --- | --- |\n";
  for (const auto& [name, family] : families())
    table += concat("| `", name, "` | ", family.covers, " | ", listed(family.model_types), " | ",
                    listed(family.gguf_architectures), " |\n");
  const std::string page = read_file(fs::path(LIMPID_SOURCE_DIR) / "docs" / "models.md");
  EXPECT_NE(page.find(table), std::string::npos) << "docs/models.md should have\n\n" << table;
}

TEST(TensorNames, GgufFilesHaveOtherNamesAndNeighbouringPairs) {
  const ModelConfig config = small("llama");
  const StoredTensor key = stored_tensor(config, "model.layers.3.self_attn.k_proj.weight", FileKind::Gguf);
  EXPECT_EQ(key.name, "blk.3.attn_k.weight");
  EXPECT_EQ(key.row, (std::vector<int64_t>{0, 2, 1, 3}));
  EXPECT_EQ(stored_tensor(config, "model.layers.3.self_attn.q_proj.bias", FileKind::Gguf).row,
            (std::vector<int64_t>{0, 2, 1, 3, 4, 6, 5, 7}));
  EXPECT_EQ(stored_tensor(config, "model.layers.3.input_layernorm.weight", FileKind::Gguf).name,
            "blk.3.attn_norm.weight");
  EXPECT_EQ(stored_tensor(config, "model.embed_tokens.weight", FileKind::Gguf).name, "token_embd.weight");
  EXPECT_EQ(stored_tensor(config, "lm_head.weight", FileKind::Gguf).name, "output.weight");
}

TEST(TensorNames, ExpertsAreTensorsOfTheirOwnInFoldersAndOneTensorInGgufFiles) {
  ModelConfig config = small("mixtral");
  config.num_experts = 3;
  config.expert_size = 5;
  const std::string up = "model.layers.7.block_sparse_moe.experts.2.w3.weight";
  EXPECT_EQ(stored_tensor(config, up, FileKind::HuggingFace).name, up);
  const StoredTensor stored = stored_tensor(config, up, FileKind::Gguf);
  EXPECT_EQ(stored.name, "blk.7.ffn_up_exps.weight");
  EXPECT_EQ(stored.experts, 3);
  EXPECT_EQ(stored.rows, 15);
  EXPECT_EQ(stored.row, (std::vector<int64_t>{10, 11, 12, 13, 14}));
  EXPECT_EQ(stored_tensor(config, "model.layers.7.block_sparse_moe.experts.2.w2.weight", FileKind::Gguf).rows, 24);
  EXPECT_EQ(stored_tensor(config, "model.layers.7.block_sparse_moe.gate.weight", FileKind::Gguf).name,
            "blk.7.ffn_gate_inp.weight");
  EXPECT_FALSE(find_projection(*find_family("mixtral"), up));
}

TEST(TensorNames, ExpertsStandInThePlaceOfTheFeedForward) {
  ModelConfig config = small("qwen3_moe");
  config.with_experts = {false, true};
  for (Projection projection : {Projection::MlpGate, Projection::MlpUp, Projection::MlpDown}) {
    EXPECT_TRUE(has_projection(config, projection, 0));
    EXPECT_FALSE(has_projection(config, projection, 1));
  }
  EXPECT_TRUE(has_projection(config, Projection::Query, 1));
  EXPECT_FALSE(has_projection(config, Projection::QueryKeyValue, 0));
}

TEST(TensorNames, SomeFamiliesHaveAPrefixAndTransposedMatrices) {
  const ModelConfig config = small("gpt2");
  const StoredTensor weight = stored_tensor(config, "h.0.mlp.c_fc.weight", FileKind::HuggingFace);
  EXPECT_EQ(weight.name, "transformer.h.0.mlp.c_fc.weight");
  EXPECT_TRUE(weight.transposed);
  EXPECT_TRUE(weight.row.empty());
  EXPECT_FALSE(stored_tensor(config, "h.0.mlp.c_fc.bias", FileKind::HuggingFace).transposed);
  EXPECT_FALSE(stored_tensor(config, "h.0.mlp.c_fc.weight", FileKind::Gguf).transposed);
  EXPECT_EQ(stored_tensor(config, "lm_head.weight", FileKind::HuggingFace).name, "lm_head.weight");
}

TEST(TensorNames, ModulesOfAdaptersAreFoundWhateverStandsInFront) {
  const Family& family = *find_family("gpt2");
  for (const char* name : {"h.7.attn.c_attn", "transformer.h.7.attn.c_attn"}) {
    const auto found = projections_of_module(family, name);
    ASSERT_EQ(found.size(), 1u) << name;
    EXPECT_EQ(found[0].layer, 7);
    EXPECT_EQ(found[0].projection, Projection::QueryKeyValue);
  }
  for (const char* name : {"h.7.attn", "h.x.attn.c_attn", "lm_head", "h.7.attn.c_attn.more", "wash.7.attn.c_attn"})
    EXPECT_TRUE(projections_of_module(family, name).empty()) << name;
}

}  // namespace
}  // namespace limpid
