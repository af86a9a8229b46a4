#pragma once

#include <any>

/// The part of the program that needs LibTorch lives in liblimpid_engine.so, loaded when a command asks for it:
/// LibTorch takes 0.35 s to load, and `--help`, `tokenize` or `inspect` should not wait for it.
namespace limpid::apps {

/// Runs a command in the engine. Returns the exit code.
/// @param command  `const Command*`: the engine looks at the type before it looks at the options
int run_in_engine(const std::any& command);

}  // namespace limpid::apps

/// Exported by the engine.
extern "C" int limpid_engine_run(const std::any& command);
