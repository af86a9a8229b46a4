#include "limpid/training/calibrator.h"

#include <chrono>
#include <cmath>

#include "limpid/checkpoints/json_guard.h"
#include "limpid/core/log.h"
#include "limpid/models/save.h"
#include "limpid/training/batches.h"
#include "limpid/training/language_model_loss.h"

namespace limpid {
namespace {

constexpr size_t kMostHeldOut = 1000;   // rows: enough for a steady loss, few enough not to cost more than the training

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void check(const CalibratorOptions& o) {
  LIMPID_CHECK(o.epochs > 0 || o.max_steps > 0, ConfigError, "[calibrator] neither epochs nor steps to train");
  LIMPID_CHECK(o.batch > 0 && o.accumulate > 0 && o.eval_every > 0 && o.save_every > 0, ConfigError,
               "[calibrator] batch, accumulate, eval-every and save-every must be at least 1");
  LIMPID_CHECK(o.adamw.learning_rate > 0 && std::isfinite(o.adamw.learning_rate), ConfigError, "[calibrator] learning rate ",
               o.adamw.learning_rate, ", expected above 0");
  LIMPID_CHECK(o.warmup >= 0 && o.clip >= 0 && o.patience >= 0 && o.max_steps >= 0 && o.adamw.weight_decay >= 0, ConfigError,
               "[calibrator] warm-up, clip, patience, max-steps and weight decay must not be negative");
}

/// SHA-256 of a model: of the file, or over the names and hashes of a folder's weights and config.
std::string model_sha256(const fs::path& path) {
  if (!fs::is_directory(path)) return sha256_file(path);
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path))
    if (const auto ending = entry.path().extension(); ending == ".safetensors" || ending == ".gguf" || entry.path().filename() == "config.json")
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::string all;
  for (const fs::path& file : files) all += file.filename().string() + " " + sha256_file(file) + "\n";
  return sha256(all);
}

/// Everything that changes a weight. Paths are not in it: a run may move with its files.
Json settings_of(const CalibratorOptions& o) {
  Json data = Json::array();
  for (const std::string& entry : o.data.files) {
    const fs::path path = data_path(entry);
    const size_t query = entry.find('?', path.string().size());
    data.push_back({{"file", path.filename().string()}, {"sha256", sha256_file(path)},
                    {"query", query == std::string::npos ? "" : entry.substr(query + 1)}});
  }
  return {{"base_sha256", model_sha256(o.base)}, {"layers", o.layers}, {"data", data}, {"where", o.data.where}, {"fields", o.data.fields},
          {"compute", o.compute == torch::kBFloat16 ? "bf16" : "f32"}, {"max_length", o.examples.max_length},
          {"end_token", o.examples.end_token}, {"separator", o.examples.separator}, {"holdout", o.holdout}, {"epochs", o.epochs},
          {"max_steps", o.max_steps}, {"batch", o.batch}, {"accumulate", o.accumulate}, {"learning_rate", o.adamw.learning_rate},
          {"weight_decay", o.adamw.weight_decay}, {"warmup", o.warmup}, {"clip", o.clip}, {"eval_every", o.eval_every},
          {"patience", o.patience}, {"train_embeddings", o.train_embeddings}, {"seed", o.seed}};
}

class CalibratorRun {
 public:
  explicit CalibratorRun(const CalibratorOptions& options)
      : options_(options), settings_(settings_of(options)), state_file_(options.output / "resume" / "state.safetensors"),
        model_(open_model(options.base, {.trainable = true, .compute = options.compute, .layers = options.layers})) {
    LIMPID_CHECK(model_->tokenizer(), ConfigError, options.base.string(), ": has no tokenizer, so text cannot be read");
    if (!options.train_embeddings) freeze_embeddings(*model_);
    loss_.emplace(*model_);
    adam_.emplace(model_->parameters(), options.adamw);
    for (const auto& [name, parameter] : model_->parameters())
      if (parameter.requires_grad()) best_[name + ".best"] = parameter.detach().clone();
    read_data();
  }

  CalibratorReport run() {
    CalibratorReport report;
    report.total_steps = total_steps_;
    report.resumed = resume();
    MetricsLog metrics(options_.output / "metrics.jsonl", progress_.step);
    if (!report.resumed && !sets_.held_out.empty()) evaluate(metrics);
    Progress shown("calibrator", uint64_t(total_steps_), "steps");
    shown.update(uint64_t(progress_.step));
    while (progress_.step < total_steps_ && !progress_.stopped) {
      if (interrupted()) {
        save();
        throw Interrupted(concat("interrupted after step ", progress_.step, "; the same command continues from ", state_file_.string()));
      }
      const double loss = step(metrics);
      if (progress_.step % options_.eval_every == 0 || progress_.step == total_steps_) evaluate(metrics);
      if (progress_.step % options_.save_every == 0) save();
      shown.update(uint64_t(progress_.step), describe(loss));
      if (options_.after_step) options_.after_step(progress_.step);
    }
    shown.finish(describe(0.0));
    report.progress = progress_;
    report.tokens_per_second = speed();
    write_result(report);
    return report;
  }

