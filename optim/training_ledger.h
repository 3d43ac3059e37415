#pragma once
// The ledger of a private training: one that begins with what the options say, or one that goes on. Part of
// private_training.h, not for users.

#include <sotto/optim/private_training.h>
#include <sotto/privacy/ledger.h>
#include <sotto/privacy/secret_key.h>

namespace sotto::optim {

// `sensitivity` is that of the rule, `noise` and `sampler` are the keys of this start. Throws LedgerError where a run
// that resumes has another plan, weight rule or accountant than the ledger's header, and leaves no trace in it;
// LedgerError and IoError as privacy/ledger.h says.
privacy::Ledger open_ledger(const PrivateTrainingOptions& options, double sensitivity, const privacy::SecretKey& noise,
                            const privacy::SecretKey& sampler);

}  // namespace sotto::optim
