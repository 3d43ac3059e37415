#pragma once
// The trained model of a run that exists.

#include <sotto/models/trainable_model.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/run_model.h>

#include <iosfwd>
#include <string>

namespace sotto::tools {

// Throws UsageError, for `command`, when the run has no model yet.
void require_model(const std::string& command, const RunFolder& folder);

// Says on `err` that a run was stopped before its last step, and that one which was resumed and then killed has a
// ledger that says more than its certificate. Nothing of a run without a ledger.
void warn_of_unfinished(const RunFolder& folder, std::ostream& err);

// Fills the model, which was made for records of this shape. Throws DataError, for `command`, when it does not fit.
void load_weights(const std::string& command, const RunFolder& folder, const RecordShape& shape,
                  const models::TrainableModel& model);

}  // namespace sotto::tools
