#pragma once

#include "limpid/methods/destein/method.h"
#include "limpid/methods/dexperts/method.h"
#include "limpid/methods/fusion/method.h"
#include "limpid/methods/gedi/method.h"
#include "limpid/methods/model_surgery/method.h"
#include "limpid/methods/other_methods.h"
#include "limpid/methods/profs/method.h"
#include "limpid/methods/recipe/method.h"
#include "limpid/methods/sasa/method.h"
#include "limpid/methods/self_debiasing/method.h"
#include "limpid/methods/toxification_reversal/method.h"

/// The table of methods: what loading, options, their help and errors, ranges of strengths and docs/detoxifiers.md come
/// from. No LibTorch here: only a program that asks for a method's `load` has to link it.
namespace limpid {

/// Methods whose detoxifiers lie in files of ours. A new method is entered here.
using FileMethods =
    MethodList<destein::DesteinMethod, dexperts::DexpertsMethod, fusion::FusionMethod, gedi::GediMethod,
               model_surgery::ModelSurgeryMethod, profs::ProfsMethod, recipe::RecipeMethod, sasa::SasaMethod,
               self_debiasing::SelfDebiasingMethod, toxification_reversal::ReversalMethod>;
using ForeignMethods = MethodList<AdapterMethod, ControlVectorMethod>;
using Controls = MethodList<MaskControl, TemperatureControl>;

/// Returns the options of some methods as help shows them: "readout=norm|scale (fusion); layers=A-B (profs)".
inline std::string options_help(std::span<const MethodInfo> methods) {
  std::string help;
  for (const MethodInfo& method : methods) {
    if (method.options.empty()) continue;
    const auto text_of = [](const OptionInfo& option) { return concat(option.key, "=", option.values()); };
    help += concat(help.empty() ? "" : "; ", join(method.options, ", ", text_of), " (", method.name, ")");
  }
  return help;
}

/// Returns every option there is, as help shows them.
inline std::string detoxifier_options_help() {
  return concat(options_help(FileMethods::infos), "; ", options_help(ForeignMethods::infos));
}

}  // namespace limpid
