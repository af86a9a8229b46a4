#include "limpid/training/contrastive_perplexity.h"

#include <numeric>

#include "limpid/core/number_text.h"
#include "limpid/core/watch.h"
#include "limpid/data/rows.h"
#include "limpid/training/language_model_loss.h"

namespace limpid {

using torch::Tensor;

Tensor contrastive_perplexity(const std::vector<Tensor>& positives, const std::vector<Tensor>& negatives,
                              const ContrastiveLoss& loss) {
  const bool released = loss.form == ContrastiveForm::AsReleased;
  const double inside = loss.form == ContrastiveForm::Inside ? loss.tau : 1.0;
  const Tensor shared = released ? torch::cat(positives).mean() : Tensor();
  Tensor sum = torch::zeros({}, torch::kFloat64);
  for (size_t i = 0; i < positives.size(); ++i) {
    const Tensor centre = released ? shared : positives[i].mean();
    const auto similarity = [&](const Tensor& phi) { return torch::exp(-(phi - centre).abs() / inside); };
    const Tensor near = similarity(positives[i]), far = similarity(negatives[i]);
    if (released) {
      const Tensor wanted = near / loss.tau, logits = torch::cat({wanted, far / loss.tau + loss.weight});
      sum = sum + (torch::logsumexp(logits, 0) - wanted).sum() / double(wanted.size(0) + 1);
    } else {
      sum = sum + torch::log(near.sum() + loss.weight * far.sum()) - torch::log(near.sum());
    }
  }
  return sum;
}

std::vector<ContrastiveRow> read_contrastive_rows(const std::vector<std::string>& files) {
  std::vector<ContrastiveRow> rows;
  for (const std::string& file : files) {
    for_each_object(file, {}, R"({"positives", "negatives"})", [&](const Json& object, const std::string& source) {
      const auto texts = [&](const char* key) {
        const auto list = object.find(key);
        LIMPID_CHECK(list != object.end() && list->is_array() && !list->empty(), FormatError, source, ": \"", key,
                     "\" is missing or empty, expected a list of texts");
        std::vector<std::string> result;
        for (const Json& text : *list) {
          LIMPID_CHECK(text.is_string(), FormatError, source, ": \"", key, "\" holds ", json_kind(text),
                       ", expected texts");
          result.push_back(text.get<std::string>());
        }
        return result;
      };
      rows.push_back({texts("positives"), texts("negatives")});
    });
  }
  LIMPID_CHECK(!rows.empty(), ConfigError, "[contrastive perplexity] the data has no rows");
  return rows;
}

namespace {

/// The sequences of one row, positives first.
struct Anchor {
  std::vector<Example> examples;
  size_t positives = 0;
};

class ContrastiveObjective final : public Objective {
 public:
  ContrastiveObjective(const Model& model, const ContrastiveOptions& options, Watch& watch)
      : nll_(model),
        loss_(options.loss) {
    LIMPID_CHECK(model.tokenizer(), ConfigError, options.base.string(), ": has no tokenizer, so text cannot be read");
    const auto rows = read_contrastive_rows(options.data.files);
    std::vector<double> places;
    std::vector<Anchor> anchors;
    size_t left_out = 0;
    for (const ContrastiveRow& row : rows) {
      watch.throw_if_stopped();
      const Anchor anchor = read(*model.tokenizer(), row, options.examples);
      for (const Example& example : anchor.examples) nll_.check(example);
      if (anchor.positives == 0 || anchor.positives == anchor.examples.size())
        ++left_out;
      else
        anchors.push_back(anchor), places.push_back(hash_position({"", row.positives[0], false, ""}));
    }
    LIMPID_CHECK(!anchors.empty(), ConfigError,
                 "[contrastive perplexity] no row has texts of two tokens on both sides");
    const double limit = split_limit(places, options.holdout);
    for (size_t i = 0; i < anchors.size(); ++i) {
      const size_t side = places[i] < limit;
      int64_t tokens = 0;
      for (const Example& example : anchors[i].examples) tokens += int64_t(example.ids.size());
      lengths_[side].push_back(tokens);
      anchors_[side].push_back(std::move(anchors[i]));
    }
    LIMPID_CHECK(!anchors_[0].empty(), ConfigError, "all rows are held out; nothing is left to train on");
    watch.info(concat("data: ", thousands(rows.size()), " rows", left_out ? concat(", ", left_out, " too short") : "",
                      "; ", thousands(anchors_[0].size()), " to train on, ", thousands(anchors_[1].size()),
                      " held out"));
  }

  std::span<const int64_t> lengths(Split split) const override { return lengths_[split == Split::HeldOut]; }
  int64_t targets(uint32_t) const override { return 1; }

  Part loss(Split split, std::span<const uint32_t> chosen) const override {
    const auto& anchors = anchors_[split == Split::HeldOut];
    std::vector<Example> examples;
    for (uint32_t index : chosen)
      examples.insert(examples.end(), anchors[index].examples.begin(), anchors[index].examples.end());
    std::vector<uint32_t> indices(examples.size());
    std::iota(indices.begin(), indices.end(), 0u);
    const Batch batch = make_batch(examples, indices);
    const std::vector<Tensor> phi = nll_.means(batch, examples);

    std::vector<Tensor> positives, negatives;
    auto begin = phi.begin();
    for (uint32_t index : chosen) {
      const auto middle = begin + ptrdiff_t(anchors[index].positives),
                 end = begin + ptrdiff_t(anchors[index].examples.size());
      positives.push_back(torch::stack(std::vector<Tensor>(begin, middle)));
      negatives.push_back(torch::stack(std::vector<Tensor>(middle, end)));
      begin = end;
    }
    return {contrastive_perplexity(positives, negatives, loss_), batch.tokens, int64_t(chosen.size())};
  }

 private:
  static Anchor read(const Tokenizer& tokenizer, const ContrastiveRow& row, const ExampleOptions& options) {
    Anchor anchor;
    for (const auto* side : {&row.positives, &row.negatives}) {
      for (const std::string& text : *side)
        if (Example example = make_example(tokenizer, {"", text, false, ""}, options); example.targets() > 0)
          anchor.examples.push_back(std::move(example));
      if (side == &row.positives) anchor.positives = anchor.examples.size();
    }
    return anchor;
  }

  LanguageModelLoss nll_;
  ContrastiveLoss loss_;
  std::vector<Anchor> anchors_[2];
  std::vector<int64_t> lengths_[2];
};

}  // namespace

TrainingReport train_contrastive_perplexity(const ContrastiveOptions& given, Watch& watch) {
  ContrastiveOptions options = given;
  options.examples.end_token = false;
  LIMPID_CHECK(!options.pack, ConfigError,
               "[contrastive perplexity] texts cannot be packed: each has a perplexity of its own");
  LIMPID_CHECK(options.loss.tau > 0 && options.loss.weight >= 0, ConfigError, "[contrastive perplexity] tau ",
               options.loss.tau, " and weight ", options.loss.weight, ", expected above 0 and not negative");
  const Json settings = {
      {"form", name(options.loss.form)}, {"tau", options.loss.tau}, {"negative_weight", options.loss.weight}};
  return train_adapter(
      options, "contrastive perplexity", settings,
      [&](const Model& model) { return std::make_unique<ContrastiveObjective>(model, options, watch); }, watch);
}

}  // namespace limpid
