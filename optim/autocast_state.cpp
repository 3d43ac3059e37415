#include <ATen/autocast_mode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <sotto/optim/autocast_state.h>

namespace sotto::optim {
namespace {

constexpr std::array<at::DeviceType, 2> kDevices = {at::kCPU, at::kCUDA};

void set_excluded(c10::DispatchKeySet excluded) {
  c10::impl::LocalDispatchKeySet keys = c10::impl::tls_local_dispatch_key_set();
  keys.excluded_ = (keys.excluded_ - c10::autocast_dispatch_keyset) | excluded;
  c10::impl::_force_tls_local_dispatch_key_set(keys);
}

void set_dtypes(const std::array<at::ScalarType, 2>& dtypes) {
  for (size_t d = 0; d < kDevices.size(); ++d) at::autocast::set_autocast_dtype(kDevices[d], dtypes[d]);
}

}  // namespace

AutocastState::AutocastState()
    : excluded_(c10::impl::tls_local_dispatch_key_set().excluded_ & c10::autocast_dispatch_keyset) {
  for (size_t d = 0; d < kDevices.size(); ++d) dtypes_[d] = at::autocast::get_autocast_dtype(kDevices[d]);
}

// Copies of parameters in another dtype that autocast keeps belong to one state: none is handed from one to the other.
RestoredAutocast::RestoredAutocast(const AutocastState& state) {
  at::autocast::clear_cache();
  set_excluded(state.excluded_);
  set_dtypes(state.dtypes_);
}

RestoredAutocast::~RestoredAutocast() {
  at::autocast::clear_cache();
  set_excluded(before_.excluded_);
  set_dtypes(before_.dtypes_);
}

}  // namespace sotto::optim
