#include <fmt/format.h>
#include <sotto/optim/lr_schedule.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <numbers>

namespace sotto::optim {

LrSchedule::LrSchedule(Shape shape, int64_t steps, int64_t warmup) : shape_(shape), steps_(steps), warmup_(warmup) {
  if (steps < 1) throw UsageError(fmt::format("[LrSchedule] steps: {}; must be at least 1", steps));
  if (warmup < 0 || warmup >= steps)
    throw UsageError(fmt::format("[LrSchedule] warmup: {}; must be at least 0 and below the {} steps", warmup, steps));
}

LrSchedule::Shape LrSchedule::shape_of(const std::string& name) {
  if (name == "constant") return Shape::constant;
  if (name == "linear") return Shape::linear;
  if (name == "cosine") return Shape::cosine;
  throw UsageError(fmt::format("[LrSchedule] unknown shape: '{}'; allowed are constant, linear, cosine", name));
}

double LrSchedule::factor(int64_t t) const {
  if (t < 0 || t >= steps_)
    throw UsageError(fmt::format("[LrSchedule::factor] step: {}; must be at least 0 and below {}", t, steps_));
  if (t < warmup_) return static_cast<double>(t + 1) / static_cast<double>(warmup_ + 1);
  const double taken = static_cast<double>(t - warmup_) / static_cast<double>(steps_ - warmup_);
  switch (shape_) {
    case Shape::constant:
      return 1.0;
    case Shape::linear:
      return 1.0 - taken;
    case Shape::cosine:
      return (1.0 + std::cos(std::numbers::pi * taken)) / 2;
  }
  throw InternalError("[LrSchedule::factor] unknown shape");
}

}  // namespace sotto::optim
