#include "limpid/checkpoints/peft.h"

#include <gtest/gtest.h>

#include <cmath>

#include "limpid/checkpoints/safetensors.h"
#include "tests/support/damage.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

/// A rank-2 adapter of two layers, [3, 4] and [4, 4], with numbers one can tell apart.
struct Toy {
  TempDir dir;
  std::vector<std::vector<float>> values;
  PeftConfig config{
      .rank = 2, .alpha = 8.0, .dropout = 0.1, .target_modules = {"q_proj", "o_proj"}, .base_model = "toy"};

  TensorView view(std::vector<int64_t> shape) {
    std::vector<float> numbers(size_t(shape[0] * shape[1]));
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = float(values.size()) + 0.25f * float(i);
    values.push_back(std::move(numbers));
    return {"", DType::F32, std::move(shape), std::as_bytes(std::span(values.back()))};
  }
  std::vector<PeftModule> modules() {
    values.clear();
    values.reserve(8);
    return {{"model.layers.0.self_attn.o_proj", view({2, 4}), view({4, 2})},
            {"model.layers.0.self_attn.q_proj", view({2, 4}), view({3, 2})}};
  }
  fs::path write() {
    write_peft(dir.path() / "adapter", config, modules(), {{"made_by", "test"}});
    return dir.path() / "adapter";
  }
  /// Writes the folder with adapter_config.json changed like this.
  fs::path with(const char* key, const Json& value) {
    const fs::path folder = write();
    Json json = read_json(folder / "adapter_config.json");
    json[key] = value;
    write_file(folder / "adapter_config.json", to_text(json));
    return folder;
  }
  template <class Exception>
  std::string refused(const char* key, const Json& value) {
    return message<Exception>(with(key, value));
  }
  template <class Exception>
  static std::string message(const fs::path& folder) {
    try {
      PeftAdapter::open(folder);
    } catch (const Exception& error) {
      return error.what();
    }
    return "opened";
  }
};

bool says(const std::string& message, const char* part) { return message.find(part) != std::string::npos; }

