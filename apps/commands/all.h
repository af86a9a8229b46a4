#pragma once

#include "apps/commands/chat.h"
#include "apps/commands/convert.h"
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
#include "apps/commands/serve.h"
#include "apps/commands/train.h"
#include "apps/commands/train_tokenizer.h"

namespace limpid::apps {

template <class... Command>
struct CommandList {};

/// Every command, in the order of `limpid --help`: the one list, from which the program declares and the engine serves.
using AllCommands =
    CommandList<GenerateCommand, ChatCommand, ServeCommand, BenchCommand, TraceCommand, DetoxCommand, FitFusionCommand,
                FitDesteinCommand, FitReversalCommand, FitDebiasingCommand, FitSasaCommand, FitProfsCommand,
                FitModelSurgeryCommand, FitDexpertsCommand, FitGediCommand, FitGateCommand, TuneCommand, ExportCommand,
                TrainCalibratorCommand, TrainLmCommand, TrainLoraCommand, TrainContrastiveCommand, TrainScorerCommand,
                TrainTokenizerCommand, DistilCommand, ConvertCommand, QuantizeCommand, EvaluateCommand, CompareCommand,
                PlotCommand, ScoreCommand, MetricsCommand, PerplexityCommand, MultipleChoiceCommand, ModelsCommand,
                ModelsPullCommand, DataCommand, DataShowCommand, DataExportCommand, InspectCommand, TokenizeCommand,
                DoctorCommand>;

}  // namespace limpid::apps
