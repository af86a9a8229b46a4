#include "limpid/training/trainer.h"

#include <chrono>
#include <cmath>

#include "limpid/core/folder_lock.h"
#include "limpid/core/number_text.h"
#include "limpid/core/watch.h"
#include "limpid/training/batches.h"
#include "limpid/training/process_group.h"

namespace limpid {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Run {
 public:
  Run(const TrainerOptions& options, const TrainingTask& task, Watch& watch)
      : options_(options),
        task_(task),
        watch_(watch),
        state_file_(options.output / "resume" / "state.safetensors"),
        processes_(ProcessGroup::join()),
        adam_(task.parameters, options.adamw) {
    LIMPID_CHECK(options.accumulate >= processes_->size(), ConfigError, "[", task.kind, "] ", processes_->size(),
                 " processes share ", options.accumulate,
                 " passes per step, so some would have none; raise --accumulate");
    if (options.keep != Keep::Last)
      for (const auto& [name, parameter] : trained()) best_[name + ".best"] = parameter.detach().clone();
    const int64_t batches = int64_t(plan(0).size());
    steps_per_epoch_ = (batches + options.accumulate - 1) / options.accumulate;
    total_steps_ = options.epochs > 0 ? options.epochs * steps_per_epoch_ : options.max_steps;
    if (options.max_steps > 0) total_steps_ = std::min(total_steps_, options.max_steps);
  }

  TrainingReport run() {
    TrainingReport report;
    report.total_steps = total_steps_;
    if (processes_->is_first()) alone_.emplace(options_.output);
    report.resumed = resume();
    if (processes_->is_first()) mark_folder();
    if (processes_->is_first()) metrics_.emplace(options_.output / "metrics.jsonl", progress_.step);
    watch_.info(concat(task_.kind, ": ", thousands(uint64_t(total_steps_)), " steps",
                       processes_->size() > 1 ? concat(" in ", processes_->size(), " processes") : ""));
    if (!report.resumed && measures()) evaluate();
    Progress shown(watch_, task_.kind, uint64_t(total_steps_), "steps");
    shown.update(uint64_t(progress_.step));
    while (progress_.step < total_steps_ && !progress_.stopped) {
      stop_if_interrupted();
      const double loss = step();
      if (progress_.step % options_.eval_every == 0 || progress_.step == total_steps_) evaluate();
      if (progress_.step % options_.save_every == 0) save();
      shown.update(uint64_t(progress_.step), describe(loss));
      if (options_.after_step) options_.after_step(progress_.step);
    }
    shown.finish(describe(0.0));
    report.progress = progress_;
    report.tokens_per_second = speed();
    if (processes_->is_first()) write_result(report);
    processes_->wait();  // nobody leaves before the files are there
    return report;
  }

 private:
  std::map<std::string, torch::Tensor> trained() const {
    std::map<std::string, torch::Tensor> result;
    for (const auto& [name, parameter] : task_.parameters)
      if (parameter.requires_grad()) result.emplace(name, parameter);
    return result;
  }
  bool measures() const { return !task_.objective.lengths(Split::HeldOut).empty(); }
  std::vector<std::vector<uint32_t>> plan(int64_t epoch) const {
    return plan_epoch(task_.objective.lengths(Split::Train), options_.batch, options_.seed, uint64_t(epoch));
  }

  /// Says whose the folder is until training.json does.
  void mark_folder() const {
    write_file(unfinished_run(options_.output),
               to_text(Json{{"format", 1}, {"kind", task_.kind}, {"settings", task_.settings}}, 2) + "\n");
  }

  bool resume() {
    if (!fs::exists(state_file_)) return false;
    progress_ = load_training_state(state_file_, state(), task_.settings);
    adam_.set_steps(progress_.step);
    watch_.info(concat("continuing from step ", progress_.step, " of ", state_file_.string()));
    return true;
  }
  std::map<std::string, torch::Tensor> state() const {
    auto tensors = adam_.state();
    tensors.insert(best_.begin(), best_.end());
    return tensors;
  }
  void save() const {
    if (processes_->is_first()) save_training_state(state_file_, state(), task_.settings, progress_);
  }
  /// With several processes the last step's sum says whether any of them was interrupted, so that all stop behind the
  /// same step.
  void stop_if_interrupted() const {
    if (processes_->size() > 1 ? !one_was_interrupted_ : !watch_.stop()) return;
    save();
    throw Interrupted(
        concat("interrupted after step ", progress_.step, "; the same command continues from ", state_file_.string()));
  }

