#pragma once

#include <string>
#include <vector>

#include "limpid/evaluation/detox.h"

/// What the steps of `limpid detox` share: where its files lie, which data they take, and how it evaluates.
namespace limpid {

inline constexpr const char *kToxicPrompts = "web-toxic", *kOrdinaryWebPrompts = "web-ordinary",
                            *kEverydayTune = "everyday-tune", *kSteeringPairs = "paradetox", *kComments = "comments";

/// The files of a run.
struct DetoxFiles {
  fs::path work, directions, gate, contrast, journal;

  explicit DetoxFiles(const fs::path& output)
      : work(output.string() + ".work"),
        directions(work / "destein.detox.safetensors"),
        gate(work / "gate.detox.safetensors"),
        contrast(work / "contrast.detox.safetensors"),
        journal(work / "run.json") {}
};

/// Returns `count` prompts of a set from `begin` on. @throws ConfigError when it ends before.
std::vector<PromptRow> rows_between(const char* data, size_t begin, size_t count);
std::vector<std::string> texts_of(std::vector<PromptRow> rows);

/// Returns an evaluation of plain alone on some prompts, of 20 tokens, judged by the model itself.
EvaluationPlan evaluation_of(const DetoxPlan& plan, std::vector<PromptRow> prompts, int64_t samples,
                             const fs::path& output);

}  // namespace limpid
