// Movement between two views, unless the system asks for less motion: what moves can be followed with the eye.

const prefersStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const ease = (t) => 1 - (1 - t) ** 3;

// Calls `step` with times from 0 to 1; starting it again begins from 0.
export function makeAnimation(step, lasting) {
  let waiting = 0;
  let began = 0;
  const stop = () => { cancelAnimationFrame(waiting); waiting = 0; };
  const tick = (now) => {
    const t = Math.min(1, Math.max(0, (now - began) / lasting));
    waiting = t < 1 ? requestAnimationFrame(tick) : 0;
    step(ease(t));
  };
  return {
    stop,
    running: () => waiting !== 0,
    start() {
      stop();
      if (prefersStill()) return step(1);
      step(0);
      began = performance.now();
      waiting = requestAnimationFrame(tick);
    },
  };
}
