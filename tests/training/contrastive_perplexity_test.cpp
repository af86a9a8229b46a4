#include "limpid/training/contrastive_perplexity.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/training/language_model_loss.h"
#include "tests/support/golden_model.h"
#include "tests/training/toy_run.h"
#include "tests/training/toy_tokenizer.h"

namespace limpid {
namespace {

using testing_support::for_each_tensor_fixture;
using testing_support::message_of;
using testing_support::open_golden;
using testing_support::TempDir;
using testing_support::TensorFixture;
using torch::Tensor;

std::vector<Tensor> rows_of(const Tensor& matrix) { return matrix.unbind(0); }

TEST(ContrastivePerplexity, GivesNumbersOneCanCheckByHand) {
  const std::vector<Tensor> positives = {torch::tensor({2.0, 2.0}, torch::kFloat64)},
                            negatives = {torch::tensor({2.0, 3.0}, torch::kFloat64)};
  const double far = std::exp(-1.0);
  const auto loss = [&](ContrastiveLoss options) {
    return contrastive_perplexity(positives, negatives, options).item<double>();
  };
  EXPECT_NEAR(loss({ContrastiveForm::Paper, 0.5, 1.0}), -std::log(2.0 / (3.0 + far)), 1e-12) << "tau cancels";
  EXPECT_NEAR(loss({ContrastiveForm::Inside, 0.5, 1.0}), -std::log(2.0 / (3.0 + far * far)), 1e-12);
  EXPECT_NEAR(loss({ContrastiveForm::AsReleased, 1.0, 0.0}),
              -2.0 / 3.0 * std::log(std::exp(1.0) / (3.0 * std::exp(1.0) + std::exp(far))), 1e-12);
}

TEST(ContrastivePerplexityGolden, LossAndGradientsOfEveryFormAgree) {
  for_each_tensor_fixture("contrastive_perplexity", [](const TensorFixture& fixture) {
    const auto given = [&](const char* name) {
      return fixture.tensor(name).to(torch::kFloat64).set_requires_grad(true);
    };
    const auto check = [&](const std::string& name, ContrastiveForm form, double weight, double divisor) {
      SCOPED_TRACE(name);
      const Tensor positives = given("in.positives"), negatives = given("in.negatives");
      const Tensor loss =
          contrastive_perplexity(rows_of(positives), rows_of(negatives), {form, fixture.in("tau"), weight}) / divisor;
      loss.backward();
      EXPECT_TRUE(fixture.matches(loss.item<double>(), name));
      EXPECT_TRUE(fixture.matches(positives.grad(), "out." + name + "_gradient_positives"));
      EXPECT_TRUE(fixture.matches(negatives.grad(), "out." + name + "_gradient_negatives"));
    };
    check("paper", ContrastiveForm::Paper, fixture.in("alpha"), 1.0);
    check("inside", ContrastiveForm::Inside, fixture.in("alpha"), 1.0);
    const double anchors = double(fixture.shape("in.positives")[0]);  // whose mean the released form is
    check("as_released", ContrastiveForm::AsReleased, fixture.in("alpha_released"), anchors);
  });
}

/// With the mean token NLL of a model; each anchor's positives stand first.
TEST(ContrastivePerplexityGolden, AModelsTextsHaveTheReferencesLoss) {
  for_each_tensor_fixture("contrastive_perplexity", [](const TensorFixture& fixture) {
    const auto model = open_golden(fixture.model("model"), TrainingOptions{});
    const LanguageModelLoss nll(*model);
    const Tensor rows = fixture.tensor("in.rows"), lengths = fixture.tensor("in.lengths");
    const int64_t positive = fixture.shape("in.positives")[1];
    std::vector<Tensor> all, positives, negatives;
    for (int64_t anchor = 0; anchor < rows.size(0); ++anchor) {
      std::vector<Example> examples;
      std::vector<uint32_t> chosen;
      for (int64_t i = 0; i < rows.size(1); ++i) {
        examples.push_back({testing_support::token_ids(rows[anchor][i], lengths[anchor][i]), 0});
        chosen.push_back(uint32_t(i));
      }
      all.push_back(torch::stack(nll.means(make_batch(examples, chosen), examples)));
      positives.push_back(all.back().narrow(0, 0, positive));
      negatives.push_back(all.back().narrow(0, positive, rows.size(1) - positive));
    }
    EXPECT_TRUE(fixture.matches(torch::stack(all).detach(), "out.model_phi"));
    const ContrastiveLoss paper{ContrastiveForm::Paper, fixture.in("tau"), fixture.in("alpha")};
    EXPECT_TRUE(fixture.matches(contrastive_perplexity(positives, negatives, paper).item<double>(), "model_loss"));
  });
}

struct Setting {
  TempDir dir;
  fs::path base = testing_support::write_tiny_llama(dir.path() / "base", 2);

  fs::path write_rows() const {
    std::string lines;
    for (int i = 0; i < 24; ++i) {
      const std::string topic = "topic " + std::to_string(i);
      lines += to_text(Json{{"positives", {topic + " said kindly", "kindly said: " + topic}},
                            {"negatives", {topic + " SHOUTED LOUDLY", "LOUD: " + topic}}}) +
               "\n";
    }
    return dir.write("rows.jsonl", lines);
  }
  ContrastiveOptions options(const std::string& output) const {
    ContrastiveOptions o;
    testing_support::small_run(o, base, write_rows(), dir.path() / output);
    o.adapter = {.rank = 4, .alpha = 8.0};
    o.adamw.learning_rate = 1e-2;
    o.max_steps = 12;
    return o;
  }
};

TEST(ContrastivePerplexity, TrainsAnAdapterThatSetsTheNegativesApart) {
  const Setting setting;
  const ContrastiveOptions options = setting.options("out");
  const TrainingReport report = train_contrastive_perplexity(options);
  EXPECT_LT(report.progress.best_loss, 0.7 * report.progress.first_loss);
  EXPECT_EQ(PeftAdapter::open(options.output)->modules().size(), 14u);
}

TEST(ContrastivePerplexity, NamesTheLineThatHasNoTexts) {
  const Setting setting;
  const auto error = [&](const char* line) {
    const fs::path file =
        setting.dir.write("bad.jsonl", std::string(R"({"positives": ["a"], "negatives": ["b"]})") + "\n" + line + "\n");
    return message_of<FormatError>([&] { read_contrastive_rows({file.string()}); });
  };
  EXPECT_NE(error(R"({"positives": ["a"]})").find("bad.jsonl:2: \"negatives\" is missing or empty"), std::string::npos);
  EXPECT_NE(error(R"({"positives": [], "negatives": ["b"]})").find("bad.jsonl:2: \"positives\" is missing or empty"),
            std::string::npos);
  EXPECT_NE(error(R"({"positives": ["a", 3], "negatives": ["b"]})").find("holds a number"), std::string::npos);
  EXPECT_NE(message_of<ConfigError>([&] {
              read_contrastive_rows({setting.dir.write("none.jsonl", "\n").string()});
            }).find("no rows"),
            std::string::npos);
}

}  // namespace
}  // namespace limpid
