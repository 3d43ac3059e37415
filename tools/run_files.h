#pragma once
// The files of a run that its certificate names by their SHA-256: all that stays as it is once the run is over.
//
// Not among them: ledger.jsonl, whose head the certificate states; checkpoint.safetensors, whose hash is in the ledger;
// the certificate itself, its signature and the report that is made of it.

#include <sotto/tools/run_folder.h>

#include <map>
#include <string>

namespace sotto::tools {

// Hashes by the files' places in the folder ("encoder/config.json"), of those that are there. Throws IoError for one
// that cannot be read.
std::map<std::string, std::string> run_file_hashes(const RunFolder& folder);

}  // namespace sotto::tools
