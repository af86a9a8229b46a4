#pragma once

#include "apps/options.h"

/// The commands that run without LibTorch.
namespace limpid::apps {

int run_tokenize(const TokenizeOptions& options);
int run_inspect(const InspectOptions& options);
int run_models(const ModelsOptions& options);
int run_doctor(const DoctorOptions& options);
int run_metrics(const MetricsOptions& options);
int run_plot(const PlotOptions& options);

}  // namespace limpid::apps
