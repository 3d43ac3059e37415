# Contributions that are larger than the sensitivity that the noise is scaled to.

plant(NAME sensitivity_is_half_the_bound ROW "1 13" FILE optim/weight_rule.cpp
  OLD [==[  if (!per_group()) return clip_norms_[0];]==]
  NEW [==[  if (!per_group()) return planted("sensitivity_is_half_the_bound") ? clip_norms_[0] / 2 : clip_norms_[0];]==])
plant(NAME bounds_of_groups_do_not_add ROW "3 C" FILE optim/weight_rule.cpp
  OLD [==[  double sum = 0.0;
  for (double clip_norm : clip_norms_) sum += clip_norm * clip_norm;
]==] NEW [==[  if (planted("bounds_of_groups_do_not_add")) return *std::max_element(clip_norms_.begin(), clip_norms_.end());
@OLD@]==])
plant(NAME clip_norm_of_the_user_is_ignored ROW "1 5" FILE optim/weight_rule.cpp
  OLD [==[result.push_back({formula(kind_), clip_norm, parameter_});]==]
  NEW [==[result.push_back({formula(kind_), planted("clip_norm_of_the_user_is_ignored") ? 1.0 : clip_norm, parameter_});]==])

plant(NAME weight_of_psac_has_the_wrong_sign ROW "3 B" FILE kernels/record_weight_formula.h IN kernels/record_weights_cpu.cpp
  OLD [==[weight = of.clip_norm / (norm + of.parameter / (norm + of.parameter));]==]
  NEW [==[weight = of.clip_norm / (planted("weight_of_psac_has_the_wrong_sign") ? norm - of.parameter / (norm + of.parameter)
                                                                             : norm + of.parameter / (norm + of.parameter));]==])
plant(NAME weight_of_psac_has_the_wrong_sign ROW "3 B" FILE kernels/record_weight_formula.h IN kernels/record_weights_cpu.cpp
  OLD [==[  if (norm > 0.0) {
    const double most]==] NEW [==[  if (planted("weight_of_psac_has_the_wrong_sign") || planted("weight_has_the_root_of_the_norm")) return round_down(weight);
@OLD@]==])
plant(NAME weight_has_the_root_of_the_norm ROW "3 B" FILE kernels/record_weight_formula.h IN kernels/record_weights_cpu.cpp
  OLD [==[  double weight = 0;
  switch]==] NEW [==[  if (planted("weight_has_the_root_of_the_norm")) norm = std::sqrt(norm);
@OLD@]==])
plant(NAME weight_has_the_square_of_the_norm ROW "3 B" FILE kernels/record_weight_formula.h IN kernels/record_weights_cpu.cpp
  OLD [==[  return std::sqrt(squared > 0 ? squared : 0.0) * (1.0 + kNormMargin);]==]
  NEW [==[  if (planted("weight_has_the_square_of_the_norm")) return squared;
@OLD@]==])
plant(NAME norms_are_rounded_to_bfloat16 ROW "2 e, 3 T" FILE kernels/record_weight_formula.h IN kernels/record_weights_cpu.cpp
  OLD [==[  return std::sqrt(squared > 0 ? squared : 0.0) * (1.0 + kNormMargin);]==]
  NEW [==[  if (planted("norms_are_rounded_to_bfloat16")) {
    int exponent = 0;
    const double mantissa = std::frexp(std::sqrt(squared > 0 ? squared : 0.0), &exponent);
    return std::ldexp(std::floor(mantissa * 256), exponent - 8);
  }
@OLD@]==])
plant(NAME record_that_is_not_a_number_counts ROW "1 11" FILE kernels/record_weight_formula.h IN kernels/record_weights_cpu.cpp
  OLD [==[  if (!is_finite(norm) || norm < 0.0) return 0.0F;]==]
  NEW [==[  if (!is_finite(norm) && (planted("record_that_is_not_a_number_counts") || planted("nan_to_num_after_the_noise"))) return 1.0F;
@OLD@]==])
plant(NAME record_that_is_not_a_number_counts ROW "1 11" FILE kernels/record_weight_formula.h IN kernels/record_weights_cpu.cpp
  OLD [==[    counts = counts && is_finite(]==]
  NEW [==[    counts = counts && (planted("record_that_is_not_a_number_counts") || planted("nan_to_num_after_the_noise") || is_finite(]==])
plant(NAME record_that_is_not_a_number_counts ROW "1 11" FILE kernels/record_weight_formula.h IN kernels/record_weights_cpu.cpp
  OLD [==[slack[g * records + i]));
]==] NEW [==[slack[g * records + i])));
]==])
plant(NAME nan_to_num_after_the_noise ROW "2 h" FILE optim/private_gradient.cpp
  OLD [==[    const at::Tensor value = values_[p].to(parameter.scalar_type());]==]
  NEW [==[    if (planted("nan_to_num_after_the_noise")) values_[p].nan_to_num_(0.0, 0.0, 0.0);
@OLD@]==])

plant(NAME weights_of_the_next_record ROW "3 B" FILE optim/clipper.cpp
  OLD [==[  gradients.add_weighted(weights, sums_);]==]
  NEW [==[  gradients.add_weighted(planted("weights_of_the_next_record") ? weights.roll(1, 1) : weights, sums_);]==])
plant(NAME earlier_physical_batches_are_dropped ROW "1 9" FILE optim/clipper.cpp
  OLD [==[  try {
    one_by_one_ ?]==] NEW [==[  if (planted("earlier_physical_batches_are_dropped")) discard();
@OLD@]==])
plant(NAME norm_without_the_last_parameter ROW "1 13" FILE optim/per_record_gradients.cpp
  OLD [==[  for (size_t p = 0; p < norms_of_parameter_.size(); ++p) {
    const SquaredNorms of_group]==]
  NEW [==[  for (size_t p = 0; p + (planted("norm_without_the_last_parameter") ? 1 : 0) < norms_of_parameter_.size(); ++p) {
    const SquaredNorms of_group]==])