 private:
  void read_data() {
    const TextData data = read_text_data(options_.data);
    sets_ = make_examples(*model_->tokenizer(), data.rows, options_.examples, options_.holdout);
    if (sets_.held_out.size() > kMostHeldOut) sets_.held_out.resize(kMostHeldOut);
    steps_per_epoch_ = int64_t((batches(0).size() + size_t(options_.accumulate) - 1) / size_t(options_.accumulate));
    total_steps_ = options_.epochs > 0 ? options_.epochs * steps_per_epoch_ : options_.max_steps;
    if (options_.max_steps > 0) total_steps_ = std::min(total_steps_, options_.max_steps);
    int64_t tokens = 0;
    for (const Example& example : sets_.train) tokens += int64_t(example.ids.size());
    log_info(concat("data: ", limpid::describe(data.counts), sets_.without_target ? concat(", ", sets_.without_target, " too long to learn from") : "",
                    "; ", thousands(sets_.train.size()), " to train on (", thousands(uint64_t(tokens)), " tokens, ",
                    thousands(uint64_t(sets_.train_targets)), " of them learnt), ", thousands(sets_.held_out.size()), " held out; ",
                    thousands(uint64_t(total_steps_)), " steps"));
  }

  std::vector<std::vector<uint32_t>> batches(int64_t epoch) const {
    return plan_epoch(sets_.train, options_.batch, options_.seed, uint64_t(epoch));
  }

  bool resume() {
    if (!fs::exists(state_file_)) return false;
    progress_ = load_training_state(state_file_, tensors(), settings_);
    adam_->set_steps(progress_.step);
    log_info(concat("continuing from step ", progress_.step, " of ", state_file_.string()));
    return true;
  }

  std::map<std::string, torch::Tensor> tensors() const {
    auto all = adam_->state();
    all.insert(best_.begin(), best_.end());
    return all;
  }
  void save() const { save_training_state(state_file_, tensors(), settings_, progress_); }

  /// One optimiser step; returns its loss per target.
  double step(MetricsLog& metrics) {
    const double start = seconds_now();
    if (plan_epoch_ != progress_.epoch) plan_ = batches(progress_.epoch), plan_epoch_ = progress_.epoch;
    const size_t first = size_t(progress_.epoch_step * options_.accumulate), last = std::min(first + size_t(options_.accumulate), plan_.size());
    int64_t targets = 0;
    for (size_t i = first; i < last; ++i)
      for (uint32_t index : plan_[i]) targets += sets_.train[index].targets();

    adam_->zero_grad();
    double sum = 0.0;
    for (size_t i = first; i < last; ++i) {
      const Batch batch = make_batch(sets_.train, plan_[i]);
      const torch::Tensor loss = loss_->sum(batch);
      sum += loss.item<double>();
      (loss / double(targets)).backward();
      progress_.tokens += batch.tokens;
    }
    const double norm = clip_gradients(adam_->parameters(), options_.clip);
    LIMPID_CHECK(std::isfinite(norm) && std::isfinite(sum), ConfigError, "[calibrator] step ", progress_.step + 1, ": loss ", sum / double(targets),
                 ", gradient norm ", norm, "; lower the learning rate (now ", options_.adamw.learning_rate, ") and start over");
    const double rate = scheduled_rate(options_.adamw.learning_rate, progress_.step, options_.warmup, total_steps_);
    adam_->step(rate);

    ++progress_.step;
    progress_.targets += targets;
    if (++progress_.epoch_step == steps_per_epoch_) ++progress_.epoch, progress_.epoch_step = 0;
    const double took = seconds_now() - start;
    progress_.train_seconds += took;
    metrics.write({{"step", progress_.step}, {"loss", sum / double(targets)}, {"gradient_norm", norm}, {"learning_rate", rate},
                   {"tokens", progress_.tokens}, {"seconds", took}});
    recent_ = recent_ == 0.0 ? sum / double(targets) : 0.95 * recent_ + 0.05 * sum / double(targets);
    return recent_;
  }

