#include "apps/commands/train.h"

namespace limpid::apps {
namespace {

void add_adamw(Subcommand& c, AdamWOptions& o) {
  c.value("--beta1", o.beta1, "AdamW: decay of the first moment");
  c.value("--beta2", o.beta2, "AdamW: decay of the second moment");
  c.value("--eps", o.epsilon, "AdamW: added to the root of the second moment");
  c.value("--weight-decay", o.weight_decay, "Decoupled weight decay of matrices");
}

}  // namespace

void add_texts(Subcommand& c, TextRunOptions& o) {
  add_data(c, o.data,
           "Rows {\"text\"} or {\"prompt\", \"completion\"} (jsonl, a JSON list or a table), or plain text lines "
           "(repeatable)");
  c.flag("--pack", o.pack, "Join the texts into full windows of --max-length, rather than pad them");
  c.flag("--no-end-token", o.examples.end_token, "Do not put the end-of-text token behind each text", false);
}

void add_training(Subcommand& c, TextRunOptions& o) {
  c.value("-o,--output", o.output, "Folder to write").required();
  c.value("--epochs", o.epochs, "Passes over the data");
  c.value("--max-steps", o.max_steps, "Stop after so many optimiser steps; 0 is off");
  c.value("--batch", o.batch, "Sequences per forward pass").positive();
  c.value("--accumulate", o.accumulate, "Forward passes per optimiser step, dealt out to the processes under torchrun")
      .positive();
  c.value("--max-length", o.examples.max_length, "Tokens per sequence, longer ones are cut").positive();
  c.value("--lr", o.adamw.learning_rate, "Peak learning rate of AdamW");
  c.value("--warmup", o.warmup, "Steps of linear warm-up, before the schedule");
  c.choice("--schedule", o.schedule, "After the warm-up: linear or cosine decay to 0, or constant");
  add_adamw(c, o.adamw);
  c.value("--clip", o.clip, "Largest gradient norm; 0 is off");
  c.value("--holdout", o.holdout, "Share of rows kept for the held-out loss");
  c.value("--eval-every", o.eval_every, "Steps between held-out losses").positive();
  c.value("--save-every", o.save_every, "Steps between checkpoints to resume from").positive();
  c.value("--patience", o.patience, "Stop after so many held-out losses without a new best; 0 is off");
  c.choice("--keep", o.keep,
           "Weights to write: of the best held-out loss, the last, or both (the last in the folder last)");
  c.choice("--compute", o.compute,
           "Products in bf16 or f32; auto is bf16 where the processor multiplies it. Master weights are f32");
  c.flag("--checkpoint-activations", o.recompute,
         "Less memory, a third more time: activations in the blocks are computed again in backward");
  c.value("--seed", o.seed, "Order of the data and every random choice");
}

void add_adapter(Subcommand& c, LoraOptions& o) {
  c.value("--rank", o.adapter.rank, "Rank of the change").positive();
  c.value("--alpha", o.adapter.alpha, "The change is scaled by alpha / rank");
  c.flag("--rslora", o.adapter.rank_stabilised, "Scale by alpha / sqrt(rank) instead");
  c.value("--dropout", o.adapter.dropout, "Share of the adapters' inputs that is dropped in training");
  c.value("--target-modules", o.adapter.target_modules,
          "Last parts of layer names, for example q_proj,v_proj or c_attn; all-linear is every one in the blocks")
      .comma_separated();
  c.flag("--merge", o.merge, "Also write the base with the change in its weights, in the folder merged");
}

}  // namespace limpid::apps