TEST(Peft, ComesBackAsItWasWritten) {
  Toy toy;
  const auto adapter = PeftAdapter::open(toy.write());
  EXPECT_EQ(adapter->config().rank, 2);
  EXPECT_EQ(adapter->config().scale(2), 4.0);
  EXPECT_EQ(adapter->config().dropout, 0.1);
  EXPECT_EQ(adapter->config().base_model, "toy");
  EXPECT_EQ(adapter->config().target_modules, (std::vector<std::string>{"q_proj", "o_proj"}));
  EXPECT_EQ(adapter->metadata().at("made_by"), "test");
  ASSERT_EQ(adapter->modules().size(), 2u);
  EXPECT_EQ(adapter->modules()[1].name, "model.layers.0.self_attn.q_proj");
  EXPECT_EQ(adapter->modules()[1].b.shape, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(to_floats(adapter->modules()[0].a), toy.values[0]);
  EXPECT_EQ(to_floats(adapter->modules()[1].b), toy.values[3]);
}

TEST(Peft, NumbersThatAreNotFiniteAreNeitherReadNorWritten) {
  for (float bad : {NAN, INFINITY}) {
    Toy toy;
    const fs::path folder = toy.write();
    const char* name = "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight";
    testing_support::overwrite_number(folder / "adapter_model.safetensors", name, bad);
    const std::string message = Toy::message<FormatError>(folder);
    EXPECT_TRUE(says(message, name) && says(message, "[0, 0] is ")) << message;

    auto modules = toy.modules();
    toy.values[2][3] = bad;
    EXPECT_THROW(write_peft(toy.dir.path() / "other", toy.config, modules), FormatError);
    EXPECT_FALSE(fs::exists(toy.dir.path() / "other"));
  }
}

TEST(Peft, NamesItsTensorsAsPythonsPeftDoes) {
  Toy toy;
  const auto file = SafetensorsFile::open(toy.write() / "adapter_model.safetensors");
  EXPECT_NE(file->find("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"), nullptr);
  EXPECT_NE(file->find("base_model.model.model.layers.0.self_attn.o_proj.lora_B.weight"), nullptr);
}

TEST(Peft, ScalesByTheRootOfTheRankWhenRankStabilised) {
  Toy toy;
  toy.config.rank_stabilised = true;
  EXPECT_DOUBLE_EQ(PeftAdapter::open(toy.write())->config().scale(2), 8.0 / std::sqrt(2.0));
}

TEST(Peft, RefusesWhatItDoesNotSupportAndNamesIt) {
  Toy toy;
  EXPECT_TRUE(says(toy.refused<ConfigError>("use_dora", true), "\"use_dora\" is true, which is not supported"));
  EXPECT_TRUE(says(toy.refused<ConfigError>("bias", "all"), "\"bias\" is \"all\""));
  EXPECT_TRUE(says(toy.refused<ConfigError>("modules_to_save", {"lm_head"}), "\"modules_to_save\""));
  EXPECT_TRUE(says(toy.refused<ConfigError>("alpha_pattern", {{"q_proj", 4}}), "\"alpha_pattern\""));
  EXPECT_TRUE(says(toy.refused<ConfigError>("peft_type", "IA3"), "\"IA3\""));
  EXPECT_TRUE(says(toy.refused<ConfigError>("kasa_config", {{"beta", 1e-4}}), "\"kasa_config\""));
  EXPECT_TRUE(says(toy.refused<ConfigError>("a_kind_of_tomorrow", 3), "\"a_kind_of_tomorrow\" is 3"));
}

TEST(Peft, RefusesAdaptersThatWereTrainedBesideAnotherBase) {
  Toy toy;
  for (const char* init : {"pissa", "pissa_niter_16", "olora", "corda", "loftq", "lora_ga", "of_tomorrow"})
    EXPECT_TRUE(says(toy.refused<ConfigError>("init_lora_weights", init),
                     concat("\"init_lora_weights\" is \"", init, "\"").c_str()));
  for (const Json& init : {Json(true), Json(false), Json("gaussian"), Json("eva"), Json("orthogonal")})
    EXPECT_EQ(PeftAdapter::open(toy.with("init_lora_weights", init))->modules().size(), 2u) << init;
}

TEST(Peft, TakesWhatPeftWritesOfASettledAdapter) {
  Toy toy;
  const Json settings = {
      {"peft_version", "0.21.2"}, {"megatron_core", "megatron.core"}, {"layers_to_transform", {0}},
      {"qalora_group_size", 16},  {"loftq_config", {{"bits", 4}}},    {"alpha_pattern", Json::object()},
      {"lora_bias", false},       {"kasa_config", nullptr},           {"task_type", "CAUSAL_LM"}};
  for (const auto& [key, value] : settings.items())
    EXPECT_EQ(PeftAdapter::open(toy.with(key.c_str(), value))->modules().size(), 2u) << key;
}

TEST(Peft, RefusesMalformedFoldersWithOneLine) {
  Toy toy;
  EXPECT_TRUE(says(toy.refused<FormatError>("r", 3), "has rank 2, adapter_config.json says 3"));
  EXPECT_TRUE(says(toy.refused<FormatError>("r", "two"), "\"r\" is a string"));
  EXPECT_TRUE(says(toy.refused<FormatError>("r", 0), "expected at least 1"));
  EXPECT_TRUE(says(toy.refused<FormatError>("target_modules", 1), "\"target_modules\" is a number"));
  EXPECT_TRUE(says(Toy::message<IoError>(toy.dir.path() / "absent"), "adapter_config.json"));

  const fs::path folder = toy.write();
  const auto modules = toy.modules();
  const auto with = [&](std::vector<TensorView> views) {
    write_safetensors(folder / "adapter_model.safetensors", views);
    return folder;
  };
  const auto named = [](TensorView view, const char* name) {
    view.name = name;
    return view;
  };
  EXPECT_TRUE(says(Toy::message<FormatError>(with({})), "holds no adapter"));
  EXPECT_TRUE(says(Toy::message<FormatError>(with({named(modules[0].a, "base_model.model.x.lora_A.weight")})),
                   "has only lora_A"));
  EXPECT_TRUE(says(Toy::message<FormatError>(with({named(modules[0].a, "base_model.model.x.lora_A.weight"),
                                                   named(modules[0].a, "base_model.model.x.lora_B.weight")})),
                   "of rank 2 and lora_B of rank 4"));
  EXPECT_TRUE(says(Toy::message<ConfigError>(with({named(modules[0].a, "base_model.model.x.lora_embedding_A")})),
                   "only adapters of linear layers"));
  fs::remove(folder / "adapter_model.safetensors");
  write_file(folder / "adapter_model.bin", "x");
  EXPECT_TRUE(says(Toy::message<ConfigError>(folder), "has only adapter_model.bin"));
}

}  // namespace
}  // namespace limpid
