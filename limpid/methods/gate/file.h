#pragma once

#include <memory>

#include "limpid/decoding/gate.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/file_tensors.h"

/// A gate in a detoxifier file, of whatever method (docs/detoxifiers.md, The gate): metadata "gate" holds {"bias",
/// "token_weight", "margin", "open", "close", "full", "hold", "fit"}; tensors gate.weights [D], gate.tokens [N] and
/// gate.token_risks [N] are there as far as it has them.
namespace limpid::gate {

inline constexpr const char* kMethod = "gate";  ///< of a file that holds a gate and nothing else

/// Returns the file's gate, null where it has none. @throws FormatError for a malformed one.
std::shared_ptr<const Gate> read_gate(const DetoxifierFile& file);

/// A gate to be written, with what it was fitted on and how well it does.
struct FittedGate {
  GateParts parts;
  Json report;  ///< counts, and for each kind of gate on what shares of texts it opens
};

/// Puts a gate into a file that is to be written, in the place of another that was there.
void add_gate(const FittedGate& gate, DetoxifierInfo& info, OutgoingTensors& out);
/// Writes a copy of a detoxifier file that wears the gate, or a file with the gate alone where `onto` is null.
/// @throws MismatchError when the detoxifier is for another model; ConfigError when `output` is the file itself.
void write_gated(const fs::path& output, const FittedGate& gate, const Model& target, const DetoxifierFile* onto,
                 const Json& provenance);

}  // namespace limpid::gate
