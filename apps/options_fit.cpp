#include "apps/option_groups.h"

namespace limpid::apps {

void declare_fit(CLI::App& app, const Handlers& h, std::function<int()>& chosen) {
  CLI::App* fit = app.add_subcommand("fit", "Make a detoxifier for a model, without gradient steps on it");
  fit->require_subcommand(1);
  command<FitFusionOptions>(
      *fit, "fusion", "Output-layer fusion with a calibration model (arXiv 2506.01266)",
      "limpid fit fusion -m smollm2-135m-instruct --calibrator calibrator/ --readout norm -o f.detox.safetensors",
      h.fit_fusion, chosen, [](CLI::App& c, FitFusionOptions& o) {
        add_model(c, o, "bf16");
        c.add_option("--calibrator", o.calibrator, "Folder of the calibrator (limpid train calibrator)")->required();
        c.add_option("--against", o.against, "Second 3-layer model for the contrast read-out (a toxic twin)");
        c.add_option("--base", o.base,
                     "Model the calibrator was trained from, where that is not the target (path or pulled name)");
        c.add_option("--store", o.store,
                     "embed: the calibrator's layers lie in the file, in 8 bits; link: the file names its folder; "
                     "auto: embed where the embeddings are the target's or those of --base")
            ->check(CLI::IsMember({"auto", "embed", "link"}))
            ->capture_default_str();
        c.add_option("--readout", o.readout, "How the calibrator's state enters")
            ->capture_default_str()
            ->check(CLI::IsMember({"norm", "layernorm", "scale", "probability", "contrast"}));
        c.add_option("--align", o.align, "Map between the two state spaces")
            ->capture_default_str()
            ->check(CLI::IsMember({"none", "contrastive", "ridge", "procrustes", "random"}));
        c.add_option("--data", o.data, "Texts for ridge and procrustes pairs");
        c.add_option("--where", o.where, "Only rows with KEY=VALUE");
        c.add_option("--fields", o.fields, "Other names for fields")->delimiter(',');
        c.add_option("--pairs", o.pairs, "Pairs of states")->capture_default_str();
        c.add_option("--lambda", o.lambda, "Ridge penalty")->capture_default_str();
        c.add_option("--nce-temperature", o.temperature, "Temperature of the contrastive alignment's cosine")
            ->capture_default_str();
        c.add_option("--strength", o.strength, "Default strength stored in the file; else the read-out's own");
        c.add_option("--seed", o.seed, "Random choices")->capture_default_str();
        add_fitted(c, o.output);
      });

  command<FitDesteinOptions>(
      *fit, "destein", "Steering directions from toxic and neutral texts of the same meaning (arXiv 2404.10464)",
      "limpid fit destein -m smollm2-135m-instruct --pairs pairs.jsonl -o steer.detox.safetensors", h.fit_destein,
      chosen, [](CLI::App& c, FitDesteinOptions& o) {
        add_model(c, o, "bf16");
        CLI::Option* pairs = add_pairs(c, o.pairs, o.where, o.fields, o.count);
        c.add_option("--tap", o.tap,
                     "Where activations are taken and changed: true heads, slices after the output projection, or "
                     "whole layer outputs")
            ->capture_default_str()
            ->check(CLI::IsMember({"heads", "projection", "layer"}));
        c.add_option("--directions", o.directions,
                     "mean difference, principal component, probe weights, mean difference orthogonal to the common "
                     "activation, or the random placebo")
            ->capture_default_str()
            ->check(CLI::IsMember({"mean", "pca", "logistic", "orthogonal", "random"}));
        c.add_option("--window", o.window,
                     "Average over the last so many positions; 0: over the text without its prefix")
            ->capture_default_str()
            ->check(CLI::NonNegativeNumber);
        c.add_flag("--no-prefixes", o.no_prefixes, "Without the sentences that say what kind of text follows");
        c.add_flag("--chat", o.chat,
                   "Put that sentence into the model's chat template as a user turn, and the text as its answer");
        c.add_option("--folds", o.folds, "Folds of the probes' cross-validation")->capture_default_str();
        c.add_option("-C", o.C, "Inverse strength of the probes' L2 penalty")
            ->capture_default_str()
            ->check(CLI::PositiveNumber);
        c.add_option("--rule", o.rule, "Default rule of the file")
            ->capture_default_str()
            ->check(CLI::IsMember({"preserve", "linear", "constant", "as_released"}));
        c.add_option(
             "--positions", o.positions,
             "Positions that are changed: last (the prompt's last and generated ones), generated (the first new token, "
             "computed from the prompt's last position, stays unsteered), all")
            ->capture_default_str()
            ->check(CLI::IsMember({"last", "generated", "all"}));
        c.add_option(
            "--layers", o.layers,
            "Layers FIRST-LAST, counted from 0, that are steered; default: the second half (as_released: all)");
        c.add_option("--strength", o.strength, "Default strength stored in the file; else 0.3");
        auto* induced = c.add_flag("--self-induced", o.self_induced,
                                   "Make the pairs: the model's own toxic continuations, rewritten by --rewriter");
        pairs->excludes(induced);
        c.add_option("--prompts", o.prompts_file, "Prompts whose continuations are tried")->needs(induced);
        c.add_option("--rewriter", o.rewriter, "Chat model that rewrites them (path or pulled name)")->needs(induced);
        c.add_option("--scorer", o.scorer, "Scorer that picks them; default: the built-in one")->needs(induced);
        c.add_option("--samples", o.samples, "Continuations per prompt")
            ->capture_default_str()
            ->check(CLI::PositiveNumber);
        c.add_option("--limit", o.limit, "Only the first prompts; 0 is all")->capture_default_str();
        c.add_option("--pairs-output", o.pairs_output, "Also write the pairs here (jsonl)")->needs(induced);
        c.add_option("--seed", o.seed, "Random choices")->capture_default_str();
        add_fitted(c, o.output);
      });

  command<FitReversalOptions>(
      *fit, "toxification-reversal", "The opposite of what a toxic description does to the heads (arXiv 2310.09573)",
      "limpid fit toxification-reversal -m smollm2-135m-instruct -o reversal.detox.safetensors", h.fit_reversal, chosen,
      [](CLI::App& c, FitReversalOptions& o) {
        add_model(c, o, "bf16");
        c.add_option("--prefix", o.prefix, "Toxic description that is put before the prompt; default: the paper's");
        c.add_option("--norm-exponent", o.norm_exponent, "Of 1 + the length of a head's difference")
            ->capture_default_str()
            ->check(CLI::NonNegativeNumber);
        c.add_option("--similarity-exponent", o.similarity_exponent,
                     "Of 1 + a head's likeness to the description's end")
            ->capture_default_str()
            ->check(CLI::NonNegativeNumber);
        c.add_option("--strength", o.strength, "Default strength stored in the file: factor on the difference")
            ->capture_default_str()
            ->check(CLI::NonNegativeNumber);
        add_fitted(c, o.output);
      });

  command<FitDebiasingOptions>(
      *fit, "self-debiasing",
      "Tokens that a description of toxic text makes likelier become less likely (arXiv 2103.00453)",
      "limpid fit self-debiasing -m smollm2-135m-instruct -o debias.detox.safetensors", h.fit_debiasing, chosen,
      [](CLI::App& c, FitDebiasingOptions& o) {
        add_model(c, o, "bf16");
        c.add_option(
             "--prefix", o.prefixes,
             "Description that is put before the prompt as a line of its own (repeatable); default: the paper's six")
            ->allow_extra_args(false);
        c.add_option("--epsilon", o.epsilon, "No token loses more than this factor")
            ->capture_default_str()
            ->check(CLI::Range(0.0, 1.0));
        c.add_option("--strength", o.strength, "Default strength stored in the file: lambda")
            ->capture_default_str()
            ->check(CLI::NonNegativeNumber);
        add_fitted(c, o.output);
      });

  command<FitSasaOptions>(
      *fit, "sasa",
      "Candidates that lead to the non-toxic side of the model's own states become likelier (arXiv 2410.03818)",
      "limpid fit sasa -m smollm2-135m-instruct --data labelled.jsonl -o sasa.detox.safetensors", h.fit_sasa, chosen,
      [](CLI::App& c, FitSasaOptions& o) {
        add_model(c, o, "bf16");
        add_labelled(c, o.data, o.where, o.fields, o.count, o.max_tokens);
        c.add_option("--shrinkage", o.shrinkage, "Share of the mean variance that is added to every direction")
            ->capture_default_str()
            ->check(CLI::NonNegativeNumber);
        c.add_option("--variant", o.variant,
                     "Default of the file: the paper's rule, or the release's softmax of margins")
            ->capture_default_str()
            ->check(CLI::IsMember({"paper", "as_coded"}));
        c.add_option("--candidates", o.candidates, "Default of the file: next tokens that are tried, at most")
            ->capture_default_str()
            ->check(CLI::PositiveNumber);
        c.add_option("--strength", o.strength,
                     "Default strength stored in the file: beta; else the one at which exp(beta margin) is the odds of "
                     "non-toxic text");
        c.add_option("--seed", o.seed, "Random choices")->capture_default_str();
        add_fitted(c, o.output);
      });

  command<FitProfsOptions>(
      *fit, "profs", "Toxic subspaces of the feed-forward outputs, to be projected away (arXiv 2405.13967)",
      "limpid fit profs -m smollm2-135m-instruct --pairs pairs.jsonl -o profs.detox.safetensors", h.fit_profs, chosen,
      [](CLI::App& c, FitProfsOptions& o) {
        add_model(c, o, "bf16");
        add_pairs(c, o.pairs, o.where, o.fields, o.count)->required();
        c.add_option("--k", o.k, "Dimensions of each subspace; 0: the paper's, 2 for GPT-2 and 10 otherwise")
            ->capture_default_str()
            ->check(CLI::NonNegativeNumber);
        c.add_option("--layers", o.layers,
                     "Layers FIRST-LAST, counted from 0; default: from 0.45 of the layers to the end");
        c.add_option("--max-tokens", o.max_tokens, "Tokens per text, longer ones are cut")
            ->capture_default_str()
            ->check(CLI::PositiveNumber);
        c.add_option("--strength", o.strength, "Default strength stored in the file; else 1, the whole projection");
        c.add_option("--seed", o.seed, "Random choices")->capture_default_str();
        add_fitted(c, o.output);
      });

  command<FitModelSurgeryOptions>(
      *fit, "model-surgery", "Gate rows that point away from toxicity, shifted along its direction (arXiv 2407.08770)",
      "limpid fit model-surgery -m smollm2-135m-instruct --data labelled.jsonl -o surgery.detox.safetensors",
      h.fit_model_surgery, chosen, [](CLI::App& c, FitModelSurgeryOptions& o) {
        add_model(c, o, "bf16");
        add_labelled(c, o.data, o.where, o.fields, o.count, o.max_tokens);
        c.add_option("--rows", o.rows,
                     "Rows that change; 0: the paper's share, 4.65 % of all (GPT-2 has no gate: rows of c_fc)")
            ->capture_default_str()
            ->check(CLI::NonNegativeNumber);
        c.add_option("-C", o.C, "Inverse strength of the regression's L2 penalty")
            ->capture_default_str()
            ->check(CLI::PositiveNumber);
        c.add_option("--strength", o.strength,
                     "Default strength stored in the file, in lengths of a row; else 0.5. Negative ones push the other "
                     "way: measure which is milder");
        c.add_option("--seed", o.seed, "Random choices")->capture_default_str();
        add_fitted(c, o.output);
      });

  command<FitExpertsOptions>(
      *fit, "dexperts",
      "An expert and an anti-expert, small models of the same vocabulary, correct the logits (arXiv 2105.03023)",
      "limpid fit dexperts -m gpt2-large/ --anti gpt2-toxic/ --expert gpt2-clean/ -o experts.detox.safetensors",
      h.fit_dexperts, chosen, [](CLI::App& c, FitExpertsOptions& o) {
        add_model(c, o, "bf16");
        c.add_option(
             "--anti", o.anti,
             "Model fine-tuned on toxic text (path or pulled name), or an adapter of the target (a PEFT folder)")
            ->required();
        c.add_option("--expert", o.expert,
                     "Model fine-tuned on clean text; without one the target itself stands in for it");
        auto* mask =
            c.add_option(
                 "--mask", o.mask,
                 "Default of the file, which tokens the target lets through: nucleus:P, plausibility:A (contrastive "
                 "decoding: at least that share of the best token's probability), or none")
                ->capture_default_str();
        c.add_option_function<double>(
             "--filter-p", [&o](double p) { o.mask = "nucleus:" + CLI::detail::to_string(p); },
             "Same as --mask nucleus:P")
            ->excludes(mask);
        c.add_option("--strength,--alpha", o.strength,
                     "Default strength stored in the file: alpha, the weight of expert minus anti-expert")
            ->capture_default_str();
        c.add_option("-o,--output", o.output, "Where to write, usually NAME.detox.safetensors")->required();
      });

  command<FitGediOptions>(
      *fit, "gedi",
      "A class-conditional guide says of each next token how clean the text would be with it (arXiv 2009.06367)",
      "limpid fit gedi -m gpt2-large/ --guide gedi/ --codes clean=clean,dirty=dirty --scale 1.6 -o "
      "gedi.detox.safetensors",
      h.fit_gedi, chosen, [](CLI::App& c, FitGediOptions& o) {
        add_model(c, o, "bf16");
        c.add_option("--guide", o.guide,
                     "Model trained behind control codes, of the target's vocabulary (path or pulled name)")
            ->required();
        c.add_option_function<std::vector<std::string>>(
             "--codes",
             [&o](const std::vector<std::string>& codes) {
               for (const std::string& code : codes) {
                 if (code.starts_with("clean="))
                   o.clean = code.substr(6);
                 else if (code.starts_with("dirty="))
                   o.dirty = code.substr(6);
                 else
                   throw CLI::ValidationError("--codes", "expected clean=CODE,dirty=CODE");
               }
             },
             "Control codes clean=CODE,dirty=CODE, each a text or ids as #5 or #5#17")
            ->delimiter(',')
            ->required();
        c.add_option("--scale", o.scale, "Learned scale of the guide")->capture_default_str();
        c.add_option("--bias", o.bias, "Learned biases of the guide: CLEAN,DIRTY")
            ->delimiter(',')
            ->expected(2)
            ->capture_default_str();
        c.add_option("--class-bias", o.class_bias,
                     "Default of the file: added to clean; the filter's target moves along")
            ->capture_default_str();
        c.add_option("--filter-p", o.filter_p,
                     "Default of the file: of the least clean tokens, up to this mass is removed")
            ->capture_default_str();
        c.add_option("--target-p", o.target_p, "Default of the file: tokens at least so probably clean stay")
            ->capture_default_str();
        c.add_option("--strength,--omega", o.strength, "Default strength stored in the file: omega")
            ->capture_default_str();
        c.add_option("-o,--output", o.output, "Where to write, usually NAME.detox.safetensors")->required();
      });
}

}  // namespace limpid::apps
