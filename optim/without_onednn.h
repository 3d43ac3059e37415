#pragma once
// oneDNN off while it lives: LibTorch then runs its own operators, which are recorded one by one. A setting of the
// whole process; other threads are slower meanwhile and compute the same.

#include <ATen/Context.h>

namespace sotto::optim {

class WithoutOnednn {
 public:
  WithoutOnednn() : enabled_(at::globalContext().userEnabledMkldnn()) {
    at::globalContext().setUserEnabledMkldnn(false);
  }
  ~WithoutOnednn() { at::globalContext().setUserEnabledMkldnn(enabled_); }
  WithoutOnednn(const WithoutOnednn&) = delete;
  WithoutOnednn& operator=(const WithoutOnednn&) = delete;

 private:
  bool enabled_;
};

}  // namespace sotto::optim
