#pragma once
// Autocast off in this thread while it lives: backward passes, norms and sums take the dtypes that they are given, also
// when the program holds autocast around the whole step.

#include <c10/core/DispatchKeySet.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace sotto::optim {

class WithoutAutocast {
 public:
  WithoutAutocast() = default;

 private:
  c10::impl::ExcludeDispatchKeyGuard guard_{c10::autocast_dispatch_keyset};
};

}  // namespace sotto::optim