  double held_out_loss() const {
    double sum = 0.0;
    int64_t targets = 0;
    for (const auto& chosen : plan_by_length(sets_.held_out, options_.batch)) {
      const Batch batch = make_batch(sets_.held_out, chosen);
      sum += loss_->sum(batch).item<double>();
      targets += batch.targets.size(0);
    }
    return sum / double(targets);
  }

  /// Measures, remembers the best weights, and decides whether to go on. Without held-out rows the last weights are the best.
  void evaluate(MetricsLog& metrics) {
    bool better = true;
    if (!sets_.held_out.empty()) {
      const double loss = held_out_loss();
      metrics.write({{"step", progress_.step}, {"held_out_loss", loss}});
      if (progress_.step == 0) progress_.first_loss = loss;
      better = progress_.best_step < 0 || loss < progress_.best_loss;
      if (better) progress_.best_loss = loss;
      log_info(concat("step ", progress_.step, ": held-out loss ", loss, better ? " (best)" : ""));
    }
    progress_.evaluations_without_best = better ? 0 : progress_.evaluations_without_best + 1;
    if (options_.patience > 0 && progress_.evaluations_without_best >= options_.patience) progress_.stopped = true;
    if (!better) return;
    progress_.best_step = progress_.step;
    torch::NoGradGuard no_grad;
    for (const auto& [name, parameter] : model_->parameters())
      if (parameter.requires_grad()) best_.at(name + ".best").copy_(parameter);
  }

  double speed() const { return progress_.train_seconds > 0 ? double(progress_.tokens) / progress_.train_seconds : 0.0; }

  std::string describe(double loss) const {
    std::string text = concat(thousands(uint64_t(speed() + 0.5)), " tokens/s");
    char number[32];
    const auto add = [&](const char* what, double value) {
      std::snprintf(number, sizeof number, "%.3f", value);
      text += concat(", ", what, " ", number);
    };
    if (loss > 0.0) add("loss", loss);
    if (progress_.best_step >= 0 && !sets_.held_out.empty()) add("held-out", progress_.best_loss);
    return text;
  }

  void write_result(const CalibratorReport& report) {
    {
      torch::NoGradGuard no_grad;
      for (const auto& [name, parameter] : model_->parameters())
        if (parameter.requires_grad()) torch::Tensor(parameter).copy_(best_.at(name + ".best"));
    }
    Json result = progress_.to_json();
    result["tokens_per_second"] = report.tokens_per_second;
    const Json about = {{"format", 1}, {"kind", "calibrator"}, {"settings", settings_}, {"result", result}};
    save_hf_folder(*model_, options_.output, {{"limpid", to_text(about)}});
    write_file(options_.output / "training.json", to_text(about, 2) + "\n");
    std::error_code ignored;
    fs::remove_all(state_file_.parent_path(), ignored);
  }

  const CalibratorOptions& options_;
  const Json settings_;
  const fs::path state_file_;
  std::shared_ptr<Model> model_;
  std::optional<LanguageModelLoss> loss_;
  std::optional<AdamW> adam_;
  std::map<std::string, torch::Tensor> best_;
  ExampleSets sets_;
  int64_t steps_per_epoch_ = 0, total_steps_ = 0, plan_epoch_ = -1;
  std::vector<std::vector<uint32_t>> plan_;
  TrainingProgress progress_;
  double recent_ = 0.0;
};

/// The report of a finished run in `output`, if there is one. @throws MismatchError when it was another run.
std::optional<CalibratorReport> finished_run(const CalibratorOptions& options) {
  const fs::path file = options.output / "training.json";
  if (!fs::exists(file)) {
    LIMPID_CHECK(!fs::exists(options.output / "config.json"), MismatchError, options.output.string(),
                 " holds a model that was not trained here (no training.json); choose another output folder");
    return std::nullopt;
  }
  const Json about = read_guarded_json(file);
  LIMPID_CHECK(about.is_object() && about.contains("settings") && about.contains("result"), FormatError, file.string(),
               ": has no settings and result; delete it to start over");
  const std::string difference = settings_difference(about["settings"], settings_of(options));
  LIMPID_CHECK(difference.empty(), MismatchError, options.output.string(), " holds a calibrator trained with other settings: ", difference,
               "; choose another output folder");
  CalibratorReport report;
  report.progress = TrainingProgress::from_json(about["result"], file.string());
  report.total_steps = report.progress.step;
  report.tokens_per_second = get_or<double>(about["result"], "tokens_per_second", 0.0, file.string());
  report.already_done = true;
  return report;
}

}  // namespace

CalibratorReport train_calibrator(const CalibratorOptions& options) {
  check(options);
  if (auto report = finished_run(options)) return *report;
  return CalibratorRun(options).run();
}

}  // namespace limpid
