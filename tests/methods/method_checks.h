#pragma once

#include <gtest/gtest.h>

#include <map>

#include "limpid/methods/detox_spec.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/registry.h"
#include "tests/methods/decode.h"
#include "tests/methods/toy_models.h"
#include "tests/support/golden.h"
#include "tests/training/tiny_models.h"

/// What every detoxifier that is made from a file is held to.
namespace limpid::testing_support {

inline const TokenIds kToyPrompt = {20, 31, 5, 77, 102, 9, 14};

/// How a toy of each family is written, other weights for each seed. Toys of one family have one vocabulary.
inline const std::map<std::string, fs::path (*)(const fs::path& folder, uint64_t seed)>& toy_families() {
  static const std::map<std::string, fs::path (*)(const fs::path&, uint64_t)> families = {
      {"llama", [](const fs::path& folder, uint64_t seed) { return write_toy_llama(folder, {.seed = seed}); }},
      {"gpt2", [](const fs::path& folder, uint64_t seed) { return write_toy_gpt2(folder, {.seed = seed}); }},
      {"gemma3", [](const fs::path& folder, uint64_t seed) { return write_tiny_gemma3(folder, 1 + int64_t(seed)); }},
  };
  return families;
}

/// A tiny model of each family, by name.
class ToyFamilies {
 public:
  ToyFamilies() {
    models_["llama"] = open_exact(write_toy_llama(folder_.path() / "llama", {.width = 32, .layers = 2, .heads = 2}));
    models_["gpt2"] = open_exact(write_toy_gpt2(folder_.path() / "gpt2", {.width = 32, .layers = 2, .heads = 2}));
    models_["gemma3"] = open_exact(write_tiny_gemma3(folder_.path() / "gemma3", /*layers=*/2, /*tied=*/false));
  }
  const std::map<std::string, std::shared_ptr<const Model>>& all() const { return models_; }
  const std::shared_ptr<const Model>& at(const char* family) const { return models_.at(family); }
  fs::path file(const std::string& name) const { return folder_.path() / (name + ".detox.safetensors"); }

 private:
  TempDir folder_;
  std::map<std::string, std::shared_ptr<const Model>> models_;
};

/// State after the final norm at the last of `ids`, [1, D], without any cache from before.
inline torch::Tensor state_of(const Model& model, const TokenIds& ids) {
  nn::KvCache cache = model.make_cache();
  const nn::Sequence sequence{&cache, ids};
  nn::Pass pass({&sequence, 1});
  return model.final_state(pass, Outputs::Last);
}

inline std::shared_ptr<Detoxifier> open_detox(const fs::path& file, const std::string& options = "") {
  return open_detoxifier(DetoxSpec::parse(file.string() + options));
}

/// A row gives the same bits alone as among rows of other prompts, lengths and strengths, plain ones among them.
inline void expect_rows_do_not_see_one_another(const std::shared_ptr<const Model>& model, const Detoxifier& detoxifier,
                                               float strength) {
  std::vector<Request> requests;
  for (size_t i = 0; i < 6; ++i)
    requests.push_back(greedy_request(i, {kToyPrompt.begin(), kToyPrompt.begin() + 1 + long(i)}, 4 + int64_t(i),
                                      strengths_of(detoxifier, 0.5f * float(i) * strength)));
  const auto together = decode(model, sessions_of(*model, detoxifier), requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    SCOPED_TRACE(testing::Message() << "row " << i);
    Request alone = requests[i];
    alone.sample = 0;
    const Written run = decode(model, sessions_of(*model, detoxifier), {alone})[0];
    EXPECT_EQ(run.ids, together[i].ids);
    EXPECT_TRUE(torch::equal(run.logits, together[i].logits));
  }
}

/// Samples of one prompt, which share its reading, are those that come out one by one.
inline void expect_samples_of_a_prompt_share_its_reading(const std::shared_ptr<const Model>& model,
                                                         const Detoxifier& detoxifier, float strength) {
  const auto samples = [&](std::vector<uint64_t> wanted) {
    Generator generator(model, one_session(detoxifier.open(*model)));
    for (uint64_t sample : wanted) {
      Request request = greedy_request(sample, kToyPrompt, 6, {strength});
      request.prompt = 0;
      request.sampling.greedy = false;
      request.sampling.seed = 5;
      generator.submit(std::move(request));
    }
    std::map<uint64_t, TokenIds> ids;
    generator.run([&](Completion completion) {
      completion.check();
      ids[completion.sample] = std::move(completion.ids);
    });
    return ids;
  };
  const auto together = samples({0, 1, 2});
  for (uint64_t sample : {0, 1, 2}) EXPECT_EQ(samples({sample}).at(sample), together.at(sample)) << "sample " << sample;
  EXPECT_NE(together.at(0), together.at(1));
}

template <class Work>
std::string message_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// The file with other settings is refused in one line that says `says` and names the file.
inline void expect_refused(const fs::path& file, const std::function<void(Json& settings)>& damage,
                           const std::string& says) {
  SCOPED_TRACE(says);
  const auto good = DetoxifierFile::open(file);
  DetoxifierInfo info = good->info();
  info.settings.erase("blocks");
  damage(info.settings);
  const fs::path broken = file.parent_path() / "broken.detox.safetensors";
  write_detoxifier(broken, info, good->tensors()->tensors());
  const std::string message = message_of([&] { open_detox(broken); });
  EXPECT_NE(message.find(says), std::string::npos) << message;
  EXPECT_NE(message.find("broken.detox.safetensors"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

inline void expect_option_refused(const fs::path& file, const std::string& options, const std::string& says) {
  const std::string message = message_of([&] { open_detox(file, options); });
  EXPECT_NE(message.find(says), std::string::npos) << message;
}

}  // namespace limpid::testing_support
