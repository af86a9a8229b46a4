#pragma once

#include <string>

/// The part of the program that needs LibTorch lives in liblimpid_engine.so, loaded when a command asks for it:
/// LibTorch takes 0.35 s to load, and `--help`, `tokenize` or `inspect` should not wait for it.
namespace limpid::apps {

/// Calls the engine's entry for `command` with a pointer to its options struct; returns the exit code.
int run_in_engine(const std::string& command, const void* options);

}  // namespace limpid::apps

/// Exported by the engine.
extern "C" int limpid_engine_run(const char* command, const void* options);
