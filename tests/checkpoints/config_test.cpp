#include "limpid/checkpoints/config.h"

#include <gtest/gtest.h>

#include <cmath>

#include "limpid/core/error.h"
#include "tests/checkpoints/builders.h"
#include "tests/support/walk.h"

namespace limpid {
namespace {

using namespace test_builders;
using testing_support::TempDir;
using Scaling = RopeConfig::Scaling;

Json llama() {
  return {{"model_type", "llama"},    {"vocab_size", 400},
          {"hidden_size", 64},        {"num_hidden_layers", 3},
          {"num_attention_heads", 4}, {"num_key_value_heads", 2},
          {"intermediate_size", 128}, {"max_position_embeddings", 128},
          {"eos_token_id", 2}};
}

Json with(Json base, const Json& changes) {
  base.update(changes);
  return base;
}

ModelConfig read(Json config, const Json& generation = Json()) {
  return config_from_huggingface(std::move(config), generation, "dir/config.json");
}

std::string error_of(const Json& config) {
  try {
    read(config);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Config, ReadsALlamaAndFillsInWhatItsClassAssumes) {
  const ModelConfig config = read(llama());
  EXPECT_EQ(config.architecture, "llama");
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.num_kv_heads, 2);
  EXPECT_EQ(config.norm_eps, 1e-6);
  EXPECT_EQ(config.activation, "silu");
  EXPECT_FALSE(config.tie_word_embeddings);
  EXPECT_EQ(config.rope.theta, 10000);
  EXPECT_EQ(config.rope.scaling, Scaling::kNone);
  EXPECT_EQ(config.layer_types, std::vector<LayerType>(3, LayerType::kFull));
  EXPECT_EQ(config.attention_scale, 0.25);
  EXPECT_EQ(config.embedding_scale, 1);
}

TEST(Config, OldAndNewSpellingOfRotaryScalingMeanTheSame) {
  const Json scaling = {
      {"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 64}};
  const ModelConfig old_style =
      read(with(llama(), {{"rope_theta", 5e5}, {"rope_scaling", with(scaling, {{"type", "llama3"}})}}));
  const ModelConfig new_style =
      read(with(llama(), {{"rope_parameters", with(scaling, {{"rope_type", "llama3"}, {"rope_theta", 5e5}})}}));
  for (const ModelConfig& config : {old_style, new_style}) {
    EXPECT_EQ(config.rope.theta, 5e5);
    EXPECT_EQ(config.rope.scaling, Scaling::kLlama3);
    EXPECT_EQ(config.rope.factor, 8);
    EXPECT_EQ(config.rope.high_freq_factor, 4);
    EXPECT_EQ(config.rope.original_max_position, 64);
  }
  EXPECT_EQ(read(with(llama(), {{"rope_scaling", {{"rope_type", "linear"}, {"factor", 2}}}})).rope.scaling,
            Scaling::kLinear);
}

TEST(Config, Gemma3HasTwoRotaryBasesAndEverySixthLayerFull) {
  const Json base = {
      {"model_type", "gemma3_text"}, {"vocab_size", 400},        {"hidden_size", 64}, {"num_hidden_layers", 7},
      {"num_attention_heads", 4},    {"num_key_value_heads", 1}, {"head_dim", 24},    {"intermediate_size", 128},
      {"query_pre_attn_scalar", 36}, {"sliding_window", 8}};
  const ModelConfig old_style = read(with(base, {{"rope_theta", 1e6},
                                                 {"rope_local_base_freq", 1e4},
                                                 {"rope_scaling", {{"rope_type", "linear"}, {"factor", 8}}}}));
  const ModelConfig new_style =
      read(with(base, {{"rope_parameters",
                        {{"full_attention", {{"rope_theta", 1e6}, {"rope_type", "linear"}, {"factor", 8}}},
                         {"sliding_attention", {{"rope_theta", 1e4}, {"rope_type", "default"}}}}}}));
  for (const ModelConfig& config : {old_style, new_style}) {
    EXPECT_EQ(config.architecture, "gemma3");
    EXPECT_EQ(config.rope.theta, 1e6);
    EXPECT_EQ(config.rope.scaling, Scaling::kLinear);
    EXPECT_EQ(config.local_rope.theta, 1e4);
    EXPECT_EQ(config.local_rope.scaling, Scaling::kNone);
    EXPECT_EQ(config.embedding_scale, 8);
    EXPECT_DOUBLE_EQ(config.attention_scale, 1.0 / 6);
    EXPECT_TRUE(config.tie_word_embeddings);
    EXPECT_EQ(config.sliding_window, 8);
    for (int64_t layer = 0; layer < 7; ++layer)
      EXPECT_EQ(config.layer_types[size_t(layer)], layer == 5 ? LayerType::kFull : LayerType::kSliding);
  }
}

TEST(Config, MixtralHasExpertsInEveryLayerOfItsIntermediateSize) {
  const ModelConfig config = read(with(llama(), {{"model_type", "mixtral"}, {"router_aux_loss_coef", 0.02}}));
  EXPECT_EQ(config.num_experts, 8);
  EXPECT_EQ(config.experts_per_token, 2);
  EXPECT_EQ(config.expert_size, 128);
  EXPECT_EQ(config.with_experts, std::vector<bool>(3, true));
  EXPECT_TRUE(config.whole_shares);
  EXPECT_EQ(config.sliding_window, 0);
  EXPECT_FALSE(read(llama()).has_experts(0));
}

TEST(Config, Qwen3MoeSaysWhichLayersHaveExperts) {
  const Json base = with(llama(), {{"model_type", "qwen3_moe"}, {"num_experts", 16}, {"num_experts_per_tok", 4}});
  const ModelConfig usual = read(base);
  EXPECT_EQ(usual.with_experts, std::vector<bool>(3, true));
  EXPECT_EQ(usual.expert_size, 768);
  EXPECT_FALSE(usual.whole_shares);
  EXPECT_EQ(usual.sliding_window, 0);
  const ModelConfig mixed = read(with(base, {{"decoder_sparse_step", 2},
                                             {"mlp_only_layers", {7, 2}},
                                             {"moe_intermediate_size", 24},
                                             {"norm_topk_prob", true}}));
  EXPECT_EQ(mixed.with_experts, (std::vector<bool>{false, true, false}));
  EXPECT_EQ(mixed.expert_size, 24);
  EXPECT_TRUE(mixed.whole_shares);
  const Json sliding = with(base, {{"use_sliding_window", true}, {"sliding_window", 9}});
  EXPECT_EQ(read(sliding).layer_types, std::vector<LayerType>(3, LayerType::kSliding));
  for (const auto& [change, message] : std::initializer_list<std::pair<Json, const char*>>{
           {{{"num_experts", 0}}, "number of experts is 0, expected 1 to 65536"},
           {{{"num_experts_per_tok", 17}}, "number of experts for a token is 17, expected 1 to 16"},
           {{{"moe_intermediate_size", -1}}, "size of an expert is -1"},
           {{{"decoder_sparse_step", 0}}, "\"decoder_sparse_step\" is 0"},
           {{{"mlp_only_layers", "none"}}, "\"mlp_only_layers\" is a string"},
           {{{"mlp_only_layers", Json::array({true})}}, "\"mlp_only_layers\" holds"}})
    EXPECT_NE(error_of(with(base, change)).find(message), std::string::npos) << error_of(with(base, change));
}

TEST(Config, TakesTheTextPartOfAMultimodalGemma3) {
  const ModelConfig config = read({{"model_type", "gemma3"},
                                   {"eos_token_id", {1, 106}},
                                   {"text_config",
                                    {{"model_type", "gemma3_text"},
                                     {"hidden_size", 2560},
                                     {"intermediate_size", 10240},
                                     {"num_hidden_layers", 34},
                                     {"sliding_window", 1024},
                                     {"rope_scaling", {{"factor", 8.0}, {"rope_type", "linear"}}}}}});
  EXPECT_EQ(config.num_heads, 8);
  EXPECT_EQ(config.num_kv_heads, 4);
  EXPECT_EQ(config.head_dim, 256);
  EXPECT_EQ(config.eos_ids, (std::vector<int64_t>{1, 106}));
}

TEST(Config, GenerationConfigComesFirstAndMayListSeveralEnds) {
  const ModelConfig config = read(llama(), {{"eos_token_id", {7, 9, 400, -1}}, {"pad_token_id", 3}});
  EXPECT_EQ(config.eos_ids, (std::vector<int64_t>{7, 9}));  // 400 and -1 are no tokens of this vocabulary
  EXPECT_EQ(config.pad_id, 3);
  EXPECT_EQ(config.bos_id, -1);
  EXPECT_EQ(read(llama(), {{"eos_token_id", nullptr}}).eos_ids, std::vector<int64_t>{2});
}

TEST(Config, ReadsGpt2AndTheEncoders) {
  const ModelConfig gpt2 = read({{"model_type", "gpt2"},
                                 {"vocab_size", 400},
                                 {"n_embd", 64},
                                 {"n_layer", 3},
                                 {"n_head", 4},
                                 {"n_inner", nullptr}});
  EXPECT_EQ(gpt2.intermediate_size, 256);
  EXPECT_EQ(gpt2.max_positions, 1024);
  EXPECT_EQ(gpt2.activation, "gelu_new");
  EXPECT_TRUE(gpt2.tie_word_embeddings);
  EXPECT_TRUE(gpt2.attention_bias);

  const ModelConfig roberta = read({{"model_type", "roberta"},
                                    {"architectures", {"RobertaForSequenceClassification"}},
                                    {"vocab_size", 400},
                                    {"hidden_size", 48},
                                    {"num_hidden_layers", 3},
                                    {"num_attention_heads", 4},
                                    {"intermediate_size", 96},
                                    {"max_position_embeddings", 66},
                                    {"type_vocab_size", 1},
                                    {"pad_token_id", 1},
                                    {"problem_type", "multi_label_classification"},
                                    {"id2label", {{"0", "toxicity"}, {"1", "threat"}}}});
  EXPECT_EQ(roberta.position_offset, 2);
  EXPECT_EQ(roberta.labels, (std::vector<std::string>{"toxicity", "threat"}));
  EXPECT_EQ(roberta.problem_type, "multi_label_classification");

  const ModelConfig distilbert = read({{"model_type", "distilbert"},
                                       {"architectures", {"DistilBertForSequenceClassification"}},
                                       {"vocab_size", 400},
                                       {"dim", 48},
                                       {"n_layers", 3},
                                       {"n_heads", 4},
                                       {"hidden_dim", 96}});
  EXPECT_EQ(distilbert.hidden_size, 48);
  EXPECT_EQ(distilbert.intermediate_size, 96);
  EXPECT_EQ(distilbert.type_vocab_size, 0);
  EXPECT_EQ(distilbert.norm_eps, 1e-12);
  EXPECT_EQ(distilbert.labels, (std::vector<std::string>{"LABEL_0", "LABEL_1"}));
}

TEST(Config, NamesFamiliesItDoesNotKnow) {
  const ModelConfig config = read({{"model_type", "mamba"}, {"d_model", 64}});
  EXPECT_EQ(config.architecture, "mamba");
  EXPECT_EQ(config.hidden_size, 64);
  EXPECT_EQ(config.num_heads, 0);
}

TEST(Config, RefusesValuesThatMakeNoSenseInOneLineWithFileAndKey) {
  const std::pair<Json, const char*> cases[] = {
      {Json::array(), "is an array, expected an object"},
      {Json::object(), "\"model_type\" is missing"},
      {with(llama(), {{"hidden_size", nullptr}}), "\"hidden_size\" is missing"},
      {with(llama(), {{"hidden_size", "64"}}), "\"hidden_size\" is a string, expected an integer"},
      {with(llama(), {{"hidden_size", 64.5}}), "\"hidden_size\" is a number, expected an integer"},
      {with(llama(), {{"hidden_size", uint64_t(1) << 63}}), "\"hidden_size\" is 9223372036854775808, far too large"},
      {with(llama(), {{"num_attention_heads", 0}}), "number of heads is 0"},
      {with(llama(), {{"num_attention_heads", -4}}), "number of heads is -4"},
      {with(llama(), {{"num_attention_heads", 5}}), "hidden size 64 is not a multiple of 5 heads"},
      {with(llama(), {{"num_key_value_heads", 3}}), "4 heads are not a multiple of 3 key-value heads"},
      {with(llama(), {{"num_key_value_heads", 0}}), "number of key-value heads is 0"},
      {with(llama(), {{"num_hidden_layers", int64_t(1) << 60}}), "number of layers is 1152921504606846976"},
      {with(llama(), {{"num_hidden_layers", -1}}), "number of layers is -1"},
      {with(llama(), {{"vocab_size", -1}}), "vocabulary size is -1"},
      {with(llama(), {{"head_dim", 15}}), "head size is 15, expected an even number"},
      {with(llama(), {{"rms_norm_eps", -1.0}}), "norm epsilon is -1"},
      {with(llama(), {{"rope_theta", 0}}), "rotary base is 0"},
      {with(llama(), {{"rope_scaling", {{"rope_type", "spiral"}, {"factor", 2}}}}),
       "rotary scaling of type \"spiral\" is not supported"},
      {with(llama(), {{"rope_scaling", {{"rope_type", "llama3"}, {"factor", 2}}}}), "original_max_position_embeddings"},
      {with(llama(), {{"rope_scaling", "linear"}}), "\"rope_scaling\" is a string, expected an object"},
      {with(llama(), {{"layer_types", {"full_attention"}}}),
       "\"layer_types\" has 1 entries, expected one for each of 3 layers"},
      {with(llama(), {{"layer_types", {"full_attention", "linear_attention", 5}}}), "\"layer_types\" entry 1"},
      {with(llama(), {{"eos_token_id", "end"}}), "\"eos_token_id\" is a string, expected an integer"},
      {with(llama(), {{"eos_token_id", {1, "end"}}}), "\"eos_token_id\" holds a string"},
  };
  for (const auto& [config, expected] : cases) {
    const std::string message = error_of(config);
    EXPECT_NE(message.find(expected), std::string::npos) << message;
    EXPECT_NE(message.find("dir/config.json"), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(Config, ReadsAFolderAndNamesWhatIsMissing) {
  TempDir dir;
  EXPECT_THROW(read_config(dir.path() / "absent"), IoError);
  EXPECT_THROW(read_config(dir.path()), FormatError);
  dir.write("config.json", llama().dump());
  dir.write("generation_config.json", R"({"eos_token_id": 5})");
  EXPECT_EQ(read_config(dir.path()).eos_ids, std::vector<int64_t>{5});
  dir.write("config.json", std::string(100, '[') + std::string(100, ']'));
  EXPECT_THROW(read_config(dir.path()), FormatError);
  dir.write("config.json", R"({"model_type": 1e999})");
  EXPECT_THROW(read_config(dir.path()), FormatError);
}

GgufBytes gguf_bytes(const std::string& architecture, const std::vector<std::string>& more = {}) {
  const auto key = [&](const char* name) { return architecture + "." + name; };
  GgufBytes file;
  file.entries = {gguf_entry("general.architecture", 8, text(architecture)),
                  gguf_entry(key("vocab_size"), 4, raw(uint32_t(400))),
                  gguf_entry(key("embedding_length"), 4, raw(uint32_t(64))),
                  gguf_entry(key("block_count"), 4, raw(uint32_t(12))),
                  gguf_entry(key("attention.head_count"), 4, raw(uint32_t(4))),
                  gguf_entry(key("attention.head_count_kv"), 4, raw(uint32_t(2))),
                  gguf_entry(key("feed_forward_length"), 4, raw(uint32_t(128))),
                  gguf_entry(key("context_length"), 4, raw(uint32_t(256)))};
  for (const std::string& entry : more) file.entries.push_back(entry);
  return file;
}

std::string gguf_config(const std::string& architecture, const std::vector<std::string>& more = {}) {
  return gguf_bytes(architecture, more).bytes();
}

ModelConfig read_gguf(const std::string& bytes) {
  return config_from_gguf(*GgufFile::parse(std::as_bytes(std::span(bytes)), "a.gguf"));
}

TEST(Config, ReadsGgufMetadata) {
  const ModelConfig config =
      read_gguf(gguf_config("gemma3", {gguf_entry("gemma3.attention.sliding_window", 4, raw(uint32_t(8))),
                                       gguf_entry("gemma3.attention.key_length", 4, raw(uint32_t(16))),
                                       gguf_entry("gemma3.rope.freq_base", 6, raw(1e6f)),
                                       gguf_entry("tokenizer.ggml.eos_token_id", 4, raw(uint32_t(1))),
                                       gguf_entry("tokenizer.ggml.eot_token_id", 4, raw(uint32_t(106)))}));
  EXPECT_TRUE(config.from_gguf);
  EXPECT_EQ(config.vocab_size, 400);
  EXPECT_EQ(config.rope.theta, 1e6);
  EXPECT_EQ(config.local_rope.theta, 1e4);
  EXPECT_EQ(config.layer_types[4], LayerType::kSliding);
  EXPECT_EQ(config.layer_types[5], LayerType::kFull);
  EXPECT_EQ(config.layer_types[11], LayerType::kFull);
  EXPECT_EQ(config.eos_ids, (std::vector<int64_t>{1, 106}));
  EXPECT_EQ(config.attention_scale, 0.25);
}

TEST(Config, RefusesGgufMetadataThatMakesNoSense) {
  EXPECT_THROW(read_gguf(gguf_config("llama", {gguf_entry("llama.attention.value_length", 4, raw(uint32_t(8)))})),
               FormatError);
  EXPECT_THROW(read_gguf(gguf_config("llama", {gguf_entry("llama.rope.scaling.type", 8, text("spiral"))})),
               FormatError);
  EXPECT_THROW(read_gguf(gguf_config("llama", {gguf_entry("llama.rope.dimension_count", 4, raw(uint32_t(400)))})),
               FormatError);
  EXPECT_THROW(read_gguf(GgufBytes{}.bytes()), FormatError);
  EXPECT_EQ(read_gguf(gguf_config("mamba")).architecture, "mamba");
}

/// What the names and shapes of a folder's tensors say about its model.
void check_against_tensors(const ModelConfig& config, const Checkpoint& checkpoint) {
  int64_t layers = 0;
  bool embedding = false;
  for (const TensorView& tensor : checkpoint.tensors()) {
    for (const char* list : {"layers.", "layer.", "h.", "blocks."})
      if (const size_t at = tensor.name.find(list); at != std::string::npos && (at == 0 || tensor.name[at - 1] == '.'))
        layers = std::max(layers, int64_t(std::atoi(tensor.name.c_str() + at + std::string(list).size())) + 1);
    for (const char* name : {"embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight"}) {
      if (!tensor.name.ends_with(name)) continue;
      embedding = true;
      EXPECT_EQ(tensor.shape[0], config.vocab_size);
      const int64_t width = config.raw.value("word_embed_proj_dim", config.hidden_size);  // OPT projects its embeddings
      EXPECT_EQ(tensor.shape[1], width);
    }
  }
  if (!embedding || layers == 0) throw testing_support::Skipped("its tensors have names that this test does not know");
  EXPECT_EQ(layers, config.num_layers);
}

TEST(ConfigGolden, AgreesWithTheTensorsOfEveryFolder) {
  testing_support::for_each_golden_folder({"models", "methods/models"}, "config.json", [](const fs::path& folder) {
    const ModelConfig config = read_config(folder);
    EXPECT_GT(config.vocab_size, 0);
    EXPECT_GT(config.head_dim, 0);
    EXPECT_EQ(config.layer_types.size(), size_t(config.num_layers));
    if (fs::exists(folder / "pytorch_model.bin")) throw testing_support::Skipped("it holds only a pickle");
    check_against_tensors(config, *Checkpoint::open(folder));
  });
}

TEST(ConfigReal, ReadsSmolLm2) {
  const fs::path path = testing_support::pulled_model_dir("smollm2-135m-instruct") / "SmolLM2-135M-Instruct.Q4_1.gguf";
  LIMPID_REQUIRE_PATH(path);
  for (const fs::path& place : {path, path.parent_path()}) {
    const ModelConfig config = read_config(place);
    EXPECT_EQ(config.architecture, "llama");
    EXPECT_EQ(config.num_layers, 30);
    EXPECT_EQ(config.hidden_size, 576);
    EXPECT_EQ(config.num_heads, 9);
    EXPECT_EQ(config.num_kv_heads, 3);
    EXPECT_EQ(config.head_dim, 64);
    EXPECT_EQ(config.vocab_size, 49152);
    EXPECT_EQ(config.rope.theta, 100000);
    EXPECT_FLOAT_EQ(float(config.norm_eps), 1e-5f);
    EXPECT_TRUE(config.tie_word_embeddings);
    EXPECT_FALSE(config.attention_bias);
    EXPECT_EQ(config.eos_ids, std::vector<int64_t>{2});
    EXPECT_EQ(config.bos_id, 1);
  }
}

TEST(ConfigReal, ReadsGemma3) {
  const fs::path path = testing_support::pulled_model_dir("gemma-3-270m") / "gemma-3-270m-q4_k_m.gguf";
  LIMPID_REQUIRE_PATH(path);
  const ModelConfig config = read_config(path);
  EXPECT_EQ(config.architecture, "gemma3");
  EXPECT_EQ(config.num_layers, 18);
  EXPECT_EQ(config.head_dim, 256);
  EXPECT_EQ(config.num_kv_heads, 1);
  EXPECT_EQ(config.vocab_size, 262144);
  EXPECT_EQ(config.sliding_window, 512);
  EXPECT_EQ(config.attention_scale, 1.0 / 16);
  EXPECT_EQ(config.rope.theta, 1e6);
  EXPECT_EQ(config.local_rope.theta, 1e4);
  EXPECT_DOUBLE_EQ(config.embedding_scale, std::sqrt(640.0));
  EXPECT_EQ(std::count(config.layer_types.begin(), config.layer_types.end(), LayerType::kFull), 3);
}

const Json kNeox = {{"model_type", "gpt_neox"}, {"vocab_size", 400},        {"hidden_size", 64},
                    {"num_hidden_layers", 1},   {"num_attention_heads", 2}, {"intermediate_size", 128}};

TEST(Config, AFullRotationThatIsSaidIsNotTakenForTheClassesQuarter) {
  const Json full = {{"rope_type", "default"}, {"rope_theta", 1e4}, {"partial_rotary_factor", 1.0}};
  EXPECT_EQ(read(kNeox).rotary_fraction, 0.25);
  EXPECT_EQ(read(with(kNeox, {{"rope_parameters", full}})).rotary_fraction, 1);
  EXPECT_EQ(read(with(kNeox, {{"rotary_pct", 1.0}})).rotary_fraction, 1);
  const Json stablelm = with(llama(), {{"model_type", "stablelm"}});
  EXPECT_EQ(read(stablelm).rotary_fraction, 0.25);
  EXPECT_EQ(read(with(stablelm, {{"rope_parameters", full}})).rotary_fraction, 1);
}

TEST(Config, LongRopeOfAnyFamilyIsUsedWithinItsOriginalContext) {
  const Json factors = {1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0};
  const Json scaling = {{"rope_type", "longrope"},
                        {"short_factor", factors},
                        {"long_factor", factors},
                        {"original_max_position_embeddings", 32}};
  for (const char* family : {"llama", "phi3"}) {
    const ModelConfig config = read(with(llama(), {{"model_type", family}, {"rope_scaling", scaling}}));
    EXPECT_EQ(config.max_positions, 32) << family;
    EXPECT_DOUBLE_EQ(config.rope.magnitude, std::sqrt(1 + std::log(4.0) / std::log(32.0))) << family;
    EXPECT_EQ(config.local_rope, config.rope) << family;
  }
  const ModelConfig stated = read(with(llama(), {{"rope_scaling", with(scaling, {{"factor", 2.0}})}}));
  EXPECT_DOUBLE_EQ(stated.rope.magnitude, std::sqrt(1 + std::log(2.0) / std::log(32.0)));
  EXPECT_NE(error_of(with(llama(), {{"rope_scaling", with(scaling, {{"attention_factor", -1.0}})}}))
                .find("\"attention_factor\" is -1, expected a positive number"),
            std::string::npos);
}

TEST(Config, LongRopeInAGgufFileOfAnyFamilyIsReadWithItsFactors) {
  GgufBytes file =
      gguf_bytes("llama", {gguf_entry("llama.rope.scaling.type", 8, text("longrope")),
                           gguf_entry("llama.rope.scaling.original_context_length", 4, raw(uint32_t(64)))});
  file.infos.push_back(gguf_info("rope_factors_short.weight", {8}, 0, 0));
  for (int i = 0; i < 8; ++i) file.data += raw(1.0f + float(i));
  const ModelConfig config = read_gguf(file.bytes());
  EXPECT_EQ(config.rope.divisors.at(7), 8.0f);
  EXPECT_EQ(config.max_positions, 64);
  EXPECT_DOUBLE_EQ(config.rope.magnitude, std::sqrt(1 + std::log(4.0) / std::log(64.0)));
}

TEST(Config, OfAModelWithFewerLayersHasShorterLists) {
  ModelConfig config = read(with(llama(), {{"model_type", "smollm3"}, {"no_rope_layers", {0, 1, 0}}}));
  config.num_layers = 2;
  EXPECT_EQ(config_to_huggingface(config)["no_rope_layers"], Json({0, 1}));
}

}  // namespace
}  // namespace limpid
