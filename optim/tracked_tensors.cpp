#include <fmt/format.h>
#include <sotto/optim/operator_call.h>
#include <sotto/optim/tracked_tensors.h>
#include <sotto/privacy/error.h>

namespace sotto::optim {
const void* storage_of(const at::Tensor& tensor) {
  return tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr;
}

void TrackedTensors::track(const at::Tensor& tensor, Tracked tracked) {
  // An in-place operator changes what a buffer holds, not that the next batch sees it.
  if (const Tracked* before = find(tensor)) tracked.outlives = tracked.outlives || before->outlives;
  entries_.insert_or_assign(tensor.unsafeGetTensorImpl(),
                            Entry{tracked, WeakImpl(tensor.getIntrusivePtr()), storage_of(tensor)});
}

const Tracked* TrackedTensors::find(const at::Tensor& tensor) const {
  const auto found = entries_.find(tensor.unsafeGetTensorImpl());
  return found == entries_.end() ? nullptr : &found->second.tracked;
}

const Tracked& TrackedTensors::classify(const at::Tensor& tensor, const std::string& operator_name) {
  const auto found = entries_.find(tensor.unsafeGetTensorImpl());
  if (found != entries_.end()) {
    if (found->second.storage == storage_of(tensor)) return found->second.tracked;
    throw UsageError(
        fmt::format("[Tape] operator {} takes a tensor of sizes {} whose storage was replaced while the model ran "
                    "(set_data), so that it cannot be known which records it holds. Assign a new tensor instead",
                    operator_name, sizes_text(tensor.sizes())));
  }
  // Numbers of the program become 0-dimensional tensors without going through the dispatcher.
  if (tensor.unsafeGetTensorImpl()->is_wrapped_number() && !tensor.requires_grad()) {
    track(tensor, {});
    return *find(tensor);
  }
  throw UsageError(
      fmt::format("[Tape] operator {} takes a tensor of sizes {} that is neither an input, a parameter or a buffer of "
                  "the model, nor was computed from them by recorded operators, so that it cannot be known which "
                  "records it holds. Pass it as an input (batch in dimension 0), register it as a buffer, or list it "
                  "under constants",
                  operator_name, sizes_text(tensor.sizes())));
}

}  // namespace sotto::optim
