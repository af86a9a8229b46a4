#pragma once

#include "apps/commands/detox.h"
#include "apps/commands/distil.h"
#include "apps/commands/evaluate.h"
#include "apps/commands/files.h"
#include "apps/commands/fit_destein.h"
#include "apps/commands/fit_dexperts.h"
#include "apps/commands/fit_fusion.h"
#include "apps/commands/fit_gate.h"
#include "apps/commands/fit_gedi.h"
#include "apps/commands/fit_model_surgery.h"
#include "apps/commands/fit_profs.h"
#include "apps/commands/fit_sasa.h"
#include "apps/commands/fit_self_debiasing.h"
#include "apps/commands/fit_toxification_reversal.h"
#include "apps/commands/generate.h"
#include "apps/commands/train.h"
#include "apps/commands/train_tokenizer.h"

namespace limpid::apps {

template <class... Command>
struct CommandList {};

/// Every command, in the order of `limpid --help`: the one list, from which the program declares and the engine serves.
using AllCommands =
    CommandList<GenerateCommand, TraceCommand, BenchCommand, PerplexityCommand, TokenizeCommand, InspectCommand,
                DoctorCommand, MetricsCommand, ModelsCommand, ModelsPullCommand, DataCommand, DataShowCommand,
                DataExportCommand, TrainCalibratorCommand, TrainLmCommand, TrainLoraCommand, TrainContrastiveCommand,
                TrainScorerCommand, TrainTokenizerCommand, FitFusionCommand, FitDesteinCommand, FitReversalCommand,
                FitDebiasingCommand, FitSasaCommand, FitProfsCommand, FitModelSurgeryCommand, FitDexpertsCommand,
                FitGediCommand, FitGateCommand, DetoxCommand, DistilCommand, ExportCommand, ScoreCommand,
                EvaluateCommand, TuneCommand, MultipleChoiceCommand, CompareCommand, PlotCommand>;

}  // namespace limpid::apps
