#pragma once

#include <string>

#include "limpid/core/files.h"

/// A detoxifier file explained for reading: what it is, and where a steering detoxifier's probes found something.
namespace limpid {

/// Draws the layer x head heat map of the tensor `accuracy` [L, H]: how well a probe in each head tells toxic from
/// neutral activations, from 0.5 (chance) to 1. @throws FormatError when the file is no detoxifier or holds no such
/// tensor.
std::string probe_heat_map(const fs::path& file);

/// Returns one page of HTML that needs nothing else: method, target, settings, provenance and tensors in a table, and
/// the heat map where the file has one. @throws FormatError when the file is no detoxifier.
std::string detoxifier_report(const fs::path& file);

/// Writes the one or the other, by the extension of `output`. @throws ConfigError when that is neither .html nor .svg.
void write_detoxifier_report(const fs::path& file, const fs::path& output);

}  // namespace limpid
