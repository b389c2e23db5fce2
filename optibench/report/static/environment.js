"use strict";

// What a traced rule may ask for beside the gradient that it is given.

/** Of a problem by its function value_grad(w) -> [loss, gradient...]. */
function environment(valueGrad) {
  const grad = (w) => valueGrad(w).slice(1);
  const h = 1e-5;
  return {
    grad,
    value: (w) => [valueGrad(w)[0]],
    hessian_product: (w, v) => {
      const [after, before] = [1, -1].map((sign) => grad(w.map((x, i) => x + sign * h * v[i])));
      return after.map((x, i) => (x - before[i]) / (2 * h));
    },
    normal: () => [0, 0], // rules that draw numbers are not traced for a race
  };
}
