#pragma once

#include "apps/options.h"
#include "limpid/scorers/training_options.h"
#include "limpid/training/options.h"

namespace limpid::apps {

/// Options of the commands that teach a model from text.
void add_texts(Subcommand& c, TextRunOptions& o);
void add_training(Subcommand& c, TextRunOptions& o);
void add_adapter(Subcommand& c, LoraOptions& o);

struct TrainCalibratorCommand : ModelOptions {
  static constexpr CommandInfo kInfo{"train calibrator",
                                     "First layers of a base model, trained on safe (or toxic) text",
                                     "limpid train calibrator -m smollm2-135m-instruct --layers 3 --data safe.jsonl "
                                     "--fields completion=safe -o calibrator/"};

  CalibratorOptions training;

  void declare(Subcommand& c) {
    add_model(c, *this);
    c.value("--layers", training.layers, "Layers taken from the front of the base").positive();
    add_texts(c, training);
    add_training(c, training);
    c.flag("--train-embeddings", training.train_embeddings,
           "Also train embeddings and output matrix (frozen by default)");
  }
};
int run(const TrainCalibratorCommand& options);

struct TrainLmCommand : ModelOptions {
  static constexpr CommandInfo kInfo{"train lm",
                                     "A whole language model: fine-tuned, or from random weights with --init",
                                     "limpid train lm -m smollm2-135m-instruct --data texts.jsonl -o tuned/"};

  FineTuningOptions training;

  void declare(Subcommand& c) {
    const Option base = add_model_name(c, *this).required(false);
    add_common(c, *this);
    const Option init = c.value("--init", training.init, "Begin anew: a config.json whose model gets random weights")
                            .excludes(base)
                            .existing_file();
    c.value("--tokenizer", training.tokenizer,
            "With --init: a folder, a tokenizer.json, or a GGUF file with a vocabulary")
        .needs(init)
        .existing_path();
    add_texts(c, training);
    add_training(c, training);
    c.flag("--freeze-embeddings", training.freeze_embeddings,
           "Leave embeddings and output matrix as they are (trained by default)");
  }
};
int run(const TrainLmCommand& options);

struct TrainLoraCommand : ModelOptions {
  static constexpr CommandInfo kInfo{"train lora",
                                     "A low-rank adapter beside a frozen language model, as a PEFT folder",
                                     "limpid train lora -m smollm2-135m-instruct --data texts.jsonl -o adapter/"};

  LoraOptions training;

  void declare(Subcommand& c) {
    add_model_name(c, *this);
    add_common(c, *this);
    add_texts(c, training);
    add_training(c, training);
    add_adapter(c, training);
  }
};
int run(const TrainLoraCommand& options);

struct TrainContrastiveCommand : ModelOptions {
  static constexpr CommandInfo kInfo{
      "train contrastive-perplexity",
      "An adapter that sets toxic paraphrases apart by their perplexity (arXiv 2401.08491)",
      "limpid train contrastive-perplexity -m smollm2-135m-instruct --data paraphrases.jsonl -o adapter/"};

  ContrastiveOptions training;

  void declare(Subcommand& c) {
    add_model_name(c, *this);
    add_common(c, *this);
    c.value("--data", training.data.files,
            "jsonl {\"positives\": [text, …], \"negatives\": [text, …]}: paraphrases of one text (repeatable)")
        .required();
    add_training(c, training);
    add_adapter(c, training);
    c.choice("--form", training.loss.form,
             "Where tau stands: inside the exponential, as the paper prints it (there it cancels), or as_released");
    c.value("--tau", training.loss.tau, "Temperature of the similarity").positive();
    c.value("--negative-weight", training.loss.weight,
            "Factor on the negatives' similarity (as_released: what is added to it)");
  }
};
int run(const TrainContrastiveCommand& options);

struct TrainScorerCommand : CommonOptions {
  static constexpr CommandInfo kInfo{"train scorer", "Toxicity scorer: a logistic head on a frozen sentence encoder",
                                     "limpid train scorer --data labelled.jsonl -o scorer.safetensors"};

  ScorerTraining training;
  DataOptions data;
  std::vector<std::string> valid, test;
  fs::path output;

  void declare(Subcommand& c) {
    add_data(c, data,
             "comments, or rows {\"text\", \"label\"} (jsonl, a JSON list or a table), as PATH[?key=value&…] "
             "(repeatable). Keys: text=COLUMN, "
             "label=COLUMN, "
             "as=toxic|safe (label of every row), take=N (rows drawn at random), others are conditions");
    c.value("--valid", valid, "Held-out rows for the threshold, never trained on; default: a tenth of the data");
    c.value("--test", test, "Rows that are measured by source and never trained on (repeatable)").one_at_a_time();
    c.value("--encoder", training.encoder, "Sentence encoder: folder or pulled name");
    c.value("--stages", training.stages, "Layers whose mean the head sees, 0 is the embeddings; default: the last")
        .comma_separated();
    c.value("--threshold", training.threshold,
            "Toxic above this; default: as many flagged as toxic among the held-out rows");
    c.value("--licence", training.licence, "Note on the licences of the data, kept in the file");
    c.value("-o,--output", output, "File to write").required();
    c.value("-C", training.C, "Inverse strength of the L2 penalty");
    c.value("--max-length", training.max_length, "Tokens per text, longer ones are cut");
    add_seed(c, training.seed);
    add_ignored_settings(c, *this);
    add_common(c, *this);
  }
};
int run(const TrainScorerCommand& options);

}  // namespace limpid::apps
