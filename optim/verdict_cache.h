#pragma once
// What the transfer rules said of the last recording, operator by operator, with everything that it depended on: name,
// overload and rule, numbers and flags, sizes, strides and dtypes, and which earlier operator's result each tensor is.
// As long as a recording runs as the one before, operator after operator, the verdicts are taken from here; from the
// first difference on the rules are asked again and their verdicts replace what was kept.
//
// Not kept are verdicts of rules that looked at values (every operator that a rule calls shows that it did) and of
// rules that the program registered.

#include <sotto/optim/operator_call.h>
#include <sotto/optim/tracked_tensors.h>
#include <sotto/optim/transfer_rules.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sotto::optim {

class VerdictCache {
 public:
  // A recording begins, or has ended: the one before is compared with from its start.
  void rewind();

  // The verdict of the same operator at the same place of the recording before, nullptr when there is none.
  const OutputPositions* find(const OperatorCall& call, TransferRule rule, const TrackedTensors& tensors);
  // The verdict of the operator that was not found; `lasting` when the same call will always get it.
  void keep(const OperatorCall& call, TransferRule rule, const TrackedTensors& tensors,
            const OutputPositions& positions, bool lasting);

  int64_t found() const { return found_; }  // since construction
  int64_t asked() const { return asked_; }

 private:
  struct TensorKey {
    std::vector<int64_t> sizes;
    std::vector<int64_t> strides;
    at::ScalarType dtype;
    int64_t origin;  // number of the tensor in the recording
    std::optional<BatchPosition> position;
    bool requires_grad;
  };
  struct Entry {
    TransferRule rule = nullptr;
    std::string name;
    std::string overload;
    bool in_place = false;
    int64_t batch = 0;
    std::vector<c10::IValue> arguments;                        // those that hold tensors are empty, but for
    std::vector<std::optional<std::vector<bool>>> tensors_in;  // which entries of each are defined
    std::vector<TensorKey> tensors;                            // of the arguments, then of the outputs
    OutputPositions positions;
    bool lasting = false;
  };
  static bool same(const Entry& entry, const OperatorCall& call, TransferRule rule, const TrackedTensors& tensors);

  std::vector<Entry> entries_;
  size_t next_ = 0;
  int64_t found_ = 0;
  int64_t asked_ = 0;
};

}  // namespace sotto::optim
