// CartPole-v1 in float32: each operation is rounded as it is where the policy was trained.
"use strict";
{
  const f = Math.fround;
  const GRAVITY = f(9.8);
  const TOTAL = f(1.1); // Masses of cart and pole, kg.
  const POLE = f(0.1);
  const LENGTH = f(0.5); // Half of the pole's, m.
  const MOMENT = f(0.05); // The pole's mass times that length.
  const FORCE = f(10);
  const TAU = f(0.02); // Seconds in a step.
  const FARTHEST = f(2.4);
  const STEEPEST = f((12 * 2 * Math.PI) / 360);

  encore.cartpole = {
    FARTHEST,
    STEEPEST,
    FORCE,
    LIMIT: 500,

    /**
     * The state [x, x_dot, theta, theta_dot] after one step of Euler.
     *
     * `push` is a force beside that of the action, 0 or 1; with 0 it is the environment itself.
     * Source: Barto, Sutton and Anderson 1983; Gym's cartpole.py, in the order of gymnax's.
     */
    step([x, velocity, angle, spin], action, push = 0) {
      const force = f(f(FORCE * action - FORCE * (1 - action)) + push);
      const [cos, sin] = [f(Math.cos(angle)), f(Math.sin(angle))];
      const temp = f(f(force + f(f(MOMENT * f(spin * spin)) * sin)) / TOTAL);
      const below = f(LENGTH * f(f(4 / 3) - f(f(POLE * f(cos * cos)) / TOTAL)));
      const spinning = f(f(f(GRAVITY * sin) - f(cos * temp)) / below);
      const moving = f(temp - f(f(f(MOMENT * spinning) * cos) / TOTAL));
      return [
        f(x + f(TAU * velocity)),
        f(velocity + f(TAU * moving)),
        f(angle + f(TAU * spin)),
        f(spin + f(TAU * spinning)),
      ];
    },

    /** Whether the cart is off its track or the pole has fallen. */
    fallen: ([x, , angle]) => Math.abs(x) > FARTHEST || Math.abs(angle) > STEEPEST,

    /** A start, by a generator of numbers in [0, 1). */
    start: (draw) => Array.from({ length: 4 }, () => f(0.1 * draw() - 0.05)),
  };
}
