#pragma once

#include "limpid/training/text_run.h"
#include "tests/training/tiny_models.h"

/// A run of a few seconds on a toy language, and what two runs are compared by.
namespace limpid::testing_support {

struct Crash {};

/// A toy language that three layers learn at once, of rows of different length.
inline fs::path write_texts(const TempDir& dir) {
  std::string lines;
  for (int i = 0; i < 160; ++i) {
    std::string text = "text " + std::to_string(i % 13) + ":";
    for (int k = 0; k < 2 + i % 5; ++k) text += " calm words";
    lines += to_text(Json{{"text", text}, {"n", i}}) + "\n";
  }
  return dir.write("texts.jsonl", lines);
}

inline void small_run(TextRunOptions& o, const fs::path& base, const fs::path& data, const fs::path& output) {
  o.base = base;
  o.data.files = {data.string()};
  o.output = output;
  o.compute = ComputeType::F32;
  o.epochs = 0;
  o.max_steps = 20;
  o.batch = 4;
  o.accumulate = 2;
  o.warmup = 3;
  o.adamw.weight_decay = 0.01;
  o.holdout = 0.1;
  o.eval_every = 5;
  o.save_every = 10;
  o.adamw.learning_rate = 5e-3;
}

/// By tensor: the header of a file carries times.
inline std::string tensor_hashes(const fs::path& file) {
  std::string all;
  const auto opened = SafetensorsFile::open(file);
  for (const TensorView& view : opened->tensors()) all += view.name + sha256(view.data) + "\n";
  return all;
}

inline std::string metrics_without_times(const fs::path& folder) {
  std::string all;
  for_each_jsonl(folder / "metrics.jsonl", [&](const Json& row, size_t) {
    Json kept = row;
    kept.erase("seconds");
    all += to_text(kept) + "\n";
  });
  return all;
}

}  // namespace limpid::testing_support
