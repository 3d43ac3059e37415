#include <sotto/optim/checkpoint.h>
#include <sotto/optim/recorder_state.h>

namespace sotto::optim {

std::vector<at::Tensor> checkpoint(const Segment& segment, const std::vector<at::Tensor>& inputs) {
  Recorder* recorder = Recorder::active();
  return recorder == nullptr ? segment(inputs) : recorder->run_segment(segment, inputs);
}

at::Tensor checkpoint(const std::function<at::Tensor(const at::Tensor&)>& segment, const at::Tensor& input) {
  const Segment of_lists = [segment](const std::vector<at::Tensor>& list) { return std::vector{segment(list.at(0))}; };
  return checkpoint(of_lists, {input}).at(0);
}

}  // namespace sotto::optim
