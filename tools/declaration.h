#pragma once
// What a run declares of its records and its model, which may not change while it lasts: the certificate says it of all
// its steps.

#include <sotto/tools/run_folder.h>
#include <sotto/tools/train_options.h>

#include <string>

namespace sotto::tools {

// The SHA-256 of the options that say what records and labels mean, who is protected, what the model is and what is
// planned, and of the files of the folder that do: schema, vocabulary, tokenizer and sizes of an encoder, the model
// file, the record of a tuning. Not of where files lie, of learning rates, and of what changes speed alone. Throws
// DataError for a file that cannot be read.
std::string declaration_sha256(const TrainOptions& options, const RunFolder& folder);

}  // namespace sotto::tools
