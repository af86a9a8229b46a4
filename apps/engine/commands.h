#pragma once

#include "apps/options.h"

/// The commands that need LibTorch, one file each.
namespace limpid::apps {

int run_generate(const GenerateOptions& options);
int run_trace(const TraceOptions& options);
int run_bench(const BenchOptions& options);
int run_perplexity(const PerplexityOptions& options);
int run_train_calibrator(const TrainCalibratorOptions& options);
int run_train_lm(const TrainLmOptions& options);
int run_train_lora(const TrainLoraOptions& options);
int run_train_contrastive(const TrainContrastiveOptions& options);
int run_train_scorer(const TrainScorerOptions& options);
int run_fit_fusion(const FitFusionOptions& options);
int run_fit_destein(const FitDesteinOptions& options);
int run_fit_reversal(const FitReversalOptions& options);
int run_fit_debiasing(const FitDebiasingOptions& options);
int run_fit_sasa(const FitSasaOptions& options);
int run_fit_profs(const FitProfsOptions& options);
int run_fit_model_surgery(const FitModelSurgeryOptions& options);
int run_fit_dexperts(const FitExpertsOptions& options);
int run_fit_gedi(const FitGediOptions& options);
int run_export(const ExportOptions& options);
int run_distil(const DistilOptions& options);
int run_score(const ScoreOptions& options);
int run_evaluate(const EvaluateOptions& options);
int run_tune(const TuneCommandOptions& options);
int run_multiple_choice(const MultipleChoiceOptions& options);
int run_judged_metrics(const MetricsOptions& options);

}  // namespace limpid::apps