  /// One optimiser step; returns its loss per target.
  double step() {
    const double start = seconds_now();
    if (plan_epoch_ != progress_.epoch) plan_ = plan(progress_.epoch), plan_epoch_ = progress_.epoch;
    const size_t first = size_t(progress_.epoch_step * options_.accumulate),
                 last = std::min(first + size_t(options_.accumulate), plan_.size());
    int64_t targets = 0;
    for (size_t i = first; i < last; ++i)
      for (uint32_t example : plan_[i]) targets += task_.objective.targets(example);

    adam_.zero_grad();
    double sum = 0.0, tokens = 0.0;
    for (size_t i = first + size_t(processes_->rank()); i < last; i += size_t(processes_->size())) {
      if (task_.before_pass) task_.before_pass(progress_.step, int64_t(i - first));
      const Objective::Part part = task_.objective.loss(Split::Train, plan_[i]);
      sum += part.sum.item<double>();
      (part.sum / double(targets)).backward();
      tokens += double(part.tokens);
    }
    double stopped = watch_.stop();
    processes_->sum({&sum, &tokens, &stopped});
    processes_->sum_gradients(adam_.parameters());
    one_was_interrupted_ = stopped > 0;

    const double norm = clip_gradients(adam_.parameters(), options_.clip), loss = sum / double(targets);
    LIMPID_CHECK(std::isfinite(norm) && std::isfinite(sum), ConfigError, "[", task_.kind, "] step ", progress_.step + 1,
                 ": loss ", loss, ", gradient norm ", norm, "; lower the learning rate (now ",
                 options_.adamw.learning_rate, ") and start over");
    const double rate =
        scheduled_rate(options_.adamw.learning_rate, progress_.step, options_.warmup, total_steps_, options_.schedule);
    adam_.step(rate);

    ++progress_.step;
    progress_.tokens += int64_t(tokens);
    progress_.targets += targets;
    if (++progress_.epoch_step == steps_per_epoch_) ++progress_.epoch, progress_.epoch_step = 0;
    const double took = seconds_now() - start;
    progress_.train_seconds += took;
    write_metrics({{"step", progress_.step},
                   {"loss", loss},
                   {"gradient_norm", norm},
                   {"learning_rate", rate},
                   {"tokens", progress_.tokens},
                   {"seconds", took}});
    recent_ = recent_ == 0.0 ? loss : 0.95 * recent_ + 0.05 * loss;
    return recent_;
  }

  double held_out_loss() const {
    double sum = 0.0, targets = 0.0;
    const auto batches = plan_by_length(task_.objective.lengths(Split::HeldOut), options_.batch);
    if (task_.before_pass) task_.before_pass(progress_.step, -1);
    for (size_t i = size_t(processes_->rank()); i < batches.size(); i += size_t(processes_->size())) {
      const Objective::Part part = task_.objective.loss(Split::HeldOut, batches[i]);
      sum += part.sum.item<double>();
      targets += double(part.targets);
    }
    processes_->sum({&sum, &targets});
    return sum / targets;
  }

  /// Measures, remembers the best weights, and decides whether to go on. Without held-out rows the last weights are the
  /// best.
  void evaluate() {
    bool better = true;
    if (measures()) {
      const double loss = held_out_loss();
      write_metrics({{"step", progress_.step}, {"held_out_loss", loss}});
      if (progress_.step == 0) progress_.first_loss = loss;
      better = progress_.best_step < 0 || loss < progress_.best_loss;
      if (better) progress_.best_loss = loss;
      watch_.info(concat("step ", progress_.step, ": held-out loss ", loss, better ? " (best)" : ""));
    }
    progress_.evaluations_without_best = better ? 0 : progress_.evaluations_without_best + 1;
    if (options_.patience > 0 && progress_.evaluations_without_best >= options_.patience) progress_.stopped = true;
    if (!better) return;
    progress_.best_step = progress_.step;
    torch::NoGradGuard no_grad;
    if (options_.keep != Keep::Last)
      for (const auto& [name, parameter] : trained()) best_.at(name + ".best").copy_(parameter);
  }

  double speed() const {
    return progress_.train_seconds > 0 ? double(progress_.tokens) / progress_.train_seconds : 0.0;
  }

  std::string describe(double loss) const {
    std::string text = concat(thousands(uint64_t(speed() + 0.5)), " tokens/s");
    char number[32];
    const auto add = [&](const char* what, double value) {
      std::snprintf(number, sizeof number, "%.3f", value);
      text += concat(", ", what, " ", number);
    };
    if (loss > 0.0) add("loss", loss);
    if (progress_.best_step >= 0 && measures()) add("held-out", progress_.best_loss);
    return text;
  }

  void write_metrics(const Json& row) {
    if (metrics_) metrics_->write(row);
  }

  void write_result(const TrainingReport& report) {
    // Times are in training.json only: the same training leaves the same files of weights.
    Json about = {{"format", 1}, {"kind", task_.kind}, {"settings", task_.settings}, {"result", progress_.to_json()}};
    about["result"].erase("train_seconds");
    if (options_.keep == Keep::Both) task_.write(options_.output / "last", about);
    if (options_.keep != Keep::Last) {
      torch::NoGradGuard no_grad;
      for (auto& [name, parameter] : trained()) parameter.copy_(best_.at(name + ".best"));
    }
    task_.write(options_.output, about);
    about["result"]["train_seconds"] = progress_.train_seconds;
    about["result"]["tokens_per_second"] = report.tokens_per_second;
    write_file(options_.output / "training.json", to_text(about, 2) + "\n");
    std::error_code ignored;
    fs::remove_all(state_file_.parent_path(), ignored);
  }

  const TrainerOptions& options_;
  const TrainingTask& task_;
  Watch& watch_;
  const fs::path state_file_;
  const std::unique_ptr<ProcessGroup> processes_;
  std::optional<FolderLock> alone_;  ///< of the first process
  AdamW adam_;
  std::map<std::string, torch::Tensor> best_;
  std::optional<MetricsLog> metrics_;  ///< of the first process
  int64_t steps_per_epoch_ = 0, total_steps_ = 0, plan_epoch_ = -1;
  std::vector<std::vector<uint32_t>> plan_;
  TrainingProgress progress_;
  double recent_ = 0.0;
  bool one_was_interrupted_ = false;
};

}  // namespace

TrainingReport train(const TrainerOptions& options, const TrainingTask& task, Watch& watch) {
  return Run(options, task, watch).run();
}

}  // namespace limpid
