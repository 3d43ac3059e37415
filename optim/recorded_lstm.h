#pragma once
// aten::lstm while a model is recorded. Part of the recorder, not for users.

namespace sotto::optim {

// From now on an LSTM layer that runs under a recorder is made of operators that the recorder has
// rules for, one (lstm_layer.h) per layer and direction. Everywhere else, and for what that has no form for
// (an input without records, projections, a learned first state, autocast), LibTorch's own layer runs.
void split_recorded_lstm();

}  // namespace sotto::optim
