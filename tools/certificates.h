#pragma once
// What tells of the privacy of a model, as it goes with the model from folder to folder.
//
//   certificate.json          what was spent for it; absent for rule none
//   NOT_PRIVATE.txt           why it is NOT PRIVATE
//   base-certificate.json     the same of the weights that its training began with, base-NOT_PRIVATE.txt likewise, and
//                             base-base-... of theirs

#include <sotto/models/safetensors.h>
#include <sotto/tools/run_folder.h>

#include <filesystem>
#include <map>
#include <string>

namespace sotto::tools {

// Texts by the names above.
using Certificates = std::map<std::string, std::string>;

// Those of a folder. Throws DataError for one that cannot be read, is longer than a certificate can be, or is no
// certificate of sotto.
Certificates folder_certificates(const std::filesystem::path& folder);
// Those of the folder of a safetensors file with these metadata, and that it is NOT PRIVATE where it says so itself.
// Throws DataError as above, and for one that was trained under privacy and has lost its certificate.
Certificates weights_certificates(const std::filesystem::path& weights, const models::Metadata& metadata);
// Those of a run, for what leaves it; `not_private` and `public_base` are those of its plan and options. Throws
// DataError as above, and where a mark is missing that its config.toml implies.
Certificates run_certificates(const RunFolder& run, const std::string& not_private, bool public_base);
// Those in a TorchScript file, as sotto writes it; where there are none, those of its folder, though they may be of
// another file there. `bytes` is what the file holds. Throws DataError as above.
Certificates script_certificates(const std::string& bytes, const std::filesystem::path& file);

// As those of the weights that training begins with; what would be further back than certificate_names() goes is
// refused with a DataError.
Certificates as_base(const Certificates& certificates);
// Only those of the weights that training began with.
Certificates base_of(const Certificates& certificates);
// Whether the weights, or any that they came of, are NOT PRIVATE.
bool any_not_private(const Certificates& certificates);
// Both. Throws DataError where they tell different things under one name.
Certificates merged(const Certificates& one, const Certificates& other);

// Each file whole or not at all. Throws IoError.
void write_certificates(const Certificates& certificates, const std::filesystem::path& folder);

}  // namespace sotto::tools
