#include "apps/option_groups.h"

namespace limpid::apps {

namespace {

void add_texts(CLI::App& c, TextTrainingFlags& o) {
  add_data(c, o.data, o.where, o.fields,
           "jsonl {\"text\"} or {\"prompt\", \"completion\"}, or plain text lines (repeatable)");
  c.add_flag("--pack", o.pack, "Join the texts into full windows of --max-length, rather than pad them");
  c.add_flag("--no-end-token", o.no_end_token, "Do not put the end-of-text token behind each text");
}

void add_loop(CLI::App& c, TextTrainingFlags& o) {
  c.add_option("-o,--output", o.output, "Folder to write")->required();
  c.add_option("--epochs", o.epochs, "Passes over the data")->capture_default_str();
  c.add_option("--max-steps", o.max_steps, "Stop after so many optimiser steps; 0 is off")->capture_default_str();
  c.add_option("--batch", o.batch, "Sequences per forward pass")->capture_default_str()->check(CLI::PositiveNumber);
  c.add_option("--accumulate", o.accumulate,
               "Forward passes per optimiser step, dealt out to the processes under torchrun")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  c.add_option("--max-length", o.max_length, "Tokens per sequence, longer ones are cut")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  c.add_option("--lr", o.learning_rate, "Peak learning rate of AdamW")->capture_default_str();
  c.add_option("--warmup", o.warmup, "Steps of linear warm-up, before the schedule")->capture_default_str();
  c.add_option("--schedule", o.schedule, "After the warm-up: linear or cosine decay to 0, or constant")
      ->check(CLI::IsMember({"linear", "cosine", "constant"}))
      ->capture_default_str();
  c.add_option("--beta1", o.beta1, "AdamW: decay of the first moment")->capture_default_str();
  c.add_option("--beta2", o.beta2, "AdamW: decay of the second moment")->capture_default_str();
  c.add_option("--eps", o.epsilon, "AdamW: added to the root of the second moment")->capture_default_str();
  c.add_option("--weight-decay", o.weight_decay, "Decoupled weight decay of matrices")->capture_default_str();
  c.add_option("--clip", o.clip, "Largest gradient norm; 0 is off")->capture_default_str();
  c.add_option("--holdout", o.holdout, "Share of rows kept for the held-out loss")->capture_default_str();
  c.add_option("--eval-every", o.eval_every, "Steps between held-out losses")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  c.add_option("--save-every", o.save_every, "Steps between checkpoints to resume from")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  c.add_option("--patience", o.patience, "Stop after so many held-out losses without a new best; 0 is off")
      ->capture_default_str();
  c.add_option("--keep", o.keep,
               "Weights to write: of the best held-out loss, the last, or both (the last in the folder last)")
      ->check(CLI::IsMember({"best", "last", "both"}))
      ->capture_default_str();
  c.add_option("--compute", o.compute,
               "Products in bf16 or f32; auto is bf16 where the processor multiplies it. Master weights are f32")
      ->check(CLI::IsMember({"auto", "bf16", "f32"}))
      ->capture_default_str();
  c.add_flag("--checkpoint-activations", o.checkpoint_activations,
             "Less memory, a third more time: activations in the blocks are computed again in backward");
  c.add_option("--seed", o.seed, "Order of the data and every random choice")->capture_default_str();
}

void add_adapter(CLI::App& c, TrainLoraOptions& o) {
  c.add_option("--rank", o.rank, "Rank of the change")->capture_default_str()->check(CLI::PositiveNumber);
  c.add_option("--alpha", o.alpha, "The change is scaled by alpha / rank")->capture_default_str();
  c.add_flag("--rslora", o.rank_stabilised, "Scale by alpha / sqrt(rank) instead");
  c.add_option("--dropout", o.dropout, "Share of the adapters' inputs that is dropped in training")
      ->capture_default_str();
  c.add_option("--target-modules", o.target_modules,
               "Last parts of layer names, for example q_proj,v_proj or c_attn; all-linear is every one in the blocks")
      ->delimiter(',')
      ->capture_default_str();
  c.add_flag("--merge", o.merge, "Also write the base with the change in its weights, in the folder merged");
}

}  // namespace

void declare_train(CLI::App& app, const Handlers& h, std::function<int()>& chosen) {
  CLI::App* train = app.add_subcommand("train", "Train a calibrator, a language model, an adapter or a scorer");
  train->require_subcommand(1);
  command<TrainCalibratorOptions>(*train, "calibrator", "First layers of a base model, trained on safe (or toxic) text",
                                  "limpid train calibrator -m smollm2-135m-instruct --layers 3 --data safe.jsonl "
                                  "--fields completion=safe -o calibrator/",
                                  h.train_calibrator, chosen, [](CLI::App& c, TrainCalibratorOptions& o) {
                                    add_model(c, o);
                                    c.add_option("--layers", o.layers, "Layers taken from the front of the base")
                                        ->capture_default_str()
                                        ->check(CLI::PositiveNumber);
                                    add_texts(c, o);
                                    add_loop(c, o);
                                    c.add_flag("--train-embeddings", o.train_embeddings,
                                               "Also train embeddings and output matrix (frozen by default)");
                                  });
  command<TrainLmOptions>(*train, "lm", "A whole language model: fine-tuned, or from random weights with --init",
                          "limpid train lm -m smollm2-135m-instruct --data texts.jsonl -o tuned/", h.train_lm, chosen,
                          [](CLI::App& c, TrainLmOptions& o) {
                            add_model_name(c, o);
                            CLI::Option* model = c.get_option("--model")->required(false);
                            add_common(c, o);
                            auto* init = c.add_option("--init", o.init,
                                                      "Begin anew: a config.json whose model gets random weights")
                                             ->excludes(model)
                                             ->check(CLI::ExistingFile);
                            c.add_option("--tokenizer", o.tokenizer,
                                         "With --init: a folder, a tokenizer.json, or a GGUF file with a vocabulary")
                                ->needs(init)
                                ->check(CLI::ExistingPath);
                            add_texts(c, o);
                            add_loop(c, o);
                            c.add_flag("--freeze-embeddings", o.freeze_embeddings,
                                       "Leave embeddings and output matrix as they are (trained by default)");
                          });
  command<TrainLoraOptions>(*train, "lora", "A low-rank adapter beside a frozen language model, as a PEFT folder",
                            "limpid train lora -m smollm2-135m-instruct --data texts.jsonl -o adapter/", h.train_lora,
                            chosen, [](CLI::App& c, TrainLoraOptions& o) {
                              add_model_name(c, o);
                              add_common(c, o);
                              add_texts(c, o);
                              add_loop(c, o);
                              add_adapter(c, o);
                            });
  command<TrainContrastiveOptions>(
      *train, "contrastive-perplexity",
      "An adapter that sets toxic paraphrases apart by their perplexity (arXiv 2401.08491)",
      "limpid train contrastive-perplexity -m smollm2-135m-instruct --data paraphrases.jsonl -o adapter/",
      h.train_contrastive, chosen, [](CLI::App& c, TrainContrastiveOptions& o) {
        add_model_name(c, o);
        add_common(c, o);
        c.add_option("--data", o.data,
                     "jsonl {\"positives\": [text, …], \"negatives\": [text, …]}: paraphrases of one text (repeatable)")
            ->required();
        add_loop(c, o);
        add_adapter(c, o);
        c.add_option(
             "--form", o.form,
             "Where tau stands: inside the exponential, as the paper prints it (there it cancels), or as_released")
            ->check(CLI::IsMember({"inside", "paper", "as_released"}))
            ->capture_default_str();
        c.add_option("--tau", o.tau, "Temperature of the similarity")
            ->capture_default_str()
            ->check(CLI::PositiveNumber);
        c.add_option("--negative-weight", o.negative_weight,
                     "Factor on the negatives' similarity (as_released: what is added to it)")
            ->capture_default_str();
      });
  command<TrainScorerOptions>(
      *train, "scorer", "Toxicity scorer: a logistic head on a frozen sentence encoder",
      "limpid train scorer --data labelled.jsonl -o scorer.safetensors", h.train_scorer, chosen,
      [](CLI::App& c, TrainScorerOptions& o) {
        add_data(c, o.data, o.where, o.fields,
                 "jsonl {\"text\", \"label\"}, as PATH[?key=value&…] (repeatable). Keys: text=COLUMN, label=COLUMN, "
                 "as=toxic|safe "
                 "(label of every row), take=N (rows drawn at random), others are conditions");
        c.add_option("--valid", o.valid,
                     "Held-out rows for the threshold, never trained on; default: a tenth of the data");
        c.add_option("--test", o.test, "Rows that are measured by source and never trained on (repeatable)")
            ->allow_extra_args(false);
        c.add_option("--encoder", o.encoder, "Sentence encoder: folder or pulled name")->capture_default_str();
        c.add_option("--stages", o.stages, "Layers whose mean the head sees, 0 is the embeddings; default: the last")
            ->delimiter(',');
        c.add_option("--threshold", o.threshold,
                     "Toxic above this; default: as many flagged as toxic among the held-out rows");
        c.add_option("--licence", o.licence, "Note on the licences of the data, kept in the file");
        c.add_option("-o,--output", o.output, "File to write")->required();
        c.add_option("-C", o.C, "Inverse strength of the L2 penalty")->capture_default_str();
        c.add_option("--max-length", o.max_length, "Tokens per text, longer ones are cut")->capture_default_str();
        c.add_option("--seed", o.seed, "Random choices")->capture_default_str();
        add_common(c, o);
      });
}

}  // namespace limpid::apps
