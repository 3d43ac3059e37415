// training_consumer FILE: saves and loads a tensor through the installed library.

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <sotto/models/state.h>

int main(int, char** arguments) {
  const at::Tensor saved = at::full({2, 3}, 1.5);
  const at::Tensor loaded = at::zeros({2, 3});
  sotto::models::save_state(arguments[1], {{"weight", saved}});
  sotto::models::load_state(arguments[1], {{"weight", loaded}});
  return at::equal(saved, loaded) ? 0 : 1;
}
